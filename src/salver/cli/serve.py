"""`salver serve`."""

import argparse
import os
from pathlib import Path

from salver.config.load import load
from salver.config.settings import SETTINGS
from salver.server.run import serve


def run(options: argparse.Namespace) -> int:
    """Serve until a signal comes; gives the exit status. Raises Unusable."""
    flags = {setting.name: getattr(options, setting.name) for setting in SETTINGS}
    flags["listen"] = ",".join(options.listen) if options.listen else None
    return serve(load(flags, os.environ), Path(options.directory))
