"""What no webhook told, from a GitLab of our own: found and counted once, by at most one request a second and two in a quiet hour."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from exporters.ci import payload
from exporters.ci.gitlab import Gitlab
from exporters.ci.ledger import Ledger
from exporters.ci.reconcile import Reconcile
from exporters.ci.store import Store
from exporters.ci.tally import Tally
from kunobs.clock import SYSTEM_CLOCK
from kunobs.config import load_text
from kunobs.errors import UnavailableError
from kunobs.local.ports import HOST, choose
from kunobs.testing.clock import FakeClock
from tests.exporter_ci_gitlab import TOKEN, FakeGitlab, gitlab
from tests.exporter_ci_world import Made, make, receiving, settings
from tests.support import wait_until

HOUR = 3600.0


class World:
    """A store, a GitLab and a reconcile that live in virtual time; `until` runs the reconcile up to a moment."""

    def __init__(self, folder: Path, clock: FakeClock, fake: FakeGitlab, **keys: Any) -> None:
        self.clock, self.fake = clock, fake
        self._end = clock.monotonic()
        self._text = settings(folder, gitlab_url=fake.url, token=TOKEN, **keys)
        self.config = load_text(self._text).exporters.ci
        self.ledger = Ledger(self.config)
        self.store = Store(folder, self.ledger, clock)
        self.tally = Tally()
        self.lost = threading.Event()
        self.during: dict[float, Any] = {}
        client = Gitlab(fake.url, self.config.token, self.tally, clock, timeout=0.5)
        self.reconcile = Reconcile(self.config, self.ledger, self.store, client, clock, self._wait, self.lost)

    def _wait(self, seconds: float) -> bool:
        assert seconds > 0
        for at in sorted(at for at in self.during if at <= self.clock.monotonic() + seconds):
            self.during.pop(at)()
        self.clock.sleep(seconds)
        return self.clock.monotonic() >= self._end

    def run(self, seconds: float) -> None:
        """The process lives so long from now."""
        self._end = self.clock.monotonic() + seconds
        self.reconcile.run()

    def tell(self, *events: tuple[Made, str]) -> None:
        """Webhooks that came."""
        for job, state in events:
            webhook = payload.read(json.dumps(job.webhook(state)).encode())
            self.store.submit(partial(self._apply, webhook)).result()

    def _apply(self, webhook: payload.Webhook, connection: Any, now: float) -> bool:
        return self.ledger.webhook(connection, webhook, now)

    def one(self, statement: str) -> Any:
        """One value of the store."""
        return self.store.submit(lambda connection, _: connection.execute(statement).fetchone()[0]).result()

    @property
    def counted(self) -> int:
        """Finished jobs."""
        return int(self.one("SELECT coalesce(sum(n), 0) FROM totals WHERE metric = 'kunobs_ci_jobs_total'"))

    @property
    def recovered(self) -> int:
        """Those no webhook told of."""
        return int(self.one("SELECT coalesce(sum(n), 0) FROM totals WHERE metric = 'kunobs_ci_jobs_recovered_total'"))


@pytest.fixture
def clock() -> FakeClock:
    """Time of our own."""
    return FakeClock()


@pytest.fixture
def fake(clock: FakeClock) -> Iterator[FakeGitlab]:
    """GitLab."""
    with gitlab(clock.monotonic) as one:
        yield one


@contextlib.contextmanager
def world(folder: Path, clock: FakeClock, fake: FakeGitlab, **keys: Any) -> Iterator[World]:
    """An hour after the store was made."""
    one = World(folder, clock, fake, **keys)
    clock.advance(HOUR)
    try:
        yield one
    finally:
        one.store.close()


def paced(fake: FakeGitlab, most: int = 2) -> None:
    """No two requests within a second, no hour but the first with more than `most`; times are those of the GitLab."""
    times = fake.times
    assert all(after - before >= 1 for before, after in itertools.pairwise(times)), times
    for start in times:
        if start > times[0] + HOUR:
            assert sum(start <= at < start + HOUR for at in times) <= most


def jobs_of(clock: FakeClock, count: int, **changes: Any) -> list[Made]:
    """Jobs of one project that ended within the last half hour."""
    made = make(count, 3, clock.now() - 1700, over=100.0)
    return [
        dataclasses.replace(job, project=30, group="shop", ran=5_000_000, waited=1_000_000, **changes) for job in made
    ]


def test_after_a_start_every_missed_end_is_found_once(tmp_path: Path, clock: FakeClock, fake: FakeGitlab) -> None:
    """250 jobs on three pages: some known as ended, some as running, most unheard of; each counts once, in one round."""
    with world(tmp_path, clock, fake) as w:
        jobs = jobs_of(clock, 250)
        w.tell(*((job, job.status) for job in jobs[:20]), *((job, "running") for job in jobs[20:40]))
        clock.advance(HOUR / 4)
        for job in jobs:
            fake.add(job.api())
        w.run(60)
        assert (w.counted, w.recovered) == (250, 230)
        assert w.one("SELECT count(*) FROM jobs WHERE rank < 3") == 0
        assert len(fake.requests) == 3
        assert w.one("SELECT value FROM meta WHERE key = 'reconciled'") == clock.now() - 60 or fake.times[0] >= 1
        w.tell(*((job, job.status) for job in jobs))
        assert w.counted == 250
    assert fake.tokens == {TOKEN}
    paced(fake)


def test_a_quiet_day_costs_two_requests_an_hour(tmp_path: Path, clock: FakeClock, fake: FakeGitlab) -> None:
    """50 projects, nothing missed: after the round of the start, 2 an hour, and every project has its turn."""
    with world(tmp_path, clock, fake) as w:
        for number, job in enumerate(make(50, 1, clock.now() - 3000, over=10.0), 1):
            job = dataclasses.replace(job, project=number, status="success", ran=1_000_000, waited=1_000_000)
            w.tell((job, "success"))
            fake.add(job.api())
        w.run(26 * HOUR)
        assert w.recovered == 0
    at_start = [at for at in fake.times if at < fake.times[0] + HOUR / 2]
    assert len(at_start) == 50
    later = [path.split("/")[4] for at, path in fake.requests if at not in at_start]
    assert 50 <= len(later) <= 52
    assert len(set(later)) == 50
    paced(fake)


def test_a_missed_end_is_noticed_and_starts_a_round(tmp_path: Path, clock: FakeClock, fake: FakeGitlab) -> None:
    """Webhooks of a day get lost in the middle of the life: the half-hourly look finds one, the round the others."""
    with world(tmp_path, clock, fake) as w:
        jobs = jobs_of(clock, 30)
        jobs = [dataclasses.replace(job, project=job.id % 10 + 1) for job in jobs]
        w.tell(*((job, "running") for job in jobs))
        for job in jobs:
            fake.add(job.api("running"))

        def ended() -> None:
            for job in jobs:
                fake.add(job.api())

        w.during[clock.monotonic() + 5 * HOUR] = ended
        w.run(7 * HOUR)
        assert (w.counted, w.recovered) == (30, 30)
        assert w.one("SELECT count(*) FROM jobs WHERE rank < 3") == 0
    assert all(after - before >= 1 for before, after in zip(fake.times, fake.times[1:], strict=False))


def test_a_job_that_is_gone_or_far_back_is_asked_for_by_its_number(
    tmp_path: Path, clock: FakeClock, fake: FakeGitlab
) -> None:
    """A running job below the pages of the round is closed, one that GitLab deleted is dropped uncounted."""
    with world(tmp_path, clock, fake) as w:
        old = dataclasses.replace(
            jobs_of(clock, 1)[0], id=5, created=clock.now() - 5 * 86400, ran=5 * 86400 * 10**6, status="success"
        )
        gone = dataclasses.replace(old, id=6)
        w.tell((old, "running"), (gone, "running"))
        clock.advance(900)
        for job in jobs_of(clock, 150):
            created = clock.now() - 3 * 86400 if job.id < 60 else job.created
            fake.add(dataclasses.replace(job, id=job.id + 1000, created=created).api())
        for n in range(100):
            fake.add(dataclasses.replace(old, id=100 + n, created=clock.now() - 4 * 86400, ran=1).api())
        fake.add(old.api())
        w.run(60)
        assert w.one("SELECT rank FROM jobs WHERE id = 5") == 3
        assert w.one("SELECT count(*) FROM jobs WHERE id = 6") == 0
    asked = [path.partition("?")[0] for _, path in fake.requests]
    assert asked[-2:] == ["/api/v4/projects/30/jobs/5", "/api/v4/projects/30/jobs/6"]
    paced(fake)


def test_a_round_spends_no_more_than_it_may_and_goes_on(tmp_path: Path, clock: FakeClock, fake: FakeGitlab) -> None:
    """25 projects at ten requests a round: three half hours, each project once, then quiet."""
    with world(tmp_path, clock, fake, max_requests=10) as w:
        for job in make(25, 1, clock.now() - 3000, over=10.0):
            job = dataclasses.replace(job, project=job.id, ran=1, waited=1)
            w.tell((job, job.status))
            fake.add(job.api())
        w.run(3 * 1800 - 60)
        projects = [path.split("/")[4] for _, path in fake.requests]
        assert sorted(projects) == sorted(str(n) for n in range(1, 26))
        starts = [sum(n * 1800 <= at - HOUR < (n + 1) * 1800 for at in fake.times) for n in range(3)]
        assert starts == [10, 10, 5]


def test_projects_of_the_configuration(tmp_path: Path, clock: FakeClock, fake: FakeGitlab) -> None:
    """By path and by number, before any webhook; one that is not there costs the others nothing."""
    jobs = jobs_of(clock, 3)
    with world(tmp_path, clock, fake, projects=["gone/away", "shop/team/p30", "31"]) as w:
        jobs = jobs_of(clock, 3)
        fake.add(jobs[0].api())
        fake.add(dataclasses.replace(jobs[1], project=31).api())
        fake.paths["shop/team/p30"] = 30
        w.run(30)
        assert w.counted == 2
        assert w.reconcile.trouble == ""
        assert w.one("SELECT count(*) FROM meta WHERE key = 'reconciled'") == 1
    assert {outcome: n for (outcome,), n in w.tally.counts().items()} == {"ok": 2, "denied": 1}


@pytest.mark.parametrize("retry_after", ["30", "Tue, 14 Nov 2023 23:20:00 GMT", "soon", "", "-5", "99999999999"])
def test_429_is_obeyed(tmp_path: Path, clock: FakeClock, fake: FakeGitlab, retry_after: str) -> None:
    """Nothing is asked before Retry-After, in seconds or as a date, a minute where it is neither, an hour at most."""
    pause = {"30": 30, "Tue, 14 Nov 2023 23:20:00 GMT": 395, "99999999999": 3600}.get(retry_after, 60)
    with world(tmp_path, clock, fake) as w:
        job = jobs_of(clock, 1)[0]
        w.tell((job, "running"))
        fake.add(job.api())
        fake.trouble, fake.retry_after = "limited", retry_after
        w.during[clock.monotonic() + 10] = lambda: setattr(fake, "trouble", "")
        w.run(2 * HOUR)
        assert w.counted == 1
    assert pause <= fake.times[1] - fake.times[0] <= pause + 10
    assert {outcome: n for (outcome,), n in w.tally.counts().items()}["limited"] == 1
    paced(fake)


@pytest.mark.parametrize(
    ("trouble", "outcome"),
    [
        ("html", "failed"),
        ("object", "failed"),
        ("failing", "failed"),
        ("redirecting", "failed"),
        ("denied", "denied"),
        ("hanging", "unanswered"),
        ("resetting", "unanswered"),
        ("garbage", "unanswered"),
        ("limited", "limited"),
    ],
)
def test_a_gitlab_that_is_no_help(
    tmp_path: Path, clock: FakeClock, fake: FakeGitlab, trouble: str, outcome: str
) -> None:
    """Nothing changes, the trouble is told, a few requests are made and then some half hours later; once it works, all is found."""
    with world(tmp_path, clock, fake) as w:
        jobs = [dataclasses.replace(job, project=job.id) for job in jobs_of(clock, 8)]
        w.tell(*((job, "running") for job in jobs))
        for job in jobs:
            fake.add(job.api())
        fake.trouble = trouble
        w.run(HOUR)
        assert (w.counted, w.one("SELECT count(*) FROM jobs WHERE rank = 2")) == (0, 8)
        assert w.reconcile.trouble
        assert TOKEN not in w.reconcile.trouble
        assert set(w.tally.counts()) == {(outcome,)}
        assert len(fake.requests) <= 18
        fake.trouble = ""
        clock.advance(HOUR)
        w.run(HOUR)
        assert (w.counted, w.reconcile.trouble) == (8, "")
    paced(fake, most=18)


def test_a_body_that_drips_is_given_up(fake: FakeGitlab) -> None:
    """However slowly bytes come, the whole answer has a deadline."""
    fake.trouble = "dripping"
    tally = Tally()
    client = Gitlab(
        fake.url, load_text(settings(Path("/x"))).exporters.ci.secret, tally, SYSTEM_CLOCK, timeout=5, whole=0.3
    )
    with pytest.raises(UnavailableError, match="does not answer"):
        client.jobs("1")
    assert tally.counts() == {("unanswered",): 1}


def test_after_a_503_there_is_a_round(tmp_path: Path, clock: FakeClock, fake: FakeGitlab) -> None:
    """Webhooks that could not be stored are known to be lost."""
    with world(tmp_path, clock, fake) as w:
        jobs = [dataclasses.replace(job, project=job.id) for job in jobs_of(clock, 6)]
        for job in jobs:
            w.tell((job, job.status))
            fake.add(job.api())
        w.during[clock.monotonic() + 300] = w.lost.set
        w.run(1900)
    assert len(fake.requests) == 12


@pytest.mark.parametrize("trouble", ["", "html", "hanging", "resetting", "denied", "garbage", "dripping", "stopped"])
def test_a_scrape_does_not_wait_for_gitlab(tmp_path: Path, trouble: str) -> None:
    """In the running exporter: 200 at once whatever GitLab does; only the collector of the API says that something is wrong."""
    with gitlab(SYSTEM_CLOCK.monotonic) as fake:
        fake.trouble = trouble
        url = f"http://{HOST}:{choose(())}" if trouble == "stopped" else fake.url
        config = settings(tmp_path, gitlab_url=url, token=TOKEN, projects=["30"])
        fake.jobs[30] = []
        with receiving(config) as ci:
            wait_until(lambda: fake.requests or trouble == "stopped", what="GitLab is asked")
            success = success_of(ci.scrape(timeout=5))
            if trouble not in ("", "hanging", "dripping"):
                success = wait_until(lambda: failed(success_of(ci.scrape(timeout=5))), what="the trouble is told")
                assert success == {"jobs": 1, "ends": 1, "now": 1, "webhooks": 1, "api": 0}
            else:
                assert set(success.values()) == {1}


def success_of(scraped: Any) -> dict[str, float]:
    """By collector."""
    return {
        labels[0]: n for (name, labels), n in scraped.samples.items() if name == "kunobs_exporter_collector_success"
    }


def failed(success: dict[str, float]) -> dict[str, float] | None:
    """It, when some failed."""
    return success if 0 in success.values() else None
