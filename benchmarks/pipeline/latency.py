"""From send to read_committed receipt at a fixed rate: fanout alone, all tenant topics read at once, as tenants do."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from benchmarks.measure import ROOT, quantile
from benchmarks.pipeline.bed import Bed, Job, feed
from benchmarks.pipeline.programs import Kunobs
from benchmarks.pipeline.sender import stamp_of
from kunobs import kafka
from kunobs.clock import SYSTEM_CLOCK
from kunobs.testing.events import Line

_WARM_ROUNDS = 3
_PATIENCE = 60.0
_DISTINCT = 20_000


@dataclass
class Latency:
    """Milliseconds from when a line was due to when a tenant had it; `late_p99` is the sender's own share of that."""

    sent: int = 0
    received: list[float] = field(default_factory=list)
    lost: int = 0
    repeated: int = 0
    late_p99: float = 0.0

    def at(self, share: float) -> float:
        """A quantile."""
        return quantile(sorted(self.received), share)


def run(bed: Bed, delivery: str, warm: Sequence[Line], *, rate: float, seconds: float) -> Latency:
    """One run of fanout in that delivery mode, over the namespaces of `warm`. Raises RuntimeError when it dies or those do not arrive."""
    job = bed.job(f"latency-{delivery.replace('_', '-')}", (line.expected.namespace for line in warm))
    reader = _Reader(job)
    running = Kunobs(delivery=delivery, parts=("fanout",)).start(job)
    sender = _sender(job, rate, seconds, len(job.targets))
    try:
        # The first transaction that touches a topic is slow; it happens once in a topic's life.
        for number in range(1, _WARM_ROUNDS + 1):
            feed(job, warm)
            reader.until(number * len(warm), 0)
        if reader.unstamped < _WARM_ROUNDS * len(warm):
            raise RuntimeError(f"lines to warm up with did not arrive:\n{running[0].log.read_text()[-2000:]}")
        assert sender.stdin is not None
        assert sender.stdout is not None
        sender.stdout.readline()
        sender.stdin.write(b"\n")
        sender.stdin.flush()
        reader.until(_WARM_ROUNDS * len(warm), int(rate * seconds))
        running[0].check()
        told: dict[str, Any] = json.loads(sender.stdout.readline())
    finally:
        sender.kill()
        sender.wait()
        for one in running:
            one.end()
        reader.close()
    bed.forget(job)
    return Latency(
        told["sent"],
        reader.milliseconds,
        told["sent"] - len(reader.stamps),
        len(reader.milliseconds) - len(reader.stamps),
        told["late_p99"] * 1000,
    )


def _sender(job: Job, rate: float, seconds: float, namespaces: int) -> subprocess.Popen[bytes]:
    order = {
        "brokers": list(job.public.brokers),
        "topic": job.source,
        "rate": rate,
        "seconds": seconds,
        "distinct": _DISTINCT,
        "namespaces": namespaces,
    }
    file = job.folder / "sender.json"
    file.write_text(json.dumps(order))
    command = [sys.executable, "-m", "benchmarks.pipeline.sender", str(file)]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


class _Reader:
    """Reads all tenant topics of a job."""

    def __init__(self, job: Job) -> None:
        self.unstamped = 0
        self.milliseconds: list[float] = []
        self.stamps: set[int] = set()
        options = {"isolation.level": "read_committed", "auto.offset.reset": "earliest"}
        self._consumer: Consumer = kafka.consumer(job.tenant, "bench-latency", **options)
        self._consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING) for topic in job.targets.values()])

    def until(self, unstamped: int, stamped: int) -> None:
        """Read until that many lines of each kind have come, or none for a minute."""
        deadline = SYSTEM_CLOCK.monotonic() + _PATIENCE
        while self.unstamped < unstamped or len(self.milliseconds) < stamped:
            # `consume` with a timeout would wait it out, and the first message with it.
            first = self._consumer.poll(0.1)
            if first is None:
                if SYSTEM_CLOCK.monotonic() > deadline:
                    return
                continue
            messages = [first, *self._consumer.consume(1000, 0)]
            seen = SYSTEM_CLOCK.now()
            deadline = SYSTEM_CLOCK.monotonic() + _PATIENCE
            for message in messages:
                value = message.value()
                if message.error() is not None or not isinstance(value, bytes):
                    continue
                stamp = stamp_of(value)
                if stamp is None:
                    self.unstamped += 1
                else:
                    self.milliseconds.append(seen * 1000 - stamp / 1000)
                    self.stamps.add(stamp)

    def close(self) -> None:
        """Stop reading."""
        self._consumer.close()
