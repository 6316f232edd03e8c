"""Keeps what a server serves as it should be, without a call that fails for it."""

import threading
import time
import traceback
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from salver import _native
from salver.lifecycle.ledger import Ledger, Retries
from salver.lifecycle.policy import Action, Deed, next_action, next_due
from salver.lifecycle.states import Key, Record, State
from salver.problems import Problem, Unusable
from salver.repository.scan import Refused, VersionFolder
from salver.repository.sources import Sources
from salver.server.desire import Desire
from salver.server.live import LiveServer
from salver.server.load import Outcome, Running, Watch, reason
from salver.server.report import Report, described
from salver.server.routes import Absent, Routes

_POLL_S = 0.02
# A call may have found its version just before that was routed to no more, and be on its way to it.
_ON_THE_WAY_S = 1.0
_STOPPED = Problem("workers", "are not started while the server stops", "start the server again")


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
    """`begin` is first, then perhaps `start`, and `stop` is last; it belongs between draining and ending the server.

    Any thread may ask and wait. A thread of its own does one thing at a time: loads a version, or lets one go; callers
    can reach a version from the moment it is loaded until another answers in its place.
    """

    def __init__(self, live: LiveServer, desire: Desire, retries: Retries, report: Report) -> None:
        self._live = live
        self._desire = desire
        self._report = report
        self._ledger = Ledger(retries)
        self._change = threading.Condition()
        self._running: dict[Key, Running] = {}
        self._leaving: dict[Key, _Leaving] = {}
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="manager", daemon=True)
        self._desire.news()
        self._note()

    def begin(self, watch: Watch) -> list[Outcome]:
        """Load all that should be served, at once where that is quicker, and serve each as soon as it is loaded.

        So one that takes for ever to load keeps no other from its callers.
        """
        with self._change:
            first = [record.key for record in self._ledger.records() if record.state is State.START]
            for key in first:
                self._ledger.begin(key)
            self._route()
            folders = self._desire.folders()
        return self._live.load([folders[key] for key in first], replace(watch, done=self._begun))

    def _begun(self, outcome: Outcome) -> None:
        with self._change:
            self._loaded(_key(outcome), outcome)
            self._route()

    def start(self) -> None:
        """From now on, follow whatever changes."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Begin nothing new. Whoever waits is told."""
        with self._change:
            self._stopping = True
            self._change.notify_all()

    def stop(self) -> None:
        """Wait until what was begun is done: the server must have stopped, or be about to. Idempotent."""
        self.ask_to_stop()
        if self._thread.ident is not None:
            self._thread.join()

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
            for problem in self._desire.news():
                self._report.problem(problem)
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

    def _run(self) -> None:
        _native.unhurried()
        while not self._stopping:
            begun = self._begin_next()
            if begun is not None:
                self._load(begun)
            self._let_go()
            with self._change:
                if not self._stopping and self._next() is None:
                    self._change.wait(self._pause())

    def _next(self) -> Action | None:
        return next_action(self._ledger.records(), time.monotonic())

    def _begin_next(self) -> VersionFolder | None:
        """Do the next thing that is done at once, or give what is to be loaded."""
        with self._change:
            action = None if self._stopping else self._next()
            if action is None:
                return None
            if action.deed is Deed.UNLOAD:
                self._withdraw(action.key)
                return None
            self._ledger.begin(action.key)
            self._route()
            return self._desire.folders()[action.key]

    def _pause(self) -> float | None:
        """How long there is nothing to do, if nobody asks."""
        if self._leaving:
            return _POLL_S
        due = next_due(self._ledger.records())
        return None if due is None else max(0.0, due - time.monotonic())

    def _load(self, folder: VersionFolder) -> None:
        began = time.monotonic()
        [outcome] = self._live.load([folder]) or [Refused(folder.servable, folder.version, _STOPPED)]
        with self._change:
            key = _key(outcome)
            known = self._ledger[key].problem
            self._loaded(key, outcome)
            self._route()
            self._change.notify_all()
        if isinstance(outcome, Running):
            self._report.say(described([outcome.loaded]))
            self._report.say(f"{key[0]} version {key[1]}: ready after {time.monotonic() - began:.2f} s")
        elif known != outcome.problem and not self._stopping:
            self._report.problem(outcome.problem)

    def _loaded(self, key: Key, outcome: Outcome) -> None:
        if isinstance(outcome, Running):
            self._ledger.available(key)
            self._running[key] = outcome
        else:
            self._ledger.failed(key, outcome.problem, time.monotonic())

    def _withdraw(self, key: Key) -> None:
        self._ledger.unloading(key)
        running = self._running.pop(key)
        self._route()
        self._leaving[key] = _Leaving(running, time.monotonic())
        self._change.notify_all()

    def _let_go(self) -> None:
        """End the versions that have answered all their calls."""
        now = time.monotonic()
        for key, leaving in list(self._leaving.items()):
            if not leaving.running.version.drained():
                leaving.idle_since = now
            elif now - leaving.idle_since >= _ON_THE_WAY_S:
                del self._leaving[key]
                self._live.let_go(leaving.running)
                with self._change:
                    self._ledger.ended(key, now)
                    self._route()
                    self._report.say(f"{key[0]} version {key[1]}: unloaded")
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


def _key(outcome: Outcome) -> Key:
    if isinstance(outcome, Running):
        return outcome.version.name, outcome.version.version
    assert outcome.version is not None, "a version was asked for"
    return outcome.servable, outcome.version


def _absent(record: Record) -> Absent:
    """As callers are told it, if it does not answer."""
    problem = "" if record.problem is None else reason(record.problem)
    return Absent(record.servable, record.version, record.state, record.wanted, problem)
