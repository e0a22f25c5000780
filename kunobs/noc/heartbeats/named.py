"""What a job says by its URL: it has run, it has failed, it has started; and whether it is one of ours that says so."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal

from kunobs.config.noc.root import NocConfig
from kunobs.noc.decide.policy import Policy
from kunobs.noc.heartbeats.plan import job
from kunobs.noc.heartbeats.states import beat, down, known, save
from kunobs.noc.store.port import Tx

Word = Literal["", "fail", "start"]
_WORDS: Mapping[str, Word] = {"fail": "fail", "start": "start"}


@dataclass(frozen=True)
class Call:
    """A URL taken apart. `token` is the URL's, or the request's bearer token where the URL has none."""

    name: str
    token: str = field(repr=False)
    word: Word
    in_url: bool


def read(path: str, bearer: str) -> Call | None:
    """`name/token`, `name/token/fail`, or with a bearer token `name` and `name/fail`; None for anything else."""
    name, *rest = path.split("/")
    if bearer and (not rest or (len(rest) == 1 and rest[0] in _WORDS)):
        return Call(name, bearer, _WORDS[rest[0]] if rest else "", in_url=False)
    if len(rest) == 1:
        return Call(name, rest[0], "", in_url=True)
    if len(rest) == 2 and rest[1] in _WORDS:
        return Call(name, rest[0], _WORDS[rest[1]], in_url=True)
    return None


def allowed_by_url(config: NocConfig, call: Call) -> bool:
    """Whether the URL's token is the heartbeat's; as slow for a name that is not there."""
    found = config.heartbeats.get(call.name)
    wanted = found.token.reveal() if found is not None else ""
    fits = hmac.compare_digest(_digest(call.token), _digest(wanted))
    return fits and bool(wanted)


def allowed_by_bearer(tx: Tx, config: NocConfig, call: Call, now_ms: int) -> bool:
    """Whether the token is one of the heartbeat's tenant; such heartbeats have no token of their own."""
    row = tx.row("SELECT tenant, ends_ms FROM token WHERE hash = ?", _digest(call.token))
    found = config.heartbeats.get(call.name)
    if row is None or found is None or found.token:
        return False
    return bool(row[0] == found.tenant and (row[1] is None or row[1] > now_ms))


def say(tx: Tx, policy: Policy, call: Call, now_ms: int) -> bool:
    """Note it; False where a reload has just taken the heartbeat away."""
    if call.name not in policy.config.heartbeats:
        return False
    plan = job(policy.config, call.name)
    heartbeat = known(tx, plan, now_ms)
    detail = heartbeat.detail
    if call.word == "start":
        # Running is not having run: the deadline stays.
        detail.started_ms = now_ms
        save(tx, heartbeat)
        return True
    if detail.started_ms is not None:
        detail.took_ms, detail.started_ms = max(0, now_ms - detail.started_ms), None
    if call.word == "fail":
        detail.failed = True
        down(tx, policy, plan, heartbeat, now_ms)
    else:
        beat(tx, policy, plan, heartbeat, now_ms)
    return True


def _digest(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogatepass")).digest()
