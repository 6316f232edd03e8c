"""A `salver` command in a network namespace: python on_host.py NAMESPACE ARGUMENTS"""

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
    runpy.run_module("salver", run_name="__main__", alter_sys=True)
