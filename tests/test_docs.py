"""The pages of `docs/` are true: their blocks are run as they stand there. See `support.reading`."""

import os
import re
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from onnx import save
from support.http import get, post
from support.reading import Page, reader
from support.saved_models import mnist, written

from examples.models import digits, trained_digits
from salver.client.api import Client
from salver.repository.settings import SavedModelSettings, ServableSettings, read_settings
from salver.testing.server import running

PYTHON, SETTINGS = Page("docs/python.md"), Page("docs/settings.md")


def test_the_reference_for_python_is_true(tmp_path: Path) -> None:
    with reader(tmp_path) as person:
        person.save(PYTHON.files())
        classifier, _, _, _ = trained_digits()
        save(digits(classifier), tmp_path / "kitchen" / "read" / "digits.onnx")
        person.type("salver serve kitchen &", "...\nready after ... s")
        for command, expected in PYTHON.commands():
            person.type(command, expected)
        for script in PYTHON.scripts():
            person.run(script)


def test_a_package_adds_a_kind_of_model_as_the_reference_says(tmp_path: Path) -> None:
    """Beside it is the table that the reference shows; both batch their rows."""
    (tmp_path / "salver_gain.py").write_text(PYTHON.files()["salver_gain.py"])
    information = tmp_path / "salver_gain-1.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: salver-gain\nVersion: 1\n")
    [project], [table] = (PYTHON.of(language) for language in ("toml", "json"))
    [(name, module)] = tomllib.loads(project)["project"]["entry-points"]["salver.runtimes"].items()
    (information / "entry_points.txt").write_text(f"[salver.runtimes]\n{name} = {module}\n")
    for file, content in (("double/1/model.gain", "2"), ("words/1/model.table", table)):
        path = tmp_path / "models" / file
        path.parent.mkdir(parents=True)
        path.write_text(content)
    places = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    with running(tmp_path / "models", environment={"PYTHONPATH": places}) as server, Client(server.address) as client:
        assert server.output.count("batched: up to 32 rows") == 2
        assert client.infer("double", {"x": np.ones((3, 2), np.float32)})["y"].tolist() == [[2, 2]] * 3
        assert client.infer("words", {"word": ["dog", "cat"]})["vector"].tolist() == [[3, 4], [1, 2]]


@pytest.mark.parametrize("page", ["docs/versions.md", "docs/tensorflow_operations.md"])
def test_what_is_typed_does_what_is_written_there(tmp_path: Path, page: str) -> None:
    with reader(tmp_path) as person:
        for command, expected in Page(page).commands():
            person.type(command, expected)


def test_the_page_on_tensorflow_is_true(tmp_path: Path) -> None:
    page = Page("docs/tensorflow.md")
    with reader(tmp_path) as person:
        written(tmp_path / "models", "mnist", mnist())
        for command, expected in page.commands():
            person.type(command, expected)


def test_the_settings_of_a_servable_are_the_defaults(tmp_path: Path) -> None:
    [text] = SETTINGS.of("toml")
    (tmp_path / "salver.toml").write_text(text)
    assert read_settings(tmp_path / "salver.toml") == ServableSettings()
    (tmp_path / "salver.toml").write_text(re.sub(r"^# (\w+ =)", r"\1", text, flags=re.M))
    settings = read_settings(tmp_path / "salver.toml")
    assert (settings.instances, settings.workers, settings.run_timeout_s) == (2, 2, 300)


def test_the_table_of_settings_has_every_key_with_its_default() -> None:
    [text] = SETTINGS.of("toml")
    said = re.findall(r"^\| `([\w.]+)` \|(?: `(.*?)`)? \|", SETTINGS.text, re.M)
    assert sorted(name for name, _ in said) == sorted(_keys())
    plain = {name.rpartition(".")[2]: default for name, default in said if default}
    assert plain == dict(re.findall(r"^(\w+) = (.*)$", text, re.M))


def _keys() -> Iterator[str]:
    for each in fields(ServableSettings):
        inner = each.metadata.get("table")
        if inner is not None:
            yield from (f"{each.name}.{own.name}" for own in fields(inner))
        elif each.metadata:
            yield each.name


def test_the_settings_of_saved_models_are_the_documented_ones(tmp_path: Path) -> None:
    [block] = Page("docs/tensorflow.md").of("toml")
    (tmp_path / "salver.toml").write_text(block)
    documented = read_settings(tmp_path / "salver.toml").saved_model
    assert documented == SavedModelSettings(signatures=("serving_default",))
    assert all(each.name in block for each in fields(SavedModelSettings))


@pytest.mark.parametrize(
    "name", ["clients", "deployment", "json", "kserve", "metrics", "plain_json", "servicers", "services", "web"]
)
def test_the_page_is_true(tmp_path: Path, name: str) -> None:
    page = Page(f"docs/{name}.md")
    with reader(tmp_path) as person:
        person.save(page.files())
        for command, expected in page.commands():
            person.type(command, expected)
        for script in page.scripts():
            person.run(script)


def test_the_page_on_metrics_names_all_of_them(tmp_path: Path) -> None:
    (tmp_path / "tea.py").write_text("import salver\n\n\n@salver.function\ndef tea(x: float) -> float:\n    return x\n")
    with running(tmp_path / "tea.py") as server:
        assert [post(server.address, f"/servables/{name}", {"x": 1}).status for name in ("tea", "no")] == [200, 404]
        page = get(server.address, "/metrics").body.decode()
    counted = {"counter": "_total"}
    kinds = {name + counted.get(kind, ""): kind for name, kind in re.findall(r"^# TYPE (\w+) (\w+)$", page, re.M)}
    assert dict(re.findall(r"^\| `(salver_\w+)` \| (\w+) \|", Page("docs/metrics.md").text, re.M)) == kinds
