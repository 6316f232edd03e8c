"""The book of all versions: what is wanted goes in, records come out, and every move in it is legal."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from salver.lifecycle.states import Key, Record, State, check_move
from salver.problems import Problem

_REMEMBERED = 200


@dataclass(frozen=True)
class Retries:
    """How often a version that cannot be loaded is tried again, and after how many seconds.

    When its files change it is tried again at once, as often as at first.
    """

    most: int = 5
    interval_s: float = 60.0


@dataclass(frozen=True)
class Wants:
    """What should exist: versions with what they are made of, and those known to be of no use, with the reason."""

    versions: Mapping[Key, object]
    refused: Mapping[Key, Problem]


class Ledger:
    """Belongs to one thread at a time. Of what has ended and is not wanted, the last are remembered."""

    def __init__(self, retries: Retries | None = None, remembered: int = _REMEMBERED) -> None:
        self._retries = retries or Retries()
        self._remembered = remembered
        self._records: dict[Key, Record] = {}

    def records(self) -> list[Record]:
        """All of them, by servable and version."""
        return [record for _, record in sorted(self._records.items())]

    def __getitem__(self, key: Key) -> Record:
        return self._records[key]

    def want(self, wants: Wants, now: float) -> None:
        """Take note of what should exist from now on."""
        for key, made_of in wants.versions.items():
            self._want(key, made_of, now)
        for key, problem in wants.refused.items():
            self._refuse(key, problem)
        kept = wants.versions.keys() | wants.refused.keys()
        for key, record in list(self._records.items()):
            if key not in kept:
                self._forgo(record)

    def try_again(self, key: Key, now: float) -> None:
        """Have a version that waits, or was given up, loaded as if it had never been tried."""
        record = self._records[key]
        if record.wanted and record.state is State.END:
            record = self._moved(record, State.START)
        if record.state is State.START:
            self._put(replace(record, attempts=0, due=now, problem=None))

    def begin(self, key: Key) -> None:
        """It is being loaded."""
        record = self._moved(self._records[key], State.LOADING)
        self._put(replace(record, attempts=record.attempts + 1, tried=record.made_of))

    def available(self, key: Key) -> None:
        self._put(replace(self._moved(self._records[key], State.AVAILABLE), attempts=0, problem=None))

    def failed(self, key: Key, problem: Problem, now: float) -> None:
        """It could not be loaded: it waits for another try, at once if its files have changed, or is given up."""
        record = self._records[key]
        changed = record.made_of != record.tried
        if not record.wanted or (record.attempts > self._retries.most and not changed):
            self._put(replace(self._moved(record, State.END), problem=problem))
            return
        due = now if changed else now + self._retries.interval_s
        attempts = 0 if changed else record.attempts
        self._put(replace(self._moved(record, State.START), problem=problem, due=due, attempts=attempts))

    def unloading(self, key: Key) -> None:
        self._put(self._moved(self._records[key], State.UNLOADING))

    def ended(self, key: Key, now: float) -> None:
        """It is unloaded, or given up; if it has come to be wanted again meanwhile, it begins anew."""
        record = self._moved(self._records[key], State.END)
        self._put(self._anew(record, now) if record.wanted else record)

    def _want(self, key: Key, made_of: object, now: float) -> None:
        record = self._records.get(key) or Record(*key, due=now)
        changed = record.made_of != made_of
        given_up = record.problem is not None and record.wanted and not changed
        record = replace(record, wanted=True, made_of=made_of)
        if record.state is State.END and not given_up:
            record = self._anew(record, now)
        elif record.state is State.START and changed:
            record = replace(record, due=now, attempts=0, problem=None)
        self._put(record)

    def _refuse(self, key: Key, problem: Problem) -> None:
        """What serves goes on serving, whatever has become of its folder."""
        record = self._records.get(key) or Record(*key)
        record = replace(record, wanted=True)
        if record.state in (State.START, State.END):
            record = replace(record, state=State.END, problem=problem, made_of=None)
        self._put(record)

    def _forgo(self, record: Record) -> None:
        if record.tried is None and record.state in (State.START, State.END):
            del self._records[record.key]
            return
        refused = record.made_of is None  # which was said of what should exist, not of how this one ended
        record = replace(record, wanted=False, problem=None if refused else record.problem)
        self._put(self._moved(record, State.END) if record.state is State.START else record)

    def _forget(self) -> None:
        memories = [key for key, record in self._records.items() if _is_memory(record)]
        for key in memories[: max(0, len(memories) - self._remembered)]:
            del self._records[key]

    def _anew(self, record: Record, now: float) -> Record:
        return replace(self._moved(record, State.START), problem=None, attempts=0, due=now)

    def _moved(self, record: Record, state: State) -> Record:
        check_move(record.state, state)
        return replace(record, state=state)

    def _put(self, record: Record) -> None:
        """What has ended goes to the end, so that memories are in the order of their ends."""
        if record.state is State.END:
            self._records.pop(record.key, None)
        self._records[record.key] = record
        if _is_memory(record):
            self._forget()


def _is_memory(record: Record) -> bool:
    return record.state is State.END and not record.wanted
