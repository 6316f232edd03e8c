"""What is decided before any worker is started, and what their words become."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from salver.authoring.manifest import Lane, Manifest
from salver.authoring.mindspore.secret import Secret
from salver.authoring.spec import Port, Servable, StageSpec, one_stage
from salver.problems import Unusable
from salver.repository.scan import Kind, VersionFolder
from salver.repository.settings import OnnxSettings, ServableSettings
from salver.runtimes import python, table
from salver.workers.orders import Orders
from salver.workers.supervisor import Supervisor

PORTS = (Port("x", "float32", (2,)), Port("note", "str", (), optional=True), Port("more", "str", (), json=True))
STAGE = StageSpec("f", PORTS, (Port("y", "str", ()),), None)
SERVABLE = Servable("calc", 1, "python", (one_stage("f", STAGE),), (STAGE,))


class FakeTeam:
    """Workers that exist as words only."""

    def __init__(self, manifest: Manifest, examples: Mapping[str, Any]) -> None:
        self._manifest = manifest
        self._examples = examples
        self.served: tuple[int, float] | None = None
        self.closed = False

    def open(self) -> Manifest:
        return self._manifest

    def examples(self) -> Mapping[str, Any]:
        return self._examples

    def serve(self, _version: object, workers: int, run_timeout_s: float) -> None:
        self.served = (workers, run_timeout_s)

    def close(self) -> None:
        self.closed = True


class Host:
    """A server whose supervisor notes its orders."""

    def __init__(self, manifest: Manifest | None = None, examples: Mapping[str, Any] | None = None) -> None:
        self.team_made = FakeTeam(manifest or Manifest(SERVABLE, (Lane((0,)),)), examples or {})
        self.orders: Orders

    def supervisor(self) -> Supervisor:
        return self  # type: ignore[return-value]

    def team(self, orders: Orders) -> FakeTeam:
        self.orders = orders
        return self.team_made

    def give_up(self) -> None:
        raise AssertionError


def folder(kind: Kind = Kind.SERVABLE, file: str = "servable.py", **fields: Any) -> VersionFolder:
    settings = fields.pop("settings", ServableSettings())
    return VersionFolder("calc", 3, Path("/models", "calc", file), settings, kind, Path("/models/calc/3"), **fields)


@pytest.mark.parametrize(
    ("settings", "workers", "device_ids", "count"),
    [
        ({}, None, (), 1),
        ({}, 3, (), 3),
        ({"workers": 2}, 3, (), 2),
        ({}, None, (0, 1), 2),
        ({"workers": 5}, None, (0, 1), 5),
        ({"in_process": True, "workers": 5}, 3, (), 1),
    ],
)
def test_settings_win_over_the_code_and_every_device_has_a_worker(
    settings: dict[str, Any], workers: int | None, device_ids: tuple[int, ...], count: int
) -> None:
    wanted = folder(settings=ServableSettings(**settings), device_ids=device_ids)
    loaded = python.load(wanted, Host(Manifest(SERVABLE, (Lane((0,)),), workers=workers)))
    assert loaded.capacity == (count, "worker")


@pytest.mark.parametrize(
    ("lanes", "device_ids", "count", "warned"),
    [
        ((Lane((0,)), Lane((0,), optional=True)), (0,), 3, False),
        ((Lane((0,), optional=True),), (0,), 1, True),
        ((Lane((0,), optional=True),), (0, 1, 2), 3, False),
        ((Lane((0,), optional=True),), (), 3, False),
        ((), (0,), 0, True),
        ((), (), 0, False),
    ],
)
def test_extra_workers_are_for_functions(
    lanes: tuple[Lane, ...],
    device_ids: tuple[int, ...],
    count: int,
    warned: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    wanted = folder(settings=ServableSettings(workers=3), device_ids=device_ids)
    assert python.load(wanted, Host(Manifest(SERVABLE, lanes))).capacity == (count, "worker")
    told = "No extra workers are started for servable calc: all of its stages are models"
    assert caplog.messages == ([told] if warned else [])


def test_a_worker_beyond_the_devices_is_an_extra_one() -> None:
    host = Host()
    python.load(folder(Kind.SERVABLE_CONFIG, "servable_config.py", device_ids=(6, 7)), host)
    orders = [host.orders.order(index) for index in range(4)]
    assert [order.assignment.arguments.get("extra") for order in orders] == [None, None, True, True]
    assert [order.environment.get("SERVING_DEVICE_ID") for order in orders] == ["6", "7", None, None]
    names = ["device6", "device7", "extra0", "extra1"]
    assert [order.log for order in orders] == [f"log_calc_{name}_version3.log" for name in names]


def test_without_lanes_there_is_no_worker() -> None:
    assert python.load(folder(), Host(Manifest(SERVABLE, ()))).capacity == (0, "worker")


@pytest.mark.parametrize(("settings", "limit"), [({}, 7.0), ({"run_timeout_s": 2.0}, 2.0)])
def test_the_time_limit_of_the_settings_wins(settings: dict[str, Any], limit: float) -> None:
    host = Host(Manifest(SERVABLE, (Lane((0,)),), run_timeout_s=7.0))
    python.load(folder(settings=ServableSettings(**settings)), host).start(None)  # type: ignore[arg-type]
    assert host.team_made.served == (1, limit)


@pytest.mark.parametrize(
    ("wanted", "loader", "arguments"),
    [
        (folder(), "servable.load:load_servable", {"name": "calc", "version": 3}),
        (
            folder(Kind.SERVABLE_CONFIG, "servable_config.py", device_ids=(6, 7)),
            "servable_config.load:load_servable_config",
            {"version": 3, "device_id": 7},
        ),
        (
            folder(Kind.MODEL, "3/net.pt", settings=ServableSettings(max_batch_size=4)),
            "plain_model:load_plain_model",
            {
                "name": "calc",
                "version": 3,
                "method": "predict",
                "max_batch_size": 4,
                "max_wait_ms": 0.0,
                "allowed_batch_sizes": (),
                "max_waiting_batches": None,
                "max_call_rows": None,
                "split_calls": True,
                "batching": None,
            },
        ),
    ],
)
def test_each_kind_has_its_loader(wanted: VersionFolder, loader: str, arguments: dict[str, Any]) -> None:
    host = Host()
    python.load(wanted, host)
    order = host.orders.order(1)
    assert f"{order.assignment.module}:{order.assignment.function}" == f"salver.workers.{loader}"
    assert order.assignment.arguments == arguments
    assert order.assignment.paths["file"] == str(wanted.artefact)
    assert order.environment == ({"SERVING_DEVICE_ID": "7"} if wanted.device_ids else {})


def test_a_key_is_told_to_the_worker_and_shown_to_nobody() -> None:
    key = b"sixteen byte key"
    host = Host()
    wanted = folder(Kind.SERVABLE_CONFIG, "servable_config.py", secret=Secret(key, "AES-CBC"))
    python.load(wanted, host)
    order = host.orders.order(0)
    assert order.assignment.arguments["dec_key"] == key.hex()
    assert order.assignment.arguments["dec_mode"] == "AES-CBC"
    for shown in map(repr, (wanted, host.orders, order)):
        assert not any(form in shown for form in (key.decode(), key.hex()))


def test_settings_that_mean_nothing_for_workers_are_told() -> None:
    settings = ServableSettings(onnx=OnnxSettings(threads=2))
    with pytest.raises(Unusable, match=r"sets onnx, but net\.pt is run by workers"):
        python.load(folder(Kind.MODEL, "3/net.pt", settings=settings), Host())


def test_examples_become_rows_in_plain_json() -> None:
    def coded(*values: bytes) -> Any:
        return [base64.b64encode(value).decode() for value in values]

    [floats] = coded(b"\0\0\x80\x3f\0\0\0\x40")
    columns = [["float32", [1, 2], floats], ["bool", [1, 0], ""], ["str", [1], coded(b'{"a": [1]}')]]
    [trial] = python.load(folder(), Host(examples={"f": {"own": True, "columns": columns}})).try_once()
    assert (trial.method, trial.own, trial.file) == ("f", True, Path("/models/calc/servable.py"))
    assert trial.inputs == {"x": [1.0, 2.0], "more": {"a": [1]}}


def test_a_team_whose_servable_is_of_no_use_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(_manifest: Manifest, file: Path) -> None:
        raise Unusable(file, "does not fit", "mend it")

    monkeypatch.setattr(python, "compose", refuses)
    host = Host()
    with pytest.raises(Unusable, match="does not fit"):
        python.load(folder(), host)
    assert host.team_made.closed


@pytest.mark.parametrize(
    ("wanted", "takes"),
    [
        (folder(), True),
        (folder(Kind.SERVABLE_CONFIG, "servable_config.py"), True),
        (folder(Kind.MODEL, "3/net.pt"), True),
        (folder(Kind.MODEL, "3/net.onnx"), False),
    ],
)
def test_the_table_knows_what_takes_a_worker(wanted: VersionFolder, takes: bool) -> None:
    assert table.takes_worker(wanted) == takes
    assert wanted.artefact.suffix in {".py", *table.suffixes()}
