"""State: what every user has sent up to now, kept in the one worker that there is.

    salver serve examples/counter/servable.py
    curl -H 'x-user: ada' -d '{"value": 3}' http://127.0.0.1:8500/servables/counter/add

Who calls is told by the header `x-user`, gRPC metadata or HTTP, which is no input.
"""

from dataclasses import dataclass

import salver

MOST_USERS = 1000


@dataclass
class Statistics:
    count: int
    mean: float


@salver.servable(workers=1)  # each worker has an instance of its own, so two would count apart
class Counter:
    def setup(self) -> None:
        self.users: dict[str, Statistics] = {}

    def add(self, value: float, context: salver.Context) -> Statistics:
        """Count one more value of this user. Rows are run one after the other, so no lock is needed."""
        user = user_of(context)
        if user not in self.users and len(self.users) >= MOST_USERS:
            raise salver.InvalidInput(f"there are {MOST_USERS} users already")
        known = self.users.setdefault(user, Statistics(0, 0.0))
        known.count += 1
        known.mean += (value - known.mean) / known.count
        return known

    def forget(self, confirmed: bool, context: salver.Context) -> Statistics:
        """What was known of this user, for the last time."""
        if not confirmed:
            raise salver.InvalidInput("confirm it: what is forgotten is gone")
        return self.users.pop(user_of(context), Statistics(0, 0.0))

    def close(self) -> None:
        print(f"the end; {len(self.users)} users were known")


def user_of(context: salver.Context) -> str:
    user = context.metadata.get("x-user")
    if not user:
        raise salver.InvalidInput("say who you are by the header x-user")
    return user
