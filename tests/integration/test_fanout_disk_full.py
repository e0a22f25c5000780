"""A Kafka's disk is full: its broker gives up, fanout waits, and goes on once there is room. A file system of its own needs root."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kunobs import kafka
from kunobs.local import LocalStack
from kunobs.local import topics as local_topics
from kunobs.testing.events import EventGenerator
from tests.pipeline import LATE, Pipeline, assert_exactly_once
from tests.support import wait_until


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system of 60 MB in memory."""
    if os.geteuid() != 0 and os.environ.get("CI") != "true":
        pytest.skip("mounting a small file system needs root")
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=60m", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_is_waited_out(
    tmp_path: Path, small_disk: Path, make_stack: Callable[..., LocalStack], unique: Callable[[str], str]
) -> None:
    """The broker dies of its full disk while events flow; after there is room and it is back, nothing is lost or repeated."""
    stack = make_stack(broker_properties={"tenant": {"log.dirs": str(small_disk / "data")}}, minimum_free=0)
    stack.up(only=("public", "tenant"))
    pipeline = Pipeline(unique("full"), tmp_path, stack.public_cluster(), stack.tenant_cluster())
    try:
        child = pipeline.start(
            fanout={"listen": "127.0.0.1:0", "group": f"{pipeline.name}-fanout", "compression": "none"}
        )
        child.wait_ready()
        written = pipeline.feed(EventGenerator(21, namespaces=6, shares={}).lines(60_000))
        wait_until(lambda: stack.service("tenant").status().state == "died", LATE, "the broker to give up")
        wait_until(lambda: child.get("/-/ready").strip() != "ready", LATE, "fanout to say that it waits")
        subprocess.run(["mount", "-o", "remount,size=600m", small_disk], check=True)
        stack.service("tenant").start()
        pipeline.wait_for(written, timeout=180)
        assert child.terminate() == 0
        assert_exactly_once(pipeline)
    finally:
        pipeline.stop()


def test_a_full_disk_of_the_source_is_waited_out(
    tmp_path: Path, small_disk: Path, make_stack: Callable[..., LocalStack], unique: Callable[[str], str]
) -> None:
    """The public broker dies of its full disk, and with it the group that fanout is a member of; afterwards it reads on where it was."""
    stack = make_stack(broker_properties={"public": {"log.dirs": str(small_disk / "data")}}, minimum_free=0)
    stack.up(only=("public", "tenant"))
    pipeline = Pipeline(unique("full"), tmp_path, stack.public_cluster(), stack.tenant_cluster())
    try:
        child = pipeline.start()
        lines = EventGenerator(22, namespaces=6, shares={}).lines(4000)
        written = pipeline.feed(lines[:2000])
        wait_until(lambda: pipeline.progress() > 0, LATE, "events to flow")
        local_topics.ensure(pipeline.public, {"filler": 1}, config={})
        filler = kafka.producer(pipeline.public, **{"message.timeout.ms": 5000})
        while stack.service("public").status().state != "died":
            filler.produce("filler", os.urandom(500_000))
            filler.flush(1)
        filler.purge()
        subprocess.run(["mount", "-o", "remount,size=600m", small_disk], check=True)
        stack.service("public").start()
        written += pipeline.feed(lines[2000:])
        pipeline.wait_for(written)
        assert child.terminate() == 0
        assert_exactly_once(pipeline)
    finally:
        pipeline.stop()
