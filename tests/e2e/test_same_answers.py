"""One table of servables and rows, and one of mistakes, through every protocol: the same answers, like errors.

A protocol joins by its line in `support.protocols.PROTOCOLS`.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.models import IDENTITIES
from support.protocols import PROTOCOLS, Refused
from support.servables import MINDSPORE, write_servable

from salver.testing.server import Server, running


@pytest.fixture(scope="module")
def address(models: Path, authored: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Models that the server runs itself, functions and graphs in workers, and a servable of MindSpore Serving."""
    folder = tmp_path_factory.mktemp("servables")
    for source in (models, authored):
        shutil.copytree(source, folder, dirs_exist_ok=True)
    write_servable(folder, "old", MINDSPORE, file="servable_config.py")
    server: Server
    with running(folder) as server:
        yield server.address


Rows = list[dict[str, Any]]

# The smallest and the largest of a type; of floats what text has as it is.
EXTREMES: dict[str, list[Any]] = {
    **{
        name: [np.iinfo(name).min, 1, np.iinfo(name).max]
        for name in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
    },
    "bool": [True, False, True],
    "float16": [-65504.0, 0.5, 65504.0],
    "float32": [-1.5, 2.0**-7, 2.0**24],
    "float64": [-1.5, 0.1, 1.7e308],
}

# (servable.method, rows, what they give)
SAME: list[tuple[str, Rows, Rows]] = [
    *(
        (f"identity_{name}.predict", [{"x": np.array(values, name)}], [{"y": values}])
        for name, values in EXTREMES.items()
    ),
    (
        "identity_str.predict",
        [{"x": np.array(["a", "schön", ""], object)}],
        [{"y": [b"a", "schön".encode(), b""]}],
    ),
    ("text.predict", [{"x": "one"}, {"x": "zwölf"}], [{"y": b"one"}, {"y": "zwölf".encode()}]),
    (
        "add_rows.predict",
        [{"x1": np.full((2, 2), i, np.float32), "x2": np.ones((2, 2), np.float32)} for i in range(40)],
        [{"y": [[i + 1.0] * 2] * 2} for i in range(40)],
    ),
    ("any_length.predict", [{"x": np.arange(5, dtype=np.float32)}], [{"y": [0.0, 1.0, 2.0, 3.0, 4.0]}]),
    ("forms.named", [{"x": 3}, {"x": -4}], [{"total": 30, "words": b"3"}, {"total": -40, "words": b"-4"}]),
    ("forms.sides", [{"x": 1.5, "y": 2.5}], [{"left": -1.5, "right": 2.5}]),
    ("forms.around", [{"x": np.array([i, 1], np.float32)} for i in (2, 5)], [{"output": 2.0}, {"output": 5.0}]),
    ("forms.backwards", [{"data": b"\x00\xff"}, {"data": b"abc"}], [{"output": b"\xff\x00"}, {"output": b"cba"}]),
    (
        "old.add_cast",
        [{"x1": np.array([[1.0, 2.0]], np.float32), "x2": np.array([[1.0, 1.0]], np.float32)}] * 2,
        [{"y": [[2.0, 3.0]]}] * 2,
    ),
]

# What a protocol has no numbers for, and its own words for that.
NO_NUMBERS = {
    ("TensorFlow REST", "identity_float16.predict"): "Conversion of JSON Value: .* to type: half",
    ("TensorFlow REST", "identity_uint16.predict"): "Conversion of JSON Value: .* to type: uint16",
    ("KServe JSON", "identity_float16.predict"): "receiving FP16 data via JSON is not supported",
}


def test_every_type_is_in_the_table() -> None:
    assert {*EXTREMES, "str", "bfloat16"} == set(IDENTITIES)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(("target", "rows", "wanted"), SAME, ids=[each[0] for each in SAME])
def test_every_protocol_gives_the_same(address: str, protocol: str, target: str, rows: Rows, wanted: Rows) -> None:
    if (protocol, target) in NO_NUMBERS:
        with pytest.raises(Refused, match=NO_NUMBERS[protocol, target]):
            PROTOCOLS[protocol](address, target, rows)
        return
    assert PROTOCOLS[protocol](address, target, rows) == wanted


ONE = np.ones(2, np.float32)

# (servable.method, rows, whose fault it is)
MISTAKES: dict[str, tuple[str, Rows, str]] = {
    "no such servable": ("nobody.predict", [{"x": ONE}], "caller"),
    "no such method": ("scaled.shrunk", [{"x": ONE}], "caller"),
    "a wrong type": ("scaled.predict", [{"x": "two"}], "caller"),
    "a wrong length": ("scaled.predict", [{"x": np.ones(3, np.float32)}], "caller"),
    "a wrong rank": ("scaled.predict", [{"x": np.ones((2, 2), np.float32)}], "caller"),
    "an input is missing": ("add_rows.predict", [{"x1": np.ones((2, 2), np.float32)}], "caller"),
    "another input": ("scaled.predict", [{"z": ONE}], "caller"),
    "a row that is refused": ("moods.pick", [{"x": -3}], "caller"),
    "a row that breaks": ("moods.pick", [{"x": 0}], "server"),
    "outputs that are wrong": ("moods.wrong_dtype", [{"x": 1}], "server"),
    "a sequence": ("forms.count", [{"up_to": 3}], "unsupported"),
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("mistake", MISTAKES)
def test_every_protocol_tells_a_mistake_alike(address: str, protocol: str, mistake: str) -> None:
    target, rows, kind = MISTAKES[mistake]
    with pytest.raises(Refused) as refused:
        PROTOCOLS[protocol](address, target, rows)
    assert kind in refused.value.kinds, (refused.value.code, str(refused.value))
    assert str(refused.value)
