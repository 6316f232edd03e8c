"""What a SavedModel says of itself, read from its `saved_model.pb` without TensorFlow."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from salver.authoring.spec import Dim, Origin, Port
from salver.problems import Unusable
from salver.runtimes.batching import leading_problem, shaped
from salver.runtimes.protobuf import Malformed, Message, field, fields, mapped, number_field
from salver.runtimes.tensor_proto import DTYPES, constant
from salver.runtimes.workers import Signature

DEFAULT = "serving_default"
CLASSIFY, REGRESS = "tensorflow/serving/classify", "tensorflow/serving/regress"

# Field numbers, from TensorFlow's protos.
_SAVED_META_GRAPHS = 2
_META_INFO, _META_GRAPH, _META_SIGNATURES = 1, 2, 5
_INFO_TAGS, _INFO_VERSION = 4, 5
_GRAPH_NODE, _NODE_NAME, _NODE_OPERATION, _NODE_ATTRIBUTES = 1, 1, 2, 5
_ATTRIBUTE_TYPE, _ATTRIBUTE_SHAPE = 6, 7
_SIGNATURE_INPUTS, _SIGNATURE_OUTPUTS, _SIGNATURE_METHOD, _SIGNATURE_DEFAULTS = 1, 2, 3, 4
_TENSOR_NAME, _TENSOR_DTYPE, _TENSOR_SHAPE, _TENSOR_SPARSE, _TENSOR_COMPOSITE = 1, 2, 3, 4, 5
_SHAPE_DIM, _SHAPE_UNKNOWN, _DIM_SIZE = 2, 3, 1

_TAG = "serve"
_OWN = "__saved_model"  # what begins so is TensorFlow's own
_PLACEHOLDER = "Placeholder"
_VARIABLES = ("VarHandleOp", "VariableV2", "Variable")
_AGAIN = "export it again, and copy it completely"


@dataclass(frozen=True)
class Tensor:
    """One input or output; `kind` is "dense" but for tensors that are something else to callers."""

    name: str
    dtype: int
    dims: tuple[Dim, ...] | None
    kind: str = "dense"

    def __str__(self) -> str:
        dims = "unknown rank" if self.dims is None else ", ".join("-1" if dim == "" else str(dim) for dim in self.dims)
        return f"{constant(self.dtype)}  ({dims})  {self.name or self.kind}"


@dataclass(frozen=True)
class SavedSignature:
    """Inputs and outputs by the names that callers use."""

    method_name: str
    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]
    defaults: Mapping[str, Message]

    @property
    def origin(self) -> Origin:
        """What clients are told of it beside its contract."""
        inputs, outputs = ({name: each.name for name, each in side.items()} for side in (self.inputs, self.outputs))
        return Origin(self.method_name, inputs, outputs)

    @property
    def of_examples(self) -> bool:
        """Whether it takes a row of examples, by which those of many callers may run together."""
        return self.method_name in (CLASSIFY, REGRESS)


@dataclass(frozen=True)
class SavedModelFile:
    """All signatures that callers can name, in alphabetical order."""

    path: Path
    tags: tuple[str, ...]
    tensorflow: str
    signatures: Mapping[str, SavedSignature]
    has_variables: bool


def read_saved_model(path: Path) -> SavedModelFile:
    """From the path of `saved_model.pb`. Raises Unusable."""
    try:
        graph = _serving(path, Message(mapped(path)))
        info = graph.message(_META_INFO)
        named = graph.map(_META_SIGNATURES)
        return SavedModelFile(
            path,
            _tags(graph),
            info.text(_INFO_VERSION),
            {name: _signature(each) for name, each in named.items() if not name.startswith(_OWN)},
            any(node.text(_NODE_OPERATION) in _VARIABLES for node in graph.message(_META_GRAPH).messages(_GRAPH_NODE)),
        )
    except Malformed as error:
        raise Unusable(path, f"is no whole SavedModel: {error}", _AGAIN) from None


def with_one_signature(path: Path, signature: SavedSignature, inputs: list[str], outputs: list[str]) -> bytes:
    """The content of the file with this signature as its only and default one, under other names. Raises Malformed.

    Its inputs are placeholders, also where TensorFlow would feed a tensor within the graph.
    """
    graph = _serving(path, Message(mapped(path)))
    sides = ((_SIGNATURE_INPUTS, signature.inputs, inputs), (_SIGNATURE_OUTPUTS, signature.outputs, outputs))
    renamed = b"".join(
        field(side, field(1, new.encode()) + field(2, _info(tensor)))
        for side, tensors, names in sides
        for new, tensor in zip(names, tensors.values(), strict=True)
    )
    inner = _fed(graph.message(_META_GRAPH), signature)
    replaced = (_META_SIGNATURES,) if inner is None else (_META_SIGNATURES, _META_GRAPH)
    kept = (inner or b"") + b"".join(whole for number, _, whole in fields(graph.data) if number not in replaced)
    only = field(_META_SIGNATURES, field(1, DEFAULT.encode()) + field(2, renamed))
    return b"\x08\x01" + field(_SAVED_META_GRAPHS, kept + only)


def ports(path: Path, name: str, signature: SavedSignature) -> Signature:
    """What the signature takes and gives, as whole tensors. Raises Unusable if that cannot be passed on."""
    if not signature.inputs or not signature.outputs:
        raise Unusable(path, f"has the signature '{name}' without inputs or outputs", "export one that has both")
    inputs, outputs = (
        tuple(_port(path, name, alias, tensor, alias in signature.defaults) for alias, tensor in side.items())
        for side in (signature.inputs, signature.outputs)
    )
    if signature.of_examples:
        inputs = tuple(map(_rows, inputs))
    texts = [port for port in (*inputs, *outputs) if port.dtype == "bytes"]
    known = shaped(outputs) if signature.of_examples else outputs
    problem = leading_problem(inputs, known) if texts else None
    if problem is not None:
        remedy = "export a signature whose tensors all have a free leading dimension"
        raise Unusable(path, f"has in '{name}' the text '{texts[0].name}', but {problem}", remedy)
    return Signature(inputs, outputs)


def check_variables(file: SavedModelFile) -> None:
    """Raises Unusable if the files with the model's weights are not all there."""
    folder = file.path.parent / "variables"
    if not file.has_variables:
        return
    if not (folder / "variables.index").is_file():
        raise Unusable(file.path, f"needs its variables, but there is no {folder / 'variables.index'}", _AGAIN)
    shards = sorted(each.name for each in folder.glob("variables.data-*-of-*"))
    count = int(shards[0].rpartition("-of-")[2]) if shards and shards[0].rpartition("-of-")[2].isdecimal() else 1
    if len(shards) != count:
        raise Unusable(file.path, f"needs its variables, but {folder} has {len(shards)} of {count} files", _AGAIN)


def _serving(path: Path, saved: Message) -> Message:
    """The graph that is for serving. Raises Unusable."""
    graphs = list(saved.messages(_SAVED_META_GRAPHS))
    if not graphs:
        raise Malformed("it holds no graph")
    serving = [graph for graph in graphs if _TAG in _tags(graph)]
    if not serving:
        tags = "; ".join(", ".join(_tags(graph)) or "none" for graph in graphs)
        raise Unusable(path, f"holds no graph with the tag '{_TAG}', only with {tags}", f"export it with '{_TAG}'")
    return min(serving, key=lambda graph: len(_tags(graph)))


def _tags(graph: Message) -> tuple[str, ...]:
    tags = graph.message(_META_INFO).values(_INFO_TAGS)
    return tuple(str(each, "utf-8", "replace") for each in tags if not isinstance(each, int))


def _signature(message: Message) -> SavedSignature:
    inputs, outputs = (
        {alias: _tensor(info) for alias, info in message.map(number).items()}
        for number in (_SIGNATURE_INPUTS, _SIGNATURE_OUTPUTS)
    )
    return SavedSignature(message.text(_SIGNATURE_METHOD), inputs, outputs, message.map(_SIGNATURE_DEFAULTS))


def _tensor(info: Message) -> Tensor:
    kind = "sparse" if info.has(_TENSOR_SPARSE) else "composite" if info.has(_TENSOR_COMPOSITE) else "dense"
    return Tensor(info.text(_TENSOR_NAME), info.integer(_TENSOR_DTYPE), _dims(info.message(_TENSOR_SHAPE)), kind)


def _dims(shape: Message) -> tuple[Dim, ...] | None:
    if shape.integer(_SHAPE_UNKNOWN):
        return None
    sizes = (dim.integer(_DIM_SIZE) for dim in shape.messages(_SHAPE_DIM))
    return tuple("" if size < 0 else size for size in sizes)


def _fed(graph: Message, signature: SavedSignature) -> bytes | None:
    """The graph as a field, with placeholders in the place of the nodes whose tensors are inputs; None if all are."""
    inputs = {tensor.name.removesuffix(":0"): tensor for tensor in signature.inputs.values()}
    within = {
        node.text(_NODE_NAME)
        for node in graph.messages(_GRAPH_NODE)
        if node.text(_NODE_NAME) in inputs and not node.text(_NODE_OPERATION).startswith(_PLACEHOLDER)
    }
    if not within:
        return None
    others = (
        whole
        for number, value, whole in fields(graph.data)
        if number != _GRAPH_NODE or isinstance(value, int) or Message(value).text(_NODE_NAME) not in within
    )
    nodes = (field(_GRAPH_NODE, _placeholder(name, inputs[name])) for name in sorted(within))
    return field(_META_GRAPH, b"".join((*nodes, *others)))


def _placeholder(name: str, tensor: Tensor) -> bytes:
    dims = () if tensor.dims is None else tensor.dims
    sizes = (number_field(_DIM_SIZE, dim if isinstance(dim, int) else -1) for dim in dims)
    shape = b"".join(field(_SHAPE_DIM, size) for size in sizes)
    shape += number_field(_SHAPE_UNKNOWN, 1) if tensor.dims is None else b""
    attributes = {"dtype": number_field(_ATTRIBUTE_TYPE, tensor.dtype), "shape": field(_ATTRIBUTE_SHAPE, shape)}
    node = field(_NODE_NAME, name.encode()) + field(_NODE_OPERATION, _PLACEHOLDER.encode())
    entries = (field(1, key.encode()) + field(2, value) for key, value in attributes.items())
    return node + b"".join(field(_NODE_ATTRIBUTES, entry) for entry in entries)


def _info(tensor: Tensor) -> bytes:
    """What a graph needs to know of a tensor; its dtype and shape stand in the graph, too."""
    return field(_TENSOR_NAME, tensor.name.encode()) + bytes((_TENSOR_DTYPE << 3, tensor.dtype))


def _port(path: Path, signature: str, alias: str, tensor: Tensor, optional: bool) -> Port:
    dtype = DTYPES.get(tensor.dtype)
    if tensor.kind != "dense" or dtype is None:
        what = constant(tensor.dtype) if tensor.kind == "dense" else f"a {tensor.kind} tensor"
        remedy = "export a signature that casts it to a dense tensor of a dtype that numpy has, such as float32"
        raise Unusable(path, f"has in '{signature}' the tensor '{alias}', which is {what}", remedy)
    return Port(alias, dtype, tensor.dims, optional)


def _rows(port: Port) -> Port:
    """Examples are a row of texts, also where the graph's placeholder was made without a shape."""
    return replace(port, dims=("",)) if port.dims is None and port.dtype == "bytes" else port
