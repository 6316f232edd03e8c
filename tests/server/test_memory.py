from pathlib import Path

import numpy as np

from salver.server.memory import give_back_memory

_MIB = 1024


def resident_kib() -> int:
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1])


def test_what_was_freed_below_something_that_is_kept_goes_back_to_the_system() -> None:
    pieces = [np.ones(64 * 1024, np.uint8) for _ in range(1600)]
    full = resident_kib()
    kept = pieces.pop()
    del pieces
    give_back_memory()
    assert full - resident_kib() > 80 * _MIB
    assert kept.all()
