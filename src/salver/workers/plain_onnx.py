"""A version that is nothing but an ONNX model, for a worker whose server is elsewhere."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from salver.authoring.manifest import Manifest, OnnxStage
from salver.repository.scan import VersionFolder
from salver.repository.settings import FILE, OnnxSettings, ServableSettings
from salver.runtimes import onnx
from salver.workers.program import Program


def load_plain_onnx(
    file: Path, name: str, version: int, options: Mapping[str, Any], assumed: Iterable[str], **said: Any
) -> Program:
    """The program whose only method runs this file, as a server on this host would serve it.

    `options` are the fields of OnnxSettings, and `said` those of ServableSettings that mean something; `assumed` are
    those of them that nobody said. Raises Unusable.
    """
    own = OnnxSettings(**{**options, "providers": tuple(options["providers"])})
    settings = ServableSettings(**said, onnx=own, assumed=frozenset(assumed))
    folder = VersionFolder(name, version, file, settings, folder=file.parent)
    servable = onnx.describe(folder, onnx.open_model(file, own, file.parent.parent / FILE))
    stage = OnnxStage(
        0,
        str(file),
        "rows" if servable.stages[0].unbatched is None else "none",
        threads=own.threads,
        providers=own.providers,
        optimization=own.optimization,
        instances=folder.settings.instances,
    )
    return Program(Manifest(servable, (), (stage,)), {})
