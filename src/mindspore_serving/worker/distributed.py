"""Distributed servables, which salver does not run: every function says so."""

from salver.authoring.mindspore.distributed import (
    declare_distributed_servable,
    start_distributed_servable,
    start_distributed_servable_in_master,
    startup_worker_agents,
)

__all__ = [
    "declare_distributed_servable",
    "start_distributed_servable",
    "start_distributed_servable_in_master",
    "startup_worker_agents",
]
