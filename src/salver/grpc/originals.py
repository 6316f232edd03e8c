"""What gRPC itself has under the names that `salver run` replaces."""

from grpc import server, ssl_server_credentials
from grpc.aio import server as aio_server

__all__ = ["aio_server", "server", "ssl_server_credentials"]
