"""The `.proto` of a servable, written from its contract."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from salver.authoring.spec import Fields, Method, Port, Rpc

_TYPES = {"str": "string", "bytes": "bytes", "bool": "bool", "float64": "double"}
_TYPES |= dict.fromkeys(("float16", "bfloat16", "float32"), "float")
_TYPES |= {f"{kind}{bits}": f"{kind}{max(bits, 32)}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)}
_TENSORS = {f"{element.capitalize()}Tensor" for element in _TYPES.values()}
_DOCUMENT = "google.protobuf.Value"
_IMPORT = "google/protobuf/struct.proto"
_NOTHING = "  // It serves a .proto of its own and nothing else; that file, and reflection, say what."


@dataclass(frozen=True)
class Written:
    """The text, the full name of its service, and which field is which input or output."""

    text: str
    service: str
    rpcs: tuple[Rpc, ...]


def written(name: str, methods: Sequence[Method]) -> Written:
    """The `.proto` of these methods of the servable: one rpc for each, one message for one row.

    Every name in it is one that protoc takes: names of ports that are none are changed, and told in comments.
    """
    service = _camel(name)
    package = _snake(name)
    making = _Making(_Names([service]))
    rpcs = [making.rpc(method) for method in methods]
    lines = [line for method, rpc in zip(methods, rpcs, strict=True) for line in _rpc(method, rpc.rpc)] or [_NOTHING]
    title = f"// The servable '{_plain(name)}'. One message is one row; tensors are row-major."
    head = [title, 'syntax = "proto3";', "", f"package {package};", ""]
    head += [f'import "{_IMPORT}";', ""] if making.documents else []
    body = [f"service {service} {{", *lines, "}", "", *making.lines()]
    return Written("\n".join(head + body), f"{package}.{service}", tuple(rpcs))


def _rpc(method: Method, rpc: str) -> list[str]:
    stream = "stream " if method.sequence else ""
    return [f"  // The method '{_plain(method.name)}'.", f"  rpc {rpc}({rpc}Request) returns ({stream}{rpc}Reply);"]


class _Names:
    """Names that must differ, also once protobuf's JSON has made camels of them."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(map(self._key, taken))

    def unique(self, wanted: str, suffixes: Sequence[str] = ("",)) -> str:
        """The name, or one like it, that with none of these suffixes is another's."""
        name, number = wanted, 2
        while self._taken & {self._key(name + suffix) for suffix in suffixes}:
            name, number = f"{wanted}_{number}", number + 1
        self._taken |= {self._key(name + suffix) for suffix in suffixes}
        return name

    @staticmethod
    def _key(name: str) -> str:
        return name.replace("_", "").lower()


@dataclass
class _Making:
    """The messages of a file in the making; `names` are those of its scope."""

    names: _Names
    messages: list[str] = field(default_factory=list)
    tensors: dict[str, str] = field(default_factory=dict)
    documents: bool = False

    def rpc(self, method: Method) -> Rpc:
        """Add the messages of a method."""
        rpc = self.names.unique(_camel(method.name), ("", "Request", "Reply"))
        inputs = self._message(f"{rpc}Request", method.contract.inputs)
        return Rpc(rpc, method.name, inputs, self._message(f"{rpc}Reply", method.contract.outputs))

    def lines(self) -> Iterator[str]:
        """All messages, those of tensors last, under names that nothing else has."""
        final = {name: self.names.unique(name) for name in self.tensors}
        for line in self.messages:
            yield re.sub(r"^  @(\w+)", lambda found: f"  {final[found[1]]}", line)
        for name, element in self.tensors.items():
            yield from ("// A tensor of any shape, which `shape` says.", f"message {final[name]} {{")
            yield from ("  repeated int64 shape = 1;", f"  repeated {element} values = 2;", "}", "")

    def _message(self, name: str, ports: Sequence[Port]) -> Fields:
        names = _Names(_TENSORS)
        fields = [(port.name, names.unique(_identifier(port.name))) for port in ports]
        lines = [f"message {name} {{"]
        for number, (port, (_, called)) in enumerate(zip(ports, fields, strict=True), 1):
            lines.append(f"  {self._type(port)} {called} = {number};  // {_comment(port, called)}")
        self.messages += [*lines, "}", ""]
        return tuple(fields)

    def _type(self, port: Port) -> str:
        optional = "optional " if port.optional else ""
        if port.json:
            self.documents = True
            return _DOCUMENT
        element = _TYPES[port.dtype or "float32"]
        if port.dims == () or (port.dims is None and port.dtype in ("str", "bytes")):
            return optional + element
        if _says_shape(port):
            return f"repeated {element}"
        name = f"{element.capitalize()}Tensor"
        self.tensors[name] = element
        return f"@{name}"


def _says_shape(port: Port) -> bool:
    """Whether the number of its elements tells a tensor's shape."""
    if port.dims is None or (port.dtype in ("str", "bytes") and len(port.dims) > 1):
        return False
    return sum(isinstance(dim, str) for dim in port.dims) <= 1


def _comment(port: Port, name: str) -> str:
    shape = ", ".join(str(dim) or "any" for dim in port.dims or ())
    kind = "any document" if port.json else port.dtype or "not declared, float32 is assumed"
    text = f"{kind}[{shape}]" if shape else kind
    text += ", of any shape" if port.dims is None and not port.json and port.dtype not in ("str", "bytes") else ""
    text += ", may be left out" if port.optional else ""
    return _plain(text + ("" if name == port.name else f"; called '{port.name}'"))


def _plain(text: str) -> str:
    """Text that ends no comment."""
    return "".join(character if character.isprintable() else "?" for character in text)


def _identifier(name: str) -> str:
    made = re.sub(r"[^A-Za-z0-9_]", "_", name)
    return made if re.match(r"[A-Za-z]", made) else f"x{made}" if made else "x"


def _camel(name: str) -> str:
    words = re.split(r"[^A-Za-z0-9]+", name)
    made = "".join(word[:1].upper() + word[1:] for word in words)
    return made if re.match(r"[A-Za-z]", made) else f"X{made}"


def _snake(name: str) -> str:
    return _identifier(name).lower()
