"""100,000 jobs told late, twice and out of order: counters and histograms are exactly those of a count one by one."""

from __future__ import annotations

import random
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import msgspec
import requests

from exporters.ci import payload
from exporters.ci.ledger import Ledger
from exporters.ci.store import Store
from kunobs.config import load_text
from kunobs.testing.clock import FakeClock
from tests.exporter_ci_world import Made, Oracle, make, post, receiving, settings, shown, told

JOBS = 100_000
BY_HTTP = 4000


def test_a_hundred_thousand_jobs_are_counted_exactly(tmp_path: Path) -> None:
    """The first events by HTTP from eight connections, the others through the store in two runs with a restart between."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    clock = FakeClock()
    jobs = make(JOBS, seed, clock.now())
    events = told(jobs, seed)
    config = settings(tmp_path)
    with receiving(config, clock) as ci:
        clock.advance(200_000)
        url = f"{ci.server.url}/gitlab"
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda part: by_http(url, part), [events[n:BY_HTTP:8] for n in range(8)]))
    half = len(events) // 2
    for part in (events[BY_HTTP:half], events[half:]):
        through_the_store(tmp_path, config, clock, part)
    with receiving(config, clock) as ci:
        scraped = ci.scrape()
        again = ci.tell(*random.Random(seed).sample(events, 50))
        assert shown(ci.scrape()) == shown(scraped) == Oracle().add(jobs).samples()
    assert set(again) == {"unchanged"}
    open_now = [value for (name, _), value in scraped.samples.items() if name in OPEN]
    assert (len(open_now), sum(open_now)) == (2 * len({(job.group, job.stage) for job in jobs}), 0)


OPEN = ("kunobs_ci_jobs_pending", "kunobs_ci_jobs_running")


def by_http(url: str, events: list[tuple[Made, str]]) -> None:
    """Post each; 200."""
    with requests.Session() as session:
        for job, state in events:
            assert post(session, url, msgspec.json.encode(job.webhook(state))).status_code == 200


def through_the_store(folder: Path, config: str, clock: FakeClock, events: list[tuple[Made, str]]) -> None:
    """Each body read and applied as Ingest does, 500 in a transaction."""
    ledger = Ledger(load_text(config).exporters.ci)
    store = Store(folder, ledger, clock)
    futures = []
    for start in range(0, len(events), 500):
        read = [payload.read(msgspec.json.encode(job.webhook(state))) for job, state in events[start : start + 500]]
        futures.append(store.submit(partial(apply, ledger, read)))
        clock.advance(0.01)
    for future in futures:
        future.result()
    store.close()


def apply(ledger: Ledger, webhooks: list[payload.Webhook], connection: sqlite3.Connection, now: float) -> None:
    """In one transaction."""
    for webhook in webhooks:
        ledger.webhook(connection, webhook, now)
