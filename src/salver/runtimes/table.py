"""Which runtime runs what."""

from salver.problems import Unusable
from salver.repository.scan import VersionFolder
from salver.runtimes import onnx, python
from salver.runtimes.base import Host, Loaded, Runtime

# The first that runs it does.
_RUNTIMES: tuple[Runtime, ...] = (onnx, python)


def suffixes() -> frozenset[str]:
    """The endings of all model files that can be served."""
    return frozenset().union(*(runtime.suffixes() for runtime in _RUNTIMES))


def takes_worker(folder: VersionFolder) -> bool:
    """Whether a worker loads it, so that the server only waits."""
    return not onnx.runs(folder) and python.runs(folder)


def load(folder: VersionFolder, host: Host) -> Loaded:
    """Load a version by the runtime for it. Raises Unusable."""
    for runtime in _RUNTIMES:
        if runtime.runs(folder):
            return runtime.load(folder, host)
    raise Unusable(folder.artefact, "is of no kind that is served", f"give a file of {', '.join(sorted(suffixes()))}")
