"""`examples/face_detection`, its very files: its servicer under `salver run`, its `servable.py`, clients of both."""

import base64
import io
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from mindspore_server.scripts import Script, started
from PIL import Image, ImageChops
from skimage import data
from support.http import post
from support.paths import ROOT
from support.ports import free_port
from support.waiting import until

import salver
from salver.testing.server import running

pytestmark = pytest.mark.timeout(180)  # three processes import TensorFlow, twice

_START_S = 150
_TIMEOUT_S = 50
_METHOD = "/infer.Inference/Predict"
_PICTURE = Path(data.__file__).parent / "astronaut.png"
_FACE = (182, 64, 266, 172)

_IMPATIENT = """
import sys
from pathlib import Path
from protos import infer_pb2, infer_pb2_grpc
from utils.draw import ASTRONAUT
from utils.label import ServiceClient
client = ServiceClient(infer_pb2_grpc, "InferenceStub", "127.0.0.1", sys.argv[1], timeout=0.001)
client.Predict(infer_pb2.Image(raw_data=Path(ASTRONAUT).read_bytes()))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example, where it may leave pictures."""
    folder = tmp_path_factory.mktemp("examples") / "face_detection"
    shutil.copytree(ROOT / "examples" / "face_detection", folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture(scope="module")
def infer(folder: Path) -> Any:
    return salver.proto(str(folder / "protos" / "infer.proto"))


@pytest.fixture(scope="module")
def article(folder: Path) -> Iterator[tuple[str, Script]]:
    """The three processes of the unchanged script, by their one address."""
    address = f"127.0.0.1:{free_port()}"
    command = ("-m", "salver", "run", "inference_server_multiprocess.py", address)
    with started(Path(command[0]), *command[1:], folder=folder, wait_for="") as script:
        until(lambda: script.output.count("started\n") == 3, _START_S)
        yield address, script


@pytest.fixture(scope="module")
def own(folder: Path) -> Iterator[str]:
    with running(folder / "servable.py", timeout=_START_S) as server:
        assert "    predict.detect: batched: up to 8 rows\n" in server.output
        yield server.address


@pytest.fixture(params=["article", "own"])
def address(request: pytest.FixtureRequest) -> str:
    """Of either: what a client sees is the same."""
    found = request.getfixturevalue(request.param)
    return str(found if request.param == "own" else found[0])


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], cwd=folder, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
    )


def test_the_client_prints_the_face_and_draws_it(folder: Path, address: str) -> None:
    ran = run(folder, "inference_client.py", address, str(_PICTURE), "drawn.png")
    assert ran.returncode == 0, ran.stderr
    assert 'image_id: "1111"\n_meta_data {\n  host: ' in ran.stdout
    assert ran.stdout.count("confidence: 0.999") == 1
    with Image.open(_PICTURE) as before, Image.open(folder / "drawn.png") as after:
        changed = ImageChops.difference(before.convert("RGB"), after).getbbox()
        assert changed is not None
        left, upper, right, lower = changed
        assert (left, right, lower) == (_FACE[0], _FACE[2], _FACE[3])
        assert _FACE[1] - 20 <= upper < _FACE[1], "how sure it is stands above the face"


def test_the_same_comes_as_json(address: str) -> None:
    picture = base64.b64encode(_PICTURE.read_bytes()).decode()
    reply = post(address, _METHOD, {"rawData": picture, "imageId": "7"}).json
    [face] = reply["results"]
    assert reply["imageId"] == "7"
    assert face["box"] == {"upLeft": {"x": 182, "y": 64}, "lowerRight": {"x": 265, "y": 171}}
    assert face["landmarks"]["nose"] == {"x": 224, "y": 126}
    assert face["confidence"] > 0.99


def test_the_servicer_sees_the_metadata_of_calls(folder: Path, article: tuple[str, Script]) -> None:
    address, script = article
    assert run(folder, "inference_client.py", address).returncode == 0
    assert "('client', '" in until(lambda: "('client', '" in script.output and script.output)


def test_the_web_app_answers_with_faces_or_with_what_is_wrong(folder: Path, address: str) -> None:
    variables = {"INFERENCE_SERVER": address}
    with started(folder / "web_app.py", "0", wait_for=" * Running on ", **variables) as app:
        at = app.wait_for(" * Running on ").partition("http://")[2].strip()
        ran = run(folder, "web_client.py", f"http://{at}/predict")
        assert ran.returncode == 0, ran.stderr
        assert '"message": ""' in ran.stdout
        assert ran.stdout.count('"confidence": 0.999') == 1
        mistakes = {
            "post JSON": b"picture",
            "'image'": {"image_id": "7"},
            "base64": {"image": "A"},
            "inference failed: StatusCode.": {"image": "AAAA"},
        }
        for said, body in mistakes.items():
            reply = post(at, "/predict", body, {"Content-Type": "application/json"}).json
            assert said in reply["message"]
            assert reply["results"] == []


@pytest.mark.parametrize(
    ("up", "said"), [(True, "Call Predict failed with StatusCode.DEADLINE_EXCEEDED\n"), (False, "gRPC server, exit.\n")]
)
def test_the_service_client_tells_of_a_late_answer_and_of_no_server(
    folder: Path, article: tuple[str, Script], up: bool, said: str
) -> None:
    port = article[0].partition(":")[2] if up else str(free_port())
    ran = run(folder, "-c", _IMPATIENT, port)
    assert ran.returncode == 1
    assert said in ran.stdout + ran.stderr


def test_pictures_of_many_callers_get_their_own_faces(infer: Any, own: str) -> None:
    """Also beside one that has no face, one that is smaller, and one that is none."""
    astronaut = _PICTURE.read_bytes()
    others = {"empty": _png(Image.new("RGB", (512, 512))), "small": _png(Image.open(_PICTURE).resize((256, 256)))}
    sent = {**{str(number): astronaut for number in range(6)}, **others, "none": b"none"}
    with grpc.insecure_channel(own) as channel:
        stub = infer.stub("Inference", channel)
        calls = {
            name: stub.Predict.future(infer.Image(raw_data=raw, image_id=name), timeout=_TIMEOUT_S)
            for name, raw in sent.items()
        }
        assert calls.pop("none").code() is grpc.StatusCode.INVALID_ARGUMENT
        replies = {name: call.result() for name, call in calls.items()}
    assert {name: reply.image_id for name, reply in replies.items()} == {name: name for name in replies}
    assert {name for name, reply in replies.items() if len(reply.results) == 1} == replies.keys() - {"empty"}
    assert abs(replies["small"].results[0].box.up_left.x - 182 / 2) < 10


def _png(image: Image.Image) -> bytes:
    written = io.BytesIO()
    image.save(written, "png")
    return written.getvalue()
