"""How much a tenant may do in a minute, counted in the store; the first refusal of a time is an alert of the tenant itself.

Only the first, since a flood that is refused must not be written down. It is resolved by a post that finds half of the quota free.
"""

from __future__ import annotations

from dataclasses import replace

from kunobs.noc.accept.refusal import Refusal
from kunobs.noc.api.problems import TooMuch
from kunobs.noc.decide.intake import own_alert
from kunobs.noc.decide.policy import Policy
from kunobs.noc.notify.budget import left, take
from kunobs.noc.notify.contract import Limit
from kunobs.noc.store.port import Tx


def limit(policy: Policy, tenant: str, what: str = "alerts") -> Limit:
    """What a tenant may do in a minute; actions of people are as many as alerts, counted by themselves."""
    return Limit(f"tenant/{tenant}/{what}", policy.config.tenants.limits(tenant).alerts_per_minute, 60)


def spend(tx: Tx, whole: Limit, count: int, now_ms: int) -> int:
    """Take `count`, all of them or none: 0, or after how many seconds they will be free. Raises Refusal for more than there is."""
    if count > whole.count:
        raise Refusal(
            422, f"{count} alerts at once, and {whole.count} may be posted in a minute", hint="post fewer at once"
        )
    if not count:
        return 0
    # As if all but one were gone already: what is free then is free for all.
    free_ms = take(tx, [replace(whole, count=whole.count - count + 1)], True, now_ms)
    if free_ms is not None:
        return max(1, -(-(free_ms - now_ms) // 1000))
    for _ in range(count - 1):
        take(tx, [whole], True, now_ms)
    return 0


def too_much(after: int, whole: Limit) -> TooMuch:
    """What the sender is told."""
    return TooMuch(
        f"more than {whole.count} in a minute; nothing of this was kept",
        after,
        hint="send the same again after Retry-After seconds; GET /v1/limits says what is left",
    )


def refused(tx: Tx, policy: Policy, tenant: str, now_ms: int) -> None:
    """Alerts were refused: the tenant's people hear of it."""
    fact = "INSERT INTO fact (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING"
    if tx.run(fact, f"quota/{tenant}", str(now_ms)):
        _tell(tx, policy, tenant, now_ms, firing=True)


def kept(tx: Tx, policy: Policy, tenant: str, now_ms: int) -> None:
    """Alerts were kept: it may be over."""
    name, whole = f"quota/{tenant}", limit(policy, tenant)
    if tx.row("SELECT 1 FROM fact WHERE name = ?", name) and left(tx, whole, now_ms) * 2 >= whole.count - 1:
        tx.run("DELETE FROM fact WHERE name = ?", name)
        _tell(tx, policy, tenant, now_ms, firing=False)


def _tell(tx: Tx, policy: Policy, tenant: str, now_ms: int, *, firing: bool) -> None:
    labels = {"alertname": "KunobsTenantOverQuota", "severity": "info"}
    count = limit(policy, tenant).count
    summary = f"{tenant} posts more than {count} alerts in a minute; what is over is refused"
    own_alert(tx, policy, labels, summary, now_ms, firing=firing, tenant=tenant)
