"""Importing a servable's file, and telling what goes wrong in it as its author's problem."""

import importlib.util
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from salver.problems import Unusable
from salver.workers.blame import problem_of

# Packages that are installed under another name than they are imported.
_PACKAGES = {
    "PIL": "pillow",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}


def import_servable(file: Path) -> Mapping[str, Any]:
    """Run the file as a module of its own; gives its names in the order of their definition.

    Files beside it can be imported, also later. Raises Unusable, and whatever `blaming` makes one of.
    """
    folder = str(file.parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    importlib.invalidate_caches()
    name = _module_name(file)
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise Unusable(file, "is no Python file", "call it servable.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return vars(module)


@contextmanager
def blaming(file: Path) -> Iterator[None]:
    """Make one problem, with file, line and remedy, of whatever the author's code raises."""
    try:
        yield
    except Unusable:
        raise
    except (Exception, SystemExit) as error:
        problem = problem_of(error, file)
        raise Unusable(problem.where, problem.what, _install(error) or problem.remedy) from error


def _module_name(file: Path) -> str:
    """That of the file, so that what it defines can be found by it, unless it would hide another module."""
    loaded = getattr(sys.modules.get(file.stem), "__file__", None)
    hides = file.stem in sys.modules and file.name != "servable.py" and loaded != str(file)
    return f"salver_servable_{file.stem}" if hides else file.stem


def _install(error: BaseException) -> str | None:
    if not isinstance(error, ModuleNotFoundError) or error.name is None:
        return None
    top = error.name.partition(".")[0]
    return f"pip install {_PACKAGES.get(top, top)}, or put {top}.py beside the file"
