"""The client of MindSpore Serving: ``from mindspore_serving.client import Client, SSLConfig``."""

from salver.client.mindspore import Client, SSLConfig
from salver.client.mindspore import ClientGrpcAsyncError as ClientGrpcAsyncError
from salver.client.mindspore import ClientGrpcAsyncResult as ClientGrpcAsyncResult

__all__ = ["Client", "SSLConfig"]
