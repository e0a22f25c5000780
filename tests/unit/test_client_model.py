"""`LogConsumer` against chance: members come, crash, are thrown out and leave; the books must balance."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

import pytest

from kunobs.client import Event, LogConsumer
from kunobs.testing import MemoryConsumer, MemoryTopic, log_event

_GROUP = "team-pay.test"


class _Member:
    """One program: knows what it was given and what it has finished, by its own account."""

    def __init__(self, world: _World, batches: int) -> None:
        self.world = world
        self.events = world.topic.consumer(idle=1, commit_interval=world.rng.choice([0.0, 1.0, 5.0]))
        self.events.__enter__()
        self.kafka = world.topic.members[_GROUP][-1]
        self.open: list[Event] = []
        self._batches: Iterator[list[Event]] | None = None
        if batches:
            self._batches = self.events.batches(batches, seconds=2)

    def ask(self) -> bool:
        """Ask for the next event or batch: what was open is finished with that. False at the end of all events."""
        for event in self.open:
            self.world.finish(event)
        self.open = []
        if self._batches is not None:
            self.open = next(self._batches, [])
            return bool(self.open)
        event = next(self.events, None)
        self.open = [] if event is None else [event]
        return event is not None


class _World:
    """The topic, its members, and the books: what was written and how often each line was finished."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.topic = MemoryTopic("team-pay", self.rng.randint(1, 4))
        self.written: dict[str, int] = {}
        self.finished: Counter[str] = Counter()
        self.finished_at: set[tuple[int, int]] = set()
        self.repeatable = 0
        self.members: list[_Member] = []

    def write(self) -> None:
        """A few lines; sometimes fanout delivers some of the last ones again, in their order, to the same partition."""
        for _ in range(self.rng.randint(1, 12)):
            number = len(self.written)
            source, partition = f"filebeat/{number % 3}/{number}/9", number % len(self.topic.logs)
            self.written[source] = partition
            self.topic.append(log_event(source), partition=partition, source=source)
        if self.rng.random() < 0.3:
            for source in list(self.written)[-self.rng.randint(1, 8) :]:
                self.topic.append(log_event(source), partition=self.written[source], source=source)
        if self.rng.random() < 0.3:
            self.topic.append_marker(self.rng.randrange(len(self.topic.logs)))

    def finish(self, event: Event) -> None:
        self.finished[event.message] += 1
        self.finished_at.add((event.partition, event.offset))

    def crash(self, member: _Member) -> None:
        """kill -9: nothing is said to the group; what lies behind the committed offsets will come again."""
        self._will_repeat(set(member.kafka.owned))
        member.kafka.owned, member.kafka.positions = set(), {}
        self.topic.members[_GROUP].remove(member.kafka)
        self.members.remove(member)

    def throw_out(self, member: _Member) -> None:
        """The member was too slow: its partitions are lost, but it finishes what it has, and so does their new owner."""
        self.repeatable += len(member.open)
        self._will_repeat(set(member.kafka.owned))
        member.kafka.lose_everything()

    def _will_repeat(self, partitions: set[int]) -> None:
        committed = self.topic.committed("test")
        self.repeatable += sum(
            offset >= committed.get(partition, 0) for partition, offset in self.finished_at if partition in partitions
        )

    def leave(self, member: _Member) -> None:
        member.events.__exit__(None, None, None)
        self.members.remove(member)


def _act(world: _World, crashes: bool) -> None:
    choice = world.rng.random()
    if choice < 0.2:
        world.write()
    elif not world.members or (choice < 0.28 and len(world.members) < 4):
        world.members.append(_Member(world, world.rng.choice([0, 0, 3, 20])))
    elif choice < 0.33:
        world.leave(world.rng.choice(world.members))
    elif choice < 0.36 and crashes:
        world.crash(world.rng.choice(world.members))
    elif choice < 0.38 and crashes:
        world.throw_out(world.rng.choice(world.members))
    else:
        member = world.rng.choice(world.members)
        if world.rng.random() < 0.3:
            world.topic.clock.advance(world.rng.choice([0.5, 2.0]))
        member.ask()


def _run(seed: int, *, crashes: bool) -> _World:
    world = _World(seed)
    for _ in range(250):
        _act(world, crashes)
    for member in list(world.members):
        world.leave(member)
    last = _Member(world, 0)
    world.members.append(last)
    while last.ask():
        pass
    world.leave(last)
    return world


@pytest.mark.parametrize("seed", range(12))
def test_without_crashes_every_line_is_finished_once(seed: int) -> None:
    """However members come and go, and however often fanout repeats a line."""
    print(f"seed {seed}")
    world = _run(seed, crashes=False)
    assert len(world.written) > 100
    assert world.finished == Counter(dict.fromkeys(world.written, 1))


@pytest.mark.parametrize("seed", range(12))
def test_with_crashes_nothing_is_lost(seed: int) -> None:
    """Every line is finished, and those finished twice are at most what was not committed when a member crashed."""
    print(f"seed {seed}")
    world = _run(seed, crashes=True)
    assert set(world.finished) == set(world.written)
    assert sum(world.finished.values()) - len(world.written) <= world.repeatable


def test_the_books_see_a_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    """A consumer that commits what it was given rather than what is finished fails the test above."""
    from kunobs.client.progress import Progress

    original = Progress.give

    def careless(self: Progress, partition: int, following: int) -> None:
        original(self, partition, following)
        self.settle()

    monkeypatch.setattr(Progress, "give", careless)
    worlds = [_run(seed, crashes=True) for seed in range(10)]
    assert any(set(world.finished) != set(world.written) for world in worlds)


def test_types() -> None:
    """The members are the real classes."""
    world = _World(0)
    member = _Member(world, 0)
    assert isinstance(member.events, LogConsumer)
    assert isinstance(member.kafka, MemoryConsumer)
