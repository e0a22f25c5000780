"""What a webhook changes in the store: a job's state only forwards, and each end is counted once, in the same transaction.

GitLab's events bear no number and come twice, late and out of order, but a job's states do have one: pending, running, finished
(success, failed, canceled). An event that is behind what is known is late. A finished job never runs again under its number
(a retry has a new one); created, manual and scheduled are before pending and of no interest. `skipped` alone can go back to
pending, so it ends a pending job without counting it, and a later pending begins it again.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

from exporters.ci.labels import OTHER, Labels
from exporters.ci.payload import End, Job, Place, Webhook
from kunobs.catalogue import ci as catalogue
from kunobs.catalogue.types import MetricSpec
from kunobs.config.exporters.ci import CiConfig

PENDING, RUNNING, FINISHED = 1, 2, 3
_RANKS = {"pending": PENDING, "running": RUNNING, "canceling": RUNNING} | dict.fromkeys(
    catalogue.JOB_STATUSES, FINISHED
)
_ENDS: Mapping[str, tuple[MetricSpec, tuple[str, ...]]] = {
    "pipeline": (catalogue.PIPELINES, catalogue.PIPELINE_STATUSES),
    "deployment": (catalogue.DEPLOYMENTS, catalogue.DEPLOYMENT_STATUSES),
    "deployable": (catalogue.DEPLOYMENTS, catalogue.DEPLOYMENT_STATUSES),
}
# Clocks differ: what ended this long before the store was made is no history from before it.
_SKEW = 300.0
# Rows that one cleaning deletes, so that no webhook waits for it.
_CLEANED = 5000


@dataclass(slots=True)
class _Known:
    """A job's row; rank 0 while there is none."""

    rank: int
    namespace: str
    stage: str
    runners: str
    queued: int
    since: float
    heard: float


class Ledger:
    """Applies what was said to a connection that is in a transaction. Not safe between threads: the store's thread owns it."""

    def __init__(self, config: CiConfig) -> None:
        self._config = config
        self.labels = Labels(config)
        self._stages: dict[str, set[str]] = {}
        self._born = 0.0

    def load(self, connection: sqlite3.Connection) -> None:
        """Take over what the file knows; again after a transaction was rolled back."""
        self._born = float(connection.execute("SELECT value FROM meta WHERE key = 'born'").fetchone()[0])
        self._stages = {}
        for namespace, stage in connection.execute("SELECT namespace, stage FROM stages"):
            self._stages.setdefault(namespace, set()).update({stage} - {""})

    def webhook(self, connection: sqlite3.Connection, webhook: Webhook, now: float) -> bool:
        """Whether it said anything new. `now` is when it came."""
        if webhook.kind == "other":
            return False
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('heard', ?)", (now,))
        for place in {job.place for job in webhook.jobs} | {end.place for end in webhook.ends}:
            self.project(connection, place, now)
        news = [self.job(connection, job, now) for job in webhook.jobs]
        news += [self._end(connection, end, now) for end in webhook.ends]
        return any(news)

    def project(self, connection: sqlite3.Connection, place: Place, now: float) -> None:
        """Remember a project, for the reconcile."""
        if place.project_id:
            connection.execute(
                "INSERT INTO projects VALUES (?, ?, ?, 0, NULL) ON CONFLICT (id) DO UPDATE SET heard = excluded.heard, "
                "path = CASE excluded.path WHEN '' THEN path ELSE excluded.path END",
                (place.project_id, place.project, now),
            )

    def job(self, connection: sqlite3.Connection, job: Job, now: float, *, by_api: bool = False) -> bool:
        """Take a job one or more steps further; False when that was known, or is of no interest."""
        rank = _RANKS.get(job.status, 0)
        known = self._row(connection, job)
        if job.status == "skipped" and known.rank == PENDING:
            connection.execute("DELETE FROM jobs WHERE id = ?", (job.id,))
            return True
        if rank == 0 or rank < known.rank or known.rank == FINISHED:
            return False
        if rank == FINISHED and self._too_old(job.finished, now):
            return False
        news = rank > known.rank
        if not known.rank:
            known.namespace, known.stage = self._bounded(
                connection, self.labels.namespace(job.place), self.labels.stage(job)
            )
        known.runners = self.labels.runners(job) or known.runners
        began = job.started is not None or RUNNING in (rank, known.rank)
        if rank > PENDING and began and job.queued is not None and not known.queued:
            known.queued = 1
            _observe(connection, catalogue.QUEUE, known.namespace, known.stage, job.queued)
        if rank == FINISHED:
            self._finished(connection, job, known, began=began, by_api=by_api)
        known.since = min(known.since, now - (job.queued or 0) / 1e6)
        finished = min(now, job.finished or now) if rank == FINISHED else None
        labels = known.namespace, known.stage, known.runners
        row = (job.id, job.place.project_id, *labels, rank, known.queued, known.since, now, finished)
        connection.execute("INSERT OR REPLACE INTO jobs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        return news

    def clean(self, connection: sqlite3.Connection, now: float) -> None:
        """Forget what is older than the retention; what ended before then is not counted any more, so not twice either."""
        before = now - self._config.retention
        for statement in (
            "DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE rank = 3 AND finished < ?1 LIMIT ?2)",
            "DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE rank < 3 AND heard < ?1 LIMIT ?2)",
            "DELETE FROM ends WHERE (kind, id, mark) IN (SELECT kind, id, mark FROM ends WHERE at < ?1 LIMIT ?2)",
            "DELETE FROM projects WHERE id IN (SELECT id FROM projects WHERE heard < ?1 LIMIT ?2)",
        ):
            connection.execute(statement, (before, _CLEANED))

    def _row(self, connection: sqlite3.Connection, job: Job) -> _Known:
        found = connection.execute(
            "SELECT rank, namespace, stage, runners, queued, since, heard FROM jobs WHERE id = ?", (job.id,)
        ).fetchone()
        return _Known(*found) if found else _Known(0, "", "", "", 0, inf, 0.0)

    def _finished(self, connection: sqlite3.Connection, job: Job, known: _Known, *, began: bool, by_api: bool) -> None:
        _count(connection, catalogue.JOBS, known.namespace, known.stage, job.status)
        if by_api:
            _count(connection, catalogue.RECOVERED, known.namespace)
        ran = job.ran
        if ran is None and job.started is not None and job.finished is not None and job.finished >= job.started:
            ran = round((job.finished - job.started) * 1e6)
        if not began or ran is None:
            return
        _observe(connection, catalogue.RUN, known.namespace, known.stage, ran)
        if job.status == "success" and self.labels.builds_image(job):
            _observe(connection, catalogue.IMAGE_BUILD, known.namespace, "", ran)

    def _end(self, connection: sqlite3.Connection, end: End, now: float) -> bool:
        spec, statuses = _ENDS[end.kind]
        if end.status not in statuses or self._too_old(end.at, now):
            return False
        at = min(now, end.at or now)
        done = connection.execute("INSERT OR IGNORE INTO ends VALUES (?, ?, ?, ?)", (end.kind, end.id, end.mark, at))
        if not done.rowcount:
            return False
        namespace, _ = self._bounded(connection, self.labels.namespace(end.place))
        tier = (end.tier if end.tier in catalogue.TIERS else "other") if end.tier else "none"
        _count(connection, spec, namespace, tier if spec is catalogue.DEPLOYMENTS else "", end.status)
        if end.kind == "pipeline" and end.ran is not None:
            _observe(connection, catalogue.PIPELINE_RUN, namespace, "", end.ran)
        return True

    def _too_old(self, at: float | None, now: float) -> bool:
        return at is not None and at < max(self._born - _SKEW, now - self._config.retention)

    def _bounded(self, connection: sqlite3.Connection, namespace: str, stage: str = "") -> tuple[str, str]:
        """The labels as they are counted; what is new beyond the bounds is `other`."""
        if namespace not in self._stages and len(self._stages.keys() - {OTHER}) >= self._config.max_namespaces:
            namespace = OTHER
        if namespace not in self._stages:
            connection.execute("INSERT OR IGNORE INTO stages VALUES (?, '')", (namespace,))
        stages = self._stages.setdefault(namespace, set())
        if stage and stage not in stages:
            if len(stages - {OTHER}) >= self._config.max_stages:
                stage = OTHER
            connection.execute("INSERT OR IGNORE INTO stages VALUES (?, ?)", (namespace, stage))
            stages.add(stage)
        return namespace, stage


def _count(
    connection: sqlite3.Connection, spec: MetricSpec, namespace: str, detail: str = "", status: str = ""
) -> None:
    connection.execute(
        "INSERT INTO totals VALUES (?, ?, ?, ?, 1) ON CONFLICT DO UPDATE SET n = n + 1",
        (spec.name, namespace, detail, status),
    )


def _observe(connection: sqlite3.Connection, spec: MetricSpec, namespace: str, stage: str, micros: int) -> None:
    """One observation. Sums are whole microseconds, because a sum of fractions depends on their order."""
    bounds = (*spec.buckets, inf)
    connection.execute(
        "INSERT INTO spans VALUES (?, ?, ?, ?, 1, ?) ON CONFLICT DO UPDATE SET n = n + 1, us = us + excluded.us",
        (spec.name, namespace, stage, bounds[bisect_left(spec.buckets, micros / 1e6)], micros),
    )
