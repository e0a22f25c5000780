"""A tenant's own file, `<namespace>.yaml`: what is scraped and probed in its namespace, its objectives and its rules."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, create_model

from kunobs.config.base import Conflict, Section, Text, wrong
from kunobs.config.noc.texts import Label
from kunobs.config.quantities import Duration

_NAME = re.compile(r"[a-z](?:[-a-z0-9]{0,38}[a-z0-9])?")
_OWNER = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9_.:@/-]{0,125}[a-zA-Z0-9])?")
_LABEL = re.compile(r"(?:[a-z0-9](?:[a-z0-9.-]{0,200}[a-z0-9])?/)?[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?")
_PORT = re.compile(r"(?=.*[a-z])[a-z0-9](?:[a-z0-9-]{0,13}[a-z0-9])?")
_ALERT = re.compile(r"[A-Z][A-Za-z0-9]{2,99}")
_RECORD = re.compile(r"namespace:[a-zA-Z_][a-zA-Z0-9_]{0,99}(?::[a-zA-Z_][a-zA-Z0-9_]{0,99}){0,3}")
MODULES = ("http", "https", "tcp", "tls", "grpc", "dns")
"""Of `kunobs generate blackbox` that a tenant may use."""


def _shaped(pattern: re.Pattern[str], problem: str, hint: str) -> AfterValidator:
    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise wrong(text, problem, hint)
        return text

    return AfterValidator(check)


def _words(text: str) -> str:
    if not text.strip() or len(text) > 500 or not text.isprintable():
        raise wrong(text, "is no sentence", "one line of 1 to 500 characters")
    if "{{" in text or "}}" in text:
        # Prometheus' templates can run queries, over other namespaces too.
        raise wrong(text, "holds a template", "write {name} for a label of the query and {value} for its value")
    return text


def _both(value: object) -> object:
    """A text alone is the same in both languages."""
    return {"zh": value, "en": value} if isinstance(value, str) else value


def _path(text: str) -> str:
    if not text.startswith("/") or not text.isprintable() or " " in text or len(text) > 200:
        raise wrong(text, "is no path", "begin it with /, as in /metrics")
    return text


Name = Annotated[Text, _shaped(_NAME, "is no name", "lower case letters, digits and -, at most 40, as in api")]
Sentence = Annotated[Text, AfterValidator(_words)]


class WordsConfig(Section):
    """A sentence in both languages."""

    zh: Sentence = Field(description="In Chinese.")
    en: Sentence = Field(description="In English.")


Words = Annotated[WordsConfig, BeforeValidator(_both)]


class ScrapeConfig(Section):
    """Pods whose metrics are scraped."""

    name: Name = Field(description="Of the scrape, unique in the file.")
    selector: Mapping[
        Annotated[Text, _shaped(_LABEL, "is no label", "as in app or app.kubernetes.io/name")],
        Annotated[Text, _shaped(_VALUE, "is no label's value", "letters, digits, - _ . and at most 63")],
    ] = Field(default={}, description="Labels that the pods have; empty: all pods of the namespace.")
    port: Annotated[Text, _shaped(_PORT, "is no port's name", "a container port's name, as in metrics")] = Field(
        default="metrics", description="Name of the container's port."
    )
    path: Annotated[Text, AfterValidator(_path)] = Field(default="/metrics", description="Path of the metrics.")
    interval: Duration = Field(default=30.0, ge=15, le=300, description="How often.")


class ProbeConfig(Section):
    """An address that is asked from outside its pods, over IPv4 and over IPv6."""

    name: Name = Field(description="Of the probe, unique in the file.")
    target: Text = Field(description="A URL, or host:port for tcp, tls, grpc; a name of a server for dns.")
    module: Literal["http", "https", "tcp", "tls", "grpc", "dns"] = Field(default="https", description="How.")
    families: tuple[Literal["ip4", "ip6"], ...] = Field(default=("ip4", "ip6"), description="Over which of them.")
    interval: Duration = Field(default=60.0, ge=15, le=600, description="How often.")


class SloConfig(Section):
    """What part of the events may fail; from it follow four alerts on how fast the error budget burns."""

    name: Name = Field(description="Of the objective, unique in the file.")
    target: float = Field(gt=0, lt=1, description="The part that must be good: 0.999.")
    total: Text = Field(description='Selector of a counter of all events: http_requests_total{app="api"}.')
    errors: Text = Field(description="Selector of a counter of those that failed.")
    least: Annotated[int, Field(ge=1, le=10**9)] = Field(
        default=100, description="Events in the long window below which nothing is said."
    )
    words: Words | None = Field(default=None, description="What a person is told; else the name is.")


class _RuleConfig(Section):
    """An alert or a recording rule; it reads the series of this namespace only."""

    alert: Annotated[
        Text, _shaped(_ALERT, "is no alert's name", "a capital letter, then letters and digits: QueueGrows")
    ] = Field(default="", description="Name of the alert; or give record.")
    record: Annotated[
        Text, _shaped(_RECORD, "is no name of a recording", "namespace:metric:operations, as in namespace:jobs:rate5m")
    ] = Field(default="", description="Name of the recorded series; or give alert.")
    expr: Text = Field(description="PromQL.")
    keep_firing_for: Duration = Field(default=0.0, ge=0, le=86400, description="How long it lasts on.")
    severity: Literal["critical", "warning", "info"] = Field(default="warning", description="How urgent it is.")
    summary: Words | None = Field(default=None, description="One line for a phone; {label} and {value} are filled in.")
    description: Words | None = Field(default=None, description="What was measured.")
    impact: Words | None = Field(default=None, description="Who feels what of it.")
    runbook: Text = Field(default="", description="Address of what to do.")

    def conflicts(self) -> Iterator[Conflict]:
        """Neither or both, and an alert that says nothing."""
        if bool(self.alert) == bool(self.record):
            yield Conflict(("alert", "record"), "one of alert and record is needed", "give one of them, not both")
        if self.alert.startswith("Kun"):
            yield Conflict(("alert",), "begins with Kun, as the platform's alerts do", "choose another name")
        if self.alert and self.summary is None:
            yield Conflict(("summary", "alert"), "is missing", "say in one line what is wrong")
        if self.runbook and not re.fullmatch(r"https?://[!-z|~]{1,500}", self.runbook):
            yield Conflict(("runbook",), "is no address", "begin it with https://")


# `for` is a word of Python's, so it cannot be written as a field.
_FOR: dict[str, Any] = {
    "for": (Duration, Field(default=0.0, ge=0, le=7 * 86400, description="How long before it counts."))
}
RuleConfig: type[_RuleConfig] = create_model("RuleConfig", __base__=_RuleConfig, **_FOR)


class TenantFile(Section):
    """Everything about the monitoring of one namespace that its owners decide."""

    owner: Annotated[Text, _shaped(_OWNER, "is no group", "letters, digits and . _ : @ / -, as in team-payments")] = (
        Field(description="The group whose members may see these objects.")
    )
    integration: Label = Field(default="", description="The relay's integration; empty: named as the namespace.")
    language: Literal["zh", "en"] = Field(default="zh", description="Of the dashboards.")
    scrape: tuple[ScrapeConfig, ...] = Field(default=(), max_length=20, description="Pods that are scraped.")
    probes: tuple[ProbeConfig, ...] = Field(default=(), max_length=50, description="Addresses that are asked.")
    slos: tuple[SloConfig, ...] = Field(default=(), max_length=20, description="Objectives.")
    rules: tuple[RuleConfig, ...] = Field(default=(), max_length=200, description="Own rules.")  # type: ignore[valid-type]

    def conflicts(self) -> Iterator[Conflict]:
        """Names that stand twice."""
        lists: dict[str, list[str]] = {
            part: [one.name for one in getattr(self, part)] for part in ("scrape", "probes", "slos")
        }
        rules: tuple[_RuleConfig, ...] = self.rules
        lists["rules"] = [one.alert or one.record for one in rules]
        for part, names in lists.items():
            for place, name in enumerate(names):
                if name and name in names[:place]:
                    key = "name" if part != "rules" else "alert" if rules[place].alert else "record"
                    yield Conflict((f"{part}.{place}.{key}",), f"is {name} a second time", "give it a name of its own")
