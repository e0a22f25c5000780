"""The real process, killed by kill -9 while GitLab posts, and with a disk that takes nothing: what was answered 200 is counted once."""

from __future__ import annotations

import contextlib
import json
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

from kunobs.local.ports import HOST, choose
from tests.exporter_ci_world import Made, Oracle, make, post, settings, shown
from tests.exporter_world import Scraped
from tests.support import REPOSITORY, wait_until

KILLS, EACH = 3, 400
Event = tuple[Made, str]


class Process:
    """`kunobs exporter ci` in a process of its own, again at the same address after each death."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._config = folder / "kunobs.yaml"
        self._config.write_text(settings(folder / "data"))
        self.url = f"http://{HOST}:{choose(())}"
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        """Run it until it is ready."""
        command = [sys.executable, "-m", "kunobs", "exporter", "ci", "-c", str(self._config), "--listen", self.url[7:]]
        # A pipe, because a limit on file sizes must not hit the log.
        self.process = subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE)
        assert self.process.stderr is not None
        threading.Thread(target=self.process.stderr.read, daemon=True).start()
        wait_until(self.ready, what="the exporter is ready")
        return self.process

    def ready(self) -> bool:
        """It says so."""
        with contextlib.suppress(requests.ConnectionError):
            return requests.get(f"{self.url}/-/ready", timeout=10).status_code == 200
        return False

    def scrape(self) -> Scraped:
        """Its metrics."""
        answer = requests.get(f"{self.url}/metrics", timeout=30)
        return Scraped(answer.status_code, answer.text)


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Process]:
    """One, ended at last."""
    process = Process(folder)
    try:
        yield process
    finally:
        process.process.kill()
        process.process.wait()


def tell(url: str, events: Sequence[Event], answered: dict[Event, int], enough: threading.Event | None = None) -> None:
    """Post in order until the server is gone; the status of each that was answered."""
    with requests.Session() as session, contextlib.suppress(requests.RequestException):
        for number, (job, state) in enumerate(events):
            answered[job, state] = post(session, f"{url}/gitlab", json.dumps(job.webhook(state)).encode()).status_code
            if enough is not None and number > 40:
                enough.set()


def test_killed_while_gitlab_posts(tmp_path: Path) -> None:
    """Six connections post while the process is killed, three times. Afterwards everything answered 200 is there and nothing twice.

    What was not answered may or may not be there; once it is told again, beside some of what was, the count is exact.
    """
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)

    jobs = make(KILLS * EACH, seed, time.time() - 30, over=5.0)
    with running(tmp_path) as ci:
        for kill in range(KILLS):
            some = jobs[kill * EACH : (kill + 1) * EACH]
            events = [(job, state) for job in some for state in job.states()]
            answered: dict[Event, int] = {}
            enough = threading.Event()
            with ThreadPoolExecutor(6) as pool:
                posting = [pool.submit(tell, ci.url, events[n::6], answered, enough) for n in range(6)]
                assert enough.wait(60)
                ci.process.send_signal(signal.SIGKILL)
                ci.process.wait()
                for future in posting:
                    future.result()
            assert set(answered.values()) == {200}
            assert 0 < len(answered) < len(events), "the kill came when all was told"
            ci.start()
            finished = {job for job, state in answered if state == job.status}
            assert_between(jobs[: kill * EACH], finished, some, ci.scrape())
            again = [event for event in events if event not in answered or rng.random() < 0.2]
            rng.shuffle(again)
            with ThreadPoolExecutor(6) as pool:
                for future in [pool.submit(tell, ci.url, again[n::6], answered) for n in range(6)]:
                    future.result()
            assert len(answered) == len(events)
            assert shown(ci.scrape()) == Oracle().add(jobs[: (kill + 1) * EACH]).samples()


def assert_between(before: Sequence[Made], finished: set[Made], maybe: Sequence[Made], scraped: Scraped) -> None:
    """All that was told before and answered now, and at most six that were under way."""
    least = Oracle().add(before).add(finished).totals
    most = Oracle().add(before).add(maybe).totals
    found = {labels: n for (name, labels), n in shown(scraped).items() if name == "kunobs_ci_jobs_total"}
    assert all(found.get(labels, 0) >= n for labels, n in least.items())
    assert all(n <= most[labels] for labels, n in found.items())
    assert sum(found.values()) <= sum(least.values()) + 6


def test_a_disk_that_takes_nothing(tmp_path: Path) -> None:
    """503 with the reason, scrapes go on with what is known, and once it has room everything told again counts once."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")

    jobs = make(200, seed, time.time() - 30, over=5.0)
    events = [(job, state) for job in jobs for state in job.states()]
    half = len(events) // 2
    answered: dict[Event, int] = {}
    with running(tmp_path) as ci:
        tell(ci.url, events[:half], answered)
        known = shown(ci.scrape())
        pid = ci.process.pid
        before = resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        full: dict[Event, int] = {}
        tell(ci.url, events[half : half + 20], full)
        assert (set(answered.values()), set(full.values())) == ({200}, {503})
        answer = requests.post(f"{ci.url}/gitlab", json=jobs[-1].webhook("pending"), headers=TOKEN, timeout=30)
        assert answer.json()["detail"].startswith(str(tmp_path / "data" / "ci.sqlite"))
        assert answer.json()["hint"]
        assert shown(ci.scrape()) == known
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
        tell(ci.url, events[half - 20 :], answered)
        scraped = ci.scrape()
    assert set(answered.values()) == {200}
    assert shown(scraped) == Oracle().add(jobs).samples()
    assert scraped.value("kunobs_ci_webhooks_total", "job", "unavailable") == 21


TOKEN = {"X-Gitlab-Token": "correct-horse-battery"}


def test_sigterm_while_gitlab_posts(tmp_path: Path) -> None:
    """What was answered before a clean end is there after it; what came too late was answered 503 or not at all."""

    jobs = make(1000, 5, time.time() - 30, over=5.0)
    events = [(job, state) for job in jobs for state in job.states()]
    answered: dict[Event, int] = {}
    enough = threading.Event()
    with running(tmp_path) as ci:
        with ThreadPoolExecutor(6) as pool:
            posting = [pool.submit(tell, ci.url, events[n::6], answered, enough) for n in range(6)]
            assert enough.wait(60)
            ci.process.send_signal(signal.SIGTERM)
            assert ci.process.wait(60) == 0
            for future in posting:
                future.result()
        ci.start()
        kept = {job for (job, state), status in answered.items() if state == job.status and status == 200}
        assert set(answered.values()) <= {200, 503}
        assert_between((), kept, jobs, ci.scrape())
