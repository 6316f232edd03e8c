"""Every test imports servables of its own, which must not be found by the next."""

import sys
from collections.abc import Iterator

import pytest

from salver.workers.servable_config.importing import ServableFolder


@pytest.fixture(autouse=True)
def forgotten_imports(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    servables = [name for name, module in sys.modules.items() if isinstance(module, ServableFolder)]
    for name in [name for name in sys.modules if name.split(".")[0] in servables]:
        del sys.modules[name]
