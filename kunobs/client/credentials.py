"""`<namespace>.credentials.yaml`: all that a tenant needs to reach its logs, in one small file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError

from kunobs.client.notes import note
from kunobs.config import ElasticsearchConfig, KafkaCluster, SaslConfig, Secret, TlsConfig
from kunobs.config.base import Conflict, Section, Text
from kunobs.config.document import Builder, Unreadable, compose
from kunobs.config.explain import explain, nearest
from kunobs.config.files import MAX_CONFIG, CannotRead, read_bytes, read_files
from kunobs.config.places import Mistake, Place, Places, render
from kunobs.config.quantities import WRITTEN
from kunobs.config.texts import Broker, Distinct, NamespaceName, NotEmpty, ReadableFile
from kunobs.errors import ConfigError


def _listed(value: object) -> object:
    """`a:9092,b:9092`, as every Kafka client writes it, is a list too."""
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


class Credentials(Section):
    """A tenant's credentials file."""

    namespace: NamespaceName = Field(description="The Kubernetes namespace whose logs these are.")
    brokers: Annotated[tuple[Broker, ...], Distinct, NotEmpty, BeforeValidator(_listed)] = Field(
        description="Brokers of the tenants' Kafka to ask first, host:port."
    )
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="SASL_SSL and SSL encrypt; SASL_SSL and SASL_PLAINTEXT log in with a password."
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="How the password is proved."
    )
    username: Text = Field("", description="The namespace's user.")
    password: Secret = Field(Secret(), description="The user's password.")
    password_file: ReadableFile = Field("", description="File that holds the password.")
    ca_file: ReadableFile = Field("", description="PEM file with the authorities to trust. Empty: the system's.")
    cert_file: ReadableFile = Field("", description="PEM file with a certificate of one's own, for mutual TLS.")
    key_file: ReadableFile = Field("", description="PEM file with the key of `cert_file`.")
    key_password: Secret = Field(Secret(), description="Password of `key_file`.")
    key_password_file: ReadableFile = Field("", description="File that holds the password of `key_file`.")
    topic: Text = Field("", description="The namespace's topic. Empty: kun.logs.<namespace>.")
    dead_letters: Text = Field("", description="Events that could not be delivered. Empty: kun.dlq.<namespace>.")
    group_prefix: Text = Field("", description="What every consumer group begins with. Empty: `<namespace>.`.")
    profile: Literal["filebeat", "fluent-bit", "vector"] = Field(
        "filebeat", description="The shipper that writes the events: decides where their fields are."
    )
    elasticsearch: ElasticsearchConfig | None = Field(None, description="Where the log search is.")

    def conflicts(self) -> Iterator[Conflict]:
        """A login without a user or password, or files that nothing reads."""
        if self.security_protocol.startswith("SASL") and not (self.username and self.password):
            yield Conflict(("security_protocol",), "needs username and password", "set username and password_file")
        if self.username and not self.security_protocol.startswith("SASL"):
            yield Conflict(("username",), "has no effect", "write security_protocol: SASL_SSL")
        for name in ("ca_file", "cert_file", "key_file"):
            if getattr(self, name) and not self.security_protocol.endswith("SSL"):
                yield Conflict((name,), "has no effect without TLS", "write security_protocol: SASL_SSL")
        if bool(self.cert_file) != bool(self.key_file):
            yield Conflict(("cert_file",), "and key_file belong together", "set both")

    def cluster(self) -> KafkaCluster:
        """The same as the configuration of a Kafka cluster."""
        with_sasl = self.security_protocol.startswith("SASL")
        sasl = SaslConfig(mechanism=self.sasl_mechanism, username=self.username, password=self.password)
        tls = TlsConfig(
            enabled=self.security_protocol.endswith("SSL"),
            ca_file=self.ca_file,
            cert_file=self.cert_file,
            key_file=self.key_file,
            key_password=self.key_password,
        )
        return KafkaCluster(brokers=self.brokers, tls=tls, sasl=sasl if with_sasl else SaslConfig())


def read_credentials(path: Path) -> Credentials:
    """The credentials in `path`; ConfigError with a line for every mistake. Keys of a newer kunobs are passed over."""
    try:
        return _Reading(path).run()
    except CannotRead as problem:
        hint = "ask the platform team for it; on a local stack: kunobs local tenant add NAMESPACE"
        raise ConfigError(f"{path} {problem}", hint=hint) from None


class _Reading:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._places = Places(Place(str(path), 1))
        self._mistakes: list[Mistake] = []

    def run(self) -> Credentials:
        data = self._parse()
        self._pass_over_unknown(data)
        self._mistakes += read_files(Credentials, data, (), self._places, self._path.parent)
        known = {mistake.path for mistake in self._mistakes}
        found = None
        try:
            found = Credentials.model_validate(data, context=WRITTEN)
        except ValidationError as error:
            for one in error.errors(include_url=False):
                if tuple(one["loc"]) not in known:
                    self._mistakes.append(explain(one, Credentials, tuple(one["loc"])))
        if found is not None:
            self._conflicts(found, ())
            if found.elasticsearch is not None:
                self._conflicts(found.elasticsearch, ("elasticsearch",))
        if found is None or self._mistakes:
            raise ConfigError(render(self._mistakes, self._places))
        return found

    def _parse(self) -> dict[str, Any]:
        try:
            text = read_bytes(self._path, MAX_CONFIG).decode("utf-8-sig")
            node = compose(text, self._at)
            builder = Builder(self._places, self._at)
            data = builder.value(node, ()) if node is not None else None
        except UnicodeDecodeError:
            raise ConfigError(f"{self._path} is not UTF-8 text") from None
        except Unreadable as error:
            raise ConfigError(render([error.mistake], self._places)) from None
        if not isinstance(data, dict):
            raise ConfigError(f"{self._path} is no mapping of keys to values", hint="docs/tenants.md shows one")
        self._mistakes += builder.mistakes
        return data

    def _pass_over_unknown(self, data: dict[str, Any]) -> None:
        """The platform writes this file and may be newer than the tenant's program."""
        search = data.get("elasticsearch")
        for model, mapping in ((Credentials, data), (ElasticsearchConfig, search if isinstance(search, dict) else {})):
            for key in [key for key in mapping if key not in model.model_fields]:
                near = nearest(key, model.model_fields)
                note("%s: unknown key %r was not read%s", self._path, key, f"; {near}" if near else "")
                del mapping[key]

    def _conflicts(self, section: Section, path: tuple[str, ...]) -> None:
        for conflict in section.conflicts():
            self._mistakes.append(Mistake((*path, *conflict.keys[0].split(".")), conflict.problem, conflict.hint))

    def _at(self, line: int) -> Place:
        return Place(str(self._path), line)
