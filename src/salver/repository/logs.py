"""Where what workers print is written down, beside the streams of their server."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Logs:
    """Files in this folder. One that would become larger than `most_bytes` is begun anew, and `backups` are kept of it.

    0 bytes is no limit.
    """

    folder: Path
    most_bytes: int
    backups: int
