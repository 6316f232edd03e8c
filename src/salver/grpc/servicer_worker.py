"""A worker of a gRPC server: makes the servicers of its recipe, and serves them to its server alone."""

import asyncio
import importlib
import mmap
import os
import pickle
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.machinery import SourceFileLoader
from multiprocessing import spawn
from pathlib import Path
from types import ModuleType
from typing import Any

import grpc

from salver.grpc import asynchronous, blocking, front
from salver.grpc.channel_options import BEHIND_FRONT
from salver.grpc.recipes import Recipe
from salver.workers.blame import problem_of
from salver.workers.control import Control, Message
from salver.workers.worker import Dismissed, Inbox, ServerGone

_GRACE_S = 5.0


def work(control: Control, orphaned: Callable[[], None], at_fork: Callable[[Sequence[int]], None]) -> int:
    """Be a worker until the server says bye; gives the exit status. See `salver.workers.worker.work`."""
    inbox = Inbox(control, orphaned)
    try:
        message = inbox.wait_for("recipe")
        try:
            serving = _serving(message)
        except BaseException as error:
            traceback.print_exception(error)
            sys.stderr.flush()
            control.send("problem", **vars(problem_of(error, Path(sys.argv[0]))))
            return 1
        return serving(lambda: control.send("ready"), lambda: inbox.wait_for("bye"))
    except Dismissed:
        return 0
    except (ServerGone, BrokenPipeError):
        return 1


Serving = Callable[[Callable[[], None], Callable[[], object]], int]
# From `grpc.server`, or that of asyncio, to a server.
Made = Callable[[Callable[..., Any]], Any]


def _serving(message: Message) -> Serving:
    """Raises whatever the author's code does."""
    [descriptor] = message.descriptors
    # Workers share the descriptor's place in the file, but not what they have mapped.
    with mmap.mmap(descriptor, 0, prot=mmap.PROT_READ) as packed:
        os.close(descriptor)
        _prepare(pickle.load(packed))
        # What a script does at its end is for its own process.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        recipe: Recipe = pickle.load(packed)
    handlers = _handlers(recipe)
    made = partial(_made, recipe, handlers, f"unix:{message.fields['socket']}")
    return partial(_serve_in_loop if recipe.plan.in_loop else _serve_in_threads, made)


def _handlers(recipe: Recipe) -> dict[str, dict[str, Any]]:
    """By service and method."""
    servicers = [servicer(*arguments, **named) for servicer, arguments, named in recipe.servicers]
    made: dict[str, dict[str, Any]] = {}
    for path, owner, name, (client_streams, server_streams, deserialize, serialize) in recipe.methods:
        kind = f"{_word(client_streams)}_{_word(server_streams)}_rpc_method_handler"
        service, _, method = path[1:].rpartition("/")
        handler = getattr(grpc, kind)(getattr(servicers[owner], name), deserialize, serialize)
        made.setdefault(service, {})[method] = handler
    return made


def _word(streams: bool) -> str:
    return "stream" if streams else "unary"


def _made(recipe: Recipe, handlers: dict[str, dict[str, Any]], address: str, make: Callable[..., Any]) -> Any:
    """A server of this kind that has not been started."""
    plan = recipe.plan
    pool = ThreadPoolExecutor(plan.threads)
    options = [*plan.options, (BEHIND_FRONT, 1)]
    server = make(pool, None, recipe.interceptors, options, plan.share, plan.compression)
    for service, methods in handlers.items():
        server.add_registered_method_handlers(service, methods)
    server.add_insecure_port(address)
    return server


def _serve_in_threads(made: Made, ready: Callable[[], None], wait: Callable[[], object]) -> int:
    server = made(blocking.server)
    server.start()
    ready()
    try:
        wait()
    finally:
        server.stop(_GRACE_S).wait()
    return 0


def _serve_in_loop(made: Made, ready: Callable[[], None], wait: Callable[[], object]) -> int:
    async def serve() -> int:
        server = made(asynchronous.server)
        await server.start()
        ready()
        try:
            await asyncio.to_thread(wait)
        finally:
            await server.stop(_GRACE_S)
        return 0

    return asyncio.run(serve())


class _Enough(BaseException):
    """A script that is imported for its classes has come to where it starts its server."""


def _prepare(main: dict[str, Any]) -> None:
    """Import what the server's process has, its main module up to where that starts the server."""
    path, name = main.pop("init_main_from_path", None), main.pop("init_main_from_name", None)
    spawn.prepare(main)
    start = front.Front.start
    front.Front.start = _stop_there  # type: ignore[method-assign, assignment]
    try:
        if name is not None:
            sys.modules["__main__"] = importlib.import_module(name)
        elif path is not None:
            _run_for_its_classes(path)
    finally:
        front.Front.start = start  # type: ignore[method-assign]


def _stop_there(*_: object) -> Any:
    raise _Enough


def _run_for_its_classes(path: str) -> None:
    # The name that multiprocessing has for it, so that a script need guard itself only in one way.
    module = ModuleType("__mp_main__")
    module.__file__ = path
    module.__loader__ = SourceFileLoader("__mp_main__", path)
    sys.modules["__main__"] = sys.modules["__mp_main__"] = module
    code = compile(Path(path).read_bytes(), path, "exec", dont_inherit=True)
    try:
        exec(code, module.__dict__)
    except _Enough:
        return
