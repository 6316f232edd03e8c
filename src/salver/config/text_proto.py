"""Files in protobuf's text form, whose messages are declared here by hand in a pool of their own.

A schema maps a message's name to its fields, each written `number name: type`; `type` is a scalar type of protobuf,
another message of the schema, `[type]` for many or `{type}` for a map from strings. An enum is a tuple of its values'
names, from 0. Importing protobuf costs something, so it is done by who reads such a file.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from salver.problems import Unusable

if TYPE_CHECKING:
    from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto
    from google.protobuf.message import Message

Schema = Mapping[str, Sequence[str] | tuple[str, ...]]

_FIELD = re.compile(r"(\d+) (\w+): ([\[{]?)(\w+)[\]}]?")
_PACKAGE = "salver"


def file_text(path: Path) -> str:
    """What is in the file. Raises Unusable."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise Unusable(path, f"cannot be read: {error.strerror}", "give the path of a file that can be") from None
    except UnicodeDecodeError as error:
        raise Unusable(path, f"is not UTF-8: {error}", "save it as UTF-8") from None


def read_text(text: str, where: str, schema: Schema, name: str) -> Any:
    """The message of this name. Raises Unusable naming `where`, line and column."""
    from google.protobuf import text_format

    message = _new_message(schema, name)
    try:
        text_format.Parse(text, message)
    except text_format.ParseError as error:
        line, column = error.GetLine(), error.GetColumn()
        place = where if line is None else f"{where}:{line}" + ("" if column is None else f":{column}")
        what = re.sub(r"^\d+:\d+ : ", "", str(error)).replace(f"{_PACKAGE}.", "")
        raise Unusable(place, f"is no {name}: {what}", "mend that line; the rest of the file may be right") from None
    return message


def read_message(serialized: bytes, schema: Schema, name: str) -> Any:
    """The message of this name in its binary form. Raises Unusable."""
    from google.protobuf.message import DecodeError

    message = _new_message(schema, name)
    try:
        message.ParseFromString(serialized)
    except DecodeError as error:
        raise Unusable(name, f"is no such message: {error}", f"send a {name}") from None
    return message


def _new_message(schema: Schema, name: str) -> "Message":
    """An empty message of this name."""
    from google.protobuf import descriptor_pool, message_factory
    from google.protobuf.descriptor_pb2 import FileDescriptorProto

    file = FileDescriptorProto(name="salver.proto", package=_PACKAGE, syntax="proto3")
    for each, content in schema.items():
        if isinstance(content, tuple):
            _declare_enum(file, each, content)
        else:
            _declare_message(file, each, content, schema)
    pool = descriptor_pool.DescriptorPool()
    # protobuf's own types say Add, and mean this.
    pool.AddSerializedFile(file.SerializeToString())
    found = pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")
    message: Message = message_factory.GetMessageClass(found)()
    return message


def _declare_enum(file: "FileDescriptorProto", name: str, values: tuple[str, ...]) -> None:
    enum = file.enum_type.add(name=name)
    for number, value in enumerate(values):
        enum.value.add(name=value, number=number)


def _declare_message(file: "FileDescriptorProto", name: str, fields: Sequence[str], schema: Schema) -> None:
    message = file.message_type.add(name=name)
    for text in fields:
        match = _FIELD.fullmatch(text)
        assert match is not None, text
        number, field, many, kind = match.groups()
        if many == "{":
            entry = _map_entry(message, field, kind)
            _add_field(message, int(number), field, f".{_PACKAGE}.{name}.{entry}", schema)
        else:
            _add_field(message, int(number), field, kind, schema)
        if many:
            message.field[-1].label = message.field[-1].LABEL_REPEATED


def _map_entry(message: "DescriptorProto", field: str, kind: str) -> str:
    """A map is a message for its entries, whose name protobuf prescribes."""
    name = "".join(part.capitalize() for part in field.split("_")) + "Entry"
    entry = message.nested_type.add(name=name)
    entry.options.map_entry = True
    _add_field(entry, 1, "key", "string", {})
    _add_field(entry, 2, "value", kind, {})
    return name


def _add_field(message: "DescriptorProto", number: int, name: str, kind: str, schema: Schema) -> None:
    field = message.field.add(name=name, number=number, label=1)
    if kind in schema or kind.startswith("."):
        field.type = field.TYPE_ENUM if isinstance(schema.get(kind), tuple) else field.TYPE_MESSAGE
        field.type_name = kind if kind.startswith(".") else f".{_PACKAGE}.{kind}"
    else:
        field.type = getattr(field, f"TYPE_{kind.upper()}")
