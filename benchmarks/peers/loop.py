"""No server: the work of a request, again and again, which is what no server can be quicker than.

Usage: python -m benchmarks.peers.loop WORKLOAD MODEL BODY REQUESTS

Prints the seconds that so many took, after a tenth of them to warm up.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from benchmarks.peers.models import load
from benchmarks.raw import objects


def main() -> None:
    workload, model, body, requests = sys.argv[1:]
    run, request = load(workload, Path(model)), [objects([Path(body).read_bytes()])]
    for _ in range(int(requests) // 10):
        run(request)
    began = time.perf_counter()
    for _ in range(int(requests)):
        run(request)
    print(time.perf_counter() - began)


if __name__ == "__main__":
    main()
