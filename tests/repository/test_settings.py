from pathlib import Path

import pytest

from salver.problems import Unusable
from salver.repository.settings import OnnxSettings, ServableSettings, read_settings


def read(tmp_path: Path, text: str) -> ServableSettings:
    path = tmp_path / "salver.toml"
    path.write_text(text, encoding="utf-8")
    return read_settings(path)


def test_without_a_file_everything_has_its_default(tmp_path: Path) -> None:
    assert read_settings(tmp_path / "salver.toml") == ServableSettings()


def test_everything_can_be_said(tmp_path: Path) -> None:
    text = """
        method = "add_common"
        max_batch_size = 8
        max_wait_ms = 1.5
        instances = 3
        batching = "auto"
        versions = [2, 4]

        [onnx]
        threads = 2
        providers = ["cuda", "cpu"]
        optimization = "off"
    """
    assert read(tmp_path, text) == ServableSettings(
        method="add_common",
        max_batch_size=8,
        max_wait_ms=1.5,
        instances=3,
        batching=None,
        versions=(2, 4),
        onnx=OnnxSettings(threads=2, providers=("cuda", "cpu"), optimization="off"),
    )


@pytest.mark.parametrize(
    ("text", "what", "remedy"),
    [
        ("max_batchsize = 8", "no setting 'max_batchsize'", "did you mean 'max_batch_size'?"),
        ("[onnx]\nthread = 8", "no setting 'onnx.thread'", "did you mean 'onnx.threads'?"),
        ("zebra = 8", "no setting 'zebra'", "known here: batching, instances, max_batch_size"),
        ("method = '@call'", "method is '@call'", "a name of letters, digits and _"),
        ("method = 'add.common'", "method is 'add.common'", "a name of letters, digits and _"),
        ("method = 'größe'", "method is 'größe'", "a name of letters, digits and _"),
        ("method = ''", "method is ''", "such as add_common"),
        ("method = 3", "method is 3", "such as add_common"),
        ("max_batch_size = 0", "max_batch_size is 0", "a whole number from 1 to 2147483647"),
        ("instances = 100000", "instances is 100000", "a whole number from 1 to 1024"),
        ("max_batch_size = true", "max_batch_size is True", "a whole number"),
        ("max_wait_ms = -1", "max_wait_ms is -1", "milliseconds"),
        ("batching = 'yes'", "batching is 'yes'", 'true, false or "auto"'),
        ("versions = 'newest'", "versions is 'newest'", '"latest", "all" or a list'),
        ("versions = [0]", "versions is [0]", "version numbers"),
        ("onnx = 3", "onnx is 3", "a table"),
        ("[onnx]\nproviders = ['gpu']", "onnx.providers is ['gpu']", "some of cpu, cuda"),
        ("[onnx]\noptimization = 'most'", "onnx.optimization is 'most'", "one of all"),
        ("max_batch_size 8", "is not TOML", "mend that line"),
    ],
)
def test_a_mistake_is_told_with_its_key_and_a_remedy(tmp_path: Path, text: str, what: str, remedy: str) -> None:
    with pytest.raises(Unusable) as refused:
        read(tmp_path, text)
    problem = refused.value.problem
    assert problem.where == str(tmp_path / "salver.toml")
    assert what in problem.what
    assert remedy in problem.remedy


def test_a_file_that_is_not_utf_8_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "salver.toml").write_bytes(b"versions = '\xff'")
    with pytest.raises(Unusable, match="UTF-8"):
        read_settings(tmp_path / "salver.toml")


@pytest.mark.parametrize(("wish", "chosen"), [("latest", [10]), ("all", [1, 2, 10]), ((2, 1), [1, 2]), ((3,), [])])
def test_the_policy_chooses_versions(wish: str | tuple[int, ...], chosen: list[int]) -> None:
    assert ServableSettings(versions=wish).chosen([10, 1, 2]) == chosen
    assert ServableSettings(versions=wish).chosen([]) == []
