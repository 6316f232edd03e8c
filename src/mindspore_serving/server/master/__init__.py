"""What of the master can be set: ``server.master.context``."""

from mindspore_serving.server.master import context

__all__ = ["context"]
