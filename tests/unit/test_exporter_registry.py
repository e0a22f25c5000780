"""The registry exporter's rounds and differences on a virtual clock; the far end counts what it is asked."""

from __future__ import annotations

import itertools
import random
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from exporters.registry import rounds
from exporters.registry.client import GONE, UNKNOWN
from exporters.registry.errors import RegistryError
from exporters.registry.pacer import Cursor, Pacer
from exporters.registry.rounds import Round
from exporters.registry.state import State, counted
from kunobs.config.exporters.registry import RegistryConfig
from kunobs.testing import FakeClock

SITES = ("east", "west", "north")
Content = dict[str, dict[str, bytes]]


@dataclass
class FarEnd:
    """A region's content as it really is, and when each thing was asked for."""

    content: Content
    clock: FakeClock
    heads: list[tuple[float, str, str]] = field(default_factory=list)
    lists: list[tuple[float, str]] = field(default_factory=list)
    catalogs: int = 0
    broken: Callable[[], RegistryError | None] = lambda: None

    def catalog(self, timeout: float, most: int) -> list[str]:
        """All repositories."""
        self.catalogs += 1
        self._trouble()
        return sorted(self.content)

    def tags(self, repository: str, timeout: float, most: int) -> list[str] | None:
        """The tags; None for a repository that it does not have."""
        self.lists.append((self.clock.monotonic(), repository))
        self._trouble()
        found = self.content.get(repository)
        return None if found is None else list(found)

    def digest(self, repository: str, tag: str, timeout: float) -> bytes:
        """The digest."""
        self.heads.append((self.clock.monotonic(), repository, tag))
        self._trouble()
        return self.content.get(repository, {}).get(tag, GONE)

    def _trouble(self) -> None:
        error = self.broken()
        if error is not None:
            raise error


class World:
    """Three regions and the exporter's rounds through them."""

    def __init__(self, repositories: int = 3, tags: int = 4, **config: Any) -> None:
        self.clock = FakeClock()
        self.config = RegistryConfig.model_validate(config)
        self.far = {
            site: FarEnd(
                {f"team/r{r:04}": {f"v{t}": digest(r, t) for t in range(tags)} for r in range(repositories)}, self.clock
            )
            for site in SITES
        }
        self.state = State(
            "east",
            SITES[1:],
            grace=self.config.grace,
            again=self.config.tag_interval,
            max_repositories=self.config.max_repositories,
            max_tags=self.config.max_tags,
            clock=self.clock,
        )
        self.rounds: list[Round] = []
        for site in SITES:
            self.rounds += rounds(self.config, self.state, site, self.far[site], self.clock)  # type: ignore[arg-type]

    def run(self, seconds: float, until: Callable[[], object] = lambda: False) -> float:
        """Let so much time pass, or less; how much did."""
        began = self.clock.monotonic()
        due = [began] * len(self.rounds)
        while (now := self.clock.monotonic()) < began + seconds and not until():
            for index, each in enumerate(self.rounds):
                if due[index] <= now:
                    due[index] = now + each.step(lambda work: work())
            self.clock.advance(max(0.0, min(*due, began + seconds) - now))
        return self.clock.monotonic() - began

    def confirmed(self) -> dict[tuple[str, str], int]:
        """Differences by replica and kind."""
        return dict(counted(self.state)[0])


def digest(*numbers: int) -> bytes:
    """A digest of one's own for each image."""
    return random.Random(str(numbers)).randbytes(32)


def most_in_a_second(times: list[float]) -> int:
    """The most of them in any window [t, t + 1)."""
    window: deque[float] = deque()
    most = 0
    for time in sorted(times):
        window.append(time)
        while window[0] <= time - 1:
            window.popleft()
        most = max(most, len(window))
    return most


def longest_gap(times: Mapping[str, list[float]], began: float, ended: float) -> float:
    """The longest time without a look at one of the things, from the beginning to the end."""
    return max(
        later - earlier for one in times.values() for earlier, later in zip([began, *one], [*one, ended], strict=True)
    )


def test_the_whole_set_within_its_times() -> None:
    """3,000 repositories, 20 tags, 3 regions: lists within 5 minutes, digests within 30, never above 34 HEADs in a second."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    world = World(3000, 20)
    world.run(1800)
    for far in world.far.values():
        assert most_in_a_second([at for at, _, _ in far.heads]) <= 34
        assert len({(repository, tag) for _, repository, tag in far.heads}) == 60_000
        lists = defaultdict(list)
        for at, repository in far.lists:
            lists[repository].append(at)
        assert len(lists) == 3000
        assert longest_gap(lists, 0, 1800) <= 300
    assert world.confirmed() == {}
    repository, tag = f"team/r{rng.randrange(3000):04}", f"v{rng.randrange(20)}"
    world.far["north"].content[repository][tag] = digest(-1)
    assert world.run(1801, until=world.confirmed) <= 1800
    assert world.confirmed() == {("north", "digest"): 1}
    for far in world.far.values():
        assert most_in_a_second([at for at, _, _ in far.heads]) <= 34


def small(**config: Any) -> World:
    """12 tags, lists each minute, digests each two, ten seconds of grace; all known."""
    world = World(tag_interval="60s", digest_interval="120s", grace="10s", **config)
    world.run(240)
    assert world.confirmed() == {}
    assert [site.list_round is None or site.digest_round is None for site in world.state.sites.values()] == [False] * 3
    return world


def test_each_kind_is_counted_exactly_and_goes_when_it_is_mended() -> None:
    """One wrong digest, two missing tags, a missing repository, an extra tag, an unreadable one, each at its replica only."""
    world = small()
    west, north = world.far["west"].content, world.far["north"].content
    before = {name: dict(tags) for name, tags in west.items()}
    west["team/r0000"]["v1"] = digest(-1)
    west["team/r0001"]["v9"] = digest(-2)
    del west["team/r0001"]["v0"], west["team/r0001"]["v1"]
    gone = north.pop("team/r0002")
    north["team/r0000"]["v3"] = GONE
    world.run(240)
    assert world.confirmed() == {
        ("west", "digest"): 1,
        ("west", "extra"): 1,
        ("west", "missing"): 2,
        ("north", "missing"): 4,
        ("north", "digest"): 1,
    }
    west.clear()
    west.update(before)
    north["team/r0002"] = gone
    north["team/r0000"]["v3"] = world.far["east"].content["team/r0000"]["v3"]
    world.run(120)
    assert world.confirmed() == {}
    assert list(world.state.differences()) == []


@pytest.mark.parametrize("lag", [0.0, 5.0])
def test_pushes_on_their_way_are_no_differences(lag: float) -> None:
    """Tags that are new, moved and deleted all the time, at the replicas `lag` later, are never counted."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    world = small()
    late: list[tuple[float, str, str, bytes]] = []
    looked = 0
    for step in range(1200):
        if step % 3 == 0:
            repository = f"team/r{rng.randrange(4):04}"
            there = sorted(world.far["east"].content.get(repository, ()))
            # A tag that is deleted is never pushed again: within the grace no list could tell.
            tag = rng.choice(there) if len(there) > 5 else f"new{step}"
            new = rng.choice([digest(step), GONE])
            now, image = world.clock.monotonic(), f"{repository}/{tag}"
            late += [(now + (lag if site != "east" else 0), site, image, new) for site in SITES]
        for one in [one for one in late if one[0] <= world.clock.monotonic()]:
            late.remove(one)
            _, site, image, new = one
            name, _, tag = image.rpartition("/")
            tags = world.far[site].content.setdefault(name, {})
            tags.pop(tag, None) if new == GONE else tags.update({tag: new})
        world.run(1)
        looked += sum(1 for _ in world.state.differences())
        assert world.confirmed() == {}
    assert looked > 0


def test_a_tag_that_always_moves_with_a_replica_always_behind_is_no_difference() -> None:
    """Pushed every second, five seconds later at the replicas: whenever it is read it differs, and it is never counted."""
    world = small()
    for step in range(300):
        world.far["east"].content["team/r0000"]["v0"] = digest(step)
        for site in SITES[1:]:
            world.far[site].content["team/r0000"]["v0"] = digest(max(0, step - 5))
        world.run(1)
        assert world.confirmed() == {}
    assert list(world.state.differences())


def test_a_replica_that_stands_still_while_the_primary_moves_is_found() -> None:
    """A tag that is pushed every few seconds does not hide a replica that never gets it."""
    world = small()
    for step in range(300):
        world.far["east"].content["team/r0000"]["v0"] = digest(step)
        world.far["north"].content["team/r0000"]["v0"] = digest(step)
        world.run(1)
    assert world.confirmed().get(("west", "digest")) == 1


def test_an_old_reading_of_the_primary_confirms_nothing() -> None:
    """A replica ahead of what was last read of the primary is not behind it, even if that answer comes in late."""
    clock = FakeClock()
    state = State("east", ("west",), grace=30, again=300, clock=clock)
    old, new = digest(0), digest(1)
    for site in ("east", "west"):
        state.catalog(site, ["a"])
        state.listed(site, "a", ["v1"], clock.monotonic())
        state.digest(site, "a", "v1", old, clock.monotonic())
    clock.advance(100)
    state.digest("west", "a", "v1", new, clock.monotonic())
    state.digest("east", "a", "v1", old, clock.monotonic() - 1)
    assert state.due("east", heads=True) == ("a", "v1")
    clock.advance(60)
    state.digest("west", "a", "v1", new, clock.monotonic())
    # Pushed just now.
    state.digest("east", "a", "v1", digest(2), clock.monotonic())
    assert [one.confirmed for *_, one in state.differences()] == [False]
    state.digest("west", "a", "v1", digest(2), clock.monotonic())
    assert list(state.differences()) == []


def test_a_list_of_the_primary_that_is_older_than_the_replicas_confirms_nothing() -> None:
    """A tag that was deleted between the primary's reading again and the replica's is not missing."""
    clock = FakeClock()
    state = State("east", ("west",), grace=30, again=300, clock=clock)
    for site, tags in (("east", ["v1"]), ("west", [])):
        state.catalog(site, ["a"])
        state.listed(site, "a", tags, clock.monotonic())
    clock.advance(40)
    state.listed("east", "a", ["v1"], clock.monotonic())
    clock.advance(40)
    state.listed("west", "a", [], clock.monotonic())
    assert [one.confirmed for *_, one in state.differences()] == [False]
    assert state.due("east", heads=False) == ("a", "")
    state.listed("east", "a", [], clock.monotonic())
    assert list(state.differences()) == []


def test_no_digest_is_unknown_and_not_different() -> None:
    """An answer without Docker-Content-Digest, on either side, is no difference."""
    world = small()
    world.far["west"].content["team/r0000"]["v0"] = UNKNOWN
    world.far["east"].content["team/r0001"]["v0"] = UNKNOWN
    world.run(300)
    assert world.confirmed() == {}
    assert list(world.state.sites["west"].tags["team/r0000"].values()).count(UNKNOWN) == 1


def test_a_region_in_trouble_is_asked_seldom_and_the_others_as_before() -> None:
    """Failures pause longer and longer, up to half a minute; afterwards the rounds go on, and the ages told."""
    world = small()
    west, east = world.far["west"], world.far["east"]
    west.broken = lambda: RegistryError("no connection", site_wide=True)
    counts = len(west.heads), len(west.lists) + west.catalogs, len(east.heads)
    began = world.clock.monotonic()
    world.run(600)
    assert len(west.heads) - counts[0] <= 30
    assert len(west.lists) + west.catalogs - counts[1] <= 30
    assert len(east.heads) - counts[2] >= 12 * 4
    assert min(world.state.sites["west"].listed.values()) <= began
    west.broken = lambda: None
    world.run(240)
    assert min(world.state.sites["west"].listed.values()) >= world.clock.monotonic() - 60
    assert min(world.state.sites["west"].digested.values()) >= world.clock.monotonic() - 120


def test_retry_after_is_kept() -> None:
    """429 with Retry-After: 40: nothing of that kind is asked in the 40 s after each."""
    world = small()
    west = world.far["west"]
    west.broken = lambda: RegistryError("429", site_wide=True, after=40.0)
    before = len(west.heads)
    world.run(400)
    times = [at for at, _, _ in west.heads[before:]]
    assert 9 <= len(times) <= 11
    assert min(b - a for a, b in itertools.pairwise(times)) >= 40


def test_one_that_cannot_be_read_keeps_its_age() -> None:
    """A manifest that is always answered with 500 holds nothing up, and its repository's age grows."""
    world = small()
    west = world.far["west"]
    west.broken = lambda: RegistryError("500") if west.heads and west.heads[-1][1:] == ("team/r0001", "v2") else None
    before = len(west.heads)
    world.run(600)
    assert len(west.heads) - before >= 12 * 4
    digested = world.state.sites["west"].digested
    assert world.clock.monotonic() - digested["team/r0001"] >= 500
    assert world.clock.monotonic() - digested["team/r0000"] <= 120


def test_more_than_the_limits_is_skipped_and_said() -> None:
    """Repositories above max_repositories and tags above max_tags cost no memory and no request."""
    world = World(10, 4, tag_interval="60s", digest_interval="120s", max_repositories=8, max_tags=10)
    world.run(300)
    site = world.state.sites["west"]
    assert (len(site.catalog), site.over, site.count, len(site.skipped)) == (8, 2, 8, 6)
    assert len({repository for _, repository, _ in world.far["west"].heads}) == 2


def test_what_no_catalog_holds_is_forgotten() -> None:
    """A repository that is deleted everywhere leaves nothing behind."""
    world = small()
    for far in world.far.values():
        del far.content["team/r0001"]
    world.run(180)
    assert world.state.repositories == ("team/r0000", "team/r0002")
    for site in world.state.sites.values():
        assert (site.count, "team/r0001" in site.listed, "team/r0001" in site.digested) == (8, False, False)
    assert "team/r0001" not in world.state.seen


def test_a_massive_difference_does_not_stop_the_rounds() -> None:
    """Every digest of a replica is wrong: the reading again takes half of the places at most."""
    # What is wrong is due again each 5 s: more than one a second allows.
    world = World(tag_interval="5s", digest_interval="120s", grace="10s", max_heads_per_second=1)
    world.run(240)
    for tags in world.far["west"].content.values():
        tags.update(dict.fromkeys(tags, digest(-1)))
    world.run(600)
    assert world.confirmed() == {("west", "digest"): 12}
    recent = [at for at, _, _ in world.far["west"].heads if at > world.clock.monotonic() - 240]
    assert most_in_a_second(recent) <= 1
    assert min(world.state.sites["west"].digested.values()) >= world.clock.monotonic() - 240


def test_the_pacer_never_hurries_beyond_the_most() -> None:
    """Whatever the rate, however long it was held up: no second holds more, and what was missed is caught up within that."""
    pacer, now = Pacer(10), 0.0
    sent: list[float] = []
    while now < 100:
        if now > 50 and not sent[-1] > 50:
            now = 80.0
        wait = pacer.turn(now, 5)
        if wait > 0:
            now += wait
            continue
        pacer.spend(now, 5)
        sent.append(now)
    assert most_in_a_second(sent) <= 10
    assert most_in_a_second([at for at in sent if at < 50]) <= 6
    assert abs(len(sent) - (250 + 200)) <= 3


def test_a_thread_that_wakes_late_costs_no_round() -> None:
    """At full speed, every request some milliseconds late: still 34 in each second, and never 35."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    pacer, now = Pacer(34), 0.0
    sent: list[float] = []
    while now < 100:
        wait = pacer.turn(now, 34)
        now += wait + rng.random() * 0.01
        if wait <= 0:
            pacer.spend(now, 34)
            sent.append(now)
    assert most_in_a_second(sent) <= 34
    assert len(sent) >= 3350


def test_the_cursor_meets_all_names_whatever_changes() -> None:
    """Names that stay are met once a round, new and gone ones break nothing."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    cursor, names = Cursor(), [f"n{i:03}" for i in range(0, 100, 2)]
    stay = set(names[::2])
    met = []
    while (name := cursor.next_name(sorted(names))) is not None:
        met.append(name)
        names = sorted(stay | {f"n{rng.randrange(100):03}" for _ in range(30)})
    assert len(met) == len(set(met))
    assert stay <= set(met)
