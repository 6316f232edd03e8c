"""From folders, or one file, to the versions that should be served."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from salver.authoring.mindspore.secret import Secret
from salver.problems import Problem, Unusable, encodable
from salver.repository.base_path import BasePath
from salver.repository.endings import ending
from salver.repository.logs import Logs
from salver.repository.policies import is_version
from salver.repository.settings import FILE, POLICY, ServableSettings, read_settings
from salver.repository.wishes import Wish, Wishes

_LAYOUT = "<servable>/servable.py or <servable>/<version>/<one model file>, such as add/1/model.onnx"
_IGNORED = ("__pycache__", "lost+found")
_FIRST = 1


class Kind(Enum):
    """What a version is made of. A servable's own code is in the file with this name in its folder."""

    MODEL = "model"
    SERVABLE = "servable.py"
    SERVABLE_CONFIG = "servable_config.py"


_CODE = {kind.value: kind for kind in (Kind.SERVABLE, Kind.SERVABLE_CONFIG)}

# Settings of a servable that is nothing but a model file; of one that is code, the code says these.
_ABOUT_MODELS = ("method", *POLICY, "batching", "instances", "onnx", "saved_model")


@dataclass(frozen=True)
class VersionFolder:
    """One version that should be served, and the file it is made of.

    `folder` is the version's own folder; code may have none. Device ids, if any, ask for a worker on each. `secret` is
    for model files that are encrypted, `logs` for what its workers print.
    """

    servable: str
    version: int
    artefact: Path
    settings: ServableSettings
    kind: Kind = Kind.MODEL
    folder: Path | None = None
    device_ids: tuple[int, ...] = ()
    secret: Secret | None = None
    logs: Logs | None = None


@dataclass(frozen=True)
class Refused:
    """What is wrong in a servable's folder, and the version that is not served for it.

    That is the highest one, or 1, if it is the servable as a whole; None if it is only something that lies beside.
    `unsure` says that for this problem nobody can tell which versions should be served.
    """

    servable: str
    version: int | None
    problem: Problem
    unsure: bool = False


@dataclass(frozen=True)
class Repository:
    """The desired state: every version is in `versions` or in `refused`; `problems` belong to no servable."""

    versions: tuple[VersionFolder, ...]
    refused: tuple[Refused, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class _Place:
    """One servable's folder, with what is said of it elsewhere."""

    directory: Path
    suffixes: frozenset[str]
    listed: BasePath
    wish: Wish = Wish()
    strict: bool = True
    """Whether what is no version folder does not belong there."""

    @property
    def name(self) -> str:
        return self.listed.name


def scan(place: Path, suffixes: frozenset[str], wishes: Wishes | None = None) -> Repository:
    """What the folders say; or the servable whose code this one file is. `suffixes` are the endings of model files.

    Raises Unusable if the place itself is of no use; everything below it becomes data.
    """
    try:
        if place.suffix == ".py" and place.is_file():
            return _repository(_one_file(place, suffixes))
        _check_directory(place, suffixes)
        entries = _entries(place)
    except OSError as error:
        problem = _unreadable(place, error)
        raise Unusable(problem.where, problem.what, problem.remedy) from None
    wished = wishes or {}
    found = [each for entry in entries for each in _found(entry, suffixes, wished.get(entry.name, Wish()))]
    if not found and not wished:
        scripts = [entry for entry in entries if entry.suffix == ".py"]
        alone = f"; or give the file of one servable, such as {scripts[0]}" if scripts else ""
        raise Unusable(place, "holds no servables", f"lay them out as {_LAYOUT}{alone}")
    return _repository(found)


def scan_listed(listed: BasePath, suffixes: frozenset[str], wish: Wish) -> Repository:
    """The versions of a servable that is listed by its name, in the way of TensorFlow Serving.

    Every folder whose name is a number is a version, and whatever else is there is passed over.
    """
    what, remedy = "there is no such folder", f"put version folders there, such as {listed.path / '1'}"
    try:
        missing = None if listed.path.is_dir() else Problem(str(listed.path), what, remedy)
    except OSError as error:
        missing = _unreadable(listed.path, error)
    if missing is not None:
        return _repository([Refused(listed.name, _FIRST, missing, unsure=True)])
    return _repository(_servable(_Place(listed.path, suffixes, listed, wish, strict=False)))


def _repository(found: Iterable[VersionFolder | Refused | Problem]) -> Repository:
    every = tuple(found)
    return Repository(
        tuple(each for each in every if isinstance(each, VersionFolder)),
        tuple(each for each in every if isinstance(each, Refused)),
        tuple(each for each in every if isinstance(each, Problem)),
    )


def _found(entry: Path, suffixes: frozenset[str], wish: Wish) -> Iterator[VersionFolder | Refused | Problem]:
    """What one entry of a folder of servables is."""
    misnamed = _misnamed(entry)
    try:
        folder = entry.is_dir()
    except OSError as error:
        problem = _unreadable(entry, error)
        yield Refused(entry.name, _FIRST, problem, unsure=True) if misnamed is None else problem
        return
    if folder and misnamed is None:
        yield from _servable(_Place(entry, suffixes, BasePath(entry.name, entry), wish))
    elif folder and misnamed is not None:
        yield misnamed
    elif ending(entry, suffixes):
        target = entry.parent / entry.stem / "1" / entry.name
        yield Problem(str(entry), "a model file needs folders that name it", f"move it to {target}")


def _misnamed(path: Path) -> Problem | None:
    """What is wrong with a name that callers could not say."""
    if encodable(path.name) == path.name:
        return None
    return Problem(str(path), "has a name that is not UTF-8", "rename it")


def _check_name(path: Path) -> None:
    problem = _misnamed(path)
    if problem is not None:
        raise Unusable(problem.where, problem.what, problem.remedy)


def _one_file(file: Path, suffixes: frozenset[str]) -> Iterator[VersionFolder | Refused]:
    """A file is a servable of its own name; one with the name of code in a servable's folder is that servable."""
    if file.name in _CODE:
        folder = file.resolve().parent
        _check_name(folder)
        return _servable(_Place(folder, suffixes, BasePath(folder.name, folder)))
    _check_name(file)
    return iter([VersionFolder(file.stem, _FIRST, file, ServableSettings(), Kind.SERVABLE)])


def _check_directory(directory: Path, suffixes: frozenset[str]) -> None:
    _refuse_version(directory, suffixes)
    if not directory.is_dir():
        remedy = f"give the folder that holds {_LAYOUT}; or the .py file of one servable"
        missing = f"there is no such {'file' if directory.suffix == '.py' else 'folder'}"
        raise Unusable(directory, "is neither a folder nor a .py file" if directory.exists() else missing, remedy)
    held = _what_a_servable_holds(directory, suffixes)
    if held is not None:
        alone = f", or its code: {directory / held}" if held in _CODE else ""
        remedy = f"give the folder above it: {directory.resolve().parent}{alone}"
        raise Unusable(directory, f"is the folder of one servable: it holds {held}", remedy)


def _refuse_version(place: Path, suffixes: frozenset[str]) -> None:
    """Raises Unusable for a version folder of models, and for a model file in one."""
    folder = place if place.is_dir() else place.parent
    if not folder.name.isdecimal() or not os.access(folder, os.R_OK | os.X_OK):
        return
    models = _artefacts(folder, suffixes)
    if models and place in (folder, *models):
        what = "is a version folder" if place == folder else "is a model file"
        remedy = f"give the folder of servables: {folder.resolve().parent.parent}"
        raise Unusable(place, f"{what}, and servables are looked for in folders of them", remedy)


def _what_a_servable_holds(directory: Path, suffixes: frozenset[str]) -> str | None:
    for entry in _entries(directory):
        if entry.name in _CODE:
            return entry.name
        if entry.name.isdecimal() and entry.is_dir() and _artefacts(entry, suffixes):
            return f"the version folder {entry.name}"
    return None


def _entries(directory: Path) -> list[Path]:
    visible = (entry for entry in directory.iterdir() if not entry.name.startswith("."))
    return sorted(entry for entry in visible if entry.name not in _IGNORED)


def _artefacts(directory: Path, suffixes: frozenset[str]) -> list[Path]:
    return [entry for entry in _entries(directory) if ending(entry, suffixes)]


def _servable(place: _Place) -> Iterator[VersionFolder | Refused]:
    if place.wish.nothing:
        return
    try:
        code = [entry for entry in _entries(place.directory) if entry.name in _CODE]
        numbered, problems = _numbered_beside_code(place) if code else _numbered(place)
    except OSError as error:
        yield Refused(place.name, _FIRST, _unreadable(place.directory, error), unsure=True)
        return
    yield from (Refused(place.name, None, problem) for problem in problems)
    try:
        settings = _settings(place, code)
    except Unusable as error:
        yield Refused(place.name, max(numbered, default=_FIRST), error.problem, unsure=True)
        return
    for version in settings.versions.chosen(numbered):
        folder = numbered[version]
        if code:
            kind = _CODE[code[0].name]
            yield VersionFolder(place.name, version, code[0], settings, kind, folder)
        elif folder is not None:
            yield _model(place, version, folder, settings)
    yield from _missing(place, settings, numbered)


def _settings(place: _Place, code: list[Path]) -> ServableSettings:
    """Raises Unusable, also for what contradicts the settings or makes them say nothing."""
    file = place.directory / FILE
    if len(code) > 1:
        what = f"holds both {' and '.join(each.name for each in code)}"
        raise Unusable(place.directory, what, "keep one of the two")
    settings = read_settings(file, None if code else place.listed.defaults)
    misplaced = settings.given(_ABOUT_MODELS) if code else []
    if misplaced:
        what = f"sets {misplaced[0]}, which is for servables that are only a model file"
        raise Unusable(file, what, f"take it out, and say it in {code[0].name}")
    return place.wish.amended(place.listed.amended(settings))


def _missing(place: _Place, settings: ServableSettings, numbered: Mapping[int, Path | None]) -> Iterator[Refused]:
    for version in sorted(settings.versions.named - set(numbered)):
        what = f"version {version} is to be served, but there is no such folder"
        remedy = f"add the folder {version}, or mend what asks for it"
        yield Refused(place.name, version, Problem(str(place.directory), what, remedy))


def _numbered(place: _Place) -> tuple[dict[int, Path | None], list[Problem]]:
    directory = place.directory
    numbered: dict[int, Path | None] = {}
    problems: list[Problem] = []
    for entry in _entries(directory):
        if entry.is_dir():
            _number(place, entry, numbered, problems)
        elif place.strict and ending(entry, place.suffixes):
            target = directory / "1" / entry.name
            problems.append(Problem(str(entry), "a model file belongs into a version folder", f"move it to {target}"))
    if not numbered and not problems:
        remedy = f"put a model at {directory / '1' / 'model.onnx'}, or code at {directory / Kind.SERVABLE.value}"
        problems.append(Problem(str(directory), "has no version folder", remedy))
    return numbered, problems


def _numbered_beside_code(place: _Place) -> tuple[dict[int, Path | None], list[Problem]]:
    """Code may have version folders, and any others; without, it is the first version."""
    numbered: dict[int, Path | None] = {}
    problems: list[Problem] = []
    for entry in _entries(place.directory):
        if entry.is_dir() and entry.name.isdecimal():
            _number(place, entry, numbered, problems)
    return numbered or {_FIRST: None}, problems


def _number(place: _Place, entry: Path, numbered: dict[int, Path | None], problems: list[Problem]) -> None:
    """Note the folder's number, or what is wrong with it."""
    name = entry.name
    number = int(name) if name.isascii() and name.isdigit() else -1
    if not is_version(number) or (place.strict and number < _FIRST):
        if place.strict:
            what = f"'{name}' is no version number"
            problems.append(Problem(str(entry), what, "name version folders 1, 2, 3, ..."))
        return
    if number in numbered:
        what = f"is version {number}, and so is {numbered[number]}"
        problems.append(Problem(str(entry), what, "keep one of the two"))
    if number not in numbered or not place.strict:
        numbered[number] = entry


def _model(place: _Place, version: int, directory: Path, settings: ServableSettings) -> VersionFolder | Refused:
    try:
        artefacts = _artefacts(directory, place.suffixes)
    except OSError as error:
        return Refused(place.name, version, _unreadable(directory, error))
    expected = f"exactly one file that ends in {' or '.join(sorted(place.suffixes))}"
    if not artefacts:
        return Refused(place.name, version, Problem(str(directory), "holds no model file", f"put {expected} there"))
    if len(artefacts) > 1:
        names = " and ".join(artefact.name for artefact in artefacts)
        remedy = f"keep {expected}; another model is a servable of its own"
        return Refused(place.name, version, Problem(str(directory), f"holds several model files: {names}", remedy))
    misnamed = _misnamed(artefacts[0])
    if misnamed is not None:
        return Refused(place.name, version, misnamed)
    return VersionFolder(place.name, version, artefacts[0], settings, folder=directory)


def _unreadable(path: Path, error: OSError) -> Problem:
    return Problem(str(error.filename or path), f"cannot be read: {error.strerror}", "let the server's user read it")
