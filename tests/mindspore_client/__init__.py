"""The MindSpore client against servers of the tests' own, made with grpcio."""
