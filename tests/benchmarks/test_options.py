"""What of the benchmark is run, by its command line."""

import pytest

from benchmarks.options import PARTS, RESULTS, SCRATCH_RESULTS, parse
from benchmarks.servers import SERVERS


def test_without_options_everything_is_run_and_written_where_results_are_kept() -> None:
    options = parse([])
    assert (options.parts, options.servers, options.out) == (PARTS, tuple(SERVERS), RESULTS)
    assert options.complete


@pytest.mark.parametrize("arguments", [["--quick"], ["--only", "add"], ["--peers", "mosec"]])
def test_a_partial_run_leaves_the_kept_results_alone(arguments: list[str]) -> None:
    options = parse(arguments)
    assert options.out == SCRATCH_RESULTS
    assert not options.complete


def test_a_group_stands_for_its_parts_in_the_order_of_the_run() -> None:
    assert parse(["--only", "standing,python"]).parts == (
        "add",
        "tensor",
        "chain",
        "image",
        "rows",
        "isolation",
        "standing",
    )


def test_the_calls_of_servicers_are_measured_of_grpcio_and_of_salver_under_the_same_scripts() -> None:
    options = parse(["--only", "services"])
    assert options.parts == ("empty", "echo", "count", "chat", "processes", "faces")
    asked = {name: SERVERS[name] for name in options.servers if "empty" in SERVERS[name].workloads}
    assert sorted((each.script, each.unsalvered) for each in asked.values()) == [
        ("blocking", False),
        ("blocking", True),
        ("looped", False),
        ("looped", True),
    ]


def test_only_servers_that_have_something_to_do_are_set_up() -> None:
    assert parse(["--only", "rows"]).servers == ("salver_one_worker", "salver_two_workers")
    assert parse(["--only", "instances"]).servers == ("mindspore_one_worker", "mindspore_two_workers")
    assert parse(["--only", "image", "--peers", "mosec,triton"]).servers == ("salver_python", "mosec")


def test_an_unknown_part_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--only", "pictures"])
    assert "unknown: pictures; known: add, mlp" in capsys.readouterr().err
