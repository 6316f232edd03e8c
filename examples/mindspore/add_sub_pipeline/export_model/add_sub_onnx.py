"""Writes the sum and the difference of two 2x2 matrices as ONNX, where `add_sub` has its models: python add_sub_onnx.py

For those who have no MindSpore: `tensor_add.onnx` is run in the place of `tensor_add.mindir`, and so on. It needs
`pip install onnx` only, and is run in its own folder.
"""

from pathlib import Path

from onnx import TensorProto, checker, helper, save

FOLDER = Path("../add_sub/1")


def export(operator, name):
    matrices = [helper.make_tensor_value_info(each, TensorProto.FLOAT, [2, 2]) for each in ("x_", "y_", "z_")]
    graph = helper.make_graph([helper.make_node(operator, ["x_", "y_"], ["z_"])], name, matrices[:2], matrices[2:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model)
    FOLDER.mkdir(parents=True, exist_ok=True)
    save(model, FOLDER / f"{name}.onnx")
    print(f"wrote {FOLDER / name}.onnx")


if __name__ == "__main__":
    export("Add", "tensor_add")
    export("Sub", "tensor_sub")
