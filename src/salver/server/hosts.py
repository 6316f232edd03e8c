"""What a server has for those who load: workers, all of which can be given up, or just those of one load."""

import threading
from typing import TYPE_CHECKING

from salver.problems import Unusable

if TYPE_CHECKING:
    from salver.workers.orders import Orders
    from salver.workers.supervisor import Supervisor, Team


class Workers:
    """The supervisor of a server's workers, made when the first one is needed; a `salver.runtimes.base.Host`."""

    def __init__(self) -> None:
        self._making = threading.Lock()
        self._made: Supervisor | None = None
        self._given_up = False

    def team(self, orders: "Orders") -> "Team":
        """Raises Unusable once workers have been given up."""
        from salver.workers.supervisor import Supervisor, stopping

        with self._making:
            if self._given_up:
                raise stopping()
            if self._made is None:
                self._made = Supervisor()
            return self._made.team(orders)

    def give_up(self) -> None:
        """End all workers, also those that are still loading, and start no more. Idempotent."""
        with self._making:
            self._given_up = True
        if self._made is not None:
            self._made.stop()


class Attempt:
    """The host of one load, which can be given up without the others; for any thread."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._noting = threading.Lock()
        self._teams: list[Team] = []
        self._given_up = False

    def team(self, orders: "Orders") -> "Team":
        """Raises Unusable once workers have been given up."""
        with self._noting:
            if self._given_up:
                raise Unusable(orders.file, "was given up while it was loaded", "ask for it again")
            team = self._workers.team(orders)
            self._teams.append(team)
            return team

    def give_up(self) -> None:
        """Have the load fail soon, if it is one of workers that are not at work yet; without waiting. Idempotent."""
        with self._noting:
            self._given_up = True
            teams = list(self._teams)
        for team in teams:
            team.give_up()
