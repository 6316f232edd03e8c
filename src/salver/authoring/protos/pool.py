"""What descriptors describe: message classes, enums and options.

Every file has a pool of its own: two of them may describe the same names differently, and so may packages that were
generated.
"""

from collections.abc import Iterator
from typing import Any

from google.protobuf import descriptor_pb2, message_factory
from google.protobuf.descriptor import FileDescriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message

_FINDERS = (
    "FindMessageTypeByName",
    "FindEnumTypeByName",
    "FindServiceByName",
    "FindMethodByName",
    "FindFieldByName",
)


class Described:
    """A set of files, the one that was compiled last."""

    def __init__(self, descriptors: bytes) -> None:
        self.pool = DescriptorPool()
        self.files: list[FileDescriptor] = []
        for file in descriptor_pb2.FileDescriptorSet.FromString(descriptors).file:
            self.pool.AddSerializedFile(file.SerializeToString())
            self.files.append(self.pool.FindFileByName(file.name))

    @property
    def packages(self) -> list[str]:
        """That of the compiled file, which may be empty, and those of what it imports publicly."""
        file = self.files[-1]
        return list(dict.fromkeys(each.package for each in (file, *file.public_dependencies)))

    def has_package(self, name: str) -> bool:
        """Whether it is a package, or the beginning of one."""
        return any(f"{file.package}.".startswith(f"{name}.") for file in self.files)

    def services(self) -> Iterator[ServiceDescriptor]:
        """Those of the compiled file."""
        yield from self.files[-1].services_by_name.values()

    def named(self, name: str) -> Any:
        """What generated code has under this full name: a class, an enum, a number of one, an extension.

        Raises KeyError.
        """
        for find in (self._message, self._enum, self._extension):
            try:
                return find(name)
            except KeyError:
                continue
        return self._number(name)

    def service(self, name: str) -> ServiceDescriptor:
        """Raises KeyError."""
        return self.pool.FindServiceByName(name)

    def ends(self, method: MethodDescriptor) -> tuple[type[Message], type[Message]]:
        """The classes of a method's requests and replies."""
        request, reply = method.input_type, method.output_type
        return message_factory.GetMessageClass(request), message_factory.GetMessageClass(reply)

    def options(self, name: str) -> Any:
        """The options of what has this full name, extensions with them. Raises KeyError.

        Those that a descriptor itself gives are of the class of another pool, which knows no extensions of this one.
        """
        given = self._any(name).GetOptions()
        try:
            known = self.pool.FindMessageTypeByName(given.DESCRIPTOR.full_name)
        except KeyError:
            return given
        return message_factory.GetMessageClass(known).FromString(given.SerializeToString())

    def _any(self, name: str) -> Any:
        for finder in _FINDERS:
            try:
                return getattr(self.pool, finder)(name)
            except KeyError:
                continue
        raise KeyError(name)

    def _message(self, name: str) -> type[Message]:
        return message_factory.GetMessageClass(self.pool.FindMessageTypeByName(name))

    def _enum(self, name: str) -> EnumTypeWrapper:
        return EnumTypeWrapper(self.pool.FindEnumTypeByName(name))

    def _extension(self, name: str) -> Any:
        return self.pool.FindExtensionByName(name)

    def _number(self, name: str) -> int:
        """That of an enum's value, which has the enum's scope."""
        package, _, value = name.rpartition(".")
        for file in self.files:
            for enum in file.enum_types_by_name.values() if file.package == package else ():
                if value in enum.values_by_name:
                    return int(enum.values_by_name[value].number)
        raise KeyError(name)
