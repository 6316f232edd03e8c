"""What workers bring that join from elsewhere is served by its services, too."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from onnx import save
from support.models import scaled
from support.paths import ROOT

import salver
from cluster.processes import joined, master, worker

SERVED = ROOT / "tests" / "proto" / "served"


def test_services_that_its_code_declares() -> None:
    faces: Any = salver.proto(str(SERVED / "faces" / "faces.proto"))
    with master() as server, worker(SERVED, "faces", server.gate) as first:
        joined(first)
        with grpc.insecure_channel(server.address) as channel:
            handlers, maths = faces.stub("Handlers", channel), faces.stub("Maths", channel)
            assert handlers.Ask(faces.Question(text="who"), timeout=30).text == "who!"
            told = handlers.Tell(faces.Question(text="say", count=2), timeout=30)
            assert [each.text for each in told] == ["say 0", "say 1"]
            assert list(maths.Scale(faces.Numbers(values=[1, 2]), timeout=30).values) == [2, 4]


def test_the_service_of_its_contract(tmp_path: Path) -> None:
    folder = tmp_path / "scaled" / "1"
    folder.mkdir(parents=True)
    save(scaled(3.0), folder / "model.onnx")
    (tmp_path / "scaled" / "salver.toml").write_text("proto = true\n")
    with master() as server, worker(tmp_path, "scaled", server.gate) as first:
        joined(first)
        command = [sys.executable, "-m", "salver", "proto", server.address]
        printed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=50).stdout
        (tmp_path / "scaled.proto").write_text(printed)
        proto: Any = salver.proto(str(tmp_path / "scaled.proto"))
        with grpc.insecure_channel(server.address) as channel:
            reply = proto.stub("Scaled", channel).Predict(proto.PredictRequest(x=[1, 2]), timeout=30)
        np.testing.assert_array_equal(reply.y, [3, 6])
