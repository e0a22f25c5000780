"""What the relay decided and did, each entry sealed by a hash over itself and the one before."""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import Any

import msgspec

from kunobs.noc.store.port import Tx

_encode = msgspec.json.Encoder(order="sorted").encode


def seal(
    before: bytes, seq: int, at_ms: int, kind: str, incident_id: int | None, inbox_id: int | None, data: bytes
) -> bytes:
    """The hash of an entry."""
    head = f"{seq}|{at_ms}|{kind}|{incident_id}|{inbox_id}|".encode()
    return sha256(before + head + data).digest()


def note(
    tx: Tx, at_ms: int, kind: str, incident_id: int | None = None, inbox_id: int | None = None, **data: Any
) -> None:
    """Add an entry. One change at a time may do so, which the store's single writer sees to."""
    last = tx.row("SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1")
    seq, before = (last[0] + 1, last[1]) if last else (1, b"")
    content = _encode(data)
    tx.run(
        "INSERT INTO journal (seq, at_ms, kind, incident_id, inbox_id, data, hash) VALUES (?, ?, ?, ?, ?, ?, ?)",
        seq, at_ms, kind, incident_id, inbox_id, content.decode(),
        seal(before, seq, at_ms, kind, incident_id, inbox_id, content),
    )  # fmt: skip


def first_broken(tx: Tx) -> int | None:
    """The first entry that does not fit to the one before (or to the anchor that pruning left), None where all do."""
    anchor = _anchor(tx)
    expected, before = (anchor[0] + 1, anchor[1]) if anchor else (1, b"")
    for seq, at_ms, kind, incident_id, inbox_id, data, found in tx.rows(
        "SELECT seq, at_ms, kind, incident_id, inbox_id, data, hash FROM journal ORDER BY seq"
    ):
        if seq != expected or found != seal(before, seq, at_ms, kind, incident_id, inbox_id, data.encode()):
            return int(expected)
        before, expected = found, seq + 1
    return None


def prune(tx: Tx, before_ms: int, limit: int, now_ms: int) -> int:
    """Delete the oldest entries from before that time; what is left hangs on a signed anchor. How many were deleted."""
    row = tx.row("SELECT min(seq) FROM journal WHERE at_ms >= ?", before_ms)
    last = tx.row(
        "SELECT seq, hash FROM journal WHERE seq < ? AND seq < (SELECT min(seq) FROM journal) + ? ORDER BY seq DESC LIMIT 1",
        row[0] if row and row[0] is not None else 0, limit,
    )  # fmt: skip
    if last is None:
        return 0
    seq, found = last
    value = f"{seq}:{found.hex()}:{_signature(tx, seq, found)}:{now_ms}"
    tx.run(
        "INSERT INTO fact (name, value) VALUES ('anchor', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        value,
    )
    return tx.run("DELETE FROM journal WHERE seq <= ?", seq)


def _anchor(tx: Tx) -> tuple[int, bytes] | None:
    """The last entry that was pruned; an anchor that was not signed by this store counts as none, so that the chain is broken."""
    row = tx.row("SELECT value FROM fact WHERE name = 'anchor'")
    if row is None:
        return None
    seq, found, signature, _ = row[0].split(":")
    if not hmac.compare_digest(signature, _signature(tx, int(seq), bytes.fromhex(found))):
        return None
    return int(seq), bytes.fromhex(found)


def _signature(tx: Tx, seq: int, found: bytes) -> str:
    row = tx.row("SELECT value FROM fact WHERE name = 'secret'")
    return hmac.new((row[0] if row else "").encode(), f"{seq}|".encode() + found, sha256).hexdigest()
