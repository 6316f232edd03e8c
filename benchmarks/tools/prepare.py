"""Writes what a run needs into one folder: the ONNX models and the request bodies of the load.

Usage: python -m benchmarks.tools.prepare FOLDER
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import onnx
from onnx import TensorProto, helper, numpy_helper

from benchmarks.tools.forms import FORMS, framed
from benchmarks.tools.reference import LOAD_SEED, random_inputs, weights
from benchmarks.workloads import WORKLOADS, Tensor, Workload

OPSET = 17
IR_VERSION = 8


def main() -> None:
    folder = Path(sys.argv[1])
    for workload in WORKLOADS.values():
        _write_model(workload, folder / "models" / workload.name / workload.name / "1" / "model.onnx")
    _write_requests(folder)


def _write_model(workload: Workload, path: Path) -> None:
    constants = {name: numpy_helper.from_array(array, name) for name, array in weights().items()}
    graph = helper.make_graph(
        _nodes(workload),
        workload.name,
        [_value(workload, tensor) for tensor in workload.inputs],
        [_value(workload, workload.output)],
        initializer=list(constants.values()) if workload.name == "mlp" else [],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(model, full_check=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)


def _nodes(workload: Workload) -> list[onnx.NodeProto]:
    if workload.name == "add":
        return [helper.make_node("Add", ["x1", "x2"], ["y"])]
    if workload.name == "tensor":
        return [helper.make_node("Neg", ["x"], ["y"])]
    return [
        helper.make_node("Gemm", ["x", "w1", "b1"], ["z"]),
        helper.make_node("Relu", ["z"], ["h"]),
        helper.make_node("Gemm", ["h", "w2", "b2"], ["y"]),
    ]


def _value(workload: Workload, tensor: Tensor) -> onnx.ValueInfoProto:
    leading = "batch" if workload.batched else tensor.shape[0]
    return helper.make_tensor_value_info(tensor.name, TensorProto.FLOAT, [leading, *tensor.shape[1:]])


def _write_requests(folder: Path) -> None:
    """One body file for each workload and form, and an index that says how to send it."""
    (folder / "bodies").mkdir(parents=True, exist_ok=True)
    index: dict[str, Mapping[str, object]] = {}
    for workload in WORKLOADS.values():
        for name, form in FORMS.items():
            request = form.write(workload, random_inputs(workload, LOAD_SEED))
            file = f"bodies/{workload.name}.{name}"
            (folder / file).write_bytes(framed(request.body) if name == "kserve-grpc" else request.body)
            index[f"{workload.name}/{name}"] = {"path": request.path, "headers": request.headers, "body": file}
    (folder / "requests.json").write_text(json.dumps(index, indent=1))


if __name__ == "__main__":
    main()
