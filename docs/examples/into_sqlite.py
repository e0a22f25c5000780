"""Copies a namespace's lines into SQLite, each once, in batches: python into_sqlite.py team-pay logs.db [IDLE_SECONDS]

kunobs.client delivers at least once. The primary key makes a line that comes again a row that is there already, so the
table holds each once however often this program is killed.
"""

from __future__ import annotations

import sqlite3
import sys

from kunobs.client import LogConsumer

namespace, path = sys.argv[1:3]
idle = float(sys.argv[3]) if len(sys.argv) > 3 else None

database = sqlite3.connect(path)
database.execute(
    "create table if not exists lines"
    " (partition integer, offset integer, time text, pod text, message text, primary key (partition, offset))"
)
with LogConsumer(namespace, "into-sqlite", idle=idle) as events:
    for batch in events.batches(size=1000, seconds=2.0):
        with database:
            database.executemany(
                "insert or ignore into lines values (?, ?, ?, ?, ?)",
                [
                    (event.partition, event.offset, event.timestamp.isoformat(), event.pod, event.message)
                    for event in batch
                ],
            )
print(database.execute("select count(*) from lines").fetchone()[0], "lines")
