"""A `salver` command in a network namespace, or a script: python on_host.py NAMESPACE ARGUMENTS|SCRIPT.py"""

import ctypes
import os
import runpy
import sys
from pathlib import Path

_NETWORK = 0x40000000


def enter(namespace: str) -> None:
    """From now on this process, and all that it starts, are there."""
    descriptor = os.open(Path("/run/netns", namespace), os.O_RDONLY | os.O_CLOEXEC)
    if ctypes.CDLL(None, use_errno=True).setns(descriptor, _NETWORK):
        raise OSError(ctypes.get_errno(), "cannot enter the namespace", namespace)
    os.close(descriptor)


if __name__ == "__main__":
    enter(sys.argv.pop(1))
    if sys.argv[1].endswith(".py"):
        del sys.argv[0]
        runpy.run_path(sys.argv[0], run_name="__main__")
    else:
        runpy.run_module("salver", run_name="__main__", alter_sys=True)
