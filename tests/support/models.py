"""Small models, each showing one thing."""

from pathlib import Path

import numpy as np
from onnx import ModelProto, TensorProto, helper

from examples.models import add, make_model, write

# Every element type that an ONNX model and KServe V2 both have, by its numpy name.
IDENTITIES = {
    "bool": TensorProto.BOOL,
    "int8": TensorProto.INT8,
    "int16": TensorProto.INT16,
    "int32": TensorProto.INT32,
    "int64": TensorProto.INT64,
    "uint8": TensorProto.UINT8,
    "uint16": TensorProto.UINT16,
    "uint32": TensorProto.UINT32,
    "uint64": TensorProto.UINT64,
    "float16": TensorProto.FLOAT16,
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
    "bfloat16": TensorProto.BFLOAT16,
    "str": TensorProto.STRING,
}


def identity(element: int, *row: int | str) -> ModelProto:
    """`y = x` for any number of rows."""
    return make_model(
        [helper.make_node("Identity", ["x"], ["y"])], [("x", element, ["n", *row])], [("y", element, ["n", *row])]
    )


def scaled(factor: float) -> ModelProto:
    """`y = factor * x`, for any number of rows of two."""
    ports = [(name, TensorProto.FLOAT, ["n", 2]) for name in ("x", "y")]
    constants = [("factor", np.array(factor, np.float32))]
    return make_model([helper.make_node("Mul", ["x", "factor"], ["y"])], ports[:1], ports[1:], constants)


def averaging() -> ModelProto:
    """Looks batchable, but every row depends on all the others."""
    ports = [(name, TensorProto.FLOAT, ["n", 2]) for name in ("x", "y")]
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["mean"], axes=[0], keepdims=1),
        helper.make_node("Sub", ["x", "mean"], ["y"]),
    ]
    return make_model(nodes, ports[:1], ports[1:])


def slow() -> ModelProto:
    """Multiplies large matrices `steps` times, some milliseconds each; `done` is `steps`."""
    size = 384
    matrix = helper.make_tensor_value_info("matrix", TensorProto.FLOAT, [size, size])
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go_on"], ["still"]),
            helper.make_node("MatMul", ["matrix", "weights"], ["product"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("index", TensorProto.INT64, []),
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            matrix,
        ],
        [
            helper.make_tensor_value_info("still", TensorProto.BOOL, []),
            helper.make_tensor_value_info("product", TensorProto.FLOAT, [size, size]),
        ],
    )
    nodes = [
        helper.make_node("Squeeze", ["steps"], ["count"]),
        helper.make_node("Loop", ["count", "", "weights"], ["end"], body=body),
        helper.make_node("ReduceSum", ["end"], ["sum"], keepdims=0),
        helper.make_node("Mul", ["sum", "zero"], ["nothing"]),
        helper.make_node("Cast", ["nothing"], ["zero_steps"], to=TensorProto.INT64),
        helper.make_node("Add", ["steps", "zero_steps"], ["done"]),
    ]
    constants = [("weights", np.eye(size, dtype=np.float32)), ("zero", np.array(0, np.float32))]
    return make_model(nodes, [("steps", TensorProto.INT64, [1])], [("done", TensorProto.INT64, [1])], constants)


def batchable_add() -> ModelProto:
    """`y = x1 + x2` for any number of 2x2 matrices."""
    ports = [(name, TensorProto.FLOAT, ["n", 2, 2]) for name in ("x1", "x2", "y")]
    return make_model([helper.make_node("Add", ["x1", "x2"], ["y"])], ports[:2], ports[2:])


def write_all(directory: Path) -> Path:
    """A folder with every model above."""
    write(add(), directory, "add")
    write(batchable_add(), directory, "add_rows")
    write(averaging(), directory, "averaging")
    write(slow(), directory, "slow")
    (directory / "slow" / "salver.toml").write_text("instances = 1\n")
    for version, factor in ((1, 1.0), (2, 2.0)):
        write(scaled(factor), directory, "scaled", version)
    (directory / "scaled" / "salver.toml").write_text('versions = "all"\n')
    for name, element in IDENTITIES.items():
        write(identity(element, 3), directory, f"identity_{name}")
    write(identity(TensorProto.STRING), directory, "text")
    write(identity(TensorProto.UINT8), directory, "file")
    write(identity(TensorProto.FLOAT, "length"), directory, "any_length")
    return directory


def counted() -> ModelProto:
    """`y` is by how many rows the model was run, whatever they are."""
    ports = [(name, TensorProto.FLOAT, ["n", 2]) for name in ("x", "y")]
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"], start=0, end=1),
        helper.make_node("Cast", ["shape"], ["rows"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["x", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "rows"], ["y"]),
    ]
    return make_model(nodes, ports[:1], ports[1:], [("zero", np.array(0, np.float32))])
