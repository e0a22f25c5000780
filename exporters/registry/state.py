"""What is known of each region's tags and digests, and in which tags a replica differs from the primary."""

from __future__ import annotations

import heapq
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from exporters.registry.client import GONE, UNKNOWN
from kunobs.clock import SYSTEM_CLOCK, Clock
from kunobs.log import get_logger, repeated

MISSING, EXTRA, DIGEST = "missing", "extra", "digest"
Task = tuple[str, str]
"""(repository, tag): read its digest; (repository, ""): list its tags."""
_log = get_logger("registry")


@dataclass(slots=True)
class Difference:
    """A tag that a replica has otherwise than the primary; when it was first seen, and at which sides again after that."""

    kind: str
    since: float
    confirmed: bool = False
    primary_at: float | None = None
    replica_at: float | None = None


@dataclass(slots=True)
class Site:
    """One region. Digests are bytes, GONE, UNKNOWN, or None while they are not read."""

    name: str
    born: float
    catalog: frozenset[str] = frozenset()
    catalog_at: float | None = None
    tags: dict[str, dict[str, bytes | None]] = field(default_factory=dict)
    count: int = 0
    listed: dict[str, float] = field(default_factory=dict)
    digested: dict[str, float] = field(default_factory=dict)
    skipped: set[str] = field(default_factory=set)
    over: int = 0
    list_round: float | None = None
    digest_round: float | None = None
    requests: Counter[tuple[str, str]] = field(default_factory=Counter)
    lists_due: list[tuple[float, Task]] = field(default_factory=list)
    heads_due: list[tuple[float, Task]] = field(default_factory=list)
    waiting: dict[Task, float] = field(default_factory=dict)


class State:
    """All regions, safe between threads; times are monotonic. A difference counts once both sides were read again after `grace`."""

    def __init__(
        self,
        primary: str,
        replicas: Iterable[str],
        *,
        grace: float,
        again: float,
        max_repositories: int = 20_000,
        max_tags: int = 500_000,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.lock = threading.RLock()
        self.primary = primary
        born = clock.monotonic()
        self.replicas = tuple(replicas)
        self.sites = {name: Site(name, born) for name in (primary, *self.replicas)}
        self._grace, self._again, self._clock = grace, again, clock
        self.max_repositories, self.max_tags = max_repositories, max_tags
        self._differences: dict[tuple[str, str], dict[str, Difference]] = {}
        self.repositories: tuple[str, ...] = ()
        """Those of all catalogs, sorted."""
        self.seen: dict[str, float] = {}
        """When each came into one of them."""
        self._sample: tuple[str, str] | None = None

    def catalog(self, name: str, repositories: Iterable[str]) -> None:
        """A region's whole catalog; what no catalog holds any more is forgotten."""
        found = sorted(set(repositories))
        with self.lock:
            site = self.sites[name]
            site.over = max(0, len(found) - self.max_repositories)
            site.catalog = frozenset(found[: self.max_repositories])
            site.catalog_at = self._clock.monotonic()
            all_of_them = frozenset[str]().union(*(one.catalog for one in self.sites.values()))
            for gone in set(self.repositories) - all_of_them:
                self._forget(gone)
            for new in all_of_them - self.seen.keys():
                self.seen[new] = self._clock.monotonic()
            self.repositories = tuple(sorted(all_of_them))

    def listed(self, name: str, repository: str, tags: Iterable[str], started: float) -> None:
        """A region's whole list of a repository's tags, asked for at `started`."""
        with self.lock:
            if repository not in self.seen:
                return
            site = self.sites[name]
            old = site.tags.get(repository, {})
            new = {tag: old.get(tag) for tag in tags}
            if site.count - len(old) + len(new) > self.max_tags:
                self._drop(site, repository)
                site.skipped.add(repository)
                return
            site.skipped.discard(repository)
            site.count += len(new) - len(old)
            site.tags[repository] = new
            site.listed[repository] = started
            site.digested.setdefault(repository, started)
            for replica in self._against(name):
                self._compare_tags(replica, name, repository, started)

    def digest(self, name: str, repository: str, tag: str, digest: bytes, started: float) -> None:
        """A region's answer to a HEAD that was sent at `started`; of a tag that is not listed any more it says nothing."""
        with self.lock:
            tags = self.sites[name].tags.get(repository, {})
            if tag not in tags:
                return
            old = tags[tag]
            # Regions that agree hold one object: 60,000 digests instead of 180,000.
            theirs = self.sites[self.primary].tags.get(repository, {}).get(tag)
            tags[tag] = theirs if theirs == digest else digest
            for replica in self._against(name):
                self._compare_digest(replica, name, repository, tag, started, changed=old != digest)

    def due(self, name: str, *, heads: bool) -> Task | None:
        """The next thing to read again, once its time has come: a digest, or a list of tags."""
        with self.lock:
            site = self.sites[name]
            due = site.heads_due if heads else site.lists_due
            while due and due[0][0] <= self._clock.monotonic():
                at, task = heapq.heappop(due)
                if site.waiting.get(task) == at:
                    del site.waiting[task]
                    return task
            return None

    def differences(self) -> Iterator[tuple[str, str, str, Difference]]:
        """(replica, repository, tag, difference), confirmed or not; hold the lock."""
        for (replica, repository), found in self._differences.items():
            for tag, one in found.items():
                yield replica, repository, tag, one

    def sample(self) -> tuple[str, str] | None:
        """A repository and tag that every region lists, the same as long as it does."""
        with self.lock:
            if self._sample is not None and self._everywhere(*self._sample):
                return self._sample
            for repository, tags in self.sites[self.primary].tags.items():
                for tag in tags:
                    if self._everywhere(repository, tag):
                        self._sample = repository, tag
                        return self._sample
            return None

    def _everywhere(self, repository: str, tag: str) -> bool:
        return all(site.tags.get(repository, {}).get(tag, GONE) != GONE for site in self.sites.values())

    def _against(self, name: str) -> tuple[str, ...]:
        return self.replicas if name == self.primary else (name,)

    def _drop(self, site: Site, repository: str) -> None:
        site.count -= len(site.tags.pop(repository, {}))
        for known in (site.listed, site.digested):
            known.pop(repository, None)
        for replica in self._against(site.name):
            self._differences.pop((replica, repository), None)

    def _forget(self, repository: str) -> None:
        for site in self.sites.values():
            self._drop(site, repository)
            site.skipped.discard(repository)
        self.seen.pop(repository, None)

    def _compare_tags(self, replica: str, reader: str, repository: str, started: float) -> None:
        primary, other = self.sites[self.primary], self.sites[replica]
        if repository not in primary.listed or repository not in other.listed:
            return
        theirs, ours = primary.tags[repository].keys(), other.tags[repository].keys()
        found = self._differences.setdefault((replica, repository), {})
        different = theirs ^ ours
        for tag in [tag for tag, one in found.items() if tag not in different and one.kind != DIGEST]:
            del found[tag]
        for tag in [tag for tag in found if tag not in theirs and tag not in ours]:
            del found[tag]
        for tag in different:
            kind = MISSING if tag in theirs else EXTRA
            one = found.get(tag)
            if one is None or one.kind != kind:
                one = found[tag] = self._seen(kind, reader, started)
            self._advance(one, replica, reader, (repository, ""), tag, started)
        if not found:
            del self._differences[replica, repository]

    def _compare_digest(
        self, replica: str, reader: str, repository: str, tag: str, started: float, *, changed: bool
    ) -> None:
        theirs, ours = (self.sites[name].tags.get(repository, {}).get(tag) for name in (self.primary, replica))
        found = self._differences.get((replica, repository), {})
        one = found.get(tag)
        if one is not None and one.kind != DIGEST:
            return
        if theirs == ours or None in (theirs, ours) or UNKNOWN in (theirs, ours):
            if one is not None:
                del found[tag]
                if not found:
                    del self._differences[replica, repository]
            return
        if one is None or (changed and reader == replica):
            # A replica whose digest moves is following the primary; one that stands still for the grace is not.
            one = self._seen(DIGEST, reader, started)
            self._differences.setdefault((replica, repository), {})[tag] = one
        self._advance(one, replica, reader, (repository, tag), tag, started)

    def _seen(self, kind: str, reader: str, started: float) -> Difference:
        return Difference(kind, started if reader == self.primary else self._clock.monotonic())

    def _advance(self, one: Difference, replica: str, reader: str, task: Task, tag: str, started: float) -> None:
        """The difference was seen again by `reader`. It counts after the primary, `grace` later the replica, then the primary.

        With less, what was read of the primary may be so old that the replica is ahead of it.
        """
        primary, other = self.sites[self.primary], self.sites[replica]
        now = self._clock.monotonic()
        if one.confirmed:
            if one.kind == DIGEST:
                self._read_again(self.sites[reader], task, now + self._again)
        elif reader == self.primary:
            if one.replica_at is not None and started >= one.replica_at:
                self._confirm(one, replica, task[0], tag)
                if one.kind == DIGEST:
                    self._read_again(primary, task, now + self._again)
                    self._read_again(other, task, now + self._again)
            elif one.primary_at is None and started >= one.since:
                one.primary_at = now
                self._read_again(other, task, now + self._grace)
        elif one.primary_at is None:
            self._read_again(primary, task, now)
        elif started < one.primary_at + self._grace:
            self._read_again(other, task, one.primary_at + self._grace)
        else:
            one.replica_at = now if one.replica_at is None else one.replica_at
            self._read_again(primary, task, now)

    def _confirm(self, one: Difference, replica: str, repository: str, tag: str) -> None:
        one.confirmed = True
        event = "a replica differs from the primary"
        repeated(_log, f"{replica} {one.kind}", event, site=replica, kind=one.kind, image=f"{repository}:{tag}")

    def _read_again(self, site: Site, task: Task, at: float) -> None:
        # One that was to come later is left in the heap, and found to be over there.
        if at < site.waiting.get(task, float("inf")):
            site.waiting[task] = at
            heapq.heappush(site.heads_due if task[1] else site.lists_due, (at, task))


def counted(state: State) -> tuple[Mapping[tuple[str, str], int], Mapping[str, int]]:
    """Confirmed differences by (replica, kind), and by replica those that are not; hold the lock."""
    confirmed: Counter[tuple[str, str]] = Counter()
    others: Counter[str] = Counter()
    for replica, _, _, one in state.differences():
        if one.confirmed:
            confirmed[replica, one.kind] += 1
        else:
            others[replica] += 1
    return confirmed, others
