from pathlib import Path

import pytest
from support.certificates import make_example_certificates

from cluster.servables import write_all


@pytest.fixture(scope="session")
def servables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every servable of these tests."""
    return write_all(tmp_path_factory.mktemp("cluster"))


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_example_certificates(tmp_path_factory.mktemp("certificates"))
