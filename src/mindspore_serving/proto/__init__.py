"""MindSpore Serving's public wire: messages in ``ms_service_pb2``, stubs in ``ms_service_pb2_grpc``."""
