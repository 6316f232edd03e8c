"""Keeps what a server serves as it should be, without a call that fails for it."""

import threading
import time
import traceback
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from queue import SimpleQueue

from salver import _native
from salver.lifecycle.ledger import Ledger, Retries
from salver.lifecycle.policy import Deed, next_actions, next_due
from salver.lifecycle.states import Key, Record, State
from salver.problems import Problem, Unusable
from salver.repository.scan import Refused, VersionFolder
from salver.repository.sources import Sources
from salver.runtimes import table
from salver.server.desire import Desire
from salver.server.hosts import Attempt
from salver.server.live import LiveServer
from salver.server.load import Outcome, Running, reason
from salver.server.report import Report, described
from salver.server.routes import Absent, Routes

_POLL_S = 0.02
# A call may have found its version just before that was routed to no more, and be on its way to it.
_ON_THE_WAY_S = 1.0
_GIVEN_UP = Problem("its loading", "was given up before it began", "ask for it again")


@dataclass
class _Loading:
    """A version that is being loaded, or waits for its turn."""

    folder: VersionFolder
    attempt: Attempt
    begun: bool = False

    @property
    def key(self) -> Key:
        return self.folder.servable, self.folder.version


@dataclass
class _Leaving:
    """A version that is routed to no more, and since when it has had no call."""

    running: Running
    idle_since: float


@dataclass(frozen=True)
class Status:
    """One version as people are shown it."""

    record: Record
    labels: tuple[str, ...]


class Manager:
    """`start` is first, and `stop` is last; it belongs between draining and ending the server.

    Any thread may ask and wait. A thread of its own decides what is done, and lets versions go. They are loaded in
    others: each that workers load in its own, since most of that time is not the server's, and all the rest in one, one
    after the other. Callers can reach a version from the moment it is loaded until another answers in its place; so one
    that takes for ever to load keeps no other from its callers, nor from coming and going.
    """

    def __init__(self, live: LiveServer, desire: Desire, retries: Retries, report: Report) -> None:
        self._live = live
        self._desire = desire
        self._report = report
        self._ledger = Ledger(retries)
        self._change = threading.Condition()
        self._untried: set[Key] = set()
        self._loading: dict[Key, _Loading] = {}
        self._running: dict[Key, Running] = {}
        self._leaving: dict[Key, _Leaving] = {}
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="manager", daemon=True)
        self._queue: SimpleQueue[_Loading | None] = SimpleQueue()
        self._loader = threading.Thread(target=self._load_queued, name="loading", daemon=True)
        self._loaders: list[threading.Thread] = []
        self._note()

    def start(self) -> None:
        """Load all that should be served, and from now on follow whatever changes."""
        with self._change:
            self._tell_news()
            self._untried = {record.key for record in self._ledger.records() if record.state is State.START}
            self._route()
        self._loader.start()
        self._thread.start()

    def wait_until_tried(self, go_on: Callable[[], bool]) -> None:
        """Wait until all that was there at the start has been loaded, or could not be; or it is to go on no more."""
        with self._change:
            while self._trying() and not self._stopping and go_on():
                self._change.wait(_POLL_S)

    def _trying(self) -> bool:
        return any(record.wanted for record in self._ledger.records() if record.key in self._untried)

    def ask_to_stop(self) -> None:
        """Begin nothing new. Whoever waits is told."""
        with self._change:
            self._stopping = True
            self._change.notify_all()

    def stop(self) -> None:
        """Wait until what was begun is done: the server must have stopped, or be about to. Idempotent."""
        self.ask_to_stop()
        self._queue.put(None)
        for each in (self._thread, self._loader):
            if each.ident is not None:
                each.join()
        for each in self._loaders:
            each.join()

    @property
    def sources(self) -> Sources:
        return self._desire.sources

    def trace(self) -> int:
        """Changes whenever it may be time to `look`."""
        return self._desire.trace()

    def look(self, change: Callable[[Sources], Sources] | None = None, servables: Iterable[str] | None = None) -> None:
        """Look at what should be served, after a change of what says so, or just at some servables; and follow it.

        Raises Unusable if that cannot be told; then everything stays as it is.
        """
        with self._change:
            sources = self._desire.sources
            self._desire.look(sources if change is None else change(sources), servables)
            self._tell_news()
            self._note()
            self._route()
            self._change.notify_all()

    def try_again(self, servable: str, version: int | None = None) -> None:
        """Load what could not be loaded, now."""
        with self._change:
            for record in self._of(servable):
                if version in (None, record.version) and record.problem is not None and record.made_of is not None:
                    self._ledger.try_again(record.key, time.monotonic())
            self._route()
            self._change.notify_all()

    def statuses(self) -> list[Status]:
        """Every version that there is, should be, or was lately."""
        with self._change:
            return [Status(each, self._labels_of(each)) for each in self._shown()]

    def labels(self, servable: str) -> Mapping[str, int]:
        """The labels that a servable should have."""
        with self._change:
            return self._desire.labels().get(servable, {})

    def available(self, servable: str) -> frozenset[int]:
        """The numbers of its versions that answer."""
        with self._change:
            return frozenset(version for name, version in self._running if name == servable)

    def why_not(self, servable: str, version: int | None) -> Problem | None:
        """What keeps a version, or all of a servable, from being tried at all."""
        with self._change:
            return self._desire.why_not(servable, version)

    def wait(self, servable: str, until: Callable[[Collection[Record]], bool]) -> list[Record]:
        """Wait until the records of a servable are so; gives them. Raises Unusable when the server stops before."""
        with self._change:
            self._change.wait_for(lambda: self._stopping or until(self._of(servable)))
            if self._stopping:
                raise Unusable(servable, "is not waited for: the server stops", "start it again")
            return self._of(servable)

    def _shown(self) -> list[Record]:
        """The ledger's; of a listed servable without any version its last one, or 1, says why it does not answer."""
        shown = {record.key: record for record in self._ledger.records()}
        for servable, problem in self._desire.empty().items():
            of_it = self._of(servable)
            if all(record.state is State.END and not record.wanted for record in of_it):
                version = max((record.version for record in of_it), default=1)
                shown[servable, version] = Record(servable, version, State.END, problem=problem)
        return [record for _, record in sorted(shown.items())]

    def _of(self, servable: str) -> list[Record]:
        return [record for record in self._ledger.records() if record.servable == servable]

    def _note(self) -> None:
        self._ledger.want(self._desire.wants(), time.monotonic())

    def _tell_news(self) -> None:
        for problem in self._desire.news():
            self._report.problem(problem)

    def _run(self) -> None:
        _native.unhurried()
        while not self._stopping:
            with self._change:
                self._act()
            self._let_go()

    def _act(self) -> None:
        """Begin what is to be done next, or wait until there may be something."""
        if self._stopping:
            return
        now, records = time.monotonic(), self._ledger.records()
        actions = next_actions(records, now)
        for action in actions:
            (self._begin if action.deed is Deed.LOAD else self._withdraw)(action.key)
        if actions:
            self._route()
            self._change.notify_all()
        else:
            self._change.wait(self._pause(records, now))

    def _pause(self, records: Iterable[Record], now: float) -> float | None:
        """How long there is nothing to do, if nobody asks."""
        if self._leaving:
            return _POLL_S
        due = next_due(records, now)
        return None if due is None else due - now

    def _begin(self, key: Key) -> None:
        loading = self._loading[key] = _Loading(self._desire.folders()[key], self._live.attempt())
        self._ledger.begin(key)
        if not table.takes_worker(loading.folder):
            self._queue.put(loading)
            return
        thread = threading.Thread(target=self._load, args=(loading,), name="loading", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            what, remedy = f"cannot be loaded now: {error}", "see that memory and threads are left"
            self._done(key, Refused(*key, Problem(str(loading.folder.artefact), what, remedy)), 0.0)
        else:
            self._loaders = [*(each for each in self._loaders if each.is_alive()), thread]

    def _load_queued(self) -> None:
        while (loading := self._queue.get()) is not None:
            self._load(loading)

    def _load(self, loading: _Loading) -> None:
        _native.unhurried()
        began = time.monotonic()
        with self._change:
            if self._stopping or self._loading.get(loading.key) is not loading:
                return
            loading.begun = True
        outcome = self._live.load(loading.folder, loading.attempt)
        with self._change:
            self._done(loading.key, outcome, time.monotonic() - began)

    def _done(self, key: Key, outcome: Outcome, took_s: float) -> None:
        """A load has come to its end."""
        del self._loading[key]
        if self._ledger[key].state is State.UNLOADING:
            self._given_up(key, outcome)
        elif isinstance(outcome, Running):
            self._loaded(key, outcome, took_s)
        else:
            self._failed(key, outcome.problem)
        self._route()
        self._change.notify_all()

    def _loaded(self, key: Key, running: Running, took_s: float) -> None:
        self._ledger.available(key)
        self._running[key] = running
        self._report.say(described([running.loaded]))
        if key in self._untried:
            self._untried.remove(key)
        else:
            self._report.say(f"{_name(key)}: ready after {took_s:.2f} s")

    def _failed(self, key: Key, problem: Problem) -> None:
        known = self._ledger[key].problem
        self._ledger.failed(key, problem, time.monotonic())
        self._untried.discard(key)
        if known != problem and not self._stopping:
            self._report.problem(problem)

    def _given_up(self, key: Key, outcome: Outcome) -> None:
        """It was not wanted any more, and is gone; or it is there after all, and goes like any other."""
        if isinstance(outcome, Running):
            self._leaving[key] = _Leaving(outcome, time.monotonic())
        else:
            self._ledger.ended(key, time.monotonic())
            self._report.say(f"{_name(key)}: given up")

    def _withdraw(self, key: Key) -> None:
        self._ledger.unloading(key)
        loading = self._loading.get(key)
        if loading is None:
            self._leaving[key] = _Leaving(self._running.pop(key), time.monotonic())
        elif loading.begun:
            loading.attempt.give_up()
        else:
            self._done(key, Refused(*key, _GIVEN_UP), 0.0)

    def _let_go(self) -> None:
        """End the versions that have answered all their calls."""
        now = time.monotonic()
        for key, leaving in list(self._leaving.items()):
            if not leaving.running.version.drained():
                leaving.idle_since = now
            elif now - leaving.idle_since >= _ON_THE_WAY_S:
                self._end(key, leaving.running)

    def _end(self, key: Key, running: Running) -> None:
        try:
            self._live.let_go(running)
        except Exception:
            traceback.print_exc()
        with self._change:
            del self._leaving[key]
            self._ledger.ended(key, time.monotonic())
            self._route()
            self._report.say(f"{_name(key)}: unloaded")
            self._change.notify_all()

    def _route(self) -> None:
        """Let callers reach what answers now. Whatever goes wrong with that, versions go on coming and going."""
        versions = [each.version for _, each in sorted(self._running.items(), key=lambda item: item[0])]
        try:
            self._live.route(Routes(versions, self._absent(), self._reachable_labels()))
        except Exception:
            traceback.print_exc()

    def _absent(self) -> list[Absent]:
        return [_absent(each) for each in self._shown() if each.key not in self._running]

    def _reachable_labels(self) -> dict[str, dict[str, int]]:
        reachable: dict[str, dict[str, int]] = {}
        for servable, labels in self._desire.labels().items():
            reachable[servable] = {
                name: number for name, number in labels.items() if (servable, number) in self._running
            }
        return reachable

    def _labels_of(self, record: Record) -> tuple[str, ...]:
        labels = self._desire.labels().get(record.servable, {})
        return tuple(sorted(name for name, number in labels.items() if number == record.version))


def _name(key: Key) -> str:
    return f"{key[0]} version {key[1]}"


def _absent(record: Record) -> Absent:
    """As callers are told it, if it does not answer."""
    problem = "" if record.problem is None else reason(record.problem)
    return Absent(record.servable, record.version, record.state, record.wanted, problem)
