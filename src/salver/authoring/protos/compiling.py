"""From a `.proto` file to descriptors."""

import re
from collections.abc import Sequence
from pathlib import Path

from salver import _native
from salver.authoring.places import Place
from salver.problems import Unusable

# file:line:column: what is wrong; remedy
_SAID = re.compile(r"(?P<place>.*?\.proto(?::\d+:\d+)?): (?P<what>.*?)(?:; (?P<remedy>[^;]*))?", re.DOTALL)


def compiled(file: Path, include: Sequence[Path]) -> bytes:
    """An encoded FileDescriptorSet of the file and all that it imports, imports first.

    Imports are looked for in `include`, then beside the file, then among google/protobuf/* and google/api/*. Raises
    Unusable with file, line and column.
    """
    try:
        return _native.compile_proto(str(file), [str(folder) for folder in include])
    except ValueError as error:
        raise _explained(str(error)) from None


def found(path: str, place: Place) -> Path:
    """The file that is meant at this line of an author's file: beside that, or in the working directory.

    Raises Unusable if there is none.
    """
    beside = Path(place.file).parent / path
    for file in (beside, Path(path)):
        if file.is_file():
            return file.absolute()
    remedy = f"put it beside {Path(place.file).name}, or give its whole path"
    raise Unusable(place, f"names '{path}', but there is no file {beside.absolute()}", remedy)


def _explained(text: str) -> Unusable:
    said = _SAID.fullmatch(text)
    if said is None:
        return Unusable(".proto", text, "mend the file")
    return Unusable(said["place"], said["what"], said["remedy"] or "mend the file there")
