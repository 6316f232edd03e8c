"""SavedModels, put together byte by byte, for no TensorFlow is here: small graphs, each showing one thing."""

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

from salver.runtimes.protobuf import field
from salver.runtimes.tfrecord import record

FLOAT, DOUBLE, INT32, STRING, INT64, RESOURCE = 1, 2, 3, 7, 9, 20
PREDICT, CLASSIFY, REGRESS = (f"tensorflow/serving/{each}" for each in ("predict", "classify", "regress"))

# A tensor: its name in the graph, dtype, and dims, of which -1 is free.
Info = tuple[str, int, Sequence[int]]


def number(at: int, value: int) -> bytes:
    """A field that is a number."""
    return varint(at << 3) + varint(value % 2**64)


def varint(value: int) -> bytes:
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def shape(dims: Sequence[int]) -> bytes:
    return b"".join(field(2, number(1, dim)) for dim in dims)


def entries(at: int, values: Mapping[str, bytes]) -> bytes:
    """A field that is a map."""
    return b"".join(field(at, field(1, key.encode()) + field(2, value)) for key, value in values.items())


def tensor(dtype: int, dims: Sequence[int], *values: float) -> bytes:
    """A TensorProto of numbers, in the form that TensorFlow gives arrays."""
    packed = struct.pack(f"<{len(values)}{ {FLOAT: 'f', DOUBLE: 'd', INT32: 'i', INT64: 'q'}[dtype] }", *values)
    return number(1, dtype) + field(2, shape(dims)) + field(4, packed)


def texts(*values: bytes, rows: int | None = None) -> bytes:
    dims = [len(values)] if rows is None else [rows, len(values) // rows]
    return number(1, STRING) + field(2, shape(dims)) + b"".join(field(8, each) for each in values)


def node(name: str, operation: str, *inputs: str, **attributes: bytes) -> bytes:
    content = field(1, name.encode()) + field(2, operation.encode())
    return content + b"".join(field(3, each.encode()) for each in inputs) + entries(5, attributes)


def placeholder(name: str, dtype: int, dims: Sequence[int]) -> bytes:
    return node(name, "Placeholder", dtype=number(6, dtype), shape=field(7, shape(dims)))


def constant(name: str, dtype: int, dims: Sequence[int], *values: float) -> bytes:
    return node(name, "Const", dtype=number(6, dtype), value=field(8, tensor(dtype, dims, *values)))


def signature(
    inputs: Mapping[str, Info],
    outputs: Mapping[str, Info],
    method: str = PREDICT,
    defaults: Mapping[str, bytes] | None = None,
) -> bytes:
    sides = (
        entries(at, {alias: info(*each) for alias, each in side.items()}) for at, side in ((1, inputs), (2, outputs))
    )
    return b"".join(sides) + field(3, method.encode()) + entries(4, defaults or {})


def info(name: str, dtype: int, dims: Sequence[int]) -> bytes:
    return field(1, name.encode()) + number(2, dtype) + field(3, shape(dims))


def saved_model(nodes: Sequence[bytes], signatures: Mapping[str, bytes], *tags: str) -> bytes:
    """The content of `saved_model.pb`, with the tag "serve" if no other is given."""
    graph = b"".join(field(1, each) for each in nodes) + field(4, number(1, 1882))
    about = b"".join(field(4, tag.encode()) for tag in tags or ("serve",)) + field(5, b"2.21.0")
    return number(1, 1) + field(2, field(1, about) + field(2, graph) + entries(5, signatures))


X: Info = ("x:0", FLOAT, (-1, 2))


def scaled(factor: float, name: str = "serving_default") -> bytes:
    """y = factor x, for rows of two."""
    signatures = {name: signature({"x": X}, {"y": ("y:0", FLOAT, (-1, 2))})}
    return saved_model(_scaling(factor), signatures)


def several() -> bytes:
    """Three signatures: `serving_default` doubles, `swapped` gives x as x and its double as a, `sum` adds rows."""
    double = ("y:0", FLOAT, (-1, 2))
    nodes = [
        *_scaling(2),
        placeholder("u", FLOAT, (-1, 2)),
        node("total", "AddV2", "x", "u", T=number(6, FLOAT)),
        node("init", "NoOp"),
    ]
    signatures = {
        "swapped": signature({"x": X}, {"x": X, "a": double}),
        "serving_default": signature({"x": X}, {"y": double}),
        "sum": signature({"x": X, "u": ("u:0", FLOAT, (-1, 2))}, {"total": ("total:0", FLOAT, (-1, 2))}),
        "__saved_model_init_op": signature({}, {"__saved_model_init_op": ("init", 0, ())}),
    }
    return saved_model(nodes, signatures)


def unary(operation: str, dtype: int = FLOAT, method: str = PREDICT) -> bytes:
    """One operation over rows of two."""
    nodes = [placeholder("x", dtype, (-1, 2)), node("y", operation, "x", T=number(6, dtype))]
    sides = ({"x": ("x:0", dtype, (-1, 2))}, {"y": ("y:0", dtype, (-1, 2))})
    return saved_model(nodes, {"serving_default": signature(*sides, method)})


def with_variable() -> bytes:
    nodes = [*_scaling(2), node("w", "VarHandleOp", dtype=number(6, FLOAT), shape=field(7, shape([2])))]
    return saved_model(nodes, {"serving_default": signature({"x": X}, {"y": ("y:0", FLOAT, (-1, 2))})})


def mnist() -> bytes:
    """The network of TensorFlow Serving's tutorial, under its names; untrained, so that its scores are all the same."""
    picture, scores = (
        ("serving_default_flatten_input", FLOAT, (-1, 28, 28, 1)),
        ("StatefulPartitionedCall", FLOAT, (-1, 196)),
    )
    nodes = [
        placeholder(*picture),
        constant("flat", INT32, (2,), -1, 784),
        node("rows", "Reshape", picture[0], "flat", T=number(6, FLOAT), Tshape=number(6, INT32)),
        constant("weights", FLOAT, (784, 196), *[0.0] * (784 * 196)),
        node("dense", "MatMul", "rows", "weights", T=number(6, FLOAT)),
        node(scores[0], "Softmax", "dense", T=number(6, FLOAT)),
    ]
    ends = ({"flatten_input": (f"{picture[0]}:0", *picture[1:])}, {"dense_1": (f"{scores[0]}:0", *scores[1:])})
    return saved_model(nodes, {"serving_default": signature(*ends)})


def _scaling(factor: float) -> list[bytes]:
    return [
        placeholder("x", FLOAT, (-1, 2)),
        constant("factor", FLOAT, (), factor),
        node("y", "Mul", "x", "factor", T=number(6, FLOAT)),
    ]


def written(directory: Path, name: str, content: bytes, version: int = 1, settings: str = "") -> Path:
    """Put where `salver serve` looks for it; gives the path of `saved_model.pb`."""
    file = directory / name / str(version) / "saved_model.pb"
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    if settings:
        (directory / name / "salver.toml").write_text(settings)
    return file


def predict_log(inputs: Mapping[str, bytes], signature_name: str = "") -> bytes:
    return field(6, field(1, field(1, spec(signature_name)) + entries(2, inputs)))


def spec(signature_name: str) -> bytes:
    return field(1, b"model") + (field(3, signature_name.encode()) if signature_name else b"")


def write_records(file: Path, *logs: bytes) -> Path:
    """Warm-up records for this `saved_model.pb`."""
    records = file.parent / "assets.extra" / "tf_serving_warmup_requests"
    records.parent.mkdir(exist_ok=True)
    records.write_bytes(b"".join(map(record, logs)))
    return records
