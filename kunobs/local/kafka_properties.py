"""The settings of a local Kafka: one node that is its own controller, small and quick, nothing only a cluster needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kunobs.local.ports import HOST

ADMIN = "admin"


@dataclass(frozen=True)
class KafkaSettings:
    """What tells the two clusters apart, and what a test may add: `properties` are laid over the broker's own."""

    client_port: int
    controller_port: int
    cluster_id: str
    password_file: Path | None = None  # with it: SCRAM users and ACLs
    properties: Mapping[str, str] | None = None

    @property
    def password(self) -> str:
        """The administrator's password; ValueError for an open cluster."""
        if self.password_file is None:
            raise ValueError("an open cluster has no passwords")
        return self.password_file.read_text().strip()


def broker_properties(settings: KafkaSettings, data: Path) -> dict[str, str]:
    """The content of server.properties, with the log in the folder `data`."""
    own = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{HOST}:{settings.controller_port}",
        "listeners": f"CLIENT://{HOST}:{settings.client_port},CONTROLLER://{HOST}:{settings.controller_port}",
        "advertised.listeners": f"CLIENT://{HOST}:{settings.client_port}",
        "inter.broker.listener.name": "CLIENT",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": str(data),
        "metadata.log.dir": str(data),
        "auto.create.topics.enable": "false",
        "num.partitions": "1",
        "message.max.bytes": str(16 * 1024 * 1024),
        "log.segment.bytes": str(128 * 1024 * 1024),
        "log.index.size.max.bytes": str(1024 * 1024),
        "log.segment.delete.delay.ms": "1000",
        "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "share.coordinator.state.topic.num.partitions": "1",
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        "group.consumer.session.timeout.ms": "6000",
        "group.consumer.min.session.timeout.ms": "1000",
        "group.consumer.heartbeat.interval.ms": "1000",
        "group.consumer.min.heartbeat.interval.ms": "500",
        "num.network.threads": "2",
        "num.io.threads": "4",
        "background.threads": "2",
    }
    if settings.password_file is None:
        own["listener.security.protocol.map"] = "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT"
    else:
        own |= _security(settings.password)
    return own | dict(settings.properties or {})


def _security(password: str) -> dict[str, str]:
    # SCRAM users live in the metadata log, which the controller must be up to serve: it logs in with PLAIN.
    plain = login("plain.PlainLoginModule", password) + f' user_{ADMIN}="{password}"'
    return {
        "listener.security.protocol.map": "CLIENT:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT",
        "sasl.enabled.mechanisms": "SCRAM-SHA-256",
        "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-256",
        "sasl.mechanism.controller.protocol": "PLAIN",
        "listener.name.client.scram-sha-256.sasl.jaas.config": login("scram.ScramLoginModule", password) + ";",
        "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.controller.plain.sasl.jaas.config": plain + ";",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:{ADMIN}",
        "allow.everyone.if.no.acl.found": "false",
    }


def login(module: str, password: str) -> str:
    """The administrator's login for a JAAS module, without the closing semicolon."""
    return f'org.apache.kafka.common.security.{module} required username="{ADMIN}" password="{password}"'


def escape_property(value: str) -> str:
    """A value as Java reads it from a properties file: ISO 8859-1, backslash escapes."""
    return "".join("\\\\" if c == "\\" else c if " " <= c <= "~" else f"\\u{ord(c):04x}" for c in value)
