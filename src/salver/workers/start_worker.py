"""The program of a worker process: `python start_worker.py --control FD [MODULE]`, started by its server alone.

It is told what to run over the control connection. It ends with its server, whatever its author's code is doing, and
hands none of the server's connections on to its own children.
"""

import faulthandler
import os
import signal
import socket
import struct
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path


def main(arguments: Sequence[str]) -> int:
    """Be a worker; gives the exit status."""
    if len(arguments) not in (2, 3) or arguments[0] != "--control" or not arguments[1].isdecimal():
        print("start_worker.py is started by a salver server: python start_worker.py --control FD", file=sys.stderr)
        return 2
    connected = socket.socket(fileno=int(arguments[1]))
    connected.set_inheritable(False)
    _end_with_the_server(connected)
    _be_quiet_neighbour()
    _find_salver()
    from salver.workers.control import Control

    work = import_module(*arguments[2:] or ["salver.workers.worker"]).work
    _leave_to_the_worker([connected.fileno()])
    # Whatever hangs in the author's code or in a destructor, a worker without a server has nothing to do.
    status: int = work(Control(connected), lambda: os._exit(1), _leave_to_the_worker)
    return status


def _end_with_the_server(control: socket.socket) -> None:
    """Ask the kernel to, which works even where code holds the interpreter's lock for ever."""
    try:
        import ctypes

        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL, 0, 0, 0)
    except (ImportError, AttributeError, OSError):
        return  # The end of the control connection tells it too.
    server, _, _ = struct.unpack("3i", control.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    if os.getppid() != server:
        sys.exit(1)


def _be_quiet_neighbour() -> None:
    """Ctrl+C is for the server; what is printed leaves line by line; the author's code finds no arguments of ours."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.enable()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    del sys.argv[1:]


def _find_salver() -> None:
    """This folder must not be searched: its modules have common names. The one that holds salver is, last of all."""
    here = Path(__file__).resolve().parent
    sys.path[:] = [entry for entry in sys.path if not entry or Path(entry).resolve() != here]
    packages = str(here.parent.parent)
    if packages not in sys.path:
        sys.path.append(packages)


def _leave_to_the_worker(descriptors: Sequence[int]) -> None:
    """A fork of the worker would keep connections open that must end with it; there they become /dev/null."""

    def replace() -> None:
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in descriptors:
            os.dup2(nothing, descriptor, inheritable=False)
        os.close(nothing)

    os.register_at_fork(after_in_child=replace)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
