"""Servables that show which worker runs them, and that can be held up."""

from pathlib import Path

from onnx import save
from support.models import scaled
from support.servables import CHAIN, write_servable

# The file named by a call is made once the call is being run; it is answered when a file beside it is there, too.
_HELD = """
import os
import time
from pathlib import Path


def _held(text):
    begun = Path(text)
    with begun.open("a") as log:
        log.write(f"{os.getpid()}\\n")
    while not begun.with_suffix(".go").exists():
        time.sleep(0.005)
    return str(os.getpid())

"""

CALC = (
    "import salver\n"
    + _HELD
    + """
@salver.stage
def _hold(text: str) -> str:
    return _held(text)


@salver.method
def hold(text: str) -> str:
    return _hold(text)


@salver.function
def double(x: int) -> int:
    return x * 2


@salver.stage
def _process(text: str) -> str:
    return str(os.getpid())


@salver.method
def process(text: str) -> str:
    return _process(text)
"""
)

MINDSPORE = (
    "from mindspore_serving.server import register\n"
    + _HELD
    + """
@register.register_method(output_names=["y"])
def hold(text):
    return register.add_stage(_held, text, outputs_count=1)
"""
)


def write_all(folder: Path) -> Path:
    """`calc` in Python, `ms` for MindSpore Serving, `chain` with a model between functions, `scaled` only a model."""
    write_servable(folder, "calc", CALC)
    write_servable(folder, "ms", MINDSPORE, file="servable_config.py")
    chain = write_servable(folder, "chain", CHAIN)
    save(scaled(3.0), chain / "net.onnx")
    (folder / "scaled" / "1").mkdir(parents=True)
    save(scaled(2.0), folder / "scaled" / "1" / "model.onnx")
    return folder
