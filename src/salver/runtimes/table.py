"""Which runtime runs which files."""

from salver.repository.scan import VersionFolder
from salver.runtimes import onnx
from salver.runtimes.base import Loaded, Runtime

_RUNTIMES: tuple[Runtime, ...] = (onnx,)

SUFFIXES: frozenset[str] = frozenset().union(*(runtime.SUFFIXES for runtime in _RUNTIMES))


def load(folder: VersionFolder) -> Loaded:
    """Load a version by the runtime for its file. Raises Unusable."""
    runtime = next(each for each in _RUNTIMES if folder.artefact.suffix in each.SUFFIXES)
    return runtime.load(folder)
