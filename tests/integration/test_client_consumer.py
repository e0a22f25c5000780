"""`LogConsumer` on the tenant Kafka, logged in as a tenant: kill -9, aborted transactions, foreign topics, a broker that dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import NewPartitions
from ruamel.yaml import YAML

from kunobs.client import LogConsumer, find_access
from kunobs.config import KafkaCluster
from kunobs.errors import DeniedError, UnavailableError
from kunobs.kafka import admin, consumer, producer
from kunobs.local import LocalStack
from kunobs.local.tenant import add_tenant
from kunobs.testing import log_event
from tests.support import REPOSITORY, wait_until

_TIMEOUT = 30.0


@pytest.fixture
def namespace(stack: LocalStack, tenant: KafkaCluster, unique: Callable[[str], str]) -> tuple[str, Path]:
    """A new tenant: (namespace, credentials file)."""
    name = unique("shop")
    return name, add_tenant(stack, name).credentials_file


def _write(cluster: KafkaCluster, namespace: str, numbers: range, *, abort: range = range(0)) -> None:
    """Transactions of 100 lines m<number>; those of `abort` are aborted."""
    client: Producer = producer(cluster, **{"transactional.id": f"test-{namespace}"})
    client.init_transactions(_TIMEOUT)
    for aborted, all_numbers in ((True, abort), (False, numbers)):
        for start in range(all_numbers.start, all_numbers.stop, 100):
            client.begin_transaction()
            for number in range(start, min(start + 100, all_numbers.stop)):
                client.produce(
                    f"kun.logs.{namespace}",
                    log_event(f"m{number}", namespace=namespace),
                    key=f"container-{number % 7}".encode(),
                    headers=[("kunobs-source", f"filebeat/0/{number}/{aborted:d}".encode())],
                )
            if aborted:
                client.flush(_TIMEOUT)
                client.abort_transaction(_TIMEOUT)
            else:
                client.commit_transaction(_TIMEOUT)


def _committed(cluster: KafkaCluster, group: str) -> dict[int, int]:
    client = admin(cluster)
    found = client.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])[group].result(_TIMEOUT)
    return {one.partition: one.offset for one in found.topic_partitions or [] if one.offset >= 0}


def _ends(cluster: KafkaCluster, topic: str, partitions: int) -> dict[int, int]:
    client = consumer(cluster, "ends")
    try:
        return {
            n: client.get_watermark_offsets(TopicPartition(topic, n), timeout=_TIMEOUT)[1] for n in range(partitions)
        }
    finally:
        client.close()


def _add_partitions(cluster: KafkaCluster, topic: str, count: int) -> None:
    """Give the topic `count` partitions; returns when each has a leader."""
    client = admin(cluster)
    client.create_partitions([NewPartitions(topic, count)])[topic].result(_TIMEOUT)

    def led() -> bool:
        try:
            return len(_ends(cluster, topic, count)) == count
        except KafkaException:
            return False

    wait_until(led, what=f"leaders of {topic}")


_CHILD = """
import os, sys
from kunobs.client import LogConsumer
namespace, credentials, out, idle = sys.argv[1:]
with open(out, "a") as file, LogConsumer(namespace, "work", credentials, idle=float(idle), commit_interval=0.2) as events:
    for event in events:
        file.write(f"{event.partition} {event.offset} {event.message}\\n")
        file.flush()
        os.fsync(file.fileno())
"""


def _handled(file: Path) -> list[tuple[int, int, str]]:
    """What a child has handled, by its own file; a line cut by the kill does not count."""
    text = file.read_text() if file.exists() else ""
    lines = [line.split() for line in text.split("\n")[:-1]]
    return [(int(partition), int(offset), message) for partition, offset, message in lines]


def test_kill_9_loses_nothing(namespace: tuple[str, Path], tenant: KafkaCluster, tmp_path: Path) -> None:
    """Killed three times in the middle of its work: every line is handled, and twice only what was not committed."""
    name, credentials = namespace
    topic, count, partitions = f"kun.logs.{name}", 12_000, 3
    _add_partitions(tenant, topic, partitions)
    _write(tenant, name, range(count))
    out, repeatable = tmp_path / "handled", 0
    for round_ in range(1, 4):
        child = subprocess.Popen(
            [sys.executable, "-c", _CHILD, name, str(credentials), str(out), "600"],
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        )
        wait_until(lambda goal=round_ * 2000: len(_handled(out)) >= goal, 60, f"round {round_}")
        child.send_signal(signal.SIGKILL)
        child.wait(_TIMEOUT)
        with out.open("a") as file:
            file.write("\n" if not out.read_text().endswith("\n") else "")
        done = _handled(_without_halves(out))
        assert len(set(done)) < count, "killed too late: no work was in flight"
        committed = _committed(tenant, f"{name}.work")
        repeatable += len({(p, o) for p, o, _ in done if o >= committed.get(p, 0)})
    last = subprocess.run(
        [sys.executable, "-c", _CHILD, name, str(credentials), str(out), "3"],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        timeout=120,
        check=True,
    )
    assert last.returncode == 0
    counts = Counter(message for _, _, message in _handled(out))
    assert set(counts) == {f"m{number}" for number in range(count)}
    assert counts.total() - count <= repeatable
    print(f"handled twice: {counts.total() - count}, not committed at a kill: {repeatable}")
    assert _committed(tenant, f"{name}.work") == _ends(tenant, topic, partitions)


def _without_halves(file: Path) -> Path:
    """Removes a line that the kill cut."""
    lines = [line for line in file.read_text().split("\n") if len(line.split()) == 3]
    file.write_text("".join(f"{line}\n" for line in lines))
    return file


def test_aborted_lines_are_not_seen(namespace: tuple[str, Path], tenant: KafkaCluster) -> None:
    """What fanout takes back was never there, and the group's lag becomes 0 all the same."""
    name, credentials = namespace
    _write(tenant, name, range(50), abort=range(1000, 1300))
    with LogConsumer(name, "work", credentials, idle=1.0) as events:
        assert [event.message for event in events] == [f"m{number}" for number in range(50)]
    assert _committed(tenant, f"{name}.work") == _ends(tenant, f"kun.logs.{name}", 1)


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_two_members_at_work(namespace: tuple[str, Path], tenant: KafkaCluster, protocol: Any) -> None:
    """Two members in two threads share four partitions; one stops in the middle, and every line is handled once."""
    name, credentials = namespace
    topic = f"kun.logs.{name}"
    _add_partitions(tenant, topic, 4)
    got: dict[str, list[Any]] = {"a": [], "b": []}
    members = {who: LogConsumer(name, "work", credentials, protocol=protocol, commit_interval=0.2) for who in got}

    def work(who: str) -> None:
        with members[who] as events:
            got[who].extend(event for event in events)

    def write(numbers: range) -> None:
        _write(tenant, name, numbers)

    def all_of(count: int) -> bool:
        return len(got["a"]) + len(got["b"]) >= count

    threads = {who: threading.Thread(target=work, args=(who,), daemon=True) for who in got}
    written = 0
    for thread in threads.values():
        thread.start()
    while not (got["a"] and got["b"]):
        write(range(written, written + 200))
        written += 200
        assert written < 20_000, "the second member got nothing"
        wait_until(partial(all_of, written), what="all lines so far")
    members["a"].stop()
    threads["a"].join(_TIMEOUT)
    write(range(written, written + 500))
    wait_until(lambda: all_of(written + 500), what="the lines that one member reads alone")
    members["b"].stop()
    threads["b"].join(_TIMEOUT)
    messages = Counter(event.message for mine in got.values() for event in mine)
    assert messages == Counter(f"m{number}" for number in range(written + 500))
    for mine in got.values():
        for partition in range(4):
            offsets = [event.offset for event in mine if event.partition == partition]
            assert offsets == sorted(offsets)


def test_a_gap_while_the_broker_has_more(namespace: tuple[str, Path], tenant: KafkaCluster) -> None:
    """The broker answers that the next offset is gone: the loop goes on with the oldest line and knows how many are lost."""
    name, credentials = namespace
    _write(tenant, name, range(10))
    with LogConsumer(name, "work", credentials, idle=5.0) as events:
        first = [next(events).message for _ in range(10)]
        assert events._intake is not None
        kafka: Any = events._intake._kafka
        here = [TopicPartition(f"kun.logs.{name}", 0)]
        kafka.pause(here)
        _write(tenant, name, range(10, 110))
        client = admin(tenant)
        client.delete_records([TopicPartition(f"kun.logs.{name}", 0, 60)])[here[0]].result(_TIMEOUT)
        kafka.resume(here)
        rest = [event.message for event in events]
    # Offsets: m0 to m9, a marker, m10 at offset 11, and so on.
    assert first[-1] == "m9"
    assert rest == [f"m{number}" for number in range(59, 110)]
    assert events.missed in (49, 50)  # the marker may count as one: an upper bound


def test_another_tenants_topic_is_denied(
    namespace: tuple[str, Path], stack: LocalStack, unique: Callable[[str], str], tmp_path: Path
) -> None:
    """Topic, group and password: each refusal says which."""
    name, credentials = namespace
    other = unique("shop")
    add_tenant(stack, other)
    file = tmp_path / "changed.yaml"

    def changed(**keys: str) -> Path:
        data = YAML(typ="safe").load(credentials.read_text())
        with file.open("w") as out:
            YAML().dump(data | keys, out)
        return file

    with (
        pytest.raises(DeniedError, match=f"ns-{name} may not read topic kun.logs.{other}"),
        LogConsumer(name, "work", changed(topic=f"kun.logs.{other}")),
    ):
        pass
    with (
        pytest.raises(DeniedError, match=f"may not use consumer group {other}.work"),
        LogConsumer(name, "work", changed(group_prefix=f"{other}."), idle=10.0) as events,
    ):
        next(events)
    with (
        pytest.raises(DeniedError, match=f"the login of ns-{name} was refused") as caught,
        LogConsumer(name, "work", changed(password="wrong")),
    ):
        pass
    assert str(file) in caught.value.hint
    assert "wrong" not in caught.value.render()


def test_nobody_answers(namespace: tuple[str, Path]) -> None:
    """An address where no broker is: an error with something to try, not a program that waits for ever."""
    name, credentials = namespace
    access = find_access(name, credentials)
    cluster = access.kafka.model_copy(update={"brokers": ("127.0.0.1:1",)})
    nowhere = type(access)(**(access.__dict__ | {"kafka": cluster}))
    with (
        pytest.raises(UnavailableError, match=r"no answer from 127\.0\.0\.1:1") as caught,
        LogConsumer(name, "work", nowhere),
    ):
        pass
    assert "nc -vz 127.0.0.1 1" in caught.value.hint


def test_a_broker_that_dies_and_comes_back(
    make_stack: Callable[..., LocalStack], caplog: pytest.LogCaptureFixture
) -> None:
    """The loop waits, then goes on; no line is lost; leaving while the broker hangs or is away says what was not stored."""
    stack = make_stack()
    stack.up(only=("tenant",))
    credentials = add_tenant(stack, "shop").credentials_file
    _write(stack.tenant_cluster(), "shop", range(200))
    with LogConsumer("shop", "work", credentials, commit_interval=0.2) as events:
        seen = [next(events).message for _ in range(100)]
        events.commit()
        stack.service("tenant").kill()
        seen += [next(events).message for _ in range(50)]  # was fetched before
        stack.service("tenant").start()
        _write(stack.tenant_cluster(), "shop", range(200, 300))
        seen += [next(events).message for _ in range(150)]
    assert seen == [f"m{number}" for number in range(300)]
    for group, stop in (("hangs", stack.service("tenant").pause), ("dies", stack.service("tenant").kill)):
        with pytest.raises(UnavailableError), LogConsumer("shop", group, credentials, commit_interval=1000) as events:
            next(events)
            next(events)
            stop()
        if group == "hangs":
            stack.service("tenant").resume()
