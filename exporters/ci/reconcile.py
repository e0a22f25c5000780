"""What no webhook told: asked of GitLab's API, at most one request a second and two in a quiet hour.

A round goes over all known projects, newest jobs first, until jobs are older than the project's last round; jobs that are still
open here and were not among them are asked for one by one. There is a round at the start, because GitLab does not resend what came
while nobody listened, and after webhooks were answered 503. Otherwise one project is looked at each half hour, and a job found
there that no webhook told of is a gap: a round follows. A round that fails or spends `max_requests` goes on at the next half hour.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from sqlite3 import Connection
from typing import TypeVar

from exporters.ci import payload
from exporters.ci.gitlab import Gitlab, LimitedError, MissingError
from exporters.ci.ledger import Ledger
from exporters.ci.payload import Job
from exporters.ci.store import Store
from kunobs.catalogue.ci import JOB_STATUSES
from kunobs.clock import Clock
from kunobs.config.exporters.ci import CiConfig
from kunobs.errors import KunobsError, UnavailableError
from kunobs.log import get_logger, repeated

PAUSE = 1.0
HALF_HOUR = 1800.0
# A job may wait for others, or for a person, this long between its creation and its queue.
_LOOKBACK = 86400.0
# A webhook may still be on its way.
_UNDERWAY = 120.0
_TRIES = 3
# Projects that fail before GitLab is left alone until the next half hour.
_FAILURES = 3
_log = get_logger("exporter.ci")
Result = TypeVar("Result")


class StoppedError(KunobsError):
    """The process ends."""


class SpentError(KunobsError):
    """The round has made its requests."""


@dataclass(slots=True)
class Project:
    """A project to ask for: by its number, 0 while only its path is known."""

    id: int
    path: str
    since: float

    @property
    def key(self) -> str:
        """How the API is asked for it."""
        return str(self.id) if self.id else self.path


class Reconcile:
    """Runs in a thread of its own. `wait(seconds)` is True when the process ends; `lost` is set where a webhook was answered 503."""

    def __init__(
        self,
        config: CiConfig,
        ledger: Ledger,
        store: Store,
        gitlab: Gitlab,
        clock: Clock,
        wait: Callable[[float], bool],
        lost: threading.Event,
    ) -> None:
        self._config, self._ledger, self._store, self._gitlab = config, ledger, store, gitlab
        self._clock, self._wait, self._lost = clock, wait, lost
        self._free = clock.monotonic() + PAUSE
        self._left = 0
        self._began: float | None = None
        self._by_age = False
        self.trouble = ""
        """Why the last try failed; empty when it did not."""

    def run(self) -> None:
        """Until the process ends."""
        due = True
        try:
            while True:
                due = self._due(due)
                if self._wait(HALF_HOUR):
                    return
                due = due or self._lost.is_set()
                self._lost.clear()
        except StoppedError:
            return

    def _due(self, due: bool) -> bool:
        """Do what is due, or look whether something is; whether it still is."""
        try:
            due = due or self._look()
            if due:
                self._round()
        except StoppedError:
            raise
        except SpentError:
            self.trouble = ""
        except KunobsError as error:
            self.trouble = str(error)
            repeated(_log, "ci reconcile", "GitLab's API is of no help", error=str(error), hint=error.hint)
        except Exception as error:  # noqa: BLE001 - the thread must live
            self.trouble = f"{type(error).__name__}: {error}"[:200]
            repeated(_log, "ci reconcile", "the reconcile failed", level="error", exc_info=error)
        else:
            self.trouble, due = "", False
        return due

    def _round(self) -> None:
        """All projects that this round, maybe begun half an hour ago, has not asked for yet."""
        self._left = self._config.max_requests
        if self._began is None:
            self._began = self._clock.now()
        failed: list[KunobsError] = []
        for project in self._projects(self._began):
            try:
                self._project(project, self._began)
            except MissingError as error:
                repeated(
                    _log, f"ci project {project.key}", "a project is not there", project=project.key, hint=error.hint
                )
            except (LimitedError, UnavailableError) as error:
                # One project that GitLab fails at must not keep the others from their turn.
                failed.append(error)
                if len(failed) >= _FAILURES:
                    raise
                continue
            self._write(partial(_checked, project, self._began))
        if failed:
            raise failed[-1]
        self._write(partial(_reconciled, self._began))
        self._began = None

    def _look(self) -> bool:
        """One project, one request: by turns that with a job unheard of for longest, and that not asked for longest."""
        self._left, self._by_age = 1, not self._by_age
        project = self._write(partial(_suspect, by_age=self._by_age))
        if project is None:
            return False
        try:
            return self._page(project, None)[0] > 0
        except MissingError:
            return False

    def _projects(self, began: float) -> list[Project]:
        """Those not asked for since `began`, longest ago first; at last those of the configuration that no webhook told of."""

        def known(connection: Connection, _: float) -> list[Project]:
            born = connection.execute("SELECT value FROM meta WHERE key = 'born'").fetchone()[0]
            rows = connection.execute("SELECT id, path, checked FROM projects ORDER BY coalesce(checked, 0)").fetchall()
            there = {text for number, path, _ in rows for text in (str(number), path)}
            new = [name for name in self._config.projects if name not in there]
            return [
                *(
                    Project(row[0], row[1], born if row[2] is None else row[2])
                    for row in rows
                    if (row[2] or 0.0) < began
                ),
                *(Project(int(name), "", born) if name.isdigit() else Project(0, name, born) for name in new),
            ]

        return self._write(known)

    def _project(self, project: Project, began: float) -> None:
        """Its jobs since the last round, then those that are open here and were not among them."""
        seen: set[int] = set()
        following: Mapping[str, str] | None = None
        while True:
            _, jobs, following = self._page(project, following)
            seen |= {job.id for job in jobs}
            if not following or any(job.created and job.created < project.since - _LOOKBACK for job in jobs):
                break
        for number in self._write(partial(_unfinished, project, began)):
            if number not in seen:
                self._single(project, number)

    def _page(
        self, project: Project, following: Mapping[str, str] | None
    ) -> tuple[int, list[Job], Mapping[str, str] | None]:
        """Ask and apply; jobs that webhooks should have told of, all jobs, the next page."""
        page = self._asked(lambda: self._gitlab.jobs(project.key, following))
        jobs = []
        for data in page.jobs:
            try:
                jobs.append(payload.api_job(data, project.path, project.id))
            except payload.MalformedError as error:
                repeated(_log, "ci api job", "a job of GitLab's API cannot be read", error=str(error))
        if jobs and not project.id:
            project.id = jobs[0].place.project_id
        return self._apply(jobs), jobs, page.following

    def _single(self, project: Project, number: int) -> None:
        try:
            data = self._asked(lambda: self._gitlab.job(project.key, number))
            self._apply([payload.api_job(data, project.path, project.id)])
        except MissingError:
            self._write(partial(_gone, number))

    def _apply(self, jobs: list[Job]) -> int:
        def change(connection: Connection, now: float) -> int:
            for place in {job.place for job in jobs}:
                self._ledger.project(connection, place, now)
            news = [job for job in jobs if self._ledger.job(connection, job, now, by_api=True)]
            return sum(job.status in JOB_STATUSES and (job.finished or now) < now - _UNDERWAY for job in news)

        return self._write(change)

    def _asked(self, call: Callable[[], Result]) -> Result:
        """One request in its turn, again after a 429 as long as the round may ask."""
        for left in reversed(range(_TRIES)):
            if self._left <= 0:
                raise SpentError("the round has made its requests")
            while (pause := self._free - self._clock.monotonic()) > 0:
                if self._wait(pause):
                    raise StoppedError("the process ends")
            self._left -= 1
            self._free = self._clock.monotonic() + PAUSE
            try:
                return call()
            except LimitedError as error:
                self._free = self._clock.monotonic() + max(error.seconds, PAUSE)
                if not left or not self._left:
                    raise
        raise AssertionError("unreachable")

    def _write(self, change: Callable[[Connection, float], Result]) -> Result:
        future: Future[Result] = self._store.submit(change)
        return future.result()


def _suspect(connection: Connection, now: float, *, by_age: bool) -> Project | None:
    """The project to look at, marked as asked."""
    row = None
    if by_age:
        row = connection.execute(
            "SELECT p.id, p.path FROM jobs j JOIN projects p ON p.id = j.project WHERE j.rank < 3 AND j.heard < ? "
            "ORDER BY p.asked, j.heard LIMIT 1",
            (now - _UNDERWAY,),
        ).fetchone()
    row = row or connection.execute("SELECT id, path FROM projects ORDER BY asked LIMIT 1").fetchone()
    if row is None:
        return None
    connection.execute("UPDATE projects SET asked = ? WHERE id = ?", (now, row[0]))
    return Project(row[0], row[1], now)


def _unfinished(project: Project, began: float, connection: Connection, _: float) -> list[int]:
    rows = connection.execute(
        "SELECT id FROM jobs WHERE project = ? AND rank < 3 AND heard < ? ORDER BY id", (project.id, began)
    )
    return [row[0] for row in rows]


def _gone(number: int, connection: Connection, _: float) -> None:
    connection.execute("DELETE FROM jobs WHERE id = ? AND rank < 3", (number,))


def _checked(project: Project, began: float, connection: Connection, _: float) -> None:
    connection.execute("UPDATE projects SET checked = ? WHERE id = ?", (began, project.id))


def _reconciled(began: float, connection: Connection, _: float) -> None:
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('reconciled', ?)", (began,))
