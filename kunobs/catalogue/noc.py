"""Metrics of `kunobs noc`: alerts in, messages to people out."""

from __future__ import annotations

from kunobs.catalogue.types import Label, MetricSpec

CODES = ("200", "400", "401", "404", "405", "409", "413", "415", "422", "429", "503")
OUTCOMES = ("opened", "joined", "repeated", "copy", "resolved", "stale", "late", "unknown")
ATTEMPTS = ("ok", "partial", "retry", "permanent", "refresh_token")
SEVERITIES = ("critical", "warning", "info")
HEARTBEATS = ("new", "up", "late", "down", "paused")
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_CHANNEL = Label("channel")

METRICS: tuple[MetricSpec, ...] = (
    MetricSpec(
        "kunobs_noc_posts_total",
        "counter",
        "Posts of alerts by the status they were answered. 2xx only after the disk has them.",
        labels=(Label("code", CODES),),
    ),
    MetricSpec(
        "kunobs_noc_post_duration_seconds",
        "histogram",
        "Time from a whole post to its answer, the write to disk included.",
        unit="seconds",
        buckets=SECONDS,
    ),
    MetricSpec(
        "kunobs_noc_alerts_total",
        "counter",
        "Alerts by what they did. A rising share of copies says that the Alertmanagers do not hear each other.",
        labels=(Label("outcome", OUTCOMES),),
    ),
    MetricSpec(
        "kunobs_noc_incidents",
        "gauge",
        "Incidents that are open now.",
        labels=(Label("severity", SEVERITIES),),
    ),
    MetricSpec(
        "kunobs_noc_attempts_total",
        "counter",
        "Requests to providers by how they went; channels are those of the configuration, `tenant` stands for all of tenants' own.",
        labels=(_CHANNEL, Label("outcome", ATTEMPTS)),
    ),
    MetricSpec(
        "kunobs_noc_attempt_duration_seconds",
        "histogram",
        "Time of a request to a provider.",
        unit="seconds",
        labels=(_CHANNEL,),
        buckets=SECONDS,
    ),
    MetricSpec(
        "kunobs_noc_messages_waiting",
        "gauge",
        "Requests that are due or under way, by channel of the configuration.",
        labels=(_CHANNEL,),
    ),
    MetricSpec(
        "kunobs_noc_oldest_due_seconds",
        "gauge",
        "How long the oldest request has been due; 0 where none is late.",
        unit="seconds",
    ),
    MetricSpec(
        "kunobs_noc_failing",
        "gauge",
        "1 while the channel fails and the relay's own alert about it is open.",
        labels=(_CHANNEL,),
    ),
    MetricSpec(
        "kunobs_noc_heartbeats",
        "gauge",
        "Heartbeats by state: Prometheus replicas, Alertmanagers and jobs.",
        labels=(Label("state", HEARTBEATS),),
    ),
    MetricSpec("kunobs_noc_storms", "gauge", "Alert storms that are open now."),
    MetricSpec(
        "kunobs_noc_reloads_total",
        "counter",
        "Reloads of the configuration; a failed one leaves the running one in place.",
        labels=(Label("result", ("done", "failed")),),
    ),
)
