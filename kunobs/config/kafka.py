"""`kafka:` the two clusters, the public one that is read and the tenants' one that is written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from kunobs.config.base import Conflict, Flag, Section, Text, section, wrong
from kunobs.config.refused_options import refusal
from kunobs.config.secret import Secret
from kunobs.config.texts import Broker, Distinct, NotEmpty, ReadableFile, TopicPrefix


def _options(value: object) -> dict[str, str]:
    """librdkafka takes text only: `true` -> "true", 10 -> "10"; what breaks a promise is refused."""
    if not isinstance(value, Mapping):
        raise wrong(None, "must be a mapping", "write {socket.keepalive.enable: true}")
    options: dict[str, str] = {}
    for name, setting in value.items():
        if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9._]{1,80}", name):
            raise wrong(None, "holds a name that is no librdkafka property", "lower case words with dots between")
        refused = refusal(name)
        if refused:
            raise wrong(None, f"{name} is refused: {refused[0]}", refused[1])
        if not isinstance(setting, (str, int, float)):
            raise wrong(None, f"{name} must be a text, a number, true or false")
        options[name] = str(setting).lower() if isinstance(setting, bool) else str(setting)
    return options


Options = Annotated[
    Mapping[str, str],
    BeforeValidator(_options),
    WithJsonSchema({"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}}),
]


class TlsConfig(Section):
    """TLS to the brokers; the broker's certificate is always verified."""

    enabled: Flag = Field(default=False, description="Encrypt the connection. Costs some CPU on both sides.")
    ca_file: ReadableFile = Field(
        default="", description="PEM file with the authorities to trust. Empty: those of the system."
    )
    cert_file: ReadableFile = Field(default="", description="PEM file with our own certificate, for mutual TLS.")
    key_file: ReadableFile = Field(default="", description="PEM file with the key of `cert_file`.")
    key_password: Secret = Field(
        default=Secret(), description="Password of `key_file`. Prefer `key_password_file`: this file is read by many."
    )
    key_password_file: ReadableFile = Field(default="", description="File that holds the password of `key_file`.")

    def conflicts(self) -> Iterator[Conflict]:
        """Half a key pair, or files that nothing reads."""
        if self.cert_file and not self.key_file:
            yield Conflict(("cert_file", "key_file"), "has no key", "set key_file")
        if self.key_file and not self.cert_file:
            yield Conflict(("key_file", "cert_file"), "has no certificate", "set cert_file")
        if self.key_password and not self.key_file:
            yield Conflict(("key_password", "key_password_file", "key_file"), "has no key to open", "set key_file")
        for name in ("ca_file", "cert_file", "key_file"):
            if getattr(self, name) and not self.enabled:
                yield Conflict((name, "enabled"), "has no effect without TLS", "set enabled: true")


class SaslConfig(Section):
    """Who we are to the brokers."""

    mechanism: Literal["none", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        default="none",
        description="How the password is proved. PLAIN sends it as it is, so use it with TLS only; SCRAM "
        "never sends it.",
    )
    username: Text = Field(default="", description="The user.")
    password: Secret = Field(
        default=Secret(), description="The user's password. Prefer `password_file`: this file is read by many."
    )
    password_file: ReadableFile = Field(default="", description="File that holds the user's password.")

    def conflicts(self) -> Iterator[Conflict]:
        """A login that is incomplete, or that nothing uses."""
        password = ("password", "password_file")
        if self.mechanism == "none":
            hint = "set mechanism: SCRAM-SHA-512"
            if self.username:
                yield Conflict(("username", "mechanism"), "has no effect while mechanism is none", hint)
            elif self.password:
                yield Conflict((*password, "mechanism"), "has no effect while mechanism is none", hint)
            return
        if not self.username:
            yield Conflict(("mechanism", "username"), "needs a user", "set username")
        if not self.password:
            yield Conflict(("mechanism", *password), "needs a password", "set password_file")


class KafkaCluster(Section):
    """Where a Kafka cluster is and how to be let in."""

    brokers: Annotated[tuple[Broker, ...], Distinct, NotEmpty] = Field(
        default=("127.0.0.1:9092",),
        description="Brokers to ask first, host:port; the others are learnt from them. Two or three let a "
        "process start while one is down.",
    )
    tls: TlsConfig = section(TlsConfig)
    sasl: SaslConfig = section(SaslConfig)
    options: Options = Field(
        default={},
        description="Further librdkafka properties, as in {fetch.wait.max.ms: 100}. Those that would "
        "break a promise of kunobs or that have a key of their own are refused.",
    )


class TenantKafkaCluster(KafkaCluster):
    """The cluster that fanout writes and tenants read."""

    topic_prefix: TopicPrefix = Field(
        default="",
        description="Comes before every topic of kunobs, as in `eu1.`: needed where several Kubernetes "
        "clusters share this Kafka. A later change leaves the old topics behind.",
    )


class KafkaConfig(Section):
    """The two Kafka clusters; they may be one and the same."""

    public: KafkaCluster = section(KafkaCluster, "The cluster that Filebeat writes and both legs read.")
    tenant: TenantKafkaCluster = section(TenantKafkaCluster)
