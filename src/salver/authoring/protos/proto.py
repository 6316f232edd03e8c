"""`salver.proto`: a `.proto` file as an object."""

from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from google.protobuf.descriptor import ServiceDescriptor

from salver.authoring.places import place_of_caller
from salver.authoring.protos.compiling import compiled, found
from salver.authoring.protos.pool import Described
from salver.authoring.protos.services import Service, declare
from salver.authoring.protos.stubs import adder, servicer_class, stub_class
from salver.problems import Unusable


def proto(path: str, *, include: Iterable[str] = ()) -> "Proto":
    """Compile a `.proto` file, which is looked for beside the file that calls this.

    What it imports is looked for in the folders of `include`, beside itself, and among google/protobuf/* and
    google/api/*, which need not be there. Raises `salver.problems.Unusable` with file, line and column of what is
    wrong.
    """
    place = place_of_caller()
    file = found(str(path), place)
    folders = [_folder(Path(place.file).parent, folder) for folder in include]
    return Proto(file, compiled(file, folders))


def _folder(beside: Path, folder: str) -> Path:
    return beside / folder if (beside / folder).is_dir() else Path(folder)


class Proto:
    """A compiled file, with the names that generated code has: messages, enums, stubs.

    `infer.Image` is the message of the file's own package, `infer.google.protobuf.Timestamp` one of another,
    `infer["vision.v1.Image"]` any by its full name. Their classes are this object's own: what another compilation or
    generated code calls the same is not the same class.
    """

    def __init__(self, file: Path, descriptors: bytes) -> None:
        self.file = file
        self.descriptors = descriptors
        try:
            self._described = Described(descriptors)
        except TypeError as error:
            what = f"protobuf makes no classes of it: {error}"
            raise Unusable(file, what, "mend what it names, or divide large messages") from None

    @property
    def pool(self) -> Any:
        """The DescriptorPool, which protobuf's functions for JSON want to know where there is an Any."""
        return self._described.pool

    def stub(self, service: str, channel: Any) -> Any:
        """A client: its methods are the rpcs. The channel is one of grpc or grpc.aio. Raises Unusable."""
        return stub_class(self._described, self._service(service))(channel)

    def service(self, service: str, /, *, ignore: Sequence[str] = (), **rpcs: Callable[..., Any]) -> Any:
        """Let the servable of this file serve a service.

        As a decorator, `@infer.service("Inference")`, of a class: its methods are the rpcs of their name. As a
        function, `infer.service("Inference", Predict=classify)`: each rpc is what is given. Either takes the
        request's fields by their names, and gives the reply's; or it takes the whole request, and gives the whole
        reply. `ignore` names fields that are deliberately not looked at. Raises Unusable.
        """
        descriptor, place = self._service(service), place_of_caller()
        made = Service(self._described, self.descriptors, descriptor, place, frozenset(ignore), dict(rpcs))
        return declare(made) if rpcs else made.of_class

    def options(self, name: str) -> Any:
        """The options of a message, field, enum, service or `Service.Method`, by its name, extensions with them:

        `infer.options("Inference.Predict").Extensions[infer.google.api.http]`. Raises KeyError.
        """
        for full in self._full_names(name):
            try:
                return self._described.options(full)
            except KeyError:
                continue
        raise KeyError(name)

    def __getitem__(self, name: str) -> Any:
        """What has this full name. Raises KeyError."""
        return self._described.named(name)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        for full in self._full_names(name):
            try:
                return self._described.named(full)
            except KeyError:
                continue
        made = self._generated(name)
        if made is not None:
            return made
        if self._described.has_package(name):
            return Package(self, name)
        raise AttributeError(self._unknown(name))

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._names()})

    def __repr__(self) -> str:
        return f"<salver.proto {self.file}>"

    def _full_names(self, name: str) -> list[str]:
        return [*(f"{package}.{name}" for package in self._described.packages if package), name]

    def _generated(self, name: str) -> Any:
        """What generated code would have for a service under this name."""
        for service in self._described.services():
            if name == f"{service.name}Stub":
                return stub_class(self._described, service)
            if name == f"{service.name}Servicer":
                return servicer_class(service)
            if name == f"add_{service.name}Servicer_to_server":
                return adder(self._described, service)
        return None

    def _service(self, name: str) -> ServiceDescriptor:
        for full in self._full_names(name):
            try:
                return self._described.service(full)
            except KeyError:
                continue
        names = [service.name for service in self._described.services()]
        remedy = f"name one of {', '.join(names)}" if names else f"define one in {self.file.name}"
        raise Unusable(place_of_caller(), f"names the service '{name}', which {self.file} does not have", remedy)

    def _names(self) -> list[str]:
        file = self._described.files[-1]
        return [
            *file.message_types_by_name,
            *file.enum_types_by_name,
            *(f"{name}Stub" for name in file.services_by_name),
        ]

    def _unknown(self, name: str) -> str:
        near = get_close_matches(name, self._names(), 1)
        meant = f"; did you mean {near[0]}?" if near else f"; it has {', '.join(self._names()) or 'nothing'}"
        return f"{self.file} has no '{name}'{meant}"


class Package:
    """The names of a package that the compiled file imports."""

    def __init__(self, of: Proto, name: str) -> None:
        self._of = of
        self._name = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        full = f"{self._name}.{name}"
        try:
            return self._of[full]
        except KeyError:
            pass
        if self._of._described.has_package(full):
            return Package(self._of, full)
        raise AttributeError(f"{self._of.file} knows no '{full}'")

    def __repr__(self) -> str:
        return f"<package {self._name} of {self._of!r}>"
