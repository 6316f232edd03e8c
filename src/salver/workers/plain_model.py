"""A version that is nothing but a model file, of a runtime that runs in workers."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from salver.authoring.manifest import Lane, Manifest
from salver.authoring.models import Model
from salver.authoring.places import Place
from salver.authoring.spec import Policy, Servable, StageSpec, one_stage, policy_from_form
from salver.repository.settings import FILE
from salver.runtimes.batching import leading_problem
from salver.runtimes.workers import ModelCode, load_model
from salver.workers.program import Example, Program
from salver.workers.servable import model_stages, models
from salver.workers.servable.examples import made_up
from salver.workers.stage import Column


@dataclass(frozen=True)
class Said:
    """What the servable's settings say of the model. `batching` is None where it is to be found out."""

    method: str
    batching: bool | None
    policy: Policy


def load_plain_model(
    file: Path, name: str, version: int, options: Mapping[str, Any] | None = None, **said: Any
) -> Program:
    """The program whose methods run this file; `said` are the fields of Said, with those of Policy for `policy`.

    `options` are the runtime's. Raises Unusable.
    """
    method, batching = said.pop("method"), said.pop("batching")
    return _program(file, (name, version), options or {}, Said(method, batching, policy_from_form(said)))


def _program(file: Path, named: tuple[str, int], options: Mapping[str, Any], said: Said) -> Program:
    code = load_model(file, options)
    try:
        loaded = _loaded(file, code, said)
    except BaseException:
        code.close()
        raise
    servable = _servable(named, code.runtime or file.suffix.removeprefix("."), loaded)
    slow = [f"{name} runs its rows one by one: {each.one_by_one}" for name, each in loaded.items() if each.one_by_one]
    return Program(
        Manifest(servable, (Lane(tuple(range(len(loaded)))),), notes=(*code.notes, *slow)),
        {index: model_stages.stage_of(each) for index, each in enumerate(loaded.values())},
        warm_up=code.warm_up,
        close=code.close,
        examples={name: Example(made, own=False) for name, each in loaded.items() if (made := _example(each))},
    )


def _loaded(file: Path, code: ModelCode, said: Said) -> dict[str, models.LoadedModel]:
    """What is asked for by each method. Raises Unusable.

    That they are batched cannot hold for those of several methods that have no rows.
    """
    several = code.methods()
    if not several:
        return {said.method: _described(file, file.name, code, said)}
    excepted = replace(said, batching=None) if said.batching and len(several) > 1 else said
    return {
        name: _described(file, name, each, excepted if leading_problem(each.inputs, each.outputs) else said)
        for name, each in several.items()
    }


def _described(file: Path, name: str, code: ModelCode, said: Said) -> models.LoadedModel:
    """What a model takes and gives; `name` is what failures call it. Raises Unusable."""
    batching = "auto" if said.batching is None else said.batching
    model = Model(name, said.policy, batching, None, {}, _place(file.parent.parent / FILE))  # type: ignore[arg-type]
    return models.describe(model, file, code)


def _servable(named: tuple[str, int], runtime: str, loaded: Mapping[str, models.LoadedModel]) -> Servable:
    """A stage for each method."""
    specs = ((each.model.path, each.ports) for each in loaded.values())
    stages = tuple(StageSpec(name, ports.inputs, ports.outputs, ports.unbatched, ports.policy) for name, ports in specs)
    methods = tuple(
        one_stage(name, stage, index, _code(each).origin)
        for index, ((name, each), stage) in enumerate(zip(loaded.items(), stages, strict=True))
    )
    return Servable(*named, runtime, methods, stages)


def _code(loaded: models.LoadedModel) -> ModelCode:
    assert loaded.code is not None
    return loaded.code


def _example(loaded: models.LoadedModel) -> list[Column] | None:
    """Nobody can make up a serialized example that a model takes."""
    return None if _code(loaded).rows_together else made_up(loaded.ports.inputs)


def _place(settings: Path) -> Place:
    """Where the settings speak of batching, which is all that can contradict a model."""
    lines = settings.read_text(encoding="utf-8").splitlines() if settings.is_file() else []
    found = [number for number, line in enumerate(lines, 1) if line.lstrip().startswith("batching")]
    return Place(str(settings), found[0] if found else 1)
