"""What was told, as rows of metrics: pure functions of what one installation's sentinels and nodes say."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import pairwise

from exporters.redis.look import Installation, Seen
from exporters.redis.words import SLOTS, Address, ClusterView, SentinelView, ServerView
from kunobs.catalogue import redis as catalogue
from kunobs.catalogue.types import MetricSpec
from kunobs.config.exporters.redis import DeclaredConfig

Fact = tuple[MetricSpec, tuple[str | int | float, ...]]


class Epochs:
    """The highest epoch of each installation; safe between threads.

    Where those who know the newest epoch are silent, the rest knows an older one: a counter that fell and rose again
    would look like many failovers. It falls only where all answer, for then somebody has made the installation anew.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._highest: dict[str, int] = {}

    def highest(self, name: str, epoch: int, whole: bool) -> int:
        """The epoch to show."""
        with self._lock:
            if whole or epoch > self._highest.get(name, -1):
                self._highest[name] = epoch
            return self._highest[name]


def facts(installation: Installation, seen: Seen, declared: DeclaredConfig | None, epochs: Epochs) -> Iterator[Fact]:
    """Every row of one installation; of one that nothing answers, only that."""
    whose, sentinel = installation.whose, installation.config.mode == "sentinel"
    yield catalogue.UP, (*whose, int(bool(seen.sentinels or seen.servers)))
    states = seen.states
    for kind in catalogue.KINDS if sentinel else ("server",):
        for source in catalogue.SOURCES:
            for state in catalogue.STATES:
                yield catalogue.NODES, (*whose, kind, source, state, states[kind, source, state])
    clusters = [view.cluster for _, view in seen.servers if view.cluster is not None]
    seen_epochs = [view.epoch for view in seen.sentinels if view.master is not None] + [view.epoch for view in clusters]
    if seen_epochs:
        yield catalogue.FAILOVERS, (*whose, epochs.highest(installation.name, max(seen_epochs), seen.whole))
    rows = [*_replication(seen.servers), *_sentinels(seen.sentinels), *_clusters(clusters)]
    if declared is not None and (seen.sentinels or seen.servers):
        rows += _differences(seen, declared)
    yield from ((spec, (*whose, *row)) for spec, row in rows)


def _masters(servers: Iterable[tuple[Address, ServerView]]) -> list[ServerView]:
    return [view for _, view in servers if view.master and (view.cluster is None or view.cluster.own)]


def _replication(servers: Sequence[tuple[Address, ServerView]]) -> Iterator[Fact]:
    if not servers:
        return
    masters = _masters(servers)
    own = [view.cluster.own for view in masters if view.cluster is not None]
    split = _overlap(own) if own else len(masters) > 1
    yield catalogue.MASTERS, (len(masters),)
    yield catalogue.SPLIT_BRAIN, (int(split),)
    yield catalogue.ATTACHED, (sum(view.attached for view in masters),)
    replicas = [(address, view) for address, view in servers if not view.master]
    for link in catalogue.LINKS:
        yield catalogue.REPLICAS, (link, sum(view.link_up == (link == "up") for _, view in replicas))
    for address, view in replicas:
        offsets = [one.offset for one in masters if set(one.replids) & set(view.replids)]
        if offsets and view.offset >= 0:
            yield catalogue.LAG, (shown(address), max(0, max(offsets) - view.offset))


def _overlap(claims: Iterable[Sequence[tuple[int, int]]]) -> bool:
    """True when two of them hold the same slot."""
    ranges = sorted(one for claim in claims for one in claim)
    return any(after[0] <= before[1] for before, after in pairwise(ranges))


def _sentinels(views: Sequence[SentinelView]) -> Iterator[Fact]:
    if not views:
        return
    yield catalogue.SENTINEL_AGREEMENT, (_agreement(view.master and view.master.address for view in views),)
    yield catalogue.QUORUM_OK, (sum(view.quorum_ok for view in views),)
    named = Counter(view.master.address for view in views if view.master is not None)
    if named:
        newest = {view.master.address: view.epoch for view in sorted(views, key=lambda v: v.epoch) if view.master}
        yield catalogue.MASTER_INFO, (shown(max(named, key=lambda one: (named[one], newest[one], one))), 1)


def _clusters(views: Sequence[ClusterView]) -> Iterator[Fact]:
    if not views:
        return
    yield catalogue.CLUSTER_AGREEMENT, (_agreement(view.owners for view in views),)
    yield catalogue.CLUSTER_OK, (_share(sum(view.state_ok for view in views), len(views)),)
    worst = {
        "ok": min(view.slots["ok"] for view in views),
        "pfail": max(view.slots["pfail"] for view in views),
        "fail": max(view.slots["fail"] for view in views),
        "unassigned": SLOTS - min(view.slots["assigned"] for view in views),
    }
    yield from ((catalogue.SLOTS, (state, worst[state])) for state in catalogue.SLOT_STATES)
    flagged = max((view.flagged for view in views), key=lambda one: (one["fail"], one["pfail"], one["ok"]))
    yield from ((catalogue.CLUSTER_NODES, (state, flagged[state])) for state in catalogue.NODE_STATES)


def _differences(seen: Seen, declared: DeclaredConfig) -> Iterator[Fact]:
    there = {
        "masters": len(_masters(seen.servers)),
        "replicas": sum(not view.master for _, view in seen.servers),
        "sentinels": len(seen.sentinels),
    }
    for aspect, count in there.items():
        wanted = getattr(declared, aspect)
        if wanted is not None:
            yield catalogue.DECLARED, (aspect, count - wanted)
    quorums = [view.quorum for view in seen.sentinels if view.master is not None]
    if declared.quorum is not None and quorums:
        wanted = declared.quorum
        yield catalogue.DECLARED, ("quorum", max((one - wanted for one in quorums), key=abs))


def _agreement(said: Iterable[Hashable]) -> float:
    """The share that says what most say."""
    counts = Counter(said)
    return _share(max(counts.values()), counts.total())


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4)


def shown(address: Address) -> str:
    """host:port, with brackets where the host is an IPv6 address."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
