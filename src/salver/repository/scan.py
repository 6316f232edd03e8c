"""From `DIR/<name>/<version>/<one model file>` to the versions that should be served."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from salver.problems import Problem, Unusable
from salver.repository.settings import FILE, ServableSettings, read_settings

_LAYOUT = "<servable>/<version>/<one model file>, such as add/1/model.onnx"
_IGNORED = ("__pycache__", "lost+found")
_FIRST = 1


@dataclass(frozen=True)
class VersionFolder:
    """One version that should be served, and the file it is made of."""

    servable: str
    version: int
    artefact: Path
    settings: ServableSettings


@dataclass(frozen=True)
class Refused:
    """What is wrong in a servable's folder, and the version that is not served for it.

    That is the highest one, or 1, if it is the servable as a whole; None if it is only something that lies beside.
    """

    servable: str
    version: int | None
    problem: Problem


@dataclass(frozen=True)
class Repository:
    """The desired state: every version is in `versions` or in `refused`; `problems` belong to no servable."""

    versions: tuple[VersionFolder, ...]
    refused: tuple[Refused, ...]
    problems: tuple[Problem, ...]


def scan(directory: Path, suffixes: frozenset[str]) -> Repository:
    """What the folders say. `suffixes` are those of files that some runtime runs.

    Raises Unusable if the directory itself is of no use; everything below it becomes data.
    """
    _check_directory(directory, suffixes)
    versions: list[VersionFolder] = []
    refused: list[Refused] = []
    problems: list[Problem] = []
    for entry in _entries(directory):
        if entry.is_dir():
            found = list(_servable(entry, suffixes))
            versions += [each for each in found if isinstance(each, VersionFolder)]
            refused += [each for each in found if isinstance(each, Refused)]
        elif entry.suffix in suffixes:
            target = directory / entry.stem / "1" / entry.name
            problems.append(Problem(str(entry), "a model file needs folders that name it", f"move it to {target}"))
    if not (versions or refused or problems):
        raise Unusable(directory, "holds no servables", f"lay models out as {_LAYOUT}")
    return Repository(tuple(versions), tuple(refused), tuple(problems))


def _check_directory(directory: Path, suffixes: frozenset[str]) -> None:
    if not directory.is_dir():
        raise Unusable(directory, "there is no such folder", f"give the folder that holds {_LAYOUT}")
    try:
        folders = [entry for entry in _entries(directory) if entry.is_dir()]
    except OSError as error:
        raise Unusable(directory, f"cannot be read: {error.strerror}", "let the server's user read it") from None
    numbered = [entry for entry in folders if entry.name.isdecimal() and _artefacts(entry, suffixes)]
    if numbered:
        parent = directory.resolve().parent
        what = f"is the folder of one servable: it holds the version folder {numbered[0].name}"
        raise Unusable(directory, what, f"give the folder above it: {parent}")


def _entries(directory: Path) -> list[Path]:
    visible = (entry for entry in directory.iterdir() if not entry.name.startswith("."))
    return sorted(entry for entry in visible if entry.name not in _IGNORED)


def _artefacts(directory: Path, suffixes: frozenset[str]) -> list[Path]:
    return [entry for entry in _entries(directory) if entry.suffix in suffixes]


def _servable(directory: Path, suffixes: frozenset[str]) -> Iterator[VersionFolder | Refused]:
    try:
        numbered, problems = _numbered(directory, suffixes)
    except OSError as error:
        yield Refused(directory.name, _FIRST, _unreadable(directory, error))
        return
    yield from (Refused(directory.name, None, problem) for problem in problems)
    try:
        settings = read_settings(directory / FILE)
    except Unusable as error:
        yield Refused(directory.name, max(numbered, default=_FIRST), error.problem)
        return
    for version in settings.chosen(numbered):
        yield _version(directory.name, version, numbered[version], settings, suffixes)
    if isinstance(settings.versions, tuple):
        for version in sorted(set(settings.versions) - set(numbered)):
            what = f"version {version} is to be served, but there is no such folder"
            problem = Problem(str(directory / FILE), what, f"add the folder {version}, or mend `versions`")
            yield Refused(directory.name, version, problem)


def _numbered(directory: Path, suffixes: frozenset[str]) -> tuple[dict[int, Path], list[Problem]]:
    numbered: dict[int, Path] = {}
    problems: list[Problem] = []
    for entry in _entries(directory):
        if entry.is_dir():
            problem = _number_problem(entry, numbered)
            if problem is None:
                numbered[int(entry.name)] = entry
            else:
                problems.append(problem)
        elif entry.suffix in suffixes:
            target = directory / "1" / entry.name
            problems.append(Problem(str(entry), "a model file belongs into a version folder", f"move it to {target}"))
    if not numbered and not problems:
        what = "has no version folder"
        problems.append(Problem(str(directory), what, f"put the model at {directory / '1' / 'model.onnx'}"))
    return numbered, problems


def _number_problem(entry: Path, numbered: dict[int, Path]) -> Problem | None:
    name = entry.name
    if not name.isascii() or not name.isdigit() or not 1 <= int(name) < 2**63:
        return Problem(str(entry), f"'{name}' is no version number", "name version folders 1, 2, 3, ...")
    if int(name) in numbered:
        what = f"is version {int(name)}, and so is {numbered[int(name)]}"
        return Problem(str(entry), what, "keep one of the two")
    return None


def _version(
    servable: str, version: int, directory: Path, settings: ServableSettings, suffixes: frozenset[str]
) -> VersionFolder | Refused:
    try:
        artefacts = _artefacts(directory, suffixes)
    except OSError as error:
        return Refused(servable, version, _unreadable(directory, error))
    expected = f"exactly one file that ends in {' or '.join(sorted(suffixes))}"
    if not artefacts:
        return Refused(servable, version, Problem(str(directory), "holds no model file", f"put {expected} there"))
    if len(artefacts) > 1:
        names = " and ".join(artefact.name for artefact in artefacts)
        remedy = f"keep {expected}; another model is a servable of its own"
        return Refused(servable, version, Problem(str(directory), f"holds several model files: {names}", remedy))
    return VersionFolder(servable, version, artefacts[0], settings)


def _unreadable(path: Path, error: OSError) -> Problem:
    return Problem(str(error.filename or path), f"cannot be read: {error.strerror}", "let the server's user read it")
