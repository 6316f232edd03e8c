"""The scripts of servicers that are measured: what they answer under grpcio, and under `salver run`."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import grpc
import numpy as np
import pytest
from PIL import Image

import salver
from benchmarks.bench import SERVICERS
from benchmarks.environments import HERE, SERVICES_PROTO
from benchmarks.process import free_ports
from benchmarks.servables import faces as own_faces

RUNNERS = {"grpcio": [sys.executable], "salver": [str(Path(sys.executable).with_name("salver")), "run"]}
SERVICES = salver.proto(str(SERVICES_PROTO))
PICTURES = {"blank": (0, 0), "spot": (16, 40)}
"""Where the brightest spot of each begins, from left and top."""


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("generated")
    protoc = [sys.executable, "-m", "grpc_tools.protoc", f"-I{HERE}"]
    outputs = [f"--python_out={folder}", f"--grpc_python_out={folder}"]
    subprocess.run([*protoc, *outputs, SERVICES_PROTO.name], check=True, timeout=50)
    return folder


@contextmanager
def running(command: list[str], address: str, generated: Path) -> Iterator[grpc.Channel]:
    variables = {
        **os.environ,
        "PYTHONPATH": f"{HERE.parent}{os.pathsep}{generated}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
    }
    process = subprocess.Popen(command, env=variables, start_new_session=True)
    try:
        with grpc.insecure_channel(address) as channel:
            grpc.channel_ready_future(channel).result(timeout=30)
            yield channel
    finally:
        # The script's own processes do not end with it, unless salver runs it.
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)


@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize("script", ["blocking", "looped"])
def test_calls_and_streams_are_answered_with_what_was_sent(
    runner: str, script: str, generated: Path, tmp_path: Path
) -> None:
    address = f"unix:{tmp_path / 'socket'}"
    command = [*RUNNERS[runner], str(SERVICERS / f"{script}.py"), address]
    message = SERVICES.Message
    with running(command, address, generated) as channel:
        calls = SERVICES.stub("Calls", channel)
        assert calls.Empty(SERVICES.Nothing(), timeout=20) == SERVICES.Nothing()
        assert calls.Echo(message(payload=b"ada", number=7), timeout=20) == message(payload=b"ada", number=7)
        counted = list(calls.Count(SERVICES.Counted(payload=b"ada", messages=3), timeout=20))
        assert counted == [message(payload=b"ada", number=number) for number in range(3)]
        said = [message(payload=b"%d" % number, number=number) for number in range(100)]
        assert list(calls.Chat(iter(said), timeout=20)) == said


@pytest.mark.parametrize("runner", RUNNERS)
def test_three_processes_share_a_port(runner: str, generated: Path) -> None:
    address = f"127.0.0.1:{free_ports(1)[0]}"
    command = [*RUNNERS[runner], str(SERVICERS / "blocking.py"), address, "3"]
    with running(command, address, generated) as channel:
        assert SERVICES.stub("Calls", channel).Empty(SERVICES.Nothing(), timeout=20) == SERVICES.Nothing()


@pytest.mark.parametrize("name", PICTURES)
def test_the_brightest_spot_is_found_in_the_servicer_s_form_and_in_salver_s_own(
    name: str, generated: Path, tmp_path: Path
) -> None:
    left, top = PICTURES[name]
    address = f"unix:{tmp_path / 'socket'}"
    with running([sys.executable, str(SERVICERS / "blocking.py"), address], address, generated) as channel:
        box = SERVICES.stub("Faces", channel).Find(SERVICES.Image(raw_data=jpeg(left, top)), timeout=20)
    assert list(box.sides) == [left, top, 8, 8]
    (batched,) = own_faces.detect(own_faces.reduce(jpeg(left, top))[np.newaxis])
    assert batched.tolist() == [left, top, 8, 8]


def jpeg(left: int, top: int) -> bytes:
    """A picture of 224x224 pixels with a bright spot where a quarter of it has this one."""
    pixels = np.zeros((224, 224, 3), np.uint8)
    if (left, top) != (0, 0):
        pixels[top * 4 : top * 4 + 32, left * 4 : left * 4 + 32] = 255
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG")
    return file.getvalue()
