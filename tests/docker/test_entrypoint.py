"""The entry point of the image, as a script: building the image needs a Docker engine."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.http import post
from support.managed import add_version
from support.paths import ROOT

from salver.testing.server import Server

ENTRYPOINT = ROOT / "docker" / "entrypoint.sh"


@pytest.fixture
def told(tmp_path: Path) -> dict[str, str]:
    """An environment whose `salver` prints what it is told."""
    fake = tmp_path / "bin" / "salver"
    fake.parent.mkdir()
    fake.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    fake.chmod(0o755)
    return {"PATH": f"{fake.parent}{os.pathsep}{os.environ['PATH']}"}


def lines(script: Path, environment: dict[str, str], *arguments: str) -> list[str]:
    ran = subprocess.run([script, *arguments], env=environment, capture_output=True, text=True, check=True, timeout=50)
    return ran.stdout.splitlines()


@pytest.mark.parametrize(
    ("environment", "name", "path"),
    [
        ({}, "model", "/models/model"),
        ({"MODEL_NAME": "add"}, "add", "/models/add"),
        ({"MODEL_NAME": "my model", "MODEL_BASE_PATH": "/srv/my models"}, "my model", "/srv/my models/my model"),
    ],
)
def test_it_follows_its_environment(told: dict[str, str], environment: dict[str, str], name: str, path: str) -> None:
    assert lines(ENTRYPOINT, {**told, **environment}) == [
        "tensorflow-serving",
        "--port=8500",
        "--rest_api_port=8501",
        f"--model_name={name}",
        f"--model_base_path={path}",
    ]


def test_what_is_added_comes_last(told: dict[str, str]) -> None:
    assert (
        lines(ENTRYPOINT, told, "--model_config_file=/models/a b.config")[-1]
        == "--model_config_file=/models/a b.config"
    )


def test_the_name_of_the_original_command_is_there(told: dict[str, str]) -> None:
    script = ROOT / "docker" / "tensorflow_model_server.sh"
    assert lines(script, told, "--port=1", "x") == ["tensorflow-serving", "--port=1", "x"]


def test_it_serves_a_model(tmp_path: Path) -> None:
    add_version(tmp_path, 3, "half")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "MODEL_NAME": "half", "MODEL_BASE_PATH": str(tmp_path)}
    server = Server([str(ENTRYPOINT), "--port=0", "--rest_api_port=0"], environment)
    try:
        server.wait_until_ready(30)
        address = server.address.replace("0.0.0.0", "127.0.0.1")
        assert post(address, "/servables/half", {"x": [1, 1]}).json == {"y": [3, 3]}
    finally:
        server.close()
    assert server.process.returncode == 0


def test_the_image_copies_only_what_there_is() -> None:
    copied = re.findall(r"^COPY (?!--from)(?:--\S+ )?(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.M)
    sources = [source for line in copied for source in line.split()]
    assert sources
    for source in sources:
        assert (ROOT / source).exists(), source
        assert f"!{source.split('/')[0]}" in (ROOT / ".dockerignore").read_text().splitlines()
