"""What no code should do, by name."""

import asyncio
import ctypes
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

kept: list[Any] = []


class Panic(BaseException):
    """As code raises that is bound to Python from elsewhere."""


class Mute(Exception):
    def __str__(self) -> NoReturn:
        raise Mute


def throw(error: BaseException) -> NoReturn:
    raise error


def recur() -> None:
    recur()


def close_link() -> None:
    for descriptor in [int(each.name) for each in Path("/proc/self/fd").iterdir()]:
        try:
            with socket.socket(fileno=os.dup(descriptor)) as connection:
                is_link = (connection.family, connection.type) == (socket.AF_UNIX, socket.SOCK_STREAM)
        except OSError:
            continue
        if is_link:
            os.close(descriptor)


def forget_modules() -> None:
    for name in [name for name in sys.modules if name.startswith(("salver", "numpy", "json"))]:
        del sys.modules[name]


def ignore_signals() -> None:
    for number in (signal.SIGTERM, signal.SIGCHLD, signal.SIGPIPE, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def ring_for_ever() -> None:
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)


def use_a_forked_pool() -> None:
    """Its pipes get the numbers of the descriptors that the worker has closed."""
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(abs, range(10), chunksize=1) == list(range(10))


def fill_memory() -> None:
    kept.append(np.ones(200 * 1024**2, np.uint8))


DEEDS: dict[str, Callable[[], object]] = {
    "nothing": lambda: None,
    # What fails a row
    "sys.exit": lambda: sys.exit(4),
    "KeyboardInterrupt": lambda: throw(KeyboardInterrupt()),
    "GeneratorExit": lambda: throw(GeneratorExit()),
    "CancelledError": lambda: throw(asyncio.CancelledError()),
    "StopIteration": lambda: throw(StopIteration(3)),
    "StopAsyncIteration": lambda: throw(StopAsyncIteration(3)),
    "Panic": lambda: throw(Panic()),
    "Mute": lambda: throw(Mute()),
    "MemoryError": lambda: np.ones(2**60, np.uint8),
    "RecursionError": recur,
    "half a letter": lambda: throw(ValueError("file \udc80 is gone")),
    "a long text": lambda: throw(ValueError("x" * 10**7)),
    "an odd text": lambda: throw(ValueError("a\r\nb\0c\x7f%41 grüß 😀")),
    # What ends a worker
    "os._exit": lambda: os._exit(3),
    "abort": os.abort,
    "segfault": lambda: ctypes.string_at(0),
    "close the link": close_link,
    "close everything": lambda: os.closerange(0, 1000),
    # What does no harm
    "use a forked pool": use_a_forked_pool,
    "chdir": lambda: os.chdir("/"),
    "ignore signals": ignore_signals,
    "ring for ever": ring_for_ever,
    "forget modules": forget_modules,
    "forget the environment": os.environ.clear,
    "close the output": lambda: os.closerange(1, 3),
    "leave a thread": lambda: threading.Thread(target=time.sleep, args=(1000,), daemon=True).start(),
    "leave a process": lambda: subprocess.Popen(["sleep", "1000"]),
    "fill memory": fill_memory,
    "write a long line": lambda: print("x" * 50 * 10**6),
    "write many lines": lambda: [print(number) for number in range(200_000)],
}
