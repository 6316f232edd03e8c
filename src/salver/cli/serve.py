"""`salver serve`."""

import argparse
import os
from pathlib import Path

from salver.config.load import load
from salver.config.settings import SETTINGS, Config
from salver.problems import Unusable
from salver.repository.sources import Sources
from salver.server.run import serve


def run(options: argparse.Namespace) -> int:
    """Serve until a signal comes; gives the exit status. Raises Unusable."""
    flags = {setting.name: getattr(options, setting.name) for setting in SETTINGS}
    flags["listen"] = ",".join(options.listen) if options.listen else None
    config = load(flags, os.environ)
    return serve(config, Sources(_folder(config, options.place)))


def _folder(config: Config, place: str | None) -> Path | None:
    """What is to be served; where workers bring what they serve, that may be nothing. Raises Unusable."""
    if place is None and config.accept_workers is None:
        raise Unusable("DIR", "is missing", "give the folder of servables; only with --accept-workers none is needed")
    folder = None if place is None else Path(place)
    if folder is not None and config.accept_workers and folder.is_dir() and not any(folder.iterdir()):
        return None
    return folder
