"""`exporters.redis:` the Redis Sentinel and Redis Cluster installations whose topology is observed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from kunobs.config.base import Conflict, Flag, Section, Text, Whole, wrong
from kunobs.config.exporters.limits import ExporterConfig
from kunobs.config.quantities import Duration
from kunobs.config.secret import Secret
from kunobs.config.texts import Distinct, NamespaceName, ReadableFile, split_address

_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?")


def _node(address: str) -> str:
    try:
        _, port = split_address(address)
    except ValueError:
        raise wrong(None, "is not host:port", "write redis-0.redis:6379, or [2001:db8::1]:6379 for IPv6") from None
    if port == 0:
        raise wrong(address, "has no usable port", "ports are 1 to 65535")
    return address


def _master(name: str) -> str:
    # Sentinel takes more, but nothing that needs quotes in sentinel.conf.
    if not re.fullmatch(r"[\x21-\x7e]{1,100}", name):
        raise wrong(name, "is no name of a master", "as `sentinel monitor` has it, without spaces")
    return name


Node = Annotated[Text, AfterValidator(_node)]
MasterName = Annotated[Text, AfterValidator(_master)]


class RedisClusterConfig(Section):
    """A Redis installation: masters with their replicas, under sentinels or as a Redis Cluster."""

    namespace: NamespaceName = Field(default="default", description="Namespace in its metrics: whose it is.")
    mode: Literal["sentinel", "cluster"] = Field(
        default="sentinel", description="Who fails over: sentinels, or the nodes."
    )
    master: MasterName = Field(default="mymaster", description="What sentinels call its master.")
    sentinels: Annotated[tuple[Node, ...], Distinct] = Field(
        default=(), max_length=64, description="Every sentinel, host:port: each has a view of its own."
    )
    nodes: Annotated[tuple[Node, ...], Distinct] = Field(
        default=(),
        max_length=1000,
        description="Redis nodes, host:port. Those that sentinels and nodes announce are asked too, but one that "
        "is named here is missed when everybody has forgotten it.",
    )
    username: Text = Field(default="", description="ACL user on the nodes. Empty: the default user.")
    password: Secret = Field(
        default=Secret(), description="The user's password. Prefer `password_file`: this file is read by many."
    )
    password_file: ReadableFile = Field(default="", description="File that holds the user's password.")
    sentinel_username: Text = Field(default="", description="ACL user on the sentinels. Empty: the default user.")
    sentinel_password: Secret = Field(
        default=Secret(), description="Its password. Prefer `sentinel_password_file`: this file is read by many."
    )
    sentinel_password_file: ReadableFile = Field(default="", description="File that holds it.")
    tls: Flag = Field(default=False, description="Speak TLS with nodes and sentinels; certificates are verified.")
    ca_file: ReadableFile = Field(
        default="", description="PEM file with the authorities to trust. Empty: those of the system."
    )
    cert_file: ReadableFile = Field(default="", description="PEM file with our own certificate, for mutual TLS.")
    key_file: ReadableFile = Field(default="", description="PEM file with the key of `cert_file`.")

    def conflicts(self) -> Iterator[Conflict]:
        """Nobody to ask, half an identity, or keys that nothing reads."""
        if self.mode == "cluster":
            if self.sentinels:
                yield Conflict(("sentinels", "mode"), "has no effect: a Redis Cluster has none", "set mode: sentinel")
            if not self.nodes:
                yield Conflict(("nodes", "mode"), "is empty, so nothing would be asked", "name a node or more")
        elif not self.sentinels:
            yield Conflict(("sentinels", "mode"), "is empty", "name all sentinels, or set mode: cluster")
        for user in ("", "sentinel_"):
            keys = (f"{user}username", f"{user}password", f"{user}password_file")
            if getattr(self, keys[0]) and not getattr(self, keys[1]):
                yield Conflict(keys, "has no password", f"set {keys[2]}")
        if self.cert_file and not self.key_file:
            yield Conflict(("cert_file", "key_file"), "has no key", "set key_file")
        if self.key_file and not self.cert_file:
            yield Conflict(("key_file", "cert_file"), "has no certificate", "set cert_file")
        for name in ("ca_file", "cert_file", "key_file"):
            if getattr(self, name) and not self.tls:
                yield Conflict((name, "tls"), "has no effect without TLS", "set tls: true")


class RedisConfig(ExporterConfig):
    """Redis: topology by the word of every sentinel and every node."""

    node_timeout: Duration = Field(
        default=0.8,
        ge=0.05,
        le=60,
        description="How long a node may take to answer all that it is asked. Longer finds slow ones alive, and a "
        "hung one holds the scrape twice as long at most.",
    )
    max_connections: Whole = Field(
        default=64,
        ge=1,
        le=10_000,
        description="Nodes that are asked at once. With few, hung ones hold up others; with many, an exporter that gets "
        "little CPU is late for all of them and takes them for hung.",
    )
    discover: Flag = Field(
        default=True,
        description="Ask the nodes that others announce too. false where announced addresses cannot be reached (NAT).",
    )
    declared_file: ReadableFile = Field(
        default="",
        description="YAML file with how each cluster should be: NAME: {masters: 1, replicas: 2, sentinels: 3, quorum: "
        "2}, each key at will. It is read anew when it changes. Empty: nothing is compared.",
    )
    clusters: Mapping[Text, RedisClusterConfig] = Field(
        default={}, description="Installations by a name of yours, which is their label `name` and /probe?target=."
    )

    def conflicts(self) -> Iterator[Conflict]:
        """Names that are no labels, or that a URL would need to escape."""
        for name in self.clusters:
            if not _NAME.fullmatch(name):
                hint = "lower case letters, digits, - and . , at most 63, as in shop-cache"
                yield Conflict(("clusters",), f"has {ascii(name)[:70]}, which is no name", hint)


class DeclaredConfig(Section):
    """How a cluster should be; an entry of `declared_file`."""

    masters: Whole | None = Field(default=None, ge=0, le=1000, description="Nodes that are master.")
    replicas: Whole | None = Field(default=None, ge=0, le=10_000, description="Nodes that are replica.")
    sentinels: Whole | None = Field(default=None, ge=0, le=1000, description="Sentinels.")
    quorum: Whole | None = Field(default=None, ge=1, le=1000, description="Quorum of each sentinel.")
