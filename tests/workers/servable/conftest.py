import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _nothing_stays_imported() -> Iterator[None]:
    """What a servable imports in one test is not there in the next."""
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        file = getattr(sys.modules[name], "__file__", None) or ""
        if not any(file.startswith(entry) for entry in path if entry):
            del sys.modules[name]
