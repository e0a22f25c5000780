"""What tests of every folder share: wait for an event instead of sleeping, run Python, read a topic to its end."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import pytest
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from kunobs.config.kafka import KafkaCluster
from kunobs.kafka import consumer

REPOSITORY = Path(__file__).resolve().parent.parent
Found = TypeVar("Found")


def wait_until(condition: Callable[[], Found | None], timeout: float = 30.0, what: str = "the condition") -> Found:
    """Poll until `condition()` is true, return what it gave; AssertionError naming `what` after `timeout` s."""
    deadline = time.monotonic() + timeout
    pause = 0.01
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {timeout:g} s: {what} (last: {found!r})")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.25)


def need_module(name: str) -> ModuleType:
    """Import a module a test needs; without it the test is skipped on a laptop and fails with CI=true."""
    try:
        return importlib.import_module(name)
    except ImportError:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"needs the Python module {name}: pip install 'kunobs[dev]'")


def run_python(
    *arguments: str, environ: Mapping[str, str] | None = None, cwd: Path | None = None, timeout: float = 120.0
) -> subprocess.CompletedProcess[str]:
    """Run this Python with the repository importable, `environ` over the environment; output is captured."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), **(environ or {})}
    return subprocess.run(
        [sys.executable, *arguments],
        env=environment,
        cwd=cwd or REPOSITORY,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def read_topic(cluster: KafkaCluster, topic: str, *, timeout: float = 60.0, **options: Any) -> list[Message]:
    """Every committed record of `topic` up to its end as it is now, in order within each partition."""
    client = consumer(cluster, f"read-topic-{time.monotonic_ns()}", **{"isolation.level": "read_committed", **options})
    try:
        return _read_to_end(client, topic, timeout)
    finally:
        client.close()


def _read_to_end(client: Consumer, topic: str, timeout: float) -> list[Message]:
    metadata = client.list_topics(topic, timeout=timeout).topics[topic]
    if metadata.error is not None:
        raise KafkaException(metadata.error)
    ends: dict[int, int] = {}
    starts = []
    for number in metadata.partitions:
        low, high = client.get_watermark_offsets(TopicPartition(topic, number), timeout=timeout)
        if high > low:
            ends[number] = high
            starts.append(TopicPartition(topic, number, low))
    client.assign(starts)
    messages: list[Message] = []

    def at_end() -> bool:
        # Positions pass over transaction markers, which occupy offsets and are never delivered.
        messages.extend(message for message in client.consume(1000, timeout=0.2) if message.error() is None)
        positions = {part.partition: part.offset for part in client.position(starts)}
        return all(positions.get(number, -1) >= end for number, end in ends.items())

    if ends:
        wait_until(at_end, timeout, f"the end of {topic}: {ends}")
    return messages
