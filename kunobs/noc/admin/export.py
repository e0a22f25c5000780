"""The journal as JSON lines: everything that is needed to check its seal elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import msgspec

from kunobs.noc.store.port import Row, Tx
from kunobs.noc.store.reader import Reader

_AT_ONCE = 1000
_NAMES = ("seq", "at_ms", "kind", "incident", "inbox", "data", "hash")


def _some(tx: Tx, since: int) -> list[Row]:
    return tx.rows(
        "SELECT seq, at_ms, kind, incident_id, inbox_id, data, hash FROM journal WHERE seq >= ? ORDER BY seq LIMIT ?",
        since,
        _AT_ONCE,
    )


def entries(reader: Reader, since: int) -> Iterator[str]:
    """From an entry on, in order."""
    while True:
        rows = reader.read(partial(_some, since=since))
        for row in rows:
            value = dict(zip(_NAMES, row, strict=True)) | {"data": msgspec.json.decode(row[5]), "hash": row[6].hex()}
            yield msgspec.json.encode(value).decode()
        if len(rows) < _AT_ONCE:
            return
        since = rows[-1][0] + 1
