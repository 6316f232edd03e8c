"""Writes the two subgraphs as ONNX, where `matmul` has its models: python matmul_onnx.py

For those who have no MindSpore: `matmul_0.onnx` is run in the place of `matmul_0.mindir`, and so on. It needs `pip
install onnx` only, and is run in its own folder.
"""

from pathlib import Path

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save

FOLDER = Path("../matmul/1")
CONSTANTS = {"weights": np.ones((96, 16), np.float32), "rows": np.array([0])}
NODES = [
    helper.make_node("MatMul", ["x", "weights"], ["product"]),
    helper.make_node("ReduceSum", ["product", "rows"], ["sum"], keepdims=0),
]


def export(rows, name):
    graph = helper.make_graph(
        NODES,
        name,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [rows, 96])],
        [helper.make_tensor_value_info("sum", TensorProto.FLOAT, [16])],
        [numpy_helper.from_array(array, name) for name, array in CONSTANTS.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model)
    FOLDER.mkdir(parents=True, exist_ok=True)
    save(model, FOLDER / f"{name}.onnx")
    print(f"wrote {FOLDER / name}.onnx")


if __name__ == "__main__":
    export(128, "matmul_0")
    export(8, "matmul_1")
