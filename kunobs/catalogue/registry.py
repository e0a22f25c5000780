"""Metrics of `kunobs exporter registry`: an image registry in several regions, which the label `site` names."""

from __future__ import annotations

from kunobs.catalogue.types import Label, MetricSpec

OPERATIONS = ("ping", "auth", "manifest", "blob", "push")
MODES = ("normal", "degraded", "down")
KINDS = ("missing", "extra", "digest")
READS = ("catalog", "tags", "head")
RESULTS = ("ok", "failed", "throttled")
_SITE = Label("site")

PROBE_SUCCESS = MetricSpec(
    "kunobs_registry_probe_success",
    "gauge",
    "1 when the operation worked in this scrape: ping (GET /v2/), auth (the same as our user, where it is asked for), "
    "manifest and blob (GET, and the content has its digest), push (at the primary). Absent when it was not tried.",
    labels=(_SITE, Label("operation", OPERATIONS)),
)
PROBE_DURATION = MetricSpec(
    "kunobs_registry_probe_duration_seconds",
    "gauge",
    "How long the operation took in this scrape; of push, that of the last canary where there is one.",
    unit="seconds",
    labels=(_SITE, Label("operation", OPERATIONS)),
)
MODE = MetricSpec(
    "kunobs_registry_mode",
    "gauge",
    "1 for the state that the registry is in: normal (it can be pulled from some region and pushed to the primary), "
    "degraded (pulled but not pushed), down (not pulled from any region).",
    labels=(Label("state", MODES),),
)
REPOSITORIES = MetricSpec(
    "kunobs_registry_repositories",
    "gauge",
    "Repositories in the region's last _catalog.",
    labels=(_SITE,),
)
TAGS = MetricSpec(
    "kunobs_registry_tags", "gauge", "Tags in the last tags/list of each of the region's repositories.", labels=(_SITE,)
)
SKIPPED = MetricSpec(
    "kunobs_registry_skipped_repositories",
    "gauge",
    "Repositories that are not compared because they are above max_repositories or max_tags.",
    labels=(_SITE,),
)
DIFFERENCES = MetricSpec(
    "kunobs_registry_differences",
    "gauge",
    "Tags of a replica that differ from the primary's, read again on both sides after the grace: missing, extra, or "
    "with another digest (Docker-Content-Digest). /registry/differences lists them.",
    labels=(_SITE, Label("kind", KINDS)),
)
UNCONFIRMED = MetricSpec(
    "kunobs_registry_unconfirmed_differences",
    "gauge",
    "Tags that differed when last read and are yet to be read again: pushes under way, or differences to come.",
    labels=(_SITE,),
)
UNKNOWN = MetricSpec(
    "kunobs_registry_unknown_digests",
    "gauge",
    "Tags whose last answer to HEAD had no Docker-Content-Digest that can be compared.",
    labels=(_SITE,),
)
LIST_AGE = MetricSpec(
    "kunobs_registry_list_age_seconds",
    "gauge",
    "Age of the oldest tags/list that the numbers of tags stand on; since the start while one is missing.",
    unit="seconds",
    labels=(_SITE,),
)
DIGEST_AGE = MetricSpec(
    "kunobs_registry_digest_age_seconds",
    "gauge",
    "Age of the oldest digest that the differences stand on; since the tag was first seen while it was not read.",
    unit="seconds",
    labels=(_SITE,),
)
LIST_ROUND = MetricSpec(
    "kunobs_registry_list_round_seconds",
    "gauge",
    "How long the last whole round through _catalog and all tags/list took. Absent before the first.",
    unit="seconds",
    labels=(_SITE,),
)
DIGEST_ROUND = MetricSpec(
    "kunobs_registry_digest_round_seconds",
    "gauge",
    "How long the last whole round of HEAD requests for all tags took. Absent before the first.",
    unit="seconds",
    labels=(_SITE,),
)
REQUESTS = MetricSpec(
    "kunobs_registry_requests_total",
    "counter",
    "Requests of the rounds, by what they read and how they ended; throttled is 429, or 503 with Retry-After.",
    labels=(_SITE, Label("operation", READS), Label("result", RESULTS)),
)
PUSH_TO_REPLICA = MetricSpec(
    "kunobs_registry_push_to_replica_seconds",
    "histogram",
    "Time from the primary's answer to the canary's PUT until the replica's HEAD of the tag had its digest.",
    unit="seconds",
    labels=(_SITE,),
    buckets=(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0),
)
CANARY_PUSHES = MetricSpec(
    "kunobs_registry_canary_pushes_total",
    "counter",
    "Pushes of the canary to the primary, by whether all of its requests worked.",
    labels=(Label("result", ("ok", "failed")),),
)
CANARY_LOST = MetricSpec(
    "kunobs_registry_canary_lost_total",
    "counter",
    "Canaries that the replica did not have within canary.timeout; they are not in the histogram.",
    labels=(_SITE,),
)
CANARY_AGE = MetricSpec(
    "kunobs_registry_canary_age_seconds",
    "gauge",
    "Time since the last canary was pushed well; since the start before the first.",
    unit="seconds",
)

PROBE = (PROBE_SUCCESS, PROBE_DURATION, MODE)
STATE = (
    REPOSITORIES,
    TAGS,
    SKIPPED,
    DIFFERENCES,
    UNCONFIRMED,
    UNKNOWN,
    LIST_AGE,
    DIGEST_AGE,
    LIST_ROUND,
    DIGEST_ROUND,
    REQUESTS,
)
CANARY = (PUSH_TO_REPLICA, CANARY_PUSHES, CANARY_LOST, CANARY_AGE)
METRICS: tuple[MetricSpec, ...] = (*PROBE, *STATE, *CANARY)
