"""Servables in Python, each showing one thing."""

from pathlib import Path

from support.models import scaled

CALC = '''
import os
import signal
import time
from typing import Iterator

import numpy as np
import salver
from jaxtyping import Float32


@salver.function(max_wait_ms=0)
def add(x1: Float32[np.ndarray, "2"], x2: Float32[np.ndarray, "2"]) -> Float32[np.ndarray, "2"]:
    return x1 + x2


@salver.servable
class Tricks:
    def setup(self, device: str) -> None:
        print("set up for", device)

    def shout(self, text: str) -> str:
        print("shouting", text)
        return text.upper()

    def process(self, text: str) -> int:
        return os.getpid()

    def wait(self, file: str) -> str:
        """Until somebody takes the file away."""
        while os.path.exists(file):
            time.sleep(0.01)
        return "done"

    def end(self, how: str) -> str:
        if how == "exit":
            os._exit(3)
        if how == "close":
            os.closerange(3, 1000)
        return how

    def flood(self, lines: str) -> str:
        for _ in range(int(lines)):
            print("x" * 1000)
        return "done"

    def close(self) -> None:
        print("closing")
'''

CHAIN = """
import numpy as np
import salver
from jaxtyping import Float32

net = salver.model("net.onnx")


@salver.stage
def parse(text: str) -> Float32[np.ndarray, "2"]:
    return np.array([float(each) for each in text.split()], np.float32)


@salver.stage
def shown(scores: Float32[np.ndarray, "2"]) -> str:
    return str(scores.tolist())


@salver.method(example={"text": "1 2"})
def classify(text: str) -> str:
    return shown(net(parse(text)))
"""

MINDSPORE = """
import numpy as np
from mindspore_serving.server import register


def add_trans_datatype(x1, x2):
    return x1.astype(np.float32) + x2.astype(np.float32)


@register.register_method(output_names=["y"])
def add_cast(x1, x2):
    return register.add_stage(add_trans_datatype, x1, x2, outputs_count=1)
"""


def write_servable(directory: Path, name: str, code: str, settings: str = "", file: str = "servable.py") -> Path:
    """A servable's folder in `directory`."""
    folder = directory / name
    folder.mkdir(parents=True)
    (folder / file).write_text(code)
    if settings:
        (folder / "salver.toml").write_text(settings)
    return folder


def write_servables(directory: Path) -> Path:
    """A folder with every servable above."""
    write_servable(directory, "calc", CALC)
    chain = write_servable(directory, "chain", CHAIN)
    (chain / "net.onnx").write_bytes(scaled(3.0).SerializeToString())
    write_servable(directory, "add", MINDSPORE, file="servable_config.py")
    return directory
