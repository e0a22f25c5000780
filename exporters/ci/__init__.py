"""GitLab's webhooks in, jobs, queues, runs, image builds, pipelines and deployments out; counters that survive a restart.

ingest     POST /gitlab: the secret token, the size, then into the store; 200 when it is on the disk
payload    a webhook's body, or a job of the API, read
ledger     what it changes: a job's state only forwards, each end counted once
labels     a project's path becomes a namespace; runners; image builds
store      the SQLite file and the one thread that writes it; schema has its tables
collect    scrapes: aggregated rows, read-only
reconcile  what no webhook told, from GitLab's API (gitlab), within its budget
tally      what only this process counts: webhooks by outcome, requests by outcome
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

from exporters.ci.collect import Collectors
from exporters.ci.gitlab import Gitlab
from exporters.ci.ingest import PATH, Ingest
from exporters.ci.ledger import Ledger
from exporters.ci.reconcile import Reconcile
from exporters.ci.store import Store
from exporters.ci.tally import Tally
from exporters.kit import Exporter, Limits
from kunobs.clock import SYSTEM_CLOCK, Clock
from kunobs.config import Config
from kunobs.config.exporters.ci import CiConfig


class _Ci:
    """What the parts share while the process runs."""

    def __init__(self, config: CiConfig, clock: Clock) -> None:
        self.config, self.clock = config, clock
        self.ledger = Ledger(config)
        self.webhooks, self.requests = Tally(), Tally()
        self.lost = threading.Event()
        self.store: Store | None = None
        self.reconcile: Reconcile | None = None

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """The store is open, and GitLab is asked where that is configured. KunobsError when the store cannot be opened."""
        if not self.config.data:
            yield
            return
        store = self.store = Store(Path(self.config.data), self.ledger, self.clock)
        stop = threading.Event()
        try:
            if self.config.gitlab_url:
                self._ask(store, stop)
            yield
        finally:
            stop.set()
            self.store = None
            store.close()

    def _ask(self, store: Store, stop: threading.Event) -> None:
        gitlab = Gitlab(self.config.gitlab_url, self.config.token, self.requests, self.clock)
        self.reconcile = Reconcile(self.config, self.ledger, store, gitlab, self.clock, stop.wait, self.lost)
        # A daemon, because a request under way may hold it for longer than the process may take to end.
        threading.Thread(target=self.reconcile.run, name="kunobs-ci-reconcile", daemon=True).start()


def build(config: Config, clock: Clock = SYSTEM_CLOCK) -> Exporter:
    """The exporter. Without `exporters.ci.data` it declares its families, takes no webhook and emits nothing."""
    own = config.exporters.ci
    ci = _Ci(own, clock)
    ingest = Ingest(own.secret, ci.ledger, ci.webhooks, lambda: ci.store, ci.lost.set)
    collectors = Collectors(
        own, lambda: ci.store, ci.webhooks, ci.requests, lambda: ci.reconcile.trouble if ci.reconcile else "", clock
    )
    return Exporter(
        "ci",
        collectors.all(),
        limits=Limits(own.timeout, own.min_interval, own.max_series, own.max_bytes),
        running=ci.running,
        routes={PATH: ingest},
    )
