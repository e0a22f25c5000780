"""Cases of kunobs.catalogue.signals.slo: a part of what is asked fails, just below and just above what each alert allows."""

from __future__ import annotations

from alert_rules.case import Case, Series
from alert_rules.timeline import minutes
from kunobs.catalogue.signals.slo import OBJECTIVES
from kunobs.catalogue.slo import BURNS, Objective

# Events a second: enough for every objective's least.
_PACE = 10.0


def _series(objective: Objective, silent: float, fires: float) -> tuple[Series, ...]:
    """Failures, and what did not fail; and where everything fails, but nearly nobody asks."""
    quiet = objective.least / 4 / 86400 / 3
    if objective.labels == ("hop",):
        labels = 'hop="tenant",job="kunobs-exporter",instance="x:1"'
        return (
            Series(f"kunobs_logs_canary_missing_total{{{labels}}}", silent * _PACE, fires * _PACE),
            Series(f"kunobs_logs_canary_received_total{{{labels}}}", (1 - silent) * _PACE, (1 - fires) * _PACE),
            Series('kunobs_logs_canary_missing_total{hop="quiet",job="kunobs-exporter",instance="x:1"}', quiet),
            Series('kunobs_logs_canary_received_total{hop="quiet",job="kunobs-exporter",instance="x:1"}', 0),
        )
    metric = {
        "KunNocAcceptBurn": "kunobs_noc_posts_total",
        "KunRegistryPullBurn": "registry_http_requests_total",
        "KunApiserverBurn": "apiserver_request_total",
    }[objective.alert]
    at = 'job="a",instance="x:1"'
    return (
        Series(f'{metric}{{code="503",{at}}}', silent * _PACE, fires * _PACE),
        Series(f'{metric}{{code="200",{at}}}', (1 - silent) * _PACE, (1 - fires) * _PACE),
        Series(f'{metric}{{code="503",job="quiet",instance="quiet:1"}}', quiet),
    )


def _labels(objective: Objective) -> dict[str, str]:
    return {"instance": {"instance": "x:1"}, "job": {"job": "a"}, "hop": {"hop": "tenant"}}[objective.labels[0]]


CASES = {
    f"{one.alert}{name}": Case(
        _series(one, 0.97 * factor * one.budget, 1.05 * factor * one.budget),
        value=1.05 * factor * one.budget,
        labels=_labels(one),
        window=minutes(long),
        # Four samples in the short window.
        step=max(1, minutes(short) // 4),
    )
    for one in OBJECTIVES
    for name, long, short, factor, _, _ in BURNS
}
