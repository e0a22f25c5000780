"""Gives a namespace its topics, SCRAM user and rights on the local tenant Kafka, and a credentials file."""

from __future__ import annotations

import io
import secrets
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from kunobs.clock import SYSTEM_CLOCK, Clock
from kunobs.config.kafka import KafkaCluster, TenantKafkaCluster
from kunobs.config.topics import TopicsConfig
from kunobs.errors import UnavailableError, UsageError
from kunobs.kafka import admin, consumer
from kunobs.local.files import write_private
from kunobs.local.stack import LocalStack
from kunobs.names import Names, group_prefix, is_namespace, scram_user
from log_pipeline.topics import Topics

_ITERATIONS = 4096
_TIMEOUT = 30.0


@dataclass(frozen=True)
class TenantAccess:
    """What `add_tenant` did: the credentials file, and whether a password was made."""

    namespace: str
    username: str
    credentials_file: Path
    new_password: bool


def add_tenant(stack: LocalStack, namespace: str, *, rotate: bool = False, clock: Clock = SYSTEM_CLOCK) -> TenantAccess:
    """Give `namespace` its topics, user and rights; running it again changes nothing unless `rotate`.

    A password is made on the first call, and when the credentials file is lost.
    Raises UsageError for what is no namespace, UnavailableError when the tenant Kafka does not answer.
    """
    if not is_namespace(namespace):
        raise UsageError(
            f"not a Kubernetes namespace: {namespace!r}", hint="a-z, 0-9 and - inside, at most 63 characters"
        )
    if stack.service("tenant").pid is None:
        raise UnavailableError(
            f"the tenant Kafka of the stack {stack.name} does not run", hint=f"kunobs local up --stack {stack.name}"
        )
    cluster, names, user = stack.tenant_cluster(), Names(), scram_user(namespace)
    file = stack.folder / "tenants" / f"{namespace}.credentials.yaml"
    own_topics = (names.logs(namespace), names.dead_letters(namespace))
    _make_topics(cluster, namespace, clock)
    client = admin(cluster)
    password = "" if rotate else _password_in(file)
    made = not password
    try:
        if made or not _user_exists(client, user):
            password = password or secrets.token_urlsafe(24)
            _set_password(client, user, password)
        _grant(client, user, own_topics, group_prefix(namespace))
    except KafkaException as error:
        raise UnavailableError(f"the tenant Kafka does not answer: {error.args[0].str()}") from error
    _wait_until_effective(cluster, user, password, own_topics[0], group_prefix(namespace), clock)
    _write_credentials(stack, namespace, file, password)
    return TenantAccess(namespace, user, file, made)


def _make_topics(cluster: TenantKafkaCluster, namespace: str, clock: Clock) -> None:
    """The same topics, made by the same code, as fanout makes them with the namespace's first event."""
    topics = Topics(cluster, Names(cluster.topic_prefix), TopicsConfig.model_validate({"replication": 1}), clock)
    topics.refresh()
    reason = topics.ensure_logs([namespace]).get(namespace) or topics.ensure_dead_letters(namespace)
    if reason:
        raise UnavailableError(f"the topics of {namespace} cannot be made: {reason}")


def _password_in(file: Path) -> str:
    try:
        return str(YAML(typ="safe").load(file.read_text())["password"])
    except (OSError, YAMLError, KeyError, TypeError):
        return ""


def _user_exists(client: AdminClient, user: str) -> bool:
    try:
        futures = client.describe_user_scram_credentials([user], request_timeout=_TIMEOUT)
        cast("dict[str, Future[object]]", futures)[user].result(_TIMEOUT)
    except KafkaException as error:
        if error.args[0].code() == KafkaError.RESOURCE_NOT_FOUND:
            return False
        raise
    return True


def _set_password(client: AdminClient, user: str, password: str) -> None:
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, _ITERATIONS)
    change = UserScramCredentialUpsertion(user, info, password.encode())
    client.alter_user_scram_credentials([change], request_timeout=_TIMEOUT)[user].result(_TIMEOUT)


def _grant(client: AdminClient, user: str, own_topics: tuple[str, ...], prefix: str) -> None:
    def allow(kind: ResourceType, name: str, pattern: ResourcePatternType, operation: AclOperation) -> AclBinding:
        return AclBinding(kind, name, pattern, f"User:{user}", "*", operation, AclPermissionType.ALLOW)

    bindings = [allow(ResourceType.GROUP, prefix, ResourcePatternType.PREFIXED, AclOperation.READ)]
    bindings += [
        allow(ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, operation)
        for topic in own_topics
        for operation in (AclOperation.READ, AclOperation.DESCRIBE)
    ]
    for future in client.create_acls(bindings, request_timeout=_TIMEOUT).values():
        future.result(_TIMEOUT)


def _wait_until_effective(
    cluster: KafkaCluster, user: str, password: str, topic: str, prefix: str, clock: Clock
) -> None:
    """A new user and its rights take effect some 50 ms after the broker's answer: log in until it works."""
    login = {"mechanism": "SCRAM-SHA-256", "username": user, "password": password}
    as_tenant = KafkaCluster.model_validate({"brokers": cluster.brokers, "sasl": login})
    deadline = clock.monotonic() + _TIMEOUT
    while True:
        client = consumer(as_tenant, f"{prefix}check", error_cb=lambda _: None)
        try:
            seen = client.list_topics(topic, timeout=2.0).topics[topic]
            if seen.error is None:
                return
        except KafkaException:
            pass  # not yet, or wrong: the deadline decides
        finally:
            client.close()
        if clock.monotonic() >= deadline:
            raise UnavailableError(f"{user} cannot read {topic} {_TIMEOUT:.0f} s after it was allowed to")
        clock.sleep(0.05)


def _write_credentials(stack: LocalStack, namespace: str, file: Path, password: str) -> None:
    names = Names()
    values = {
        "namespace": namespace,
        "brokers": [stack.tenant_bootstrap],
        "username": scram_user(namespace),
        "password": password,
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-256",
        "topic": names.logs(namespace),
        "dead_letters": names.dead_letters(namespace),
        "group_prefix": group_prefix(namespace),
        "elasticsearch": {"urls": [stack.elasticsearch_url]},
    }
    out = io.StringIO()
    YAML().dump(values, out)
    file.parent.mkdir(mode=0o700, exist_ok=True)
    write_private(file, out.getvalue())
