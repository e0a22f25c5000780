"""Offsets of topics and groups: commits first and ends after them, so that lag is never below 0."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from confluent_kafka import TopicPartition

from exporters.kafka.ages import Ages
from exporters.kafka.cluster import Cluster, Key
from exporters.kafka.questions import Questions
from exporters.kafka.ring import Ring
from exporters.kit import Context
from kunobs.catalogue import kafka as declared
from kunobs.clock import SYSTEM_CLOCK, Clock
from kunobs.server.columns import Row

# Settings of topics change seldom.
RETENTION_FOR = 300.0
UNKNOWN = -1
if TYPE_CHECKING:
    # Places of partitions, and the offsets committed there.
    Commits = tuple[array[int], array[int]]


@dataclass
class Lag:
    """What a group has yet to read of one topic, over its partitions."""

    total: int = 0
    largest: int = 0
    lost: int = 0
    oldest: float | None = None
    """When the oldest unread message was written; None: nothing is unread, or not known yet."""

    def age(self, now: float) -> float | None:
        """Seconds; 0 without lag, None when it is not known yet."""
        if self.total == 0 or self.oldest is None:
            return None if self.total else 0.0
        return round(max(0.0, now - self.oldest), 3)


class Seen:
    """The offsets of one collection, by place: partitions are numbered once, for a cluster can have a million commits."""

    def __init__(self, keys: list[Key]) -> None:
        self.keys = keys
        self.places = {key: place for place, key in enumerate(keys)}
        self.commits: dict[str, Commits] = {}
        self.begins = self.ends = array("q")
        self.lags: dict[tuple[str, str], Lag] = {}

    def take(self, found: Iterable[TopicPartition]) -> Commits:
        """The commits of shown partitions that are there; below 0 is "never"."""
        places, offsets = array("i"), array("q")
        for one in found:
            place = self.places.get((one.topic, one.partition))
            if place is not None and one.offset >= 0 and one.error is None:
                places.append(place)
                offsets.append(one.offset)
        return places, offsets

    def aligned(self, offsets: Mapping[Key, int]) -> array[int]:
        """Offsets in the order of the keys, UNKNOWN where a partition gave no answer."""
        return array("q", [offsets.get(key, UNKNOWN) for key in self.keys])

    def pairs(self, group: str) -> Iterator[tuple[int, int]]:
        """(place, commit) of a group's partitions whose end is known."""
        for place, commit in zip(*self.commits[group], strict=True):
            if self.ends[place] != UNKNOWN:
                yield place, commit


class Offsets:
    """The collector of one cluster; it remembers earlier offsets, so that lag has an age."""

    def __init__(self, cluster: Cluster, stale_after: float, clock: Clock = SYSTEM_CLOCK) -> None:
        self._cluster, self._stale_after, self._clock = cluster, stale_after, clock
        self._ring, self._ages = Ring(), Ages()
        self._moved: dict[str, tuple[int, float]] = {}
        self._retention: dict[str, float | None] = {}
        self._retention_read = float("-inf")

    def collect(self, ctx: Context) -> None:
        """Partitions, groups and their commits, and only then beginnings and ends."""
        asked, known = Questions(self._cluster, ctx), self._cluster.known
        topics = asked.metadata().topics
        seen = Seen([(topic, n) for topic in sorted(topics) if known.topic(topic) for n in topics[topic].partitions])
        groups = [group.group_id for group in asked.groups()]
        seen.commits = {group: seen.take(found) for group, found in asked.commits(groups)}
        seen.begins = seen.aligned(asked.begins(seen.keys))
        ends = asked.ends(seen.keys)
        seen.ends = seen.aligned(ends)
        self._ring.add(self._clock.now(), ends)
        self._emit_topics(ctx, seen)
        self._measure(asked, seen)
        self._emit_groups(ctx, seen)
        asked.finish()

    def _label(self, topic: str) -> tuple[str, str, str]:
        return self._cluster.name, self._cluster.known.namespace(topic), topic

    def _emit_topics(self, ctx: Context, seen: Seen) -> None:
        written: dict[str, int] = {}
        stored: dict[str, int] = {}
        for (topic, _), begin, end in zip(seen.keys, seen.begins, seen.ends, strict=True):
            if end != UNKNOWN:
                written[topic] = written.get(topic, 0) + end
                stored[topic] = stored.get(topic, 0) + (max(0, end - begin) if begin != UNKNOWN else 0)
        ctx.emit(declared.WRITTEN, [(*self._label(topic), number) for topic, number in written.items()])
        ctx.emit(declared.STORED, [(*self._label(topic), number) for topic, number in stored.items()])
        for spec, offsets in ((declared.BEGIN, seen.begins), (declared.END, seen.ends)):
            name, namespace = self._cluster.name, self._cluster.known.namespace
            pairs = zip(seen.keys, offsets, strict=True)
            rows = ((name, namespace(t), t, number, offset) for (t, number), offset in pairs if offset != UNKNOWN)
            ctx.emit(spec, rows, detail="partition")

    def _emit_groups(self, ctx: Context, seen: Seen) -> None:
        now = self._clock.now()
        lags = [(self._group_label(group, topic), lag) for (group, topic), lag in seen.lags.items()]
        ctx.emit(declared.LAG, [(*label, lag.total) for label, lag in lags])
        ctx.emit(declared.MAX_LAG, [(*label, lag.largest) for label, lag in lags])
        ctx.emit(declared.LOST, [(*label, lag.lost) for label, lag in lags])
        aged = [(label, lag.age(now)) for label, lag in lags]
        ctx.emit(declared.LAG_SECONDS, [(*label, age) for label, age in aged if age is not None])
        ctx.emit(declared.HEADROOM, [*self._headroom(seen.lags, now)])
        self._emit_partitions(ctx, seen)
        self._emit_idle(ctx, seen)

    def _group_label(self, group: str, topic: str) -> tuple[str, str, str, str]:
        return self._cluster.name, self._cluster.known.namespace(topic), group, topic

    def _measure(self, asked: Questions, seen: Seen) -> None:
        """Lag of each group and topic, and when its oldest unread message was written."""
        unread: dict[tuple[int, int], list[Lag]] = {}
        for group in seen.commits:
            for place, commit in seen.pairs(group):
                lag = seen.lags.setdefault((group, seen.keys[place][0]), Lag())
                end, begin = seen.ends[place], seen.begins[place]
                lag.total += max(0, end - commit)
                lag.largest = max(lag.largest, end - commit)
                lag.lost += max(0, min(begin, end) - commit)
                if end > commit:
                    unread.setdefault((place, max(commit, begin)), []).append(lag)
        times = self._times(asked, seen, unread)
        for one, lags in unread.items():
            time = times.get(one)
            if time is not None:
                for lag in lags:
                    lag.oldest = time if lag.oldest is None else min(lag.oldest, time)

    def _times(self, asked: Questions, seen: Seen, unread: Iterable[tuple[int, int]]) -> dict[tuple[int, int], float]:
        """When these offsets were written: by the ring, and by the broker where they are older than that."""
        times: dict[tuple[int, int], float] = {}
        older: dict[tuple[Key, int], tuple[int, int]] = {}
        topics: set[str] = set()
        for place, offset in unread:
            key = seen.keys[place]
            topics.add(key[0])
            time = self._ring.written_at(key, offset)
            if time is None:
                older[key, offset] = (place, offset)
            else:
                times[place, offset] = time
        self._read_retention(asked, topics)
        now = self._clock.now()
        retention = {one: self._retention.get(one[0][0]) for one in older}
        found = self._ages.written_at(asked, retention, self._ring.oldest or now, now)
        return times | {older[one]: time for one, time in found.items()}

    def _read_retention(self, asked: Questions, topics: set[str]) -> None:
        now = self._clock.monotonic()
        if now - self._retention_read >= RETENTION_FOR:
            self._retention, self._retention_read = {}, now
        self._retention |= asked.retention(topics - self._retention.keys())

    def _headroom(self, lags: Mapping[tuple[str, str], Lag], now: float) -> Iterator[Row]:
        for (group, topic), lag in lags.items():
            retention = self._retention.get(topic)
            if lag.oldest is not None and retention is not None:
                yield (*self._group_label(group, topic), round(lag.oldest + retention - now, 3))

    def _emit_partitions(self, ctx: Context, seen: Seen) -> None:
        name, namespace = self._cluster.name, self._cluster.known.namespace

        def rows(value: Callable[[int, int], int]) -> Iterator[Row]:
            for group in seen.commits:
                for place, commit in seen.pairs(group):
                    topic, number = seen.keys[place]
                    yield name, namespace(topic), group, topic, number, value(place, commit)

        ctx.emit(
            declared.PARTITION_LAG, rows(lambda place, commit: max(0, seen.ends[place] - commit)), detail="partition"
        )
        ctx.emit(declared.PARTITION_COMMIT, rows(lambda _, commit: commit), detail="partition")

    def _emit_idle(self, ctx: Context, seen: Seen) -> None:
        """How long no commit of a group has moved; the broker does not tell when it was made."""
        now = self._clock.monotonic()
        moved: dict[str, tuple[int, float]] = {}
        for group, commits in seen.commits.items():
            mark = hash(frozenset(zip(*commits, strict=True)))
            before = self._moved.get(group)
            moved[group] = before if before is not None and before[0] == mark else (mark, now)
        self._moved = moved
        behind = {group for (group, _), lag in seen.lags.items() if lag.total}
        idle = {group: now - since for group, (_, since) in moved.items()}
        name = self._cluster.name
        ctx.emit(declared.IDLE, [(name, group, round(seconds, 3)) for group, seconds in idle.items()])
        stale = sum(seconds >= self._stale_after and group in behind for group, seconds in idle.items())
        ctx.emit(declared.STALE, [(name, stale)])
