"""Serves one servable as the start scripts of MindSpore Serving do.

Usage: python -m benchmarks.mindspore_server FOLDER NAME WORKERS ADDRESS
"""

from __future__ import annotations

import sys

from mindspore_serving import server


def main() -> None:
    folder, name, workers, address = sys.argv[1:]
    server.start_servables(server.ServableStartConfig(folder, name, num_parallel_workers=int(workers)))
    server.start_grpc_server(address)


if __name__ == "__main__":
    main()
