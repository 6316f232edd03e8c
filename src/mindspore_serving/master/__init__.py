"""The master of MindSpore Serving 1.1 to 1.4: ``from mindspore_serving import master``."""

from mindspore_serving.master import context as context
from salver.server.mindspore.older import start_grpc_server, start_master_server, start_restful_server
from salver.server.mindspore.serving import stop

__all__ = ["start_grpc_server", "start_master_server", "start_restful_server", "stop"]
