import pytest

from salver.config.tensorflow_flags import help_text, read_flags
from salver.problems import Unusable


def test_without_flags_everything_is_as_in_tensorflow_serving() -> None:
    flags = read_flags([])
    assert flags.number("port") == 8500
    assert flags.number("rest_api_port") == 0
    assert flags.text("model_name") == "default"
    assert flags.number("file_system_poll_wait_seconds") == 1
    assert flags.ignored == ()


@pytest.mark.parametrize(
    ("arguments", "name", "value"),
    [
        (["--port=9000"], "port", 9000),
        (["--port", "9000"], "port", 9000),
        (["-port=9000"], "port", 9000),
        (["--port=1", "--port=2"], "port", 2),
        (["--file_system_poll_wait_seconds=-1"], "file_system_poll_wait_seconds", -1),
        (["--model_base_path=/a=b"], "model_base_path", "/a=b"),
        (["--model_name="], "model_name", ""),
        (["--enable_batching"], "enable_batching", True),
        (["--enable_batching", "--port=1"], "enable_batching", True),
        (["--enable_batching=true"], "enable_batching", True),
        (["--enable_batching=False"], "enable_batching", False),
        (["--enable_batching=0"], "enable_batching", False),
    ],
)
def test_a_flag_may_be_written_in_several_ways(arguments: list[str], name: str, value: object) -> None:
    assert read_flags(arguments).values[name] == value


def test_flags_that_change_nothing_are_known() -> None:
    arguments = ["--num_load_threads=3", "--per_process_gpu_memory_fraction=0.5", "--enable_profiler", "--port=1"]
    assert read_flags(arguments).ignored == (
        "num_load_threads",
        "per_process_gpu_memory_fraction",
        "enable_profiler",
    )


@pytest.mark.parametrize(
    ("argument", "what", "remedy"),
    [
        ("--model_nmae=x", "is no flag", "did you mean --model_name?"),
        ("--rest_port=1", "is no flag", "did you mean --rest_api_port?"),
        ("--zzz", "is no flag", "--help"),
        ("port=1", "is no flag", "did you mean --port?"),
        ("models", "is no flag", ""),
        ("--port=http", "'http' is no usable value", "a number"),
        ("--enable_batching=maybe", "'maybe' is no usable value", "true or false"),
        ("--port", "has no value", "write --port=VALUE"),
    ],
)
def test_a_mistake_is_told_with_the_nearest_flag(argument: str, what: str, remedy: str) -> None:
    with pytest.raises(Unusable) as refused:
        read_flags([argument])
    assert refused.value.problem.where == argument
    assert what in refused.value.problem.what
    assert remedy in refused.value.problem.remedy


def test_the_help_has_every_flag_that_means_something() -> None:
    shown = help_text()
    assert all(f"--{name}=" in shown for name in read_flags([]).values)
    assert "--enable_batching=false" in shown
