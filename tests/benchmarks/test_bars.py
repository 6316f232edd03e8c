"""Whether a run met the bars."""

import pytest

from benchmarks.bars import LOADING_TITLES, Alone, Asked, DelayBar, RatioBar, judge
from benchmarks.changes import Growth, Loading
from benchmarks.isolation import Situations
from benchmarks.measure import Cell
from benchmarks.steady import median_of
from benchmarks.summary import Summary

OURS: Asked = ("salver_python", "grpc")
MOSEC: Asked = ("mosec", "http")
GRPC_AIO: Asked = ("grpc_aio", "grpc")


def cell(asked: Asked, rate: float, p50_us: float | None = None) -> Cell:
    server, protocol = asked
    return Cell(1, server, "image", protocol, 16, 100, rate, 1.0, 0.1, p50_us, p50_us, 1)


@pytest.mark.parametrize(
    ("bar", "got", "met"),
    [
        (RatioBar("image", 16, OURS, (MOSEC,), 1.3), "1.50 x", True),
        (RatioBar("image", 16, OURS, (GRPC_AIO, MOSEC), 1.3), "1.20 x (grpc.aio, gRPC)", False),
        (RatioBar("image", 16, OURS, (MOSEC,), 0.6, latency=True), "0.50 x", True),
        (RatioBar("image", 16, OURS, (GRPC_AIO, MOSEC), 0.6, latency=True), "1.00 x (grpc.aio, gRPC)", False),
    ],
)
def test_a_bar_compares_with_the_best_of_those_it_names(bar: RatioBar, got: str, met: bool) -> None:
    summary = Summary([cell(OURS, 600, 10), cell(MOSEC, 400, 20), cell(GRPC_AIO, 500, 10)])
    verdict = bar.verdict(summary)
    assert (verdict.got, verdict.met) == (got, met)


def test_a_bar_is_not_judged_while_one_of_those_it_names_has_no_figure() -> None:
    verdict = RatioBar("image", 16, OURS, (GRPC_AIO, MOSEC), 1.3).verdict(Summary([cell(OURS, 600), cell(MOSEC, 400)]))
    assert verdict.met is None


@pytest.mark.parametrize(("limit_ms", "met"), [(0.15, False), (0.2, True)])
def test_a_delay_is_the_difference_of_two_latencies(limit_ms: float, met: bool) -> None:
    rounds = [
        Cell(1, server, "add", "grpc", 1, 100, 1.0, 1.0, 0.1, p50_us, p50_us, 1)
        for server, p50_us in (("salver_joined", 260.0), ("salver_python", 100.0))
    ]
    bar = DelayBar("add", ("salver_joined", "grpc"), ("salver_python", "grpc"), limit_ms)
    verdict = bar.verdict(Summary(rounds))
    assert (verdict.got, verdict.met) == ("0.160 ms", met)
    assert bar.verdict(Summary(rounds[:1])).met is None


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ("`instances`, c=16, requests/s: salver, `num_parallel_workers=2`, gRPC", ">= 1.8 x"),
        ("`add`, c=1, p50: salver, a worker over TCP, gRPC", "<= 0.15 ms"),
        ("`add`, c=64, requests/s: salver, MindSpore Serving's REST, HTTP", ">= 0.8 x"),
    ],
)
def test_what_users_of_mindspore_serving_wait_for_has_its_bars(asked: str, wanted: str) -> None:
    assert wanted in [each.wanted for each in judge(Summary([]), Alone()) if each.title.startswith(asked)]


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ("`empty`, c=64, requests/s: salver run, `grpc.server`, gRPC against the best peer", ">= 6 x"),
        ("`echo`, c=1, p50: salver run, `grpc.server`, gRPC against the best peer", "<= 0.5 x"),
        ("`count`, c=64, requests/s: salver run, `grpc.server`, gRPC against the best peer", ">= 3 x"),
        ("`faces`, c=64, requests/s: salver, a service of its own, gRPC against grpcio", ">= 5 x"),
    ],
)
def test_what_users_of_grpcio_wait_for_has_its_bars(asked: str, wanted: str) -> None:
    assert wanted in [each.wanted for each in judge(Summary([]), Alone()) if each.title.startswith(asked)]


def test_a_busy_servable_is_held_against_a_busy_stranger_by_the_medians_of_the_rounds() -> None:
    rounds = [Situations(1, 10, 12), Situations(1, 10, 90), Situations(1, 8, 11)]
    alone = Alone(isolation=median_of(rounds))
    verdict = next(each for each in judge(Summary([]), alone) if "stranger" in each.title)
    assert (verdict.got, verdict.met) == ("1.20 x", True)


def test_what_versions_cost_is_held_against_those_of_another_server() -> None:
    alone = Alone(loading=Loading(50, 100, 140, 160), growth=Growth(100, 105, 100))
    verdicts = {each.title: (each.got, each.met) for each in judge(Summary([]), alone)}
    assert [verdicts[title] for title in LOADING_TITLES.values()] == [("1.40 x", True), ("1.60 x", False)]
    assert [found for title, found in verdicts.items() if title.startswith("memory after")] == [("1.05 x", True)]


def test_without_figures_nothing_is_judged() -> None:
    assert {each.met for each in judge(Summary([]), Alone())} == {None}
