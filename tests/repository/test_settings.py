from pathlib import Path

import pytest

from salver.problems import Unusable
from salver.repository.policies import Every, Latest, Specific, VersionPolicy
from salver.repository.settings import OnnxSettings, SavedModelSettings, ServableSettings, read_settings


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
        allowed_batch_sizes = [2, 8]
        max_waiting_batches = 4
        max_call_rows = 20
        instances = 3
        batching = "auto"
        versions = [2, 4]
        labels = { stable = 2 }
        workers = 3
        run_timeout_s = 2.5
        in_process = true

        [onnx]
        threads = 2
        providers = ["cuda", "cpu"]
        optimization = "off"
    """
    assert read(tmp_path, text) == ServableSettings(
        method="add_common",
        max_batch_size=8,
        max_wait_ms=1.5,
        allowed_batch_sizes=(2, 8),
        max_waiting_batches=4,
        max_call_rows=20,
        instances=3,
        batching=None,
        versions=Specific(frozenset({2, 4})),
        labels={"stable": 2},
        workers=3,
        run_timeout_s=2.5,
        in_process=True,
        onnx=OnnxSettings(threads=2, providers=("cuda", "cpu"), optimization="off"),
    )


@pytest.mark.parametrize(
    ("text", "what", "remedy"),
    [
        ("max_batchsize = 8", "no setting 'max_batchsize'", "did you mean 'max_batch_size'?"),
        ("[onnx]\nthread = 8", "no setting 'onnx.thread'", "did you mean 'onnx.threads'?"),
        ("zebra = 8", "no setting 'zebra'", "known here: allowed_batch_sizes, batching, in_process, instances"),
        ("method = '@call'", "method is '@call'", "a name of letters, digits and _"),
        ("method = 'add.common'", "method is 'add.common'", "a name of letters, digits and _"),
        ("method = 'größe'", "method is 'größe'", "a name of letters, digits and _"),
        ("method = ''", "method is ''", "such as add_common"),
        ("method = 3", "method is 3", "such as add_common"),
        ("max_batch_size = 0", "max_batch_size is 0", "a whole number from 1 to 2147483647"),
        ("instances = 100000", "instances is 100000", "a whole number from 1 to 1024"),
        ("max_batch_size = true", "max_batch_size is True", "a whole number"),
        ("max_wait_ms = -1", "max_wait_ms is -1", "milliseconds"),
        ("allowed_batch_sizes = 8", "allowed_batch_sizes is 8", "a list of ascending whole numbers"),
        ("allowed_batch_sizes = [8, 4]", "allowed_batch_sizes is [8, 4]", "ascending"),
        ("allowed_batch_sizes = [0, 32]", "allowed_batch_sizes is [0, 32]", "from 1"),
        ("allowed_batch_sizes = [8, 16]", "allowed_batch_sizes is 16, and max_batch_size is 32", "both be the same"),
        ("max_waiting_batches = 0", "max_waiting_batches is 0", "a whole number from 1"),
        ("batching = 'yes'", "batching is 'yes'", 'true, false or "auto"'),
        ("versions = 'newest'", "versions is 'newest'", '"all" or a list'),
        ("versions = [0]", "versions is [0]", "version numbers"),
        ("versions = [18446744073709551616]", "versions is [18446744073709551616]", "version numbers"),
        ("versions = 'latest 0'", "versions is 'latest 0'", '"latest 2"'),
        ("labels = { stable = '1' }", "labels is {'stable': '1'}", "names with version numbers"),
        ("labels = { stable = 9223372036854775808 }", "9223372036854775808", "names with version numbers"),
        ("labels = 3", "labels is 3", "such as { stable = 1, canary = 2 }"),
        ("workers = 0", "workers is 0", "a whole number from 1 to 1024"),
        ("run_timeout_s = 0", "run_timeout_s is 0", "seconds, more than 0"),
        ("in_process = 1", "in_process is 1", "true or false"),
        ("onnx = 3", "onnx is 3", "a table"),
        ("[onnx]\nproviders = ['gpu']", "onnx.providers is ['gpu']", "some of cpu, cuda"),
        ("[onnx]\noptimization = 'most'", "onnx.optimization is 'most'", "one of all"),
        ("max_batch_size 8", "is not TOML", "mend that line"),
        (f"versions = {'[' * 100_000}", "is not TOML", "mend that line"),
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


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ('"latest"', Latest()),
        ('"latest 3"', Latest(3)),
        ('"all"', Every()),
        ("[3, 1]", Specific(frozenset({1, 3}))),
    ],
)
def test_the_versions_may_be_said_in_several_ways(tmp_path: Path, text: str, policy: VersionPolicy) -> None:
    assert read(tmp_path, f"versions = {text}").versions == policy


def test_what_the_file_does_not_say_is_as_in_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "salver.toml").write_text("max_wait_ms = 2")
    settings = read_settings(tmp_path / "salver.toml", ServableSettings(max_batch_size=8, max_wait_ms=1))
    assert settings == ServableSettings(max_batch_size=8, max_wait_ms=2)


def test_tables_are_filled_up_from_the_defaults_too(tmp_path: Path) -> None:
    (tmp_path / "salver.toml").write_text("[saved_model]\nthreads = 2\n")
    defaults = ServableSettings(saved_model=SavedModelSettings(warm_up=False))
    settings = read_settings(tmp_path / "salver.toml", defaults)
    assert settings.saved_model == SavedModelSettings(threads=2, warm_up=False)
    assert settings.given(("saved_model", "onnx")) == ["saved_model"]
    (tmp_path / "salver.toml").unlink()
    unsaid = read_settings(tmp_path / "salver.toml", defaults)
    assert (unsaid.saved_model.warm_up, unsaid.given(("saved_model",))) == (False, [])


def test_what_is_no_key_is_none(tmp_path: Path) -> None:
    (tmp_path / "salver.toml").write_text('assumed = ["method"]\n')
    with pytest.raises(Unusable, match="there is no setting 'assumed'"):
        read_settings(tmp_path / "salver.toml")


def test_what_differs_from_the_defaults_is_known() -> None:
    settings = ServableSettings(method="add", max_batch_size=32, onnx=OnnxSettings(threads=2))
    assert settings.given(("method", "max_batch_size", "workers", "onnx")) == ["method", "onnx"]


@pytest.mark.parametrize(
    ("text", "defaults", "split"),
    [
        ("", None, False),
        ("max_wait_ms = 1", None, False),
        ("max_batch_size = 32", None, True),
        ("max_batch_size = 8\nallowed_batch_sizes = [8]", None, True),
        ("", ServableSettings(max_batch_size=1000), True),
    ],
)
def test_calls_are_split_where_somebody_said_how_many_rows_run_together(
    tmp_path: Path, text: str, defaults: ServableSettings | None, split: bool
) -> None:
    (tmp_path / "salver.toml").write_text(text)
    assert read_settings(tmp_path / "salver.toml", defaults).policy()["split_calls"] is split
