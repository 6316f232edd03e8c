"""Which workers of other processes are there, and the versions that they make up."""

from collections.abc import Sequence
from typing import Protocol

from salver import _native
from salver.cluster.greeting import Refused
from salver.cluster.hello import Hello, without_reasons
from salver.cluster.wires import Wire
from salver.workers.post import difference, news_of

Key = tuple[str, int]


class Board(Protocol):
    """Where what is served is published. Both methods may be called by any thread."""

    def is_own(self, servable: str, version: int) -> bool:
        """Whether the server itself serves this, or should."""

    def show(self, served: Sequence[_native.Version], left: Sequence[_native.Version]) -> None:
        """Publish what workers that have joined serve. All of those that ran `left` are gone, until one returns."""


class Member:
    """A worker that has joined, with its lanes."""

    def __init__(self, hello: Hello, wires: Sequence[Wire]) -> None:
        self.hello = hello
        self._wires = wires
        self._links: list[_native.LinkLane] = []
        self._replaced = False

    def attach(self, version: _native.Version) -> None:
        """Give its lanes to the engine. Raises Refused; then none of them has any effect."""
        manifest = self.hello.manifest
        try:
            for lane, wire in zip(manifest.lanes, self._wires, strict=True):
                files = (wire.give(), None, None)
                link = version.add_link_lane(
                    lane.stages, lane.slots, files, None, manifest.run_timeout_s, lane.concurrent
                )
                self._links.append(link)
        except (OSError, ValueError, TypeError, OverflowError) as error:
            self.end()
            remedy = "see that memory and open files are left where the server is"
            raise Refused(f"its lanes cannot be attached: {error}", remedy) from None

    def trouble(self) -> str | None:
        """Why it is of no use any more, if a lane has ended."""
        if self._replaced:
            return "it has come back"
        if all(link.ended is None for link in self._links):
            return None
        return self.news() or "it has lost a lane"

    def news(self) -> str | None:
        """What it does not know itself: why a lane was ended."""
        return news_of(self._links)

    def replace(self) -> None:
        """The same worker has come back, so that this is an end that was not noticed yet."""
        self._replaced = True
        self.end()

    def end(self) -> None:
        """End its lanes; what they have is lost, or run elsewhere. Idempotent."""
        for link in self._links:
            link.end()
        for wire in self._wires:
            wire.drop()


class _Team:
    """A version and those that run it now."""

    def __init__(self, hello: Hello) -> None:
        self.servable = without_reasons(hello.servable)
        try:
            self.version = _native.Version(hello.servable.to_json())
        except (ValueError, TypeError, OverflowError) as error:
            raise Refused(f"its servable does not hold together: {error}", "mend its methods") from None
        self.members: list[Member] = []


class Roster:
    """Belongs to one thread."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._teams: dict[Key, _Team] = {}

    def count(self, hello: Hello) -> int:
        """How many run the same version."""
        team = self._teams.get(hello.key)
        return 0 if team is None else len(team.members)

    def check(self, hello: Hello) -> None:
        """Raises Refused for a worker that cannot join as things are."""
        name, version = hello.key
        if self._board.is_own(name, version):
            remedy = "serve another version, or take it out of one of the two"
            raise Refused(f"the server itself serves version {version} of '{name}'", remedy)
        team = self._teams.get(hello.key)
        if team is None or not team.members:
            return
        differs = difference(without_reasons(hello.servable), team.servable)
        if differs is not None:
            what = f"version {version} of '{name}' is another servable for the workers that run it already: {differs}"
            raise Refused(what, "give it another version number, or stop the others first")

    def admit(self, hello: Hello, wires: Sequence[Wire]) -> Member:
        """Let a worker serve, with a connection for each of its lanes. Raises Refused; the connections are closed."""
        member = Member(hello, wires)
        former = self._teams.get(hello.key)
        try:
            self.check(hello)
            team = self._team(hello)
            member.attach(team.version)
        except Refused:
            member.end()
            raise
        for other in team.members:
            if other.hello.worker == hello.worker:
                other.replace()
        team.members.append(member)
        self._teams[hello.key] = team
        self._show()
        if former is not None and former is not team:
            former.version.end()
        return member

    def dismiss(self, member: Member) -> None:
        """It has gone: end what is left of it."""
        member.end()
        team = self._teams.get(member.hello.key)
        if team is not None and member in team.members:
            team.members.remove(member)
            self._show()

    def close(self) -> None:
        """Accept no more calls; lanes end when what was accepted is answered."""
        for team in self._teams.values():
            team.version.close()

    def end(self) -> None:
        """End all versions; what is not answered is lost."""
        for team in self._teams.values():
            for member in team.members:
                member.end()
            team.version.end()
        self._teams.clear()

    def _team(self, hello: Hello) -> _Team:
        """Of this version; a new one where nobody runs the former, which may have been another servable."""
        team = self._teams.get(hello.key)
        if team is not None and (team.members or team.servable == without_reasons(hello.servable)):
            return team
        return _Team(hello)

    def _show(self) -> None:
        served = [team.version for team in self._teams.values() if team.members]
        left = [team.version for team in self._teams.values() if not team.members]
        self._board.show(served, left)
