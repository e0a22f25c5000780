"""One loaded run: a server takes posts for some seconds, is killed while they still come, and its database is compared with its answers."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.noc.processes import AROUND, Process
from benchmarks.noc.servers import Server


@dataclass(frozen=True)
class Order:
    """`connections` are kept open; `rate` in posts a second, 0 for as fast as the answers come; `calls` are waited for where wanted."""

    connections: int
    warm: float
    seconds: float
    rate: float = 0.0
    calls: bool = False


@dataclass(frozen=True)
class Found:
    """`took`, `late` and `call` are milliseconds by share: until the answer, until it was sent, until the provider was called for it."""

    posts_per_second: float
    cpu_us: float
    rss: int
    refused: int
    lost: int
    repeated: int
    uncalled: int
    took: dict[str, float]
    late: dict[str, float]
    call: dict[str, float]


def run(server: Server, folder: Path, order: Order) -> Found:
    """Start it, load it, kill it, read its books. Raises RuntimeError when it dies before, or does not keep the rate."""
    with _load(folder) as load:
        provider = f"http://127.0.0.1:{json.loads(load.hear())['port']}"
        try:
            server.start(folder, provider)
            file = folder / "accepted"
            told = vars(order) | {
                "port": server.port, "path": server.path, "headers": dict(server.headers), "file": str(file),
            }  # fmt: skip
            load.say(json.dumps(told))
            load.hear()
            before = server.cpu()
            accepted = json.loads(load.hear())["accepted"]
            cpu, rss = server.cpu() - before, server.rss()
            found = json.loads(load.hear())
            _sound(server, order, found)
            load.say("the server will be killed")
            server.kill()
            load.hear()
            kept = server.kept()
        finally:
            server.end()
    promised = {number for number, one in enumerate(file.read_bytes()) if one}
    return Found(
        posts_per_second=found["in_time"] / order.seconds,
        cpu_us=cpu / max(1, accepted) * 1e6,
        rss=rss,
        refused=sum(found["codes"].values()),
        lost=len(promised - kept.keys()),
        repeated=sum(count - 1 for count in kept.values()),
        uncalled=found["uncalled"] if order.calls else 0,
        took=found["took"],
        late=found["late"],
        call=found["call"],
    )


def _sound(server: Server, order: Order, found: dict[str, Any]) -> None:
    wrong = found["failure"]
    if not wrong and found["unanswered"]:
        wrong = f"{found['unanswered']} posts were not answered"
    if not wrong and found["posts"] < int(order.rate * order.seconds) - 1:
        wrong = f"of {order.rate * order.seconds:g} posts only {found['posts']} came off"
    if wrong or not found["in_time"]:
        raise RuntimeError(f"{server.log()}\n{server.name}: {wrong or found['codes']}")


@contextmanager
def _load(folder: Path) -> Iterator[Process]:
    command = [sys.executable, "-m", "benchmarks.noc.load"]
    process = Process("load", command, folder, core=AROUND, talks=True)
    try:
        yield process
    finally:
        process.crash()
