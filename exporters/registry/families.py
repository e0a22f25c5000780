"""The collector `tags`: the state as it is now, with its ages; it waits for nothing."""

from __future__ import annotations

from exporters.kit import Context
from exporters.registry.client import UNKNOWN
from exporters.registry.state import Site, State, counted
from kunobs.catalogue import registry as metrics
from kunobs.clock import SYSTEM_CLOCK, Clock


class Tags:
    """Emits what is known."""

    def __init__(self, state: State, clock: Clock = SYSTEM_CLOCK) -> None:
        self._state, self._clock = state, clock

    def collect(self, ctx: Context) -> None:
        """All families, from one moment."""
        state = self._state
        with state.lock:
            now = self._clock.monotonic()
            sites = list(state.sites.values())
            confirmed, unconfirmed = counted(state)
            replicas = [(name, kind) for name in state.replicas for kind in metrics.KINDS]
            ctx.emit(metrics.DIFFERENCES, [(*one, confirmed.get(one, 0)) for one in replicas])
            ctx.emit(metrics.UNCONFIRMED, [(name, unconfirmed.get(name, 0)) for name in state.replicas])
            ctx.emit(metrics.REPOSITORIES, [(site.name, len(site.catalog)) for site in sites])
            ctx.emit(metrics.TAGS, [(site.name, site.count) for site in sites])
            ctx.emit(metrics.SKIPPED, [(site.name, len(site.skipped) + site.over) for site in sites])
            ctx.emit(metrics.UNKNOWN, [(site.name, _unknown(site)) for site in sites])
            ctx.emit(metrics.LIST_AGE, [(site.name, round(now - _oldest_list(state, site), 3)) for site in sites])
            ctx.emit(metrics.DIGEST_AGE, [(site.name, round(now - _oldest_digest(site), 3)) for site in sites])
            lists = [(site.name, site.list_round) for site in sites if site.list_round is not None]
            ctx.emit(metrics.LIST_ROUND, lists)
            digests = [(site.name, site.digest_round) for site in sites if site.digest_round is not None]
            ctx.emit(metrics.DIGEST_ROUND, digests)
            every = [(operation, result) for operation in metrics.READS for result in metrics.RESULTS]
            ctx.emit(metrics.REQUESTS, [(site.name, *one, site.requests[one]) for site in sites for one in every])


def _unknown(site: Site) -> int:
    return sum(digest == UNKNOWN for tags in site.tags.values() for digest in tags.values())


def _oldest_list(state: State, site: Site) -> float:
    """When what is oldest was asked for; a repository that was never listed is as old as it is known."""
    wanted = (name for name in state.repositories if name not in site.skipped)
    oldest = min((site.listed.get(name, state.seen[name]) for name in wanted), default=site.catalog_at or site.born)
    return min(oldest, site.born if site.catalog_at is None else site.catalog_at)


def _oldest_digest(site: Site) -> float:
    return min(site.digested.values(), default=site.born if site.catalog_at is None else site.catalog_at)
