"""Cases of kunobs.catalogue.signals.noc."""

from __future__ import annotations

from alert_rules.case import Case, Series

_NOC = "noc:9510"
# A second relay, to which hardly anybody posts.
_QUIET = 'instance="noc-test:9510"'
_RELAY = f'instance="{_NOC}"'
_OF_RELAY = {"instance": _NOC}
_ROBOT = _OF_RELAY | {"channel": "ops"}


def _bucket(le: str, silent: float, fires: float) -> Series:
    """How many posts a second were answered within so many seconds."""
    return Series(f'kunobs_noc_post_duration_seconds_bucket{{{_RELAY},le="{le}"}}', silent, fires)


def _attempts(instance: str, channel: str, outcome: str) -> str:
    return f'kunobs_noc_attempts_total{{instance="{instance}",channel="{channel}",outcome="{outcome}"}}'


CASES = {
    "KunNocDown": Case(
        (
            Series(f'up{{job="kunobs-noc",{_RELAY}}}', 1, 0),
            Series('up{job="kunobs-exporter",instance="10.0.0.1:9520"}', 0),
            # For the runbook.
            Series('up{job="alertmanager",instance="am-0:9093"}', 1),
        ),
        value=0,
        labels=_OF_RELAY,
    ),
    "KunNocPostsRefused": Case(
        (
            Series(f'kunobs_noc_posts_total{{{_RELAY},code="503"}}', 0.49, 0.51),
            Series(f'kunobs_noc_posts_total{{{_RELAY},code="200"}}', 0.5, 0.48),
            Series(f'kunobs_noc_posts_total{{{_RELAY},code="401"}}', 0.01),
            Series(f'kunobs_noc_posts_total{{{_QUIET},code="503"}}', 0.01),
            Series(f'kunobs_noc_posts_total{{{_QUIET},code="200"}}', 0.001),
            # For the runbook.
            Series(f'kunobs_process_ready{{job="kunobs-noc",{_RELAY}}}', 1, 0),
        ),
        value=0.51,
        labels=_OF_RELAY,
    ),
    "KunNocMessagesLate": Case(
        (
            Series(f"kunobs_noc_oldest_due_seconds{{{_RELAY}}}", 290, 310),
            Series(f'kunobs_noc_messages_waiting{{{_RELAY},channel="ops"}}', 3),
            Series(f"kunobs_noc_oldest_due_seconds{{{_QUIET}}}", 900),
            Series(f'kunobs_noc_messages_waiting{{{_QUIET},channel="ops"}}', 0),
            Series(f'kunobs_noc_messages_waiting{{{_QUIET},channel="tenant"}}', 5),
            # For the runbook.
            Series(f'kunobs_noc_failing{{{_RELAY},channel="ops"}}', 0, 1),
            Series(_attempts(_NOC, "ops", "retry"), 0, 0.2),
        ),
        value=310,
        labels=_OF_RELAY,
    ),
    "KunNocChannelFailing": Case(
        (
            Series(f'kunobs_noc_failing{{{_RELAY},channel="ops"}}', 0, 1),
            Series(f'kunobs_noc_failing{{{_RELAY},channel="phone"}}', 0),
            Series(f'kunobs_noc_failing{{{_RELAY},channel="tenant"}}', 1),
        ),
        value=1,
        labels=_ROBOT,
    ),
    "KunNocAttemptsFailing": Case(
        (
            Series(_attempts(_NOC, "ops", "retry"), 0.014, 0.016),
            Series(_attempts(_NOC, "ops", "permanent"), 0.005),
            Series(_attempts(_NOC, "ops", "refresh_token"), 0.001),
            Series(_attempts(_NOC, "ops", "ok"), 0.08, 0.078),
            # Few messages, tenants' own, and one that is known to fail.
            Series(_attempts(_NOC, "mail", "retry"), 0.003),
            Series(_attempts(_NOC, "mail", "ok"), 0.001),
            Series(_attempts(_NOC, "tenant", "permanent"), 0.1),
            Series(_attempts(_NOC, "phone", "retry"), 0.1),
            Series(f'kunobs_noc_failing{{{_RELAY},channel="phone"}}', 1),
            Series(f'kunobs_noc_failing{{{_RELAY},channel="ops"}}', 0),
        ),
        value=0.21,
        labels=_ROBOT,
    ),
    "KunNocMessagesWaiting": Case(
        (
            Series(f'kunobs_noc_messages_waiting{{{_RELAY},channel="ops"}}', 100, 101),
            Series(f'kunobs_noc_messages_waiting{{{_RELAY},channel="tenant"}}', 900),
        ),
        value=101,
        labels=_ROBOT,
    ),
    "KunNocPostsSlow": Case(
        (
            _bucket("1", 0.973, 0.966),
            _bucket("2.5", 1, 1),
            _bucket("+Inf", 1, 1),
            Series(f"kunobs_noc_post_duration_seconds_count{{{_RELAY}}}", 1),
            Series(f'kunobs_noc_post_duration_seconds_bucket{{{_QUIET},le="2.5"}}', 0.001),
            Series(f'kunobs_noc_post_duration_seconds_bucket{{{_QUIET},le="5"}}', 0.01),
            Series(f'kunobs_noc_post_duration_seconds_bucket{{{_QUIET},le="+Inf"}}', 0.01),
            Series(f"kunobs_noc_post_duration_seconds_count{{{_QUIET}}}", 0.01),
        ),
        value=1 + 1.5 * (0.99 - 0.966) / (1 - 0.966),
        labels=_OF_RELAY,
    ),
    "KunNocHeartbeatsDown": Case(
        (
            Series(f'kunobs_noc_heartbeats{{{_RELAY},state="down"}}', 0, 1),
            Series(f'kunobs_noc_heartbeats{{{_RELAY},state="up"}}', 12, 11),
        ),
        value=1,
        labels=_OF_RELAY,
    ),
    "KunNocReloadFailed": Case(
        (
            Series(f'kunobs_noc_reloads_total{{{_RELAY},result="failed"}}', 0, 0.0015),
            Series(f'kunobs_noc_reloads_total{{{_RELAY},result="done"}}', 0.01),
        ),
        value=1.35,
        labels=_OF_RELAY,
    ),
    "KunNocStormLong": Case(
        (Series(f"kunobs_noc_storms{{{_RELAY}}}", 0, 1), Series(f"kunobs_noc_storms{{{_QUIET}}}", 0)),
        value=1,
        labels=_OF_RELAY,
    ),
}
