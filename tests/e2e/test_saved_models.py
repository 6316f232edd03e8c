"""SavedModels behind a real server, run by OpenVINO: in this environment there is no TensorFlow."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from support.http import get, post
from support.protocols import PROTOCOLS, Protocol
from support.saved_models import (
    FLOAT,
    REGRESS,
    mnist,
    predict_log,
    scaled,
    several,
    tensor,
    unary,
    with_variable,
    write_records,
    written,
)
from support.servables import write_servable
from support.tensorflow import call, message
from support.waiting import until

from salver.client.api import Client
from salver.testing.server import Server, running

ROWS = np.array([[1, 2], [3, 4], [5, 6]], np.float32)
AUTHORED = """
import numpy as np
import salver
from jaxtyping import Float32

net = salver.model("net", signature="sum")


@salver.stage
def more(x: Float32[np.ndarray, "2"]) -> Float32[np.ndarray, "2"]:
    return x + x + 2


@salver.method
def predict(x: Float32[np.ndarray, "2"]) -> Float32[np.ndarray, "2"]:
    return net(more(x), x)
"""
UNREADY = predict_log({"x": tensor(FLOAT, [1, 3], 1, 2, 3)})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    models = tmp_path_factory.mktemp("models")
    write_records(written(models, "several", several()), predict_log({"x": tensor(FLOAT, [1, 2], 1, 2)}))
    write_servable(models, "authored", AUTHORED)
    shutil.copytree(models / "several" / "1", models / "authored" / "net")
    written(models, "mnist", mnist())
    written(models, "regressor", unary("Neg", method=REGRESS))
    # Nothing of this can be served, and nothing of it stops the others.
    written(models, "truncated", scaled(2)[:-9])
    written(models, "without_variables", with_variable())
    written(models, "strange", unary("Digamma"))
    written(models, "unknown", scaled(2), settings='[saved_model]\nsignatures = ["classify"]\n')
    written(models, "named", scaled(2), settings='method = "predict_it"\n')
    written(models, "onnx", scaled(2), settings="instances = 2\n")
    write_records(written(models, "unready", scaled(2)), UNREADY)
    corrupt = write_records(written(models, "corrupt", scaled(2)), UNREADY)
    corrupt.write_bytes(corrupt.read_bytes()[:-1] + b"?")
    write_records(written(models, "unwarmed", scaled(2), settings="[saved_model]\nwarm_up = false\n"), UNREADY)
    with running(models) as server:
        yield server


def test_each_signature_is_a_method(server: Server) -> None:
    with Client(server.address) as client:
        np.testing.assert_array_equal(client.infer("several", {"x": ROWS})["y"], 2 * ROWS)
        np.testing.assert_array_equal(client.infer("several.sum", {"x": ROWS, "u": ROWS})["total"], 2 * ROWS)
        swapped = client.infer("several.swapped", {"x": ROWS})
        np.testing.assert_array_equal([swapped["x"], swapped["a"]], [ROWS, 2 * ROWS])


def test_rows_and_columns_and_a_row_without_its_leading_dimension(server: Server) -> None:
    rows = post(server.address, "/v1/models/several:predict", {"instances": [[1, 2], [3, 4]]})
    assert rows.json == {"predictions": [[2.0, 4.0], [6.0, 8.0]]}
    one = post(server.address, "/v1/models/several:predict", {"signature_name": "swapped", "inputs": [1, 2]})
    assert one.json == {"outputs": {"a": [[2.0, 4.0]], "x": [[1.0, 2.0]]}}


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)
def test_every_protocol_gets_the_same(server: Server, protocol: Protocol) -> None:
    rows = [{"x": each, "u": 10 * each} for each in ROWS]
    assert protocol(server.address, "several.sum", rows) == [{"total": (11 * each).tolist()} for each in ROWS]


def test_a_signature_is_a_stage_of_python_code(server: Server) -> None:
    with Client(server.address) as client:
        assert client.infer("authored", {"x": ROWS})["output"].tolist() == [[5.0, 8.0], [11.0, 14.0], [17.0, 20.0]]


def test_metadata_tells_the_signatures(server: Server) -> None:
    document = get(server.address, "/v1/models/several/metadata").json
    signatures = document["metadata"]["signature_def"]["signature_def"]
    assert sorted(signatures) == ["serving_default", "sum", "swapped"]
    assert signatures["sum"]["inputs"]["u"]["tensor_shape"]["dim"] == [
        {"size": "-1", "name": ""},
        {"size": "2", "name": ""},
    ]


def test_metadata_has_the_names_of_the_file(server: Server) -> None:
    def told(model: str, signature: str = "serving_default") -> dict[str, Any]:
        document = get(server.address, f"/v1/models/{model}/metadata").json
        found: dict[str, Any] = document["metadata"]["signature_def"]["signature_def"][signature]
        return found

    network = told("mnist")
    assert network["inputs"]["flatten_input"]["name"] == "serving_default_flatten_input:0"
    assert network["outputs"]["dense_1"]["name"] == "StatefulPartitionedCall:0"
    assert network["method_name"] == "tensorflow/serving/predict"
    assert told("several", "swapped")["outputs"]["a"]["name"] == "y:0"
    assert told("regressor")["method_name"] == "tensorflow/serving/regress"


def test_a_missing_input_is_told_with_its_name_in_the_file(server: Server) -> None:
    request = message("PredictRequest")(model_spec={"name": "mnist"})
    request.inputs.add(key="picture")
    with pytest.raises(grpc.RpcError) as refused:
        call(server.address, "PredictionService", "Predict", request, "PredictResponse")
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    wanted = "Signature input alias: flatten_input(feed name: serving_default_flatten_input:0) not found in request"
    assert refused.value.details().startswith(wanted)


def test_the_choice_and_its_reason_are_printed(server: Server) -> None:
    assert "several  version 1, openvino, 1 worker\n    run by OpenVINO, which computes in float32\n" in server.output


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("truncated", "is no whole SavedModel: it ends in the middle"),
        ("without_variables", "needs its variables, but there is no "),
        ("strange", "needs TensorFlow, which is not installed, for OpenVINO has no rule for the operations Digamma"),
        ("unknown", "has no signature 'classify'"),
        ("named", "sets method, but a SavedModel's methods are its signatures"),
        ("onnx", "sets instances, but saved_model.pb is run by workers"),
        ("unready", "tf_serving_warmup_requests record 1: cannot be run: input x: float32[any, 2] was given"),
        ("corrupt", "tf_serving_warmup_requests record 1: cannot be read: its checksum is wrong"),
    ],
)
def test_what_is_wrong_with_a_model_is_printed_and_stops_no_other(server: Server, name: str, what: str) -> None:
    assert what in server.output
    refused = post(server.address, f"/servables/{name}", {"x": [1, 2]})
    assert refused.status == 503


def test_records_can_be_left_out(server: Server) -> None:
    assert post(server.address, "/v1/models/unwarmed:predict", {"instances": [[1, 2]]}).json == {
        "predictions": [[2.0, 4.0]]
    }


def test_what_is_half_written_or_cannot_be_warmed_up_leaves_the_old_version(tmp_path: Path) -> None:
    models = tmp_path / "models"
    written(models, "model", scaled(2), version=1)
    half = models / "model" / "2"
    with running(models, "--watch-s", "0.02") as server, Client(server.address) as client:
        assert client.infer("model", {"x": ROWS})["y"][0, 0] == 2
        (half / "variables").mkdir(parents=True)
        until(lambda: "holds no model file" in server.output)
        (half / "saved_model.pb").write_bytes(scaled(7)[:-5])
        until(lambda: "is no whole SavedModel" in server.output)
        assert client.infer("model", {"x": ROWS})["y"][0, 0] == 2
        (half / "saved_model.pb").write_bytes(scaled(7))
        until(lambda: client.infer("model", {"x": ROWS})["y"][0, 0] == 7)
        write_records(written(tmp_path / "aside", "model", scaled(9), version=3), UNREADY)
        (tmp_path / "aside" / "model" / "3").rename(models / "model" / "3")
        until(lambda: "tf_serving_warmup_requests record 1: cannot be run" in server.output)
        assert client.infer("model", {"x": ROWS})["y"][0, 0] == 7


def test_a_base_path_is_served_as_tensorflow_serving_does(tmp_path: Path) -> None:
    file = written(tmp_path, "anything", scaled(2), version=3)
    write_records(file, UNREADY)
    base = file.parent.parent
    (base / "notes").mkdir()
    flags = ["--port=0", "--model_name=net", f"--model_base_path={base}", "--enable_model_warmup=false"]
    server = Server([sys.executable, "-m", "salver", "tensorflow-serving", *flags], {})
    try:
        server.wait_until_ready(30)
        address = server.address.replace("0.0.0.0", "127.0.0.1")
        reply = post(address, "/v1/models/net/versions/3:predict", {"instances": [[1, 2]]})
        assert reply.json == {"predictions": [[2.0, 4.0]]}
    finally:
        server.close()


def test_check_tells_the_choice_and_tries_every_signature(tmp_path: Path) -> None:
    written(tmp_path, "several", several())
    command = [sys.executable, "-m", "salver", "check", str(tmp_path)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == (
        "several  version 1, openvino, 1 worker\n"
        "    run by OpenVINO, which computes in float32\n"
        "    serving_default(x: float32[2]) -> (y: float32[2])\n"
        "    batched: up to 32 rows\n"
        "    sum(u: float32[2], x: float32[2]) -> (total: float32[2])\n"
        "    batched: up to 32 rows\n"
        "    swapped(x: float32[2]) -> (a: float32[2], x: float32[2])\n"
        "    batched: up to 32 rows\n"
        "1 version loaded, 0 problems\n"
    )
