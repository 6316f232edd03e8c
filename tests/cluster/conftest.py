import subprocess
from pathlib import Path

import pytest
from support.paths import ROOT

from cluster.servables import write_all


@pytest.fixture(scope="session")
def servables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every servable of these tests."""
    return write_all(tmp_path_factory.mktemp("cluster"))


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`ca`, `server` for localhost, `client`, and the same again of another authority in `other`."""
    directory = tmp_path_factory.mktemp("certificates")
    for each in (directory, directory / "other"):
        script = ["sh", str(ROOT / "examples" / "certificates.sh"), str(each)]
        subprocess.run(script, check=True, capture_output=True, timeout=50)
    return directory
