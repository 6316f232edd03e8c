"""Settings of servers that are started afterwards."""

from salver.server.mindspore.serving import set_max_enqueued_requests

__all__ = ["set_max_enqueued_requests"]
