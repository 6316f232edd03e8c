from salver.lifecycle.ledger import Ledger, Retries, Wants
from salver.lifecycle.states import State
from salver.problems import Problem

BROKEN = Problem("m/1", "is broken", "mend it")
EMPTY = Problem("m/2", "holds no model file", "put one there")
KEY = ("m", 1)


def wants(*versions: int, made_of: str = "") -> Wants:
    return Wants({("m", version): made_of for version in versions}, {})


def states(ledger: Ledger) -> dict[int, str]:
    return {record.version: record.state.value + ("" if record.wanted else "-") for record in ledger.records()}


def serving(*versions: int) -> Ledger:
    ledger = Ledger(Retries(2, 10.0))
    ledger.want(wants(*versions), 0.0)
    for version in versions:
        ledger.begin(("m", version))
        ledger.available(("m", version))
    return ledger


def test_a_version_lives_from_start_to_end() -> None:
    ledger = serving(1)
    ledger.want(wants(2), 0.0)
    assert states(ledger) == {1: "AVAILABLE-", 2: "START"}
    ledger.unloading(KEY)
    ledger.ended(KEY, 0.0)
    assert states(ledger) == {1: "END-", 2: "START"}


def test_a_failed_load_is_tried_again_after_a_while_and_so_often() -> None:
    ledger = Ledger(Retries(2, 10.0))
    ledger.want(wants(1), 0.0)
    for attempt in (1, 2, 3):
        ledger.begin(KEY)
        ledger.failed(KEY, BROKEN, 100.0 * attempt)
        assert ledger[KEY].problem == BROKEN
        assert ledger[KEY].state is (State.END if attempt == 3 else State.START)
        assert attempt == 3 or ledger[KEY].due == 100.0 * attempt + 10.0
    ledger.want(wants(1), 500.0)
    assert states(ledger) == {1: "END"}


def test_a_change_of_its_files_gives_a_version_all_its_tries_back() -> None:
    ledger = Ledger(Retries(0, 10.0))
    ledger.want(wants(1, made_of="half"), 0.0)
    ledger.begin(KEY)
    ledger.failed(KEY, BROKEN, 1.0)
    assert states(ledger) == {1: "END"}
    ledger.want(wants(1, made_of="more"), 2.0)
    assert (ledger[KEY].state, ledger[KEY].problem) == (State.START, None)
    ledger.begin(KEY)
    ledger.want(wants(1, made_of="whole"), 3.0)
    ledger.failed(KEY, BROKEN, 4.0)
    assert (ledger[KEY].state, ledger[KEY].due, ledger[KEY].attempts) == (State.START, 4.0, 0)


def test_what_waits_is_due_at_once_when_its_files_change_or_somebody_asks() -> None:
    ledger = Ledger(Retries(3, 60.0))
    ledger.want(wants(1, made_of="half"), 0.0)
    ledger.begin(KEY)
    ledger.failed(KEY, BROKEN, 0.0)
    assert ledger[KEY].due == 60.0
    ledger.want(wants(1, made_of="whole"), 5.0)
    assert ledger[KEY].due == 5.0
    ledger.begin(KEY)
    ledger.failed(KEY, BROKEN, 6.0)
    ledger.try_again(KEY, 7.0)
    assert (ledger[KEY].due, ledger[KEY].attempts) == (7.0, 0)


def test_what_was_given_up_is_tried_again_when_somebody_asks() -> None:
    ledger = Ledger(Retries(0))
    ledger.want(wants(1), 0.0)
    ledger.begin(KEY)
    ledger.failed(KEY, BROKEN, 0.0)
    ledger.try_again(KEY, 1.0)
    assert (ledger[KEY].state, ledger[KEY].due) == (State.START, 1.0)


def test_a_version_of_no_use_is_wanted_and_ends_what_only_waits() -> None:
    ledger = Ledger()
    ledger.want(wants(1, 2), 0.0)
    ledger.want(Wants({}, {("m", 2): EMPTY, ("m", 3): EMPTY}), 0.0)
    assert states(ledger) == {2: "END", 3: "END"}
    assert ledger["m", 3].problem == EMPTY
    ledger.want(wants(3), 1.0)
    assert states(ledger) == {3: "START"}


def test_what_serves_goes_on_whatever_its_folder_is_like() -> None:
    ledger = serving(1, 2)
    ledger.want(Wants({("m", 1): ""}, {("m", 2): EMPTY}), 0.0)
    assert states(ledger) == {1: "AVAILABLE", 2: "AVAILABLE"}
    ledger.want(Wants({}, {}), 0.0)
    assert states(ledger) == {1: "AVAILABLE-", 2: "AVAILABLE-"}


def test_what_was_said_of_a_version_that_should_exist_is_not_remembered_of_one_that_ended() -> None:
    ledger = serving(1)
    for refused in ({}, {KEY: EMPTY}, {}):
        ledger.want(Wants({("m", 2): ""}, refused), 0.0)
        if ledger[KEY].state is State.AVAILABLE:
            ledger.unloading(KEY)
            ledger.ended(KEY, 0.0)
        assert (ledger[KEY].state, ledger[KEY].problem) == (State.END, refused.get(KEY))


def test_a_version_that_is_removed_while_it_is_loaded_is_no_longer_wanted() -> None:
    ledger = Ledger()
    ledger.want(wants(1), 0.0)
    ledger.begin(KEY)
    ledger.want(wants(), 0.0)
    assert states(ledger) == {1: "LOADING-"}
    ledger.failed(KEY, BROKEN, 0.0)
    assert states(ledger) == {1: "END-"}
    ledger.want(wants(1), 0.0)
    assert states(ledger) == {1: "START"}


def test_a_version_that_is_wanted_again_while_it_goes_begins_anew() -> None:
    ledger = serving(1)
    ledger.want(wants(), 0.0)
    ledger.unloading(KEY)
    ledger.want(wants(1), 1.0)
    assert states(ledger) == {1: "UNLOADING"}
    ledger.ended(KEY, 2.0)
    assert (states(ledger), ledger[KEY].due) == ({1: "START"}, 2.0)


def test_only_the_last_ends_are_remembered() -> None:
    ledger = Ledger(remembered=2)
    for version in (5, 1, 3):
        ledger.want(wants(version), 0.0)
        ledger.begin(("m", version))
        ledger.available(("m", version))
        ledger.want(wants(), 0.0)
        ledger.unloading(("m", version))
        ledger.ended(("m", version), 0.0)
    assert states(ledger) == {1: "END-", 3: "END-"}


def test_what_was_never_tried_leaves_no_memory() -> None:
    ledger = Ledger()
    ledger.want(Wants({KEY: ""}, {("m", 2): EMPTY}), 0.0)
    ledger.want(Wants({}, {}), 0.0)
    assert ledger.records() == []
