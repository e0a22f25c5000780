"""The configuration, compiled: who answers for what, and by which way each can be reached. Replaced as a whole by a reload."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from zoneinfo import ZoneInfo

from kunobs.config.noc.paging import LadderConfig, RouteConfig
from kunobs.config.noc.people import ADDRESS
from kunobs.config.noc.root import NocConfig
from kunobs.config.secret import Secret
from kunobs.matchers import Matcher
from kunobs.noc.decide.incidents import Rules
from kunobs.noc.decide.schedules.schedule import Schedule
from kunobs.noc.notify.contract import Channel, Language
from kunobs.noc.notify.links import Links
from kunobs.noc.notify.templates import Templates, samples

SEVERITIES = ("critical", "warning", "info")


@dataclass(frozen=True)
class Person:
    """Somebody. `addresses` are by channel, in order of preference."""

    key: str
    name: str
    addresses: Mapping[str, str]
    wecom: str
    language: Language
    zone: ZoneInfo


@dataclass(frozen=True)
class Integration:
    """Somebody who may post. `token_hash` is the SHA-256 of the bearer token, empty where none is asked for."""

    name: str
    kind: str
    tenant: str
    token_hash: bytes
    token: Secret
    rules: Rules


@dataclass(frozen=True)
class Route:
    """Where an incident goes."""

    ladder: str
    copy_to: Sequence[str]


@dataclass(frozen=True)
class _Node:
    matchers: Sequence[Matcher]
    tenant: str
    route: Route
    below: Sequence[_Node]

    def takes(self, tenant: str, labels: Mapping[str, str]) -> bool:
        return (not self.tenant or self.tenant == tenant) and all(matcher.matches(labels) for matcher in self.matchers)


class Policy:
    """Everything decisions need beside the store. Immutable but for `stirred`."""

    def __init__(self, config: NocConfig, channels: Mapping[str, Channel], secret: str) -> None:
        """`secret` signs links. Raises ConfigError for a template that fails with a sample."""
        self.config = config
        self.channels = channels
        self.links = Links(config.public_url, secret)
        self.templates = Templates(config.templates, samples())
        # Channels for which a message was written; whoever sends takes them out.
        self.stirred: set[str] = set()
        self.people = {key: self._person(key) for key in config.people}
        self.schedules = {name: Schedule.from_config(name, schedule) for name, schedule in config.schedules.items()}
        self.zone = ZoneInfo(config.time_zone)
        self.integrations = {name: self._integration(name) for name in config.integrations}
        self._root = _node(config.route, Route("", ()))

    def _person(self, key: str) -> Person:
        config = self.config.people[key]
        order = config.by or self.channels
        addresses = {}
        for name in order:
            field = ADDRESS.get(self.channels[name].kind, "") if name in self.channels else ""
            address = getattr(config, field) if field else ""
            if address:
                addresses[name] = address
        return Person(
            key,
            config.name or key,
            addresses,
            config.wecom,
            config.language or self.config.language,
            ZoneInfo(config.time_zone or self.config.time_zone),
        )

    def _integration(self, name: str) -> Integration:
        config = self.config.integrations[name]
        token = config.token.reveal()
        return Integration(
            name,
            config.kind,
            config.tenant,
            sha256(token.encode()).digest() if token else b"",
            config.token,
            Rules(config.identity_drop_labels, config.group_by, self.severity),
        )

    def severity(self, labels: Mapping[str, str]) -> str:
        """critical, warning or info: the label's word, or what the configuration says it means."""
        word = labels.get("severity", "").lower()
        return word if word in SEVERITIES else self.config.severities.get(word, "warning")

    def route(self, tenant: str, labels: Mapping[str, str]) -> Route:
        """The deepest route that takes it, the first of several; the root takes everything."""
        node = self._root
        while True:
            below = next((each for each in node.below if each.takes(tenant, labels)), None)
            if below is None:
                return node.route
            node = below

    def ladder(self, name: str) -> LadderConfig:
        """The ladder of that name; the root's when a reload has taken it away; one step for nobody where there is none."""
        ladders = self.config.ladders
        return ladders.get(name) or ladders.get(self.config.route.ladder) or LadderConfig()


def _node(config: RouteConfig, above: Route) -> _Node:
    route = Route(config.ladder or above.ladder, config.copy_to or above.copy_to)
    return _Node(
        tuple(Matcher.read(text) for text in config.match),
        config.tenant,
        route,
        tuple(_node(each, route) for each in config.routes),
    )
