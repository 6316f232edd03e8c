"""The context of release 1.1: ``from mindspore_serving.worker import context``."""

from salver.server.mindspore.older import set_context

__all__ = ["set_context"]
