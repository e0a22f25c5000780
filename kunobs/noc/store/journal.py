"""What the relay decided and did, each entry sealed by a hash over itself and the one before."""

from __future__ import annotations

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
    """The first entry that does not fit to the one before, None where all do."""
    before = b""
    for seq, at_ms, kind, incident_id, inbox_id, data, found in tx.rows(
        "SELECT seq, at_ms, kind, incident_id, inbox_id, data, hash FROM journal ORDER BY seq"
    ):
        if found != seal(before, seq, at_ms, kind, incident_id, inbox_id, data.encode()):
            return int(seq)
        before = found
    return None
