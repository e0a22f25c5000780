"""A rule as Prometheus reads it, and how it is made of a signal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import promql_parser as promql

from alert_rules.lint.context import Context, Settings
from alert_rules.lint.shapes import shape
from alert_rules.lint.source import LintRule, Source
from alert_rules.texts import template
from kunobs.catalogue.jobs import board_of
from kunobs.catalogue.known import KNOWN
from kunobs.catalogue.links import NAMESPACE
from kunobs.catalogue.signal import Recording, Signal, page_of

# A replica whose scrape failed once has lost the series, and would tell the end of alerts that its twin still sees: a hundred were
# told as resolved and opened again so. Four scrapes of 30 s.
KEEP = "2m"
_NONE = LintRule(Source("", ()), "", 0, "", True, "", 1, 1, 1)


@dataclass(frozen=True, slots=True)
class Links:
    """Where runbooks and dashboards are: addresses without a slash at the end, empty where there are none."""

    runbooks: str = ""
    dashboards: str = ""
    logs: str = ""
    """A search for logs, with `{namespace}` where that goes."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One alerting rule."""

    alert: str
    expr: str
    wait: str
    keep: str
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """As in a rule file."""
        made: dict[str, Any] = {"alert": self.alert, "expr": self.expr}
        if self.wait != "0m":
            made["for"] = self.wait
        if self.keep:
            made["keep_firing_for"] = self.keep
        return made | {"labels": dict(self.labels), "annotations": dict(self.annotations)}


def texts_of(signal: Signal) -> dict[str, str]:
    """Its words by the name of their annotation, with places for values."""
    return {
        "summary": signal.title.en,
        "description": signal.description.en,
        "impact": signal.impact.en,
        "summary_zh": signal.title.zh,
        "description_zh": signal.description.zh,
        "impact_zh": signal.impact.zh,
    }


def rule_of(system: str, signal: Signal, links: Links) -> Rule:
    """The rule; its annotations are the ones that `annotations_of` names."""
    annotations = {name: template(text, signal.unit) for name, text in texts_of(signal).items()}
    if links.runbooks:
        annotations["runbook_url"] = f"{links.runbooks}/{page_of(system, signal)}"
    if links.dashboards:
        annotations["dashboard_url"] = f"{links.dashboards}/d/{board_of(system)}{_variables(signal)}"
    if links.logs and _has_namespace(signal):
        annotations["logs_url"] = links.logs.replace(NAMESPACE, "{{ $labels.namespace }}")
    keep = signal.keep or (KEEP if signal.severity in ("critical", "warning") else "")
    labels = {"severity": signal.severity, "component": system, "owner": signal.owner, **dict(signal.labels)}
    return Rule(signal.alert, signal.query, signal.wait, keep, labels, annotations)


def _variables(signal: Signal) -> str:
    """The dashboard shows the namespace that the alert is about."""
    return "?var-namespace={{ $labels.namespace }}" if _has_namespace(signal) else ""


def _has_namespace(signal: Signal) -> bool:
    """Of what is counted within the query a label may be named that its result has not."""
    query = promql.parse(signal.expr)
    left = shape(query, Context(_NONE, query, Settings(known=KNOWN))).possible
    return left is not None and "namespace" in left


def recording_of(recording: Recording) -> dict[str, str]:
    """As in a rule file."""
    return {"record": recording.record, "expr": recording.expr}
