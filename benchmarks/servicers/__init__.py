"""Scripts with gRPC servers in them, which grpcio and `salver run` run as they are."""
