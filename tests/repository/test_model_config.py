from pathlib import Path

import pytest

from salver.problems import Unusable
from salver.repository.base_path import BasePath
from salver.repository.model_config import listed_by_flags, parse_model_config, read_model_config
from salver.repository.policies import Every, Latest, Specific

TYPICAL = """
# what the documentation shows
model_config_list {
  config {
    name: "m" base_path: "/models/m" model_platform: "tensorflow"
    model_version_policy { specific { versions: 42 versions: 43 } }
    version_labels { key: "stable" value: 42 }
    version_labels { key: "canary" value: 43 }
    logging_config { log_collector_config { type: "file" } sampling_config { sampling_rate: 0.5 } }
  }
  config { name: "n" base_path: "file:///models/n" model_type: TENSORFLOW model_version_policy { all {} } }
  config: { name: 'o', base_path: "/models/o", model_version_policy: { latest: { num_versions: 2 } } }
  config { name: "p" base_path: "/models/p" }
}
"""


def one(text: str) -> str:
    return f'model_config_list {{\n config {{ name: "m" {text} }}\n}}'


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "models.config"
    path.write_text(text)
    return path


def test_a_typical_file_is_understood_whole(tmp_path: Path) -> None:
    assert read_model_config(write(tmp_path, TYPICAL)) == (
        BasePath("m", Path("/models/m"), "tensorflow", Specific(frozenset({42, 43})), {"stable": 42, "canary": 43}),
        BasePath("n", Path("/models/n"), "", Every(), {}),
        BasePath("o", Path("/models/o"), "", Latest(2), {}),
        BasePath("p", Path("/models/p"), "", Latest(1), {}),
    )


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("model_config_list {\n  confg { }\n}", ":2:3", 'has no field named "confg"'),
        ('model_config_list {\n  config { name: "m" base_path "/m" }\n}', ":2:32", "Expected"),
        ('model_config_list {\n  config { name: "m }\n}', ":2", "quote"),
        ('model_config_list {\n config { name: "m"', ":2", "Expected"),
        (one('base_path: "/m" model_version_policy { specific { versions: "1" } }'), ":2", "integer"),
        (
            one('base_path: "models/m"'),
            "",
            "Expected model m to have an absolute path or URI; got base_path()=models/m",
        ),
        (one('base_path: "s3://bucket/m"'), ":2", "model m is at s3://bucket/m, which is not on this machine"),
        (one('base_path: "/m" version_labels { key: "" value: 1 }'), ":2", "label '' of model m names version 1"),
        (one('base_path: "/m" model_version_policy { specific { } }'), ":2", "specific, but names no version"),
        (one('base_path: "/m" model_version_policy { specific { versions: -1 } }'), ":2", "model m names version -1"),
        (one(r'base_path: "/m" model_platform: "\377"'), ":2", "is no ModelServerConfig"),
        (TYPICAL.replace('"n"', '"m"'), ":11", "Illegal to list model m multiple times in config list"),
        (TYPICAL.replace('"n"', '""'), ":11", "a model in the config list has no name"),
        ("custom_model_config { }", ":1", "Only ModelConfigList is currently supported"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, text: str, where: str, what: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(Unusable) as refused:
        read_model_config(path)
    assert refused.value.problem.where.startswith(f"{path}{where}")
    assert what in refused.value.problem.what
    assert refused.value.problem.remedy


def test_an_empty_file_says_nothing_but_an_empty_message_is_wrong(tmp_path: Path) -> None:
    assert read_model_config(write(tmp_path, "# nothing yet\n")) is None
    with pytest.raises(Unusable, match="Only ModelConfigList is currently supported"):
        parse_model_config(b"")
    with pytest.raises(Unusable, match="no such message"):
        parse_model_config(b"\xff")


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="cannot be read"):
        read_model_config(tmp_path / "gone")
    (tmp_path / "latin").write_bytes(b"name: '\xff'")
    with pytest.raises(Unusable, match="UTF-8"):
        read_model_config(tmp_path / "latin")


def test_a_message_says_the_same_as_the_file() -> None:
    # 1: ModelConfigList { 1: ModelConfig { 1: "m", 2: "/m" } }
    assert parse_model_config(b"\x0a\x09\x0a\x07\x0a\x01m\x12\x02/m") == (BasePath("m", Path("/m"), "", Latest(1), {}),)


def test_flags_list_one_servable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert listed_by_flags("m", "models/m", None).path == tmp_path / "models" / "m"
    for name, path in (("", "/m"), ("m", "gs://bucket/m")):
        with pytest.raises(Unusable):
            listed_by_flags(name, path, None)
