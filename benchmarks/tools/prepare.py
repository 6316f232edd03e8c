"""Writes what a run needs into one folder: the ONNX models and the request bodies of the load.

Usage: python -m benchmarks.tools.prepare FOLDER
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import onnx
from onnx import TensorProto, helper, numpy_helper

from benchmarks.raw import Array
from benchmarks.servers import SERVERS
from benchmarks.tools import classifier
from benchmarks.tools.forms import FORMS
from benchmarks.tools.reference import LOAD_SEED, random_inputs, table, weights
from benchmarks.workloads import WORKLOADS, Tensor, Workload

OPSET = 17
ELEMENTS = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64}
IR_VERSION = 8

Graph = tuple[list[onnx.NodeProto], list[onnx.ValueInfoProto], list[onnx.ValueInfoProto], Mapping[str, Array]]


def main() -> None:
    folder = Path(sys.argv[1])
    graphs = {
        "add": _add(),
        "mlp": _perceptron(),
        "tensor": _negative(),
        "lookup": _embedding(),
        "image": _classifier(),
    }
    for name, graph in graphs.items():
        _write_model(name, graph, folder / "models" / f"{name}.onnx")
    _write_requests(folder)


def _write_model(name: str, graph: Graph, path: Path) -> None:
    nodes, inputs, outputs, constants = graph
    initializers = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    made = helper.make_graph(nodes, name, inputs, outputs, initializer=initializers)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(model, full_check=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)


def _add() -> Graph:
    return _of_workload(WORKLOADS["add"], [helper.make_node("Add", ["x1", "x2"], ["y"])])


def _negative() -> Graph:
    return _of_workload(WORKLOADS["tensor"], [helper.make_node("Neg", ["x"], ["y"])])


def _perceptron() -> Graph:
    nodes = [
        helper.make_node("Gemm", ["x", "w1", "b1"], ["z"]),
        helper.make_node("Relu", ["z"], ["h"]),
        helper.make_node("Gemm", ["h", "w2", "b2"], ["y"]),
    ]
    return (*_of_workload(WORKLOADS["mlp"], nodes)[:3], weights())


def _embedding() -> Graph:
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["rows"]),
        helper.make_node("ReduceMean", ["rows"], ["y"], axes=[1], keepdims=0),
    ]
    return (*_of_workload(WORKLOADS["lookup"], nodes)[:3], {"table": table()})


def _classifier() -> Graph:
    """Takes pixels as they are decoded, and brings them into the form that the convolutions want."""
    last = len(classifier.CHANNELS) - 1
    nodes = [
        helper.make_node("Cast", ["x"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["float", "scale"], ["scaled"]),
        helper.make_node("Sub", ["scaled", "one"], ["centred"]),
        helper.make_node("Transpose", ["centred"], ["h0"], perm=[0, 3, 1, 2]),
        *(node for number in range(1, last + 1) for node in _layer(number)),
        helper.make_node("GlobalAveragePool", [f"h{last}"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["features"]),
        helper.make_node("Gemm", ["features", "w", "b"], ["y"]),
    ]
    size = classifier.SIZE
    pixels = helper.make_tensor_value_info("x", TensorProto.UINT8, ["batch", size, size, 3])
    scores = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", classifier.CLASSES])
    return nodes, [pixels], [scores], classifier.constants()


def _layer(number: int) -> Iterator[onnx.NodeProto]:
    takes = [f"h{number - 1}", f"w{number}", f"b{number}"]
    stride = [classifier.STRIDE] * 2
    yield helper.make_node("Conv", takes, [f"z{number}"], strides=stride, pads=[1, 1, 1, 1])
    yield helper.make_node("Relu", [f"z{number}"], [f"h{number}"])


def _of_workload(workload: Workload, nodes: list[onnx.NodeProto]) -> Graph:
    inputs = [_value(workload, tensor) for tensor in workload.inputs]
    return nodes, inputs, [_value(workload, workload.output)], {}


def _value(workload: Workload, tensor: Tensor) -> onnx.ValueInfoProto:
    leading = "batch" if workload.batched else tensor.shape[0]
    return helper.make_tensor_value_info(tensor.name, ELEMENTS[tensor.dtype], [leading, *tensor.shape[1:]])


def _write_requests(folder: Path) -> None:
    """One body file for each workload and form that it is asked in, and an index that says how to send it."""
    (folder / "bodies").mkdir(parents=True, exist_ok=True)
    index: dict[str, Mapping[str, object]] = {}
    for workload in WORKLOADS.values():
        for name in _forms_of(workload):
            request = FORMS[name].write(workload, random_inputs(workload, LOAD_SEED))
            file = f"bodies/{workload.name}.{name}"
            (folder / file).write_bytes(request.body)
            index[f"{workload.name}/{name}"] = {"path": request.path, "headers": request.headers, "body": file}
    (folder / "requests.json").write_text(json.dumps(index, indent=1))


def _forms_of(workload: Workload) -> set[str]:
    servers = [server for server in SERVERS.values() if server.serves(workload)]
    return {forms[workload.name] for server in servers for forms in server.forms.values()}


if __name__ == "__main__":
    main()
