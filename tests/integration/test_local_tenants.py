"""A tenant of the local stack, judged by the real broker: what it may do, and everything it may not."""

from __future__ import annotations

import stat
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import NewTopic, ScramMechanism, UserScramCredentialDeletion  # type: ignore[attr-defined]
from ruamel.yaml import YAML

from kunobs.config.kafka import KafkaCluster
from kunobs.errors import UsageError
from kunobs.kafka import admin, consumer, producer
from kunobs.local import LocalStack
from kunobs.local.tenant import add_tenant
from tests.support import read_topic, wait_until


@dataclass
class Tenant:
    """A namespace with access, and the credentials file that it was given."""

    namespace: str
    file: Path

    @property
    def credentials(self) -> dict[str, Any]:
        """The file's content."""
        found: dict[str, Any] = YAML(typ="safe").load(self.file.read_text())
        return found

    @property
    def cluster(self) -> KafkaCluster:
        """The tenant's own view of the cluster, made from nothing but its credentials file."""
        known = self.credentials
        login = {
            "mechanism": known["sasl_mechanism"],
            "username": known["username"],
            "password": known["password"],
        }
        return KafkaCluster.model_validate({"brokers": known["brokers"], "sasl": login})


@pytest.fixture
def new_tenant(stack: LocalStack, tenant: KafkaCluster, unique: Callable[[str], str]) -> Callable[..., Tenant]:
    """Add a tenant with a fresh namespace, or with the one given."""

    def make(namespace: str = "") -> Tenant:
        namespace = namespace or unique("shop")
        return Tenant(namespace, add_tenant(stack, namespace).credentials_file)

    return make


def produce(cluster: KafkaCluster, topic: str, value: bytes, **options: Any) -> KafkaError | None:
    """Produce one record and return the error it ended with, None for success."""
    outcome: list[KafkaError | None] = []
    client = producer(cluster, **{"enable.idempotence": False, "message.timeout.ms": 10000, **options})
    client.produce(topic, value=value, on_delivery=lambda error, _: outcome.append(error))
    client.flush(30)
    return outcome[0]


def first_answer(cluster: KafkaCluster, group: str, topic: str, **options: Any) -> Message:
    """Subscribe and return the first message or error that comes."""
    client = consumer(cluster, group, **{"auto.offset.reset": "earliest", **options})
    try:
        client.subscribe([topic])
        return wait_until(lambda: client.consume(1, timeout=0.2), 60, f"an answer from {topic} for {group}")[0]
    finally:
        client.close()


def error_code(call: Callable[[], object]) -> int:
    """The code of the Kafka error that a call, or the first message it returns, ends with."""
    try:
        found = call()
    except KafkaException as raised:
        return int(raised.args[0].code())
    assert isinstance(found, Message)
    error = found.error()
    assert error is not None, f"was let in: {found.value()!r}"
    return int(error.code())


@pytest.mark.parametrize("protocol", ["consumer", "classic"])
def test_a_tenant_reads_and_commits_its_own_topics(
    tenant: KafkaCluster, new_tenant: Callable[..., Tenant], protocol: str
) -> None:
    """With the credentials file alone: logs and dead letters are read in a group of its own, offsets are kept."""
    own = new_tenant()
    known = own.credentials
    for topic in (known["topic"], known["dead_letters"]):
        assert produce(tenant, topic, b"a line") is None
        group = f"{known['group_prefix']}reader"
        message = first_answer(own.cluster, group, topic, **{"group.protocol": protocol})
        assert message.error() is None
        assert message.value() == b"a line"
        client = consumer(own.cluster, group)
        client.commit(offsets=[TopicPartition(topic, 0, 1)], asynchronous=False)
        assert client.committed([TopicPartition(topic, 0)], timeout=30)[0].offset == 1
        client.close()


def test_another_tenants_topic_is_denied(tenant: KafkaCluster, new_tenant: Callable[..., Tenant]) -> None:
    """Neither by subscribing, nor by reading a partition directly, nor by asking for its offsets."""
    own, other = new_tenant(), new_tenant()
    topic = other.credentials["topic"]
    assert produce(tenant, topic, b"a secret") is None
    group = f"{own.namespace}.spy"
    assert error_code(lambda: first_answer(own.cluster, group, topic)) == KafkaError.TOPIC_AUTHORIZATION_FAILED
    client = consumer(own.cluster, group)
    try:
        # librdkafka hides the denial from an assigned consumer, so the broker's own answer is looked at.
        assert client.list_topics(topic, timeout=30).topics[topic].error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
        client.assign([TopicPartition(topic, 0, 0)])
        with pytest.raises(KafkaException):
            client.get_watermark_offsets(TopicPartition(topic, 0), timeout=5)
        assert client.consume(1, timeout=2.0) == []
    finally:
        client.close()
    assert [m.value() for m in read_topic(tenant, topic)] == [b"a secret"]


def test_another_tenants_group_is_denied(new_tenant: Callable[..., Tenant], unique: Callable[[str], str]) -> None:
    """Also when its name merely begins with the tenant's own: `shop.` does not cover `shop-2.`."""
    own = new_tenant()
    other = new_tenant(f"{own.namespace}-2")
    for group in (f"{other.namespace}.reader", own.namespace, "kunobs-fanout"):
        for protocol in ("consumer", "classic"):
            options = {"group.protocol": protocol}
            ask = partial(first_answer, own.cluster, group, own.credentials["topic"], **options)
            assert error_code(ask) == KafkaError.GROUP_AUTHORIZATION_FAILED, group


def test_a_tenant_writes_nothing(tenant: KafkaCluster, new_tenant: Callable[..., Tenant]) -> None:
    """Not to its own topics, not to another's; it makes no topic, and sees only its own."""
    own, other = new_tenant(), new_tenant()
    for topic in (own.credentials["topic"], own.credentials["dead_letters"], other.credentials["topic"]):
        error = produce(own.cluster, topic, b"forged")
        assert error is not None
        assert error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
        assert read_topic(tenant, topic) == []
    client = admin(own.cluster)
    future = client.create_topics([NewTopic(f"kun.logs.{own.namespace}-new", 1, 1)])[f"kun.logs.{own.namespace}-new"]
    assert error_code(lambda: future.result(30)) == KafkaError.TOPIC_AUTHORIZATION_FAILED
    seen = set(client.list_topics(timeout=30).topics)
    assert seen == {own.credentials["topic"], own.credentials["dead_letters"]}


def test_nobody_gets_in_without_the_password(
    stack: LocalStack, new_tenant: Callable[..., Tenant], tenant: KafkaCluster
) -> None:
    """A wrong password, no login at all, and the controller's port are all refused."""
    own = new_tenant()
    wrong = own.cluster.model_dump()
    wrong["sasl"] = {"mechanism": "SCRAM-SHA-256", "username": own.credentials["username"], "password": "wrong"}
    controller = f"127.0.0.1:{stack.service('tenant').ports[1]}"
    for values in (
        {"brokers": list(own.cluster.brokers), "sasl": wrong["sasl"]},
        {"brokers": list(own.cluster.brokers)},
        {"brokers": [controller]},
    ):
        with pytest.raises(KafkaException):
            admin(KafkaCluster.model_validate(values)).list_topics(timeout=3)


def test_again_changes_nothing_and_rotate_does(stack: LocalStack, new_tenant: Callable[..., Tenant]) -> None:
    """The file stays byte for byte; after --rotate the new password works and the old one does not."""
    own = new_tenant()
    before, old = own.file.read_bytes(), own.cluster
    assert stat.S_IMODE(own.file.stat().st_mode) == 0o600
    again = add_tenant(stack, own.namespace)
    assert (again.new_password, own.file.read_bytes()) == (False, before)
    rotated = add_tenant(stack, own.namespace, rotate=True)
    assert (rotated.new_password, rotated.credentials_file) == (True, own.file)
    assert own.file.read_bytes() != before
    assert admin(own.cluster).list_topics(timeout=30).topics
    with pytest.raises(KafkaException):
        admin(old).list_topics(timeout=3)


def test_what_was_lost_is_made_again(
    stack: LocalStack, tenant: KafkaCluster, new_tenant: Callable[..., Tenant]
) -> None:
    """A user lost from Kafka gets the file's password back; a lost file means a new password."""
    own = new_tenant()
    before = own.credentials
    deletion = UserScramCredentialDeletion(before["username"], ScramMechanism.SCRAM_SHA_256)
    client = admin(tenant)
    client.alter_user_scram_credentials([deletion])[before["username"]].result(30)
    assert add_tenant(stack, own.namespace).new_password is False
    assert own.credentials == before
    assert admin(own.cluster).list_topics(timeout=30).topics
    own.file.unlink()
    assert add_tenant(stack, own.namespace).new_password is True
    assert own.credentials["password"] != before["password"]


@pytest.mark.parametrize("name", ["", "Shop", "a_b", "-a", "a" * 64, "../x", "a.b"])
def test_what_is_no_namespace_is_refused(stack: LocalStack, tenant: KafkaCluster, name: str) -> None:
    """A name that Kubernetes would not allow never becomes a topic, a user or a file."""
    with pytest.raises(UsageError, match="not a Kubernetes namespace"):
        add_tenant(stack, name)


def test_kafkas_own_tools_run(stack: LocalStack, new_tenant: Callable[..., Tenant]) -> None:
    """`run_tool` sets and shows a quota as the administrator, without a password in the process list."""
    own = new_tenant()
    broker = stack.broker("tenant")
    common = ["--bootstrap-server", stack.tenant_bootstrap, "--command-config", str(broker.client_properties())]
    user = ["--entity-type", "users", "--entity-name", own.credentials["username"]]
    broker.run_tool("kafka.admin.ConfigCommand", *common, "--alter", "--add-config", "consumer_byte_rate=12345", *user)
    shown = broker.run_tool("kafka.admin.ConfigCommand", *common, "--describe", *user)
    assert "consumer_byte_rate=12345" in shown
