"""Silences and maintenance windows: matchers of a tenant, and an end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from kunobs.matchers import Matcher
from kunobs.noc.accept.refusal import Refusal
from kunobs.noc.store.journal import note
from kunobs.noc.store.port import Tx
from kunobs.noc.store.timers import set_timer

LONGEST_MS = 30 * 86400 * 1000


def add(
    tx: Tx, tenant: str, matchers: Sequence[str], starts_ms: int, ends_ms: int, author: str, comment: str, now_ms: int
) -> int:
    """Its number; "" as tenant is every tenant. Raises Refusal for one without matchers, an end or an author."""
    if not matchers:
        raise Refusal(422, "a silence needs at least one matcher", hint='as in alertname="DiskFull"')
    for text in matchers:
        try:
            Matcher.read(text)
        except ValueError as error:
            raise Refusal(422, f"a matcher {error}", hint='as in severity="warning" or namespace=~"pay-.*"') from error
    if ends_ms <= max(starts_ms, now_ms):
        raise Refusal(422, "a silence must end after it begins, and after now", hint="give it a later end")
    if ends_ms - max(starts_ms, now_ms) > LONGEST_MS:
        raise Refusal(422, "a silence is at most 30 days long", hint="renew it then, or change the route")
    if not author or not comment:
        raise Refusal(422, "a silence needs an author and a reason", hint="whoever wonders at 3 a.m. will be grateful")
    row = tx.row(
        "INSERT INTO silence (tenant, matchers, starts_ms, ends_ms, author, comment, created_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
        tenant, msgspec.json.encode(list(matchers)).decode(), starts_ms, ends_ms, author, comment, now_ms,
    )  # fmt: skip
    assert row is not None  # noqa: S101  RETURNING returns it
    number = int(row[0])
    note(
        tx,
        now_ms,
        "silence added",
        None,
        silence=number,
        tenant=tenant,
        matchers=list(matchers),
        ends_ms=ends_ms,
        by=author,
    )
    set_timer(tx, "silence", number, max(starts_ms, now_ms))
    return number


def covering(tx: Tx, tenant: str, labels: Mapping[str, str], now_ms: int) -> int | None:
    """The silence that ends last of those that cover these labels now."""
    for number, matchers in tx.rows(
        "SELECT id, matchers FROM silence WHERE starts_ms <= ? AND ends_ms > ? AND (tenant = ? OR tenant = '') ORDER BY ends_ms DESC",
        now_ms, now_ms, tenant,
    ):  # fmt: skip
        if all(Matcher.read(text).matches(labels) for text in msgspec.json.decode(matchers)):
            return int(number)
    return None


def end(tx: Tx, number: int, now_ms: int, by: str) -> bool:
    """End it now; False where it was over or is not there."""
    ended = tx.run("UPDATE silence SET ends_ms = ? WHERE id = ? AND ends_ms > ?", now_ms, number, now_ms)
    if ended:
        note(tx, now_ms, "silence ended", None, silence=number, by=by)
        set_timer(tx, "silence", number, now_ms)
    return bool(ended)
