"""Each Alertmanager is asked for its status, because clustered ones speak with one voice: a Watchdog does not tell them apart.

An answer is a heartbeat. Now and then, and soon after trouble, all of a cluster are asked for their alerts (reconcile.py).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from kunobs.log import get_logger, repeated
from kunobs.noc.decide.policy import Policy
from kunobs.noc.heartbeats import api_v2
from kunobs.noc.heartbeats.ask import Asker
from kunobs.noc.heartbeats.plan import alertmanager, plan_of
from kunobs.noc.heartbeats.reconcile import Reconciliation
from kunobs.noc.heartbeats.states import beat, known
from kunobs.noc.relay import Relay
from kunobs.noc.store.port import StoreUnavailable, Tx

RECONCILE_S = 300.0
"""How often a cluster is reconciled …"""
AGAIN_S = 30.0
"""… and how soon again where it could not be judged."""
_WORKERS = 8
_log = get_logger("noc")


class AlertmanagerWatch:
    """`turn` is called once a second and never waits; what it asks runs in a few threads, one question to each at a time."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._asker = Asker()
        self._reconciliation = Reconciliation(relay, self._asker)
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="noc-alertmanagers")
        self._next: dict[str, float] = {}
        self._busy: set[str] = set()
        self._idle = threading.Condition()

    def turn(self) -> None:
        """Ask whoever is to be asked now."""
        for name, cluster in self._relay.policy.config.clusters.items():
            for url in cluster.alertmanagers:
                plan = alertmanager(name, cluster, url)
                # Twice a period, so that one late answer is no late heartbeat.
                self._begin(plan.name, partial(self._ask, plan.name, url, cluster.period / 2))
            if cluster.alertmanagers:
                self._begin(name, partial(self._reconcile, name))

    def wait(self) -> None:
        """Until nothing is asked any more, for a test."""
        with self._idle:
            self._idle.wait_for(lambda: not self._busy)

    def close(self) -> None:
        """Ask nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._asker.close()

    def _begin(self, key: str, work: Callable[[], float]) -> None:
        with self._idle:
            if key in self._busy or self._relay.clock.monotonic() < self._next.get(key, 0.0):
                return
            self._busy.add(key)
        self._pool.submit(self._run, key, work)

    def _run(self, key: str, work: Callable[[], float]) -> None:
        """`work` answers after how many seconds it is to be done again."""
        after = AGAIN_S
        try:
            after = work()
        except StoreUnavailable as trouble:
            repeated(_log, "watch store", "an answer cannot be kept", reason=str(trouble), hint=trouble.hint)
        except Exception as error:  # noqa: BLE001  nobody else would hear of it
            repeated(_log, "watch", "an Alertmanager could not be asked", level="error", exc_info=error)
        with self._idle:
            self._next[key] = self._relay.clock.monotonic() + after
            self._busy.discard(key)
            self._idle.notify_all()

    def _ask(self, heartbeat: str, url: str, every: float) -> float:
        found = api_v2.status(self._asker, url)
        if isinstance(found, str):
            repeated(_log, f"status {url}", "an Alertmanager does not answer", alertmanager=url, reason=found)
        else:
            self._relay.change(lambda tx, policy, now: _answered(tx, policy, heartbeat, found.about, now)).result()
        return every

    def _reconcile(self, name: str) -> float:
        return RECONCILE_S if self._reconciliation.run(name) else AGAIN_S


def _answered(tx: Tx, policy: Policy, name: str, about: str, now_ms: int) -> None:
    plan = plan_of(policy.config, name)
    if plan is not None:
        heartbeat = known(tx, plan, now_ms)
        heartbeat.detail.about = about
        beat(tx, policy, plan, heartbeat, now_ms)
