"""Models of a `servable_config.py` that MindSpore runs: who holds them, and that of their keys nothing is seen."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from frameworks.nets import export
from mindspore_server.scripts import READY, Script, started
from support.ports import free_port
from support.waiting import until

from mindspore_serving.client import Client

KEY = b"a key of 24 bytes: 4 5 6"

SERVABLE = """
import os
from mindspore_serving.server import register

print("loading")
model = register.declare_model("add.mindir", "MindIR", with_batch_dim=False)


def doubled(x):
    return model.call(x, x)


@register.register_method(output_names=["y"])
def double(x):
    return register.add_stage(doubled, x, outputs_count=1)


def process(x):
    return os.getpid()


@register.register_method(output_names=["worker"])
def who(x):
    return register.add_stage(process, x, outputs_count=1)
"""

START = """
import sys
from mindspore_serving import server

with open(sys.argv[2], "rb") as file:
    key = file.read() or None
workers = int(sys.argv[4])
config = server.ServableStartConfig(
    ".", "add", device_ids=0, num_parallel_workers=workers, dec_key=key, dec_mode=sys.argv[1]
)
server.start_servables(config)
server.start_grpc_server(sys.argv[3])
"""


class Place:
    """A folder with a model, encrypted unless `mode` is None, its start script, and whatever the two leave behind."""

    def __init__(self, folder: Path, mode: str | None) -> None:
        self.folder = folder / "place"
        (self.folder / "add" / "1").mkdir(parents=True)
        (self.folder / "add" / "servable_config.py").write_text(SERVABLE)
        export("add", self.folder / "add" / "1", **({"enc_key": KEY, "enc_mode": mode} if mode else {}))
        self.script = self.folder / "start.py"
        self.script.write_text(START)
        self.key = folder / "key"
        self.address = f"127.0.0.1:{free_port()}"

    @contextmanager
    def started(self, key: bytes, mode: str, wait_for: str = "", workers: int = 1) -> Iterator[Script]:
        self.key.write_bytes(key)
        variables = {"TMPDIR": str(self.folder), "HOME": str(self.folder)}
        arguments = (mode, str(self.key), self.address, str(workers))
        with started(self.script, *arguments, wait_for=wait_for, **variables) as script:
            yield script

    def left(self, script: Script) -> Iterator[bytes]:
        """All that others may see: what was printed and written, command lines and environments."""
        yield script.output.encode()
        for process in script.processes():
            for name in ("cmdline", "environ"):
                yield Path("/proc", str(process), name).read_bytes()
        for file in self.folder.rglob("*"):
            if file.is_file():
                yield file.read_bytes()


def tells(left: Iterator[bytes], key: bytes) -> bool:
    return any(form in each for each in left for form in (key, key.hex().encode(), repr(key)[2:-1].encode()))


MODES = pytest.mark.parametrize("mode", ["AES-GCM", "AES-CBC"])


@MODES
def test_an_encrypted_model_serves_and_its_key_stays_in_memory(tmp_path: Path, mode: str) -> None:
    place = Place(tmp_path, mode)
    with place.started(KEY, mode, READY) as script:
        x = np.ones((2, 2), np.float32)
        [reply] = Client(place.address, "add", "double").infer({"x": x})
        assert reply["y"].tolist() == [[2, 2], [2, 2]]
        until(lambda: "[add/1 worker 0] loading" in script.output)
        assert not tells(place.left(script), KEY)
        assert tells(iter([KEY]), KEY)


WRONG = b"another key of 24 bytes."
# One padding in 256 is right by chance; what was decrypted is no model then.
GARBLED = r"cannot be decrypted|is no whole MindIR file"


@MODES
@pytest.mark.parametrize(
    ("key", "other_mode", "what"),
    [(WRONG, False, GARBLED), (KEY, True, GARBLED), (b"", False, "is encrypted")],
)
def test_a_wrong_key_ends_the_start_and_is_not_told(
    tmp_path: Path, mode: str, key: bytes, other_mode: bool, what: str
) -> None:
    place = Place(tmp_path, mode)
    used = {"AES-GCM": "AES-CBC", "AES-CBC": "AES-GCM"}[mode] if other_mode else mode
    with place.started(key, used) as script:
        assert script.wait(50) == 1
        assert "Fail to start workers: {servable name:add, device id:0, <Load model failed" in script.output
        assert re.search(what, script.output)
        assert not key or not tells(place.left(script), key)


def test_an_extra_worker_holds_no_model(tmp_path: Path) -> None:
    """It does not even import MindSpore, unless the file is encrypted: then nothing else tells its inputs."""
    place = Place(tmp_path, None)
    with place.started(b"", "AES-GCM", READY, workers=2) as script:
        held = ["mindspore" in Path("/proc", str(each), "maps").read_text() for each in script.workers()]
        assert held == [True, False]
        x = np.ones((2, 2), np.float32)
        replies = Client(place.address, "add", "double").infer([{"x": x}] * 100)
        assert {float(reply["y"].sum()) for reply in replies} == {8.0}
        until(lambda: worked(place, 2))


def worked(place: Place, workers: int) -> bool:
    replies = Client(place.address, "add", "who").infer([{"x": 1}] * 100)
    return len({int(reply["worker"]) for reply in replies}) == workers


def test_an_extra_worker_of_an_encrypted_model_says_the_same_as_the_others(tmp_path: Path) -> None:
    place = Place(tmp_path, "AES-GCM")
    with place.started(KEY, "AES-GCM", READY, workers=2) as script:
        assert len(script.workers()) == 2
        until(lambda: worked(place, 2))
