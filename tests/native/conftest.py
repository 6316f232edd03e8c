from collections.abc import Iterator

import pytest
from support.service_calls import Served, serve

from salver import _native


@pytest.fixture
def served() -> Iterator[Served]:
    served = serve(_native.Calls())
    yield served
    served.close()
