"""What a worker says of the servable that it has loaded: the servable as data, and who runs each of its stages.

The server makes the version from it. Two workers of one version must say the same.
"""

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

from salver.authoring.spec import Servable, servable_from_form

BatchDim = Literal["auto", "none", "rows"]


@dataclass(frozen=True)
class OnnxStage:
    """A stage that the server runs natively: an ONNX file, which the worker need not load.

    `batch_dim` is "auto" (found out when it is loaded), "none" (a row is the model's whole input) or "rows" (the
    leading dimension counts rows; where the file fixes its length, batches are filled up to it). `whole_inputs` are
    inputs without that dimension: a batch takes them from its first row.
    """

    stage: int
    file: str
    batch_dim: BatchDim = "auto"
    whole_inputs: tuple[int, ...] = ()
    threads: int = 1
    providers: tuple[str, ...] = ("cpu",)
    optimization: str = "all"
    instances: int | None = None


@dataclass(frozen=True)
class Lane:
    """One line of execution in a worker: the stages it runs, and how many batches it may hold at once.

    `concurrent` says that it runs all that it holds at once, as asynchronous code does, not one after the other, and
    `optional` that some workers may lack it, which leave its stages to the others.
    """

    stages: tuple[int, ...]
    slots: int = 2
    concurrent: bool = False
    optional: bool = False


@dataclass(frozen=True)
class Manifest:
    """Every stage of the servable is run by one of `lanes` or is one of `onnx`.

    `workers` is how many processes the author wants; None leaves it to the server. `run_timeout_s` is how long one
    batch may run before its worker is taken for hung. `notes` say what its user should know of how models are run.
    """

    servable: Servable
    lanes: tuple[Lane, ...]
    onnx: tuple[OnnxStage, ...] = ()
    workers: int | None = None
    run_timeout_s: float = 300.0
    notes: tuple[str, ...] = ()

    def to_json(self) -> str:
        """The document by which a worker introduces itself; equal manifests give equal text."""
        form: dict[str, Any] = {
            "servable": json.loads(self.servable.to_json()),
            "lanes": [asdict(lane) for lane in self.lanes],
            "onnx": [asdict(stage) for stage in self.onnx],
            "workers": self.workers,
            "run_timeout_s": self.run_timeout_s,
            "notes": self.notes,
        }
        return json.dumps(form, sort_keys=True)


def manifest_from_json(text: str) -> Manifest:
    """The inverse of `to_json`."""
    form = json.loads(text)
    return Manifest(
        servable_from_form(form["servable"]),
        tuple(Lane(**{**lane, "stages": tuple(lane["stages"])}) for lane in form["lanes"]),
        tuple(_onnx(stage) for stage in form["onnx"]),
        form["workers"],
        form["run_timeout_s"],
        tuple(form["notes"]),
    )


def _onnx(form: dict[str, Any]) -> OnnxStage:
    tuples = {key: tuple(value) for key, value in form.items() if isinstance(value, list)}
    return OnnxStage(**{**form, **tuples})
