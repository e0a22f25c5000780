"""What the running relay does when its operator asks; each takes JSON values and gives one."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any

import msgspec

from kunobs.noc.accept.refusal import Refusal
from kunobs.noc.admin.story import story
from kunobs.noc.board import accounts
from kunobs.noc.decide import silences
from kunobs.noc.decide.drill import drill
from kunobs.noc.heartbeats import verbs as heartbeats
from kunobs.noc.relay import Relay
from kunobs.noc.store.journal import note
from kunobs.noc.store.port import Tx


def act(relay: Relay, incident: int, action: str, by: str, comment: str = "") -> str:
    """Ack, unack, escalate, comment, resolve, silence:SECONDS; the state it had before."""
    before = relay.act(int(incident), action, by, "command line", comment=comment).result()
    return str(before.state)


def silence_add(
    relay: Relay, tenant: str, matchers: Sequence[str], seconds: float, by: str, comment: str, starts_in: float = 0
) -> int:
    """Its number."""

    def change(tx: Tx, _: object, now: int) -> int:
        starts = now + int(starts_in * 1000)
        return silences.add(tx, tenant, matchers, starts, starts + int(seconds * 1000), by, comment, now)

    return relay.urgent(change).result()


def silence_list(relay: Relay) -> list[dict[str, Any]]:
    """Those that are not over."""
    now = relay.now_ms()
    rows = relay.store.read(
        lambda tx: tx.rows(
            "SELECT id, tenant, matchers, starts_ms, ends_ms, author, comment FROM silence WHERE ends_ms > ? ORDER BY id",
            now,
        )
    )
    names = ("id", "tenant", "matchers", "starts_ms", "ends_ms", "author", "comment")
    return [dict(zip(names, row, strict=True)) | {"matchers": msgspec.json.decode(row[2])} for row in rows]


def silence_end(relay: Relay, number: int, by: str) -> bool:
    """Whether there was one to end."""
    return relay.urgent(lambda tx, _, now: silences.end(tx, int(number), now, by)).result()


def token_add(relay: Relay, tenant: str, comment: str, days: float = 0) -> dict[str, str]:
    """A new token; this is the only time that it is shown."""
    token, number = "kn_" + secrets.token_urlsafe(32), secrets.token_hex(4)
    if not re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,62}", tenant):
        raise Refusal(422, f"{tenant[:63]!r} is no tenant", hint="letters, digits, _ - and at most 63, as in pay-prod")

    def change(tx: Tx, _: object, now: int) -> None:
        ends = now + int(days * 86400_000) if days else None
        tx.run(
            "INSERT INTO token (id, tenant, hash, comment, created_ms, ends_ms) VALUES (?, ?, ?, ?, ?, ?)",
            number, tenant, sha256(token.encode()).digest(), comment, now, ends,
        )  # fmt: skip
        note(tx, now, "token made", token=number, tenant=tenant)

    relay.change(change).result()
    return {"id": number, "token": token}


def token_list(relay: Relay) -> list[dict[str, Any]]:
    """All of them, without what is secret."""
    rows = relay.store.read(
        lambda tx: tx.rows("SELECT id, tenant, comment, created_ms, ends_ms FROM token ORDER BY created_ms")
    )
    return [dict(zip(("id", "tenant", "comment", "created_ms", "ends_ms"), row, strict=True)) for row in rows]


def token_revoke(relay: Relay, number: str) -> bool:
    """Whether there was one."""

    def change(tx: Tx, _: object, now: int) -> bool:
        gone = tx.run("DELETE FROM token WHERE id = ?", number)
        note(tx, now, "token revoked", token=number)
        return bool(gone)

    return relay.change(change).result()


def override_add(relay: Relay, schedule: str, person: str, starts_ms: int, ends_ms: int, by: str) -> int:
    """Somebody stands in; its number."""
    policy = relay.policy
    if schedule not in policy.schedules:
        raise Refusal(404, f"there is no schedule {schedule!r}", hint=f"one of {', '.join(policy.schedules) or 'none'}")
    if person not in policy.people:
        raise Refusal(404, f"there is no person {person!r}", hint=f"one of {', '.join(policy.people) or 'none'}")
    if ends_ms <= starts_ms:
        raise Refusal(422, "it must end after it begins")

    def change(tx: Tx, _: object, now: int) -> int:
        row = tx.row(
            "INSERT INTO override (schedule, person, starts_ms, ends_ms, author, created_ms) VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
            schedule, person, starts_ms, ends_ms, by, now,
        )  # fmt: skip
        assert row is not None  # noqa: S101  RETURNING returns it
        note(tx, now, "override added", schedule=schedule, person=person, starts_ms=starts_ms, ends_ms=ends_ms, by=by)
        return int(row[0])

    return relay.change(change).result()


def override_end(relay: Relay, number: int, by: str) -> bool:
    """Whether there was one to end."""

    def change(tx: Tx, _: object, now: int) -> bool:
        ended = tx.run("UPDATE override SET ends_ms = ? WHERE id = ? AND ends_ms > ?", now, number, now)
        note(tx, now, "override ended", override=number, by=by)
        return bool(ended)

    return relay.change(change).result()


def start_drill(relay: Relay, people: Sequence[str] = ()) -> int:
    """A test page to each person and channel; the drill's incident."""
    return relay.change(lambda tx, policy, now: drill(tx, policy, people, now)).result()


def tell_story(relay: Relay, incident: int) -> str:
    """What happened to it."""
    found = relay.store.read(lambda tx: story(tx, int(incident), relay.policy.zone))
    if found is None:
        raise Refusal(404, f"there is no incident {incident}")
    return found


VERBS: Mapping[str, Callable[..., Any]] = {
    "act": act,
    "silence.add": silence_add,
    "silence.list": silence_list,
    "silence.end": silence_end,
    "token.add": token_add,
    "token.list": token_list,
    "token.revoke": token_revoke,
    "override.add": override_add,
    "override.end": override_end,
    "drill": start_drill,
    "story": tell_story,
    **heartbeats.VERBS,
    "account.add": accounts.add_account,
    "account.list": accounts.list_accounts,
    "account.remove": accounts.remove_account,
    "account.totp": accounts.reset_totp,
}
