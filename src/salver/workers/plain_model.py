"""A version that is nothing but a model file, of a runtime that runs in workers."""

from dataclasses import dataclass
from pathlib import Path

from salver.authoring.manifest import Lane, Manifest
from salver.authoring.models import Model
from salver.authoring.places import Place
from salver.authoring.spec import Policy, Servable, StageSpec, one_stage, policy_from_form
from salver.repository.settings import FILE
from salver.workers.program import Example, Program
from salver.workers.servable import model_stages, models
from salver.workers.servable.examples import made_up


@dataclass(frozen=True)
class Said:
    """What the servable's settings say of the model. `batching` is None where it is to be found out."""

    method: str
    batching: bool | None
    policy: Policy


def load_plain_model(
    file: Path, name: str, version: int, method: str, batching: bool | None, **policy: object
) -> Program:
    """The program whose only method runs this file; `policy` are fields of Policy. Raises Unusable."""
    return _program(file, name, version, Said(method, batching, policy_from_form(policy)))


def _program(file: Path, name: str, version: int, said: Said) -> Program:
    batching = "auto" if said.batching is None else said.batching
    model = Model(file.name, said.policy, batching, None, {}, _place(file.parent.parent / FILE))  # type: ignore[arg-type]
    loaded = models.load(model, file, None)
    assert loaded.code is not None
    ports = loaded.ports
    stage = StageSpec(file.name, ports.inputs, ports.outputs, ports.unbatched, ports.policy)
    servable = Servable(name, version, file.suffix.removeprefix("."), (one_stage(said.method, stage),), (stage,))
    made = made_up(ports.inputs)
    return Program(
        Manifest(servable, (Lane((0,)),)),
        {0: model_stages.stage_of(loaded)},
        close=loaded.code.close,
        examples={} if made is None else {said.method: Example(made, own=False)},
    )


def _place(settings: Path) -> Place:
    """Where the settings speak of batching, which is all that can contradict a model."""
    lines = settings.read_text(encoding="utf-8").splitlines() if settings.is_file() else []
    found = [number for number, line in enumerate(lines, 1) if line.lstrip().startswith("batching")]
    return Place(str(settings), found[0] if found else 1)
