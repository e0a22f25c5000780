"""The collectors: what the store knows, in one read-only transaction over aggregated rows; what the process counts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from math import inf
from pathlib import Path
from sqlite3 import Connection

from exporters.ci import schema
from exporters.ci.labels import RUNNER_TYPES
from exporters.ci.ledger import PENDING
from exporters.ci.store import Store
from exporters.ci.tally import Tally
from exporters.kit import Collector, Context, Distribution, MetricSpec
from kunobs.catalogue import ci as catalogue
from kunobs.clock import Clock
from kunobs.config.exporters.ci import CiConfig
from kunobs.errors import UnavailableError
from kunobs.server.columns import Row

_JOBS = (catalogue.JOBS, catalogue.QUEUE, catalogue.RUN, catalogue.IMAGE_BUILD, catalogue.RECOVERED)
_ENDS = (catalogue.PIPELINES, catalogue.PIPELINE_RUN, catalogue.DEPLOYMENTS)
_NOW = (
    catalogue.RUNNING,
    catalogue.PENDING,
    catalogue.OLDEST,
    catalogue.LOST,
    catalogue.RUNNER_RUNNING,
    catalogue.SATURATION,
)
_HEARD = (catalogue.WEBHOOKS, catalogue.GAP)
_API = (catalogue.API_REQUESTS, catalogue.RECONCILED)
Pairs = list[tuple[str, str]]


class Collectors:
    """Five collectors over one store; without a store, because none is configured, they emit nothing."""

    def __init__(
        self,
        config: CiConfig,
        store: Callable[[], Store | None],
        webhooks: Tally,
        requests: Tally,
        trouble: Callable[[], str],
        clock: Clock,
    ) -> None:
        self._config, self._store, self._clock = config, store, clock
        self._webhooks, self._requests, self._trouble = webhooks, requests, trouble

    def all(self) -> tuple[Collector, ...]:
        """Declared."""
        return (
            Collector("jobs", _JOBS, self._of(self._jobs)),
            Collector("ends", _ENDS, self._of(self._ends)),
            Collector("now", _NOW, self._of(self._now)),
            Collector("webhooks", _HEARD, self._of(self._heard)),
            Collector("api", _API, self._of(self._api)),
        )

    def _of(self, collect: Callable[[Context, Path], None]) -> Callable[[Context], None]:
        def run(ctx: Context) -> None:
            if not self._config.data:
                return
            store = self._store()
            if store is None:
                raise UnavailableError("the store is not open yet", hint="the process is starting or about to end")
            collect(ctx, store.path)

        return run

    def _jobs(self, ctx: Context, path: Path) -> None:
        with schema.reading(path, ctx.remaining) as connection:
            pairs, spaces = _places(connection)
            counts = _totals(connection, catalogue.JOBS)
            recovered = _totals(connection, catalogue.RECOVERED)
            spans = {spec: _spans(connection, spec) for spec in (catalogue.QUEUE, catalogue.RUN, catalogue.IMAGE_BUILD)}
        statuses = catalogue.JOB_STATUSES
        ctx.emit(catalogue.JOBS, [(*pair, s, counts.get((*pair, s), 0)) for pair in pairs for s in statuses])
        ctx.emit(catalogue.RECOVERED, [(space, recovered.get((space, "", ""), 0)) for space in spaces])
        for spec, found in spans.items():
            ctx.emit(spec, [(*labels[: len(spec.labels)], value) for labels, value in found.items()])

    def _ends(self, ctx: Context, path: Path) -> None:
        with schema.reading(path, ctx.remaining) as connection:
            pipelines, deployments = (
                _totals(connection, spec) for spec in (catalogue.PIPELINES, catalogue.DEPLOYMENTS)
            )
            spans = _spans(connection, catalogue.PIPELINE_RUN)
        seen = sorted({space for space, _, _ in pipelines})
        kinds = catalogue.PIPELINE_STATUSES
        ctx.emit(catalogue.PIPELINES, [(space, s, pipelines.get((space, "", s), 0)) for space in seen for s in kinds])
        places = sorted({(space, tier) for space, tier, _ in deployments})
        ends = catalogue.DEPLOYMENT_STATUSES
        ctx.emit(catalogue.DEPLOYMENTS, [(*at, s, deployments.get((*at, s), 0)) for at in places for s in ends])
        ctx.emit(catalogue.PIPELINE_RUN, [(space, value) for (space, _), value in spans.items()])

    def _now(self, ctx: Context, path: Path) -> None:
        """The rows of unfinished jobs, which are as many as jobs wait and run; never the finished ones."""
        now = self._clock.now()
        counts: dict[tuple[int, str, str], int] = defaultdict(int)
        oldest, lost, running = defaultdict[str, float](float), defaultdict[str, int](int), defaultdict[str, int](int)
        with schema.reading(path, ctx.remaining) as connection:
            pairs, spaces = _places(connection)
            for namespace, stage, runners, rank, count, since, is_lost in connection.execute(
                "SELECT namespace, stage, runners, rank, count(*), min(since), heard < ?1 FROM jobs "
                "INDEXED BY jobs_unfinished WHERE rank < 3 GROUP BY 1, 2, 3, 4, 7",
                (now - self._config.lost_after,),
            ):
                if is_lost:
                    lost[namespace] += count
                    continue
                counts[rank, namespace, stage] += count
                if rank == PENDING:
                    oldest[namespace] = max(oldest[namespace], now - since)
                else:
                    running[runners] += count
        for rank, spec in enumerate((catalogue.PENDING, catalogue.RUNNING), PENDING):
            ctx.emit(spec, [(*pair, counts.get((rank, *pair), 0)) for pair in pairs])
        ctx.emit(catalogue.OLDEST, [(space, round(oldest[space], 3)) for space in spaces])
        ctx.emit(catalogue.LOST, [(space, lost[space]) for space in spaces])
        names = dict.fromkeys((*self._config.runners, *RUNNER_TYPES, *(name or "none" for name in running)))
        running["none"] += running.pop("", 0)
        ctx.emit(catalogue.RUNNER_RUNNING, [(name, running[name]) for name in names])
        slots = {name: runner.slots for name, runner in self._config.runners.items() if runner.slots}
        ctx.emit(catalogue.SATURATION, [(name, running[name] / count) for name, count in slots.items()])

    def _heard(self, ctx: Context, path: Path) -> None:
        ctx.emit(catalogue.WEBHOOKS, _filled(catalogue.WEBHOOKS, self._webhooks))
        with schema.reading(path, ctx.remaining) as connection:
            heard = _meta(connection, "heard")
        ctx.emit(catalogue.GAP, [] if heard is None else [(round(max(0.0, self._clock.now() - heard), 3),)])

    def _api(self, ctx: Context, path: Path) -> None:
        ctx.emit(catalogue.API_REQUESTS, _filled(catalogue.API_REQUESTS, self._requests))
        with schema.reading(path, ctx.remaining) as connection:
            reconciled = _meta(connection, "reconciled")
        ctx.emit(catalogue.RECONCILED, [] if reconciled is None else [(reconciled,)])
        if trouble := self._trouble():
            raise UnavailableError(trouble, hint="see exporters.ci.gitlab_url and token_file")


def _filled(spec: MetricSpec, tally: Tally) -> list[Row]:
    """With what did not happen yet as 0, so that a first time is an increase."""
    return [(*labels, count) for labels, count in (dict.fromkeys(spec.combinations(), 0) | tally.counts()).items()]


def _places(connection: Connection) -> tuple[Pairs, list[str]]:
    """(namespace, stage) and namespaces that jobs were seen in."""
    pairs: Pairs = connection.execute("SELECT namespace, stage FROM stages WHERE stage <> ''").fetchall()
    return pairs, sorted({namespace for namespace, _ in pairs})


def _totals(connection: Connection, spec: MetricSpec) -> Mapping[tuple[str, str, str], int]:
    rows = connection.execute("SELECT namespace, detail, status, n FROM totals WHERE metric = ?", (spec.name,))
    return {(namespace, detail, status): n for namespace, detail, status, n in rows}


def _spans(connection: Connection, spec: MetricSpec) -> dict[tuple[str, str], Distribution]:
    """A bucket that the catalogue has no more is counted in the next higher one."""
    bounds = (*spec.buckets, inf)
    places: dict[float, int] = {}
    counts: dict[tuple[str, str], list[int]] = {}
    sums: dict[tuple[str, str], int] = defaultdict(int)
    rows = connection.execute("SELECT namespace, stage, le, n, us FROM spans WHERE metric = ?", (spec.name,))
    for namespace, stage, le, n, us in rows:
        if le not in places:
            places[le] = next(place for place, bound in enumerate(bounds) if bound >= le)
        counts.setdefault((namespace, stage), [0] * len(bounds))[places[le]] += n
        sums[namespace, stage] += us
    return {labels: Distribution(found, sums[labels] / 1e6) for labels, found in counts.items()}


def _meta(connection: Connection, key: str) -> float | None:
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return float(row[0]) if row else None
