"""Writes the sum of two 2x2 matrices as ONNX to where the servable `add` has its model: python add_onnx.py

For those who have no MindSpore: `tensor_add.onnx` is run in the place of `tensor_add.mindir`. It needs `pip install
onnx` only, and is run in its own folder; another folder for the model may be given.
"""

import sys
from pathlib import Path

from onnx import TensorProto, checker, helper, save


def export(folder):
    matrices = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 2]) for name in ("x_", "y_", "sum")]
    graph = helper.make_graph([helper.make_node("Add", ["x_", "y_"], ["sum"])], "add", matrices[:2], matrices[2:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model)
    folder.mkdir(parents=True, exist_ok=True)
    save(model, folder / "tensor_add.onnx")
    print(f"wrote {folder / 'tensor_add.onnx'}")


if __name__ == "__main__":
    export(Path(sys.argv[1] if len(sys.argv) > 1 else "../add/1"))
