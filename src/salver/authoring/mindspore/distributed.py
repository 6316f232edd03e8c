"""Servables that are spread over several Ascend cards: salver runs none, and says so."""

from typing import NoReturn


def refuse(name: str) -> NoReturn:
    """Raises RuntimeError."""
    raise RuntimeError(
        f"'{name}' starts or declares a distributed servable, whose ranks run on Ascend cards of their own; salver has "
        "no such backend. Export the model for one device and declare it by 'declare_model'."
    )


def declare_servable(*_args: object, **_options: object) -> NoReturn:
    refuse("declare_servable")


def start_servable(*_args: object, **_options: object) -> NoReturn:
    refuse("start_servable")


def startup_agents(*_args: object, **_options: object) -> NoReturn:
    refuse("startup_agents")


def declare_distributed_servable(*_args: object, **_options: object) -> NoReturn:
    refuse("declare_distributed_servable")


def start_distributed_servable(*_args: object, **_options: object) -> NoReturn:
    refuse("start_distributed_servable")


def start_distributed_servable_in_master(*_args: object, **_options: object) -> NoReturn:
    refuse("start_distributed_servable_in_master")


def startup_worker_agents(*_args: object, **_options: object) -> NoReturn:
    refuse("startup_worker_agents")
