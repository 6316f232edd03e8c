"""Distributed servables, which salver does not run: every function says so."""

from salver.authoring.mindspore.distributed import declare_servable, start_servable, startup_agents

__all__ = ["declare_servable", "start_servable", "startup_agents"]
