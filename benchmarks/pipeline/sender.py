"""A process of its own that sends lines at a fixed rate, whatever happens to them (open loop), each stamped with when it was due.

Argument: a JSON file. Says `ready`, waits for a line on standard input, sends, and prints how late it was itself.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks.measure import quantile
from benchmarks.pipeline.corpus import corpus
from kunobs import kafka
from kunobs.clock import SYSTEM_CLOCK
from kunobs.config.kafka import KafkaCluster

STAMP = b'{"sent":'
_DIGITS = 16
_SLICE = 0.002


def stamped(value: bytes, due: float) -> bytes:
    """The line with its due time, in microseconds since the epoch, as its first key."""
    return b"%b%0*d,%b" % (STAMP, _DIGITS, int(due * 1e6), value[1:])


def stamp_of(value: bytes) -> int | None:
    """Microseconds since the epoch, None of a line that was not stamped."""
    if not value.startswith(STAMP):
        return None
    return int(value[len(STAMP) : len(STAMP) + _DIGITS])


def main(file: str) -> None:
    """Send `rate` lines a second for `seconds`."""
    order = json.loads(Path(file).read_text())
    rate, total = order["rate"], int(order["rate"] * order["seconds"])
    _, lines = corpus(order["distinct"], warm=1, namespaces=order["namespaces"])
    producer = kafka.producer(
        KafkaCluster(brokers=order["brokers"]),
        **{"linger.ms": 5, "compression.type": "lz4", "delivery.report.only.error": True},
    )
    producer.list_topics(order["topic"], timeout=30)
    print("ready", flush=True)
    sys.stdin.readline()
    late: list[float] = []
    began = SYSTEM_CLOCK.now() + 0.1
    for number in range(total):
        due = began + number / rate
        ahead = due - SYSTEM_CLOCK.now()
        if ahead > 0:
            SYSTEM_CLOCK.sleep(max(ahead, _SLICE))
        line = lines[number % len(lines)]
        producer.produce(order["topic"], stamped(line.value, due), line.key)
        producer.poll(0)
        late.append(SYSTEM_CLOCK.now() - due)
    left = producer.flush(30)
    late.sort()
    print(json.dumps({"sent": total - left, "late_p99": quantile(late, 0.99), "late_max": late[-1]}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
