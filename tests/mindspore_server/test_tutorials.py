"""The tutorials of MindSpore Serving r1.2 and r1.5 from both ends: their start scripts, and their clients against them.

What is printed is what the tutorials say is printed. Only ports and paths are others.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support.ports import free_port
from support.waiting import until

from mindspore_serving.client import Client, SSLConfig

from .printed import ONE_SUM, THREE_SUMS, WRONG_METHOD, WRONG_TYPE
from .scripts import EXAMPLES, READY, TUTORIALS, Script, put, put_servable, run, started

SOCKET = "/tmp/serving_resnet50_test_temp_file"
SERVABLES = {"r1.2": TUTORIALS / "r1.2" / "servable_config.py", "r1.5": EXAMPLES / "add" / "add" / "servable_config.py"}


class Place:
    """A folder with the servable `add` and a port; whatever is put there has that port in the place of 5500."""

    def __init__(self, folder: Path, release: str) -> None:
        self.folder = folder
        self.release = release
        self.port = free_port()
        put_servable("add", folder, SERVABLES[release])

    def put(self, name: str, **changes: str) -> Path:
        return put(TUTORIALS / self.release / name, self.folder, {"5500": str(self.port), **changes})

    def client(self, method: str, ssl_config: SSLConfig | None = None) -> Client:
        return Client(f"localhost:{self.port}", "add", method, ssl_config=ssl_config)


def pairs(*numbers: int) -> list[dict[str, object]]:
    matrices = [np.full((2, 2), number, np.float32) for number in numbers]
    return [{"x1": matrix, "x2": matrix} for matrix in matrices]


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Place, Script]]:
    """The start script of r1.2, which runs."""
    place = Place(tmp_path_factory.mktemp("older"), "r1.2")
    with started(place.put("master_with_worker.py"), wait_for="Serving gRPC start success") as script:
        yield place, script


def test_the_start_script_of_r12_says_where_it_listens(older: tuple[Place, Script]) -> None:
    place, script = older
    assert f"Serving gRPC start success, listening on 127.0.0.1:{place.port}\n" in script.output
    assert len(script.workers()) == 1
    assert script.variable(script.workers()[0], "SERVING_DEVICE_ID") == "0"


def test_the_client_of_r12_prints_what_its_tutorial_says(older: tuple[Place, Script]) -> None:
    assert run(older[0].put("client.py")) == THREE_SUMS + ONE_SUM


def test_the_client_of_r15_prints_the_same(older: tuple[Place, Script]) -> None:
    place, _ = older
    script = put(TUTORIALS / "r1.5" / "client_add.py", place.folder, {"5500": str(place.port)})
    assert run(script) == THREE_SUMS


def test_an_error_that_all_instances_share_is_told_once(older: tuple[Place, Script]) -> None:
    place, _ = older
    assert f"{place.client('add_common2').infer(pairs(1, 2, 3))}\n" == WRONG_METHOD
    integers = [{name: value.astype(np.int32) for name, value in pair.items()} for pair in pairs(1, 2, 3)]  # type: ignore[attr-defined]
    assert place.client("add_common").infer(integers) == {"error": WRONG_TYPE.replace("input 1", "input 0")}


def test_an_error_of_one_instance_is_told_in_its_place(older: tuple[Place, Script]) -> None:
    instances = pairs(1, 2, 3)
    instances[1]["x2"] = np.ones((2, 2), np.int32)
    first, wrong, last = older[0].client("add_common").infer(instances)
    assert wrong == {"error": WRONG_TYPE}
    assert [each["y"].tolist() for each in (first, last)] == [[[2, 2], [2, 2]], [[6, 6], [6, 6]]]


def test_a_cast_takes_what_the_model_does_not(older: tuple[Place, Script]) -> None:
    instances = pairs(1, 2, 3)
    instances[1]["x2"] = np.ones((2, 2), np.int32)
    replies = older[0].client("add_cast").infer(instances)
    assert [each["y"][0, 0] for each in replies] == [2, 3, 6]


@pytest.mark.parametrize("first", ["master", "worker"])
def test_the_cluster_of_r12_may_be_started_in_any_order(tmp_path: Path, first: str) -> None:
    place = Place(tmp_path, "r1.2")
    master_port, worker_port = str(free_port()), str(free_port())
    scripts = {
        "master": place.put("master.py", **{"6500": master_port}),
        "worker": put(TUTORIALS / "r1.2" / "worker.py", tmp_path, {"6500": master_port, "6600": worker_port}),
    }
    one, other = scripts.pop(first), scripts.popitem()[1]
    with started(one, wait_for=""), started(other, wait_for=""):
        until(lambda: isinstance(place.client("add_common").infer(pairs(1)), list))
        assert run(place.put("client.py")) == THREE_SUMS + ONE_SUM


@pytest.fixture(scope="module", params=["tls", "mutual_tls"])
def secured(
    request: pytest.FixtureRequest, certificates: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Place, Script, str]]:
    """The start scripts of r1.5 with certificates in their folder."""
    place = Place(tmp_path_factory.mktemp("secured"), "r1.5")
    for file in certificates.iterdir():
        shutil.copy(file, place.folder)
    with started(place.put(f"server_{request.param}.py")) as script:
        yield place, script, request.param


def test_over_tls_the_clients_print_what_their_tutorial_says(secured: tuple[Place, Script, str]) -> None:
    place, script, kind = secured
    assert f"{READY}127.0.0.1:{place.port}\n" in script.output
    assert run(place.put(f"client_{kind}.py")) == ONE_SUM


def test_two_devices_are_two_workers(secured: tuple[Place, Script, str]) -> None:
    _, script, _ = secured
    assert [script.variable(each, "SERVING_DEVICE_ID") for each in script.workers()] == ["0", "1"]


def test_who_shows_no_certificate_or_a_wrong_one_is_refused_at_once(
    secured: tuple[Place, Script, str], strangers: Path
) -> None:
    place, _, kind = secured
    ca, stranger = str(place.folder / "ca.crt"), strangers
    wrong = [None, SSLConfig(custom_ca=str(stranger / "ca.crt"))]
    if kind == "mutual_tls":
        wrong += [
            SSLConfig(custom_ca=ca),
            SSLConfig(str(stranger / "client.crt"), str(stranger / "client.key"), ca),
        ]
    for config in wrong:
        reply = place.client("add_common", config).infer(pairs(1))
        assert isinstance(reply, dict)
        assert reply["error"].startswith("Grpc Error, (14, 'unavailable'), "), reply


def assert_classified(printed: str) -> None:
    """File names, and then their labels in the same order."""
    *files, labels = printed.splitlines()
    assert sorted(files) == [
        f"./test_image/{label}_{number}" for label in ("flower", "temple") for number in ("0.jpg", "1.png")
    ]
    assert labels == str([{"label": Path(file).name.partition("_")[0]} for file in files])


@pytest.mark.parametrize("release", ["r1.2", "r1.5"])
def test_images_in_labels_out(images: Path, release: str) -> None:
    port = str(free_port())
    server = put(TUTORIALS / "r1.5" / "server_unix.py", images, {f"unix:{SOCKET}": f"127.0.0.1:{port}"})
    client = put(TUTORIALS / release / "client_resnet50.py", images, {"5500": port})
    with started(server) as script:
        assert len(script.workers()) == 2
        assert_classified(run(client))


def test_images_in_labels_out_over_a_unix_socket(images: Path, tmp_path: Path) -> None:
    here = {SOCKET: str(tmp_path / "socket")}
    (tmp_path / "socket").touch()  # it "will be overwritten"
    with started(put(TUTORIALS / "r1.5" / "server_unix.py", images, here)) as script:
        assert f"{READY}unix:{tmp_path}/socket\n" in script.output
        assert_classified(run(put(TUTORIALS / "r1.5" / "client_unix.py", images, here)))
    assert not (tmp_path / "socket").exists()
