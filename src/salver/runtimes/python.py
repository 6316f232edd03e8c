"""Servables that workers run: code of their authors, and model files of runtimes that need Python.

The server never imports what they import. It hears from a worker what the servable is, runs itself what it can
(ONNX models), and hands the rest to the workers' lanes.
"""

import json
import logging
from base64 import b64decode
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from salver import _native
from salver.authoring.manifest import Manifest
from salver.authoring.spec import Port, Servable
from salver.problems import Unusable
from salver.repository.endings import SAVED_MODEL, ending
from salver.repository.scan import Kind, VersionFolder
from salver.repository.settings import FILE, POLICY
from salver.runtimes.base import Host, Loaded, Trial
from salver.runtimes.composition import compose
from salver.runtimes.samples import as_json
from salver.workers.assignment import Assignment

if TYPE_CHECKING:
    from salver.workers.orders import Order, Orders
    from salver.workers.supervisor import Team


_log = logging.getLogger("mindspore_serving")

# What salver.toml says of a model file, and what means nothing for one that workers run.
_SAID = ("method", "batching", *POLICY)
_OTHERS = ("instances", "onnx", "saved_model")
_OTHERS_OF_SAVED_MODELS = ("instances", "onnx", "method")


def suffixes() -> frozenset[str]:
    """The endings of model files that are run in workers."""
    from salver.runtimes import workers

    return workers.suffixes()


def runs(folder: VersionFolder) -> bool:
    """Whether it takes a worker to load the version."""
    return folder.kind is not Kind.MODEL or ending(folder.artefact, suffixes()) is not None


class PythonLoaded(Loaded):
    """A version whose first worker has said what it is."""

    def __init__(self, folder: VersionFolder, team: "Team", manifest: Manifest) -> None:
        self._file = folder.artefact
        self._team = team
        self._manifest = manifest
        self._run_timeout_s = folder.settings.run_timeout_s or manifest.run_timeout_s
        self._workers = wanted_workers(folder, manifest)
        self.servable, self._native = compose(manifest, folder.artefact)

    @property
    def capacity(self) -> tuple[int, str]:
        return self._workers, "worker"

    @property
    def notes(self) -> tuple[str, ...]:
        return self._manifest.notes

    def try_once(self) -> list[Trial]:
        return [_trial(self._file, self.servable, name, each) for name, each in self._team.examples().items()]

    def start(self, version: _native.Version) -> None:
        for stage in self._native:
            stage.start(version)
        self._team.serve(version, self._workers, self._run_timeout_s)

    def retire(self) -> None:
        self._team.retire()

    def close(self) -> None:
        self._team.close()


def load(folder: VersionFolder, host: Host) -> PythonLoaded:
    """Start the version's first worker, and hear what it serves. Raises Unusable."""
    team = host.team(orders(folder))
    try:
        return PythonLoaded(folder, team, team.open())
    except BaseException:
        team.close()
        raise


def orders(folder: VersionFolder, apart: bool = False) -> "Orders":
    """What the workers of this version are to run; `apart` from their server, that is ONNX models, too.

    Raises Unusable for settings that mean nothing there.
    """
    from salver.workers.orders import Orders

    _check_settings(folder)
    settings = folder.settings
    return Orders(
        folder.servable,
        folder.version,
        folder.artefact,
        partial(_order, folder, apart),
        settings.in_process and not apart,
        settings.run_timeout_s,
        folder.logs,
    )


def _check_settings(folder: VersionFolder) -> None:
    """Raises Unusable."""
    if _is_onnx(folder):
        return
    saved_model = folder.artefact.name == SAVED_MODEL
    misplaced = folder.settings.given(_OTHERS_OF_SAVED_MODELS if saved_model else _OTHERS)
    if not misplaced:
        return
    what = f"sets {misplaced[0]}, but {folder.artefact.name} is run by workers"
    remedy = "take it out; `workers` is how many run at once"
    if misplaced[0] == "method":
        what, remedy = "sets method, but a SavedModel's methods are its signatures", "take it out"
    raise Unusable(folder.artefact.parent.parent / FILE, what, remedy)


def _order(folder: VersionFolder, apart: bool, index: int) -> "Order":
    """What the worker with this index is to load, and on which device.

    Extra ones leave the models to devices' own, unless they are apart: there each runs all that there is.
    """
    from salver.workers.orders import Order

    device_id = folder.device_ids[index] if index < len(folder.device_ids) else None
    environment = {} if device_id is None else {"SERVING_DEVICE_ID": str(device_id)}
    assignment = _assignment(folder, device_id)
    if folder.device_ids and device_id is None and not apart:
        assignment = replace(assignment, arguments={**assignment.arguments, "extra": True})
    assignment = replace(assignment, apart=apart, proto=apart and folder.settings.proto)
    return Order(assignment, environment, _log_name(folder, index))


def _log_name(folder: VersionFolder, index: int) -> str:
    """As MindSpore Serving calls the files, whose servables are the only ones that have some."""
    devices = folder.device_ids
    place = f"device{devices[index]}" if index < len(devices) else f"extra{index - len(devices)}"
    return f"log_{folder.servable}_{place}_version{folder.version}.log"


def _is_onnx(folder: VersionFolder) -> bool:
    """Whether it is nothing but an ONNX model, which workers run only apart from their server."""
    return folder.kind is Kind.MODEL and folder.artefact.suffix == ".onnx"


def _trial(file: Path, servable: Servable, name: str, example: dict[str, Any]) -> Trial:
    [method] = [method for method in servable.methods if method.name == name]
    columns = zip(method.contract.inputs, example["columns"], strict=True)
    given = {port.name: _value(port, *column) for port, column in columns if not _absent(port, *column)}
    return Trial(file, name, given, example["own"])


def _value(port: Port, dtype: str, shape: list[int], data: str | list[str]) -> Any:
    """What a column of one row is in plain JSON."""
    raw = b64decode(data) if isinstance(data, str) else [b64decode(each) for each in data]
    value = as_json((dtype, shape, raw))[0]
    return json.loads(value) if port.json else value


def _absent(port: Port, dtype: str, shape: list[int], _data: object) -> bool:
    """Whether it is the mark of an input that was left out."""
    return port.optional and (dtype, shape[1:]) == ("bool", [0])


def _assignment(folder: VersionFolder, device_id: int | None) -> Assignment:
    file = str(folder.artefact.absolute())
    paths = {"file": file, "folder": None if folder.folder is None else str(folder.folder.absolute())}
    named: dict[str, Any] = {"name": folder.servable, "version": folder.version}
    if folder.kind is Kind.SERVABLE_CONFIG:
        arguments = {"version": folder.version, "device_id": device_id} | _secret(folder)
        return Assignment(file, "salver.workers.servable_config.load", "load_servable_config", paths, arguments)
    if folder.kind is Kind.SERVABLE:
        return Assignment(file, "salver.workers.servable.load", "load_servable", paths, named)
    said = folder.settings.named(_SAID)
    if _is_onnx(folder):
        own = folder.settings.named(["instances"])
        own |= {"options": asdict(folder.settings.onnx), "assumed": sorted(folder.settings.assumed)}
        return Assignment(file, "salver.workers.plain_onnx", "load_plain_onnx", {"file": file}, named | said | own)
    said |= folder.settings.policy()
    if folder.artefact.name == SAVED_MODEL:
        said["options"] = asdict(folder.settings.saved_model)
    return Assignment(file, "salver.workers.plain_model", "load_plain_model", {"file": file}, named | said)


def _secret(folder: VersionFolder) -> dict[str, str]:
    """For the worker's ears: the control connection is the only way that a key takes."""
    if folder.secret is None:
        return {}
    return {"dec_key": folder.secret.dec_key.hex(), "dec_mode": folder.secret.dec_mode}


def wanted_workers(folder: VersionFolder, manifest: Manifest) -> int:
    """How many processes there are: none where the server runs all stages itself."""
    workers = max(len(folder.device_ids), folder.settings.workers or manifest.workers or 1)
    if folder.device_ids and workers > len(folder.device_ids) and all(lane.optional for lane in manifest.lanes):
        _log.warning("No extra workers are started for servable %s: all of its stages are models", folder.servable)
        workers = len(folder.device_ids)
    if not manifest.lanes:
        return 0
    return 1 if folder.settings.in_process else workers
