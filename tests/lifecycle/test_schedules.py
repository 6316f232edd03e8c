"""Random schedules: whatever comes in whatever order, a servable that answers goes on answering."""

import random
from dataclasses import dataclass, field

import pytest

from salver.lifecycle.ledger import Ledger, Retries, Wants
from salver.lifecycle.policy import Deed, next_actions
from salver.lifecycle.states import Key, Record, State
from salver.problems import Problem

BROKEN = Problem("m", "is broken", "mend it")
SERVABLES = ("a", "b")


@dataclass
class World:
    """A server without models: loads and unloads last until the schedule ends them."""

    dice: random.Random
    ledger: Ledger = field(default_factory=lambda: Ledger(Retries(1, 3.0), remembered=5))
    now: float = 0.0

    def want(self) -> None:
        """Somebody adds, removes, breaks and mends versions."""
        every = {(name, version) for name in SERVABLES for version in range(1, 6)}
        said = {key for key in every if self.dice.random() < 0.2}
        refused = {key for key in said if self.dice.random() < 0.3}
        made_of = self.dice.randrange(3)
        wants = Wants(dict.fromkeys(said - refused, made_of), dict.fromkeys(refused, BROKEN))
        self.ledger.want(wants, self.now)

    def act(self) -> None:
        for action in next_actions(self.ledger.records(), self.now):
            (self.ledger.begin if action.deed is Deed.LOAD else self.ledger.unloading)(action.key)

    def finish(self) -> None:
        """A load or an unload comes to its end."""
        busy = [each for each in self.ledger.records() if each.state in (State.LOADING, State.UNLOADING)]
        if busy:
            one = self.dice.choice(busy)
            if one.state is State.UNLOADING:
                self.ledger.ended(one.key, self.now)
            elif self.dice.random() < 0.4:
                self.ledger.failed(one.key, BROKEN, self.now)
            else:
                self.ledger.available(one.key)

    def wait(self) -> None:
        self.now += self.dice.random() * 4

    def available(self, servable: str) -> set[Key]:
        every = self.ledger.records()
        return {each.key for each in every if each.servable == servable and each.state is State.AVAILABLE}

    def anything_wanted(self, servable: str) -> bool:
        return any(each.wanted for each in self.ledger.records() if each.servable == servable)


@pytest.mark.parametrize("seed", range(150))
def test_there_is_never_a_moment_without_a_version_unless_nothing_is_wanted(seed: int) -> None:
    world = World(random.Random(seed))
    steps = (world.want, world.act, world.act, world.finish, world.finish, world.wait)
    for _ in range(400):
        before = {name: world.available(name) for name in SERVABLES}
        world.dice.choice(steps)()
        for name in SERVABLES:
            if before[name] and world.anything_wanted(name):
                assert world.available(name), name
        memories = [each for each in world.ledger.records() if each.state is State.END and not each.wanted]
        assert len(memories) <= 5


@pytest.mark.parametrize("seed", range(50))
def test_left_alone_it_comes_to_rest_with_just_what_is_wanted(seed: int) -> None:
    world = World(random.Random(seed))
    for _ in range(100):
        world.dice.choice((world.want, world.act, world.finish, world.wait))()
    wanted = {("a", 1): 9, ("a", 4): 9, ("b", 2): 9}
    world.ledger.want(Wants(wanted, {}), world.now)
    while next_actions(world.ledger.records(), world.now) or busy(world):
        world.act()
        for record in busy(world):
            if record.state is State.LOADING:
                world.ledger.available(record.key)
            else:
                world.ledger.ended(record.key, world.now)
    assert world.available("a") | world.available("b") == wanted.keys()


def busy(world: World) -> list[Record]:
    return [each for each in world.ledger.records() if each.state in (State.LOADING, State.UNLOADING)]
