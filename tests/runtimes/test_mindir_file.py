"""MindIR files, put together byte by byte as protobuf has it, for neither MindSpore nor its schema is here."""

from pathlib import Path

import pytest

from salver.problems import Unusable
from salver.runtimes.workers import Signature, read_contract

FLOAT, INT32, INT64, FLOAT16, BFLOAT16 = 1, 6, 7, 10, 16
TENSORS, SCALAR = 19, 39


def varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def field(number: int, value: int | str | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def tensor(data_type: int, *dims: int) -> bytes:
    return b"".join(field(1, dim) for dim in dims) + field(2, data_type)


def value(name: str, *tensors: bytes) -> bytes:
    return field(1, name) + b"".join(field(2, each) for each in tensors)


def one(content: bytes, kind: int = TENSORS) -> bytes:
    """An element of a tuple."""
    return field(12, content) + field(16, kind)


def tuple_of(*elements: bytes) -> bytes:
    return b"".join(field(17, each) for each in elements) + field(16, 20)


def in_tuple(name: str, *elements: bytes) -> bytes:
    return field(1, name) + field(4, "Tuple") + field(5, tuple_of(*elements))


def mindir(inputs: list[bytes], outputs: list[bytes]) -> bytes:
    """With a weight, which is of no interest but is there."""
    weight = field(3, tensor(FLOAT, 3) + field(7, "graph:weight") + field(9, bytes(12)))
    graph = field(2, "graph") + weight + b"".join(field(5, each) for each in inputs)
    graph += b"".join(field(6, each) for each in outputs)
    return field(1, "1.1") + field(2, "MindSpore") + field(7, graph)


def contract(folder: Path, content: bytes) -> Signature | None:
    file = folder / "net.mindir"
    file.write_bytes(content)
    return read_contract(file)


MATRIX = value("graph:x", tensor(FLOAT, 2, 2))
RESULT = value("graph:CNode_5:1", tensor(FLOAT, 2, 2))


@pytest.mark.parametrize(
    ("inputs", "outputs", "text"),
    [
        ([MATRIX], [RESULT], "x: float32[2, 2] -> y0: float32[2, 2]"),
        ([value("5_1___main___Net_construct_4:x1", tensor(FLOAT16, -1, 2))], [RESULT], "x1: float16[any, 2] -> "),
        ([value("plain", tensor(INT32))], [RESULT], "plain: int32 -> "),
        ([MATRIX, value("graph:n", tensor(INT64, 1))], [RESULT], "x: float32[2, 2], n: int64[1] -> "),
        ([MATRIX], [RESULT, RESULT], "-> y0: float32[2, 2], y1: float32[2, 2]"),
        ([MATRIX], [value("out", tensor(FLOAT, 2), tensor(INT32, 3))], "-> y0: float32[2], y1: int32[3]"),
        ([MATRIX], [in_tuple("out", one(tensor(FLOAT, 2)), one(tensor(INT32)))], "-> y0: float32[2], y1: int32"),
        (
            [MATRIX],
            [in_tuple("out", tuple_of(one(tensor(FLOAT, 2))), one(tensor(INT32)))],
            "-> y0: float32[2], y1: int32",
        ),
        ([MATRIX], [in_tuple("out", one(tensor(INT64, 0), SCALAR))], "-> y0: int64"),
    ],
)
def test_names_dtypes_and_dims_are_read(tmp_path: Path, inputs: list[bytes], outputs: list[bytes], text: str) -> None:
    signature = contract(tmp_path, mindir(inputs, outputs))
    assert signature is not None
    said = " -> ".join(", ".join(map(str, ports)) for ports in signature)
    assert said.startswith(text) or said.endswith(text)


def test_free_dims_and_ranks(tmp_path: Path) -> None:
    free = [value("g:a", tensor(FLOAT, -1, 3, -1)), value("g:b", tensor(FLOAT, -2)), value("g:c", tensor(FLOAT))]
    signature = contract(tmp_path, mindir(free, [RESULT]))
    assert signature is not None
    assert [port.dims for port in signature.inputs] == [("", 3, ""), None, ()]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "is no MindIR file of a model with inputs and outputs"),
        (b"hello" * 100, "is no whole MindIR file"),
        (mindir([MATRIX], [RESULT])[:-20], "is no whole MindIR file"),
        (mindir([], [RESULT]), "with inputs and outputs"),
        (mindir([MATRIX], []), "with inputs and outputs"),
        (
            mindir([in_tuple("g:pair", one(tensor(FLOAT)), one(tensor(FLOAT)))], [RESULT]),
            "the input 'pair' that is no tensor",
        ),
        (mindir([value("g:x", tensor(BFLOAT16, 2))], [RESULT]), "has 'x' of bfloat16, which cannot be passed on"),
        (mindir([MATRIX], [value("g:y", tensor(14, 2))]), "has 'y0' of complex64"),
        (mindir([MATRIX], [value("g:y", tensor(99, 2))]), "has 'y0' of an unknown kind"),
    ],
)
def test_what_cannot_be_served_is_a_problem(tmp_path: Path, content: bytes, what: str) -> None:
    with pytest.raises(Unusable, match=what):
        contract(tmp_path, content)


def test_a_nest_without_an_end_is_a_problem(tmp_path: Path) -> None:
    nest = one(tensor(FLOAT, 2))
    for _ in range(2000):
        nest = tuple_of(nest)
    with pytest.raises(Unusable, match="is no whole MindIR file"):
        contract(tmp_path, mindir([MATRIX], [in_tuple("out", nest)]))


@pytest.mark.parametrize("first", [0xD8, 0xD9, 0xDA])
def test_an_encrypted_file_tells_nothing_without_mindspore(tmp_path: Path, first: int) -> None:
    assert contract(tmp_path, bytes([first, 0x5E, 0x3A, 0x7F]) + b"secret" * 100) is None
