"""`salver worker`."""

import argparse
import os
from pathlib import Path

from salver.config.load import load_worker
from salver.config.settings import WORKER_SETTINGS
from salver.server.join import work


def run(options: argparse.Namespace) -> int:
    """Serve for a server elsewhere until a signal comes; gives the exit status. Raises Unusable."""
    flags = {setting.name: getattr(options, setting.name) for setting in WORKER_SETTINGS}
    return work(load_worker(flags, os.environ), Path(options.place), options.name)
