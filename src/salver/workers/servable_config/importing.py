"""Importing a `servable_config.py` as what it is: a module of the package that is its servable's folder."""

import importlib.util
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from salver.problems import Unusable
from salver.workers.blame import problem_of


class ServableFolder(ModuleType):
    """The package that a servable's folder is, with or without an `__init__.py`."""


def import_servable_config(file: Path) -> None:
    """Run the file as the module `<servable>.servable_config`.

    `from .x import` and `from <servable>.x import` find files beside it; the folder above it is searched last, for
    what servables share. Raises Unusable for whatever the file raises, which is then its cause.
    """
    folder = file.parent
    name = folder.name
    if str(folder.parent) not in sys.path:
        sys.path.append(str(folder.parent))
    _refuse_taken(name, file)
    try:
        _load_package(name, folder)
        _execute(f"{name}.{file.stem}", file)
    except (Exception, SystemExit) as error:
        problem = problem_of(error, file)
        what = f"import {name}.{file.stem} failed, {error}"
        raise Unusable(problem.where, what, problem.remedy) from error


def _refuse_taken(name: str, file: Path) -> None:
    """The servable's name is a module's name, too, and must not hide another module from those that need it."""
    loaded = sys.modules.get(name)
    if isinstance(loaded, ServableFolder):
        for each in [each for each in sys.modules if each == name or each.startswith(f"{name}.")]:
            del sys.modules[each]
        return
    spec = loaded.__spec__ if loaded else _spec_elsewhere(name)
    if spec is not None and spec.origin is not None and Path(spec.origin).parent != file.parent:
        what = f"the servable is called '{name}', as is the Python module of {spec.origin}"
        raise Unusable(file, what, "give the servable's folder another name")


def _spec_elsewhere(name: str) -> ModuleSpec | None:
    return None if "." in name else importlib.util.find_spec(name)


def _load_package(name: str, folder: Path) -> None:
    package = ServableFolder(name)
    package.__package__ = name
    package.__path__ = [str(folder)]
    package.__spec__ = ModuleSpec(name, None, is_package=True)
    sys.modules[name] = package
    init = folder / "__init__.py"
    if init.is_file():
        package.__spec__ = importlib.util.spec_from_file_location(name, init)
        package.__file__ = str(init)
        _run(package)


def _execute(name: str, file: Path) -> None:
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    sys.modules[name] = importlib.util.module_from_spec(spec)
    _run(sys.modules[name])


def _run(module: ModuleType) -> None:
    assert module.__spec__ is not None
    assert module.__spec__.loader is not None
    module.__spec__.loader.exec_module(module)
