"""An ONNX Runtime that does not fit is refused with a text and a remedy, not by a crash."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from examples.models import add, write

# The one function that every version has; this one knows no interface that is new enough.
OLD = """
static void *interface(unsigned version) { return 0; }
static const char *version(void) { return "1.19.2"; }
static struct { void *(*interface)(unsigned); const char *(*version)(void); } base = {interface, version};
const void *OrtGetApiBase(void) { return &base; }
"""


def build(source: str, library: Path) -> None:
    (library.parent / "library.c").write_text(source)
    command = ["gcc", "-shared", "-fPIC", "-o", str(library), str(library.parent / "library.c")]
    subprocess.run(command, check=True, capture_output=True, timeout=50)


@pytest.mark.parametrize(
    "source", [OLD, "int nothing;", None], ids=["an old interface", "another library", "no library"]
)
def test_a_library_that_does_not_fit_is_refused_with_a_remedy(tmp_path: Path, source: str | None) -> None:
    folder = tmp_path / "packages" / "onnxruntime" / "capi"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    library = folder / "libonnxruntime.so.1.99.0"
    build(source, library) if source else library.write_text("no library")
    write(add(), tmp_path / "models", "add")
    command = [sys.executable, "-m", "salver", "check", str(tmp_path / "models")]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "packages")}
    ran = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False, env=environment)
    assert ran.returncode == 1
    assert ran.stderr.startswith(f"salver: {library}: cannot be used: ")
    assert "remedy: pip install --upgrade 'onnxruntime>=1.23'" in ran.stderr
    assert "Traceback" not in ran.stderr
    if source is OLD:
        assert "1.19.2" in ran.stderr
