"""Cases of kunobs.catalogue.signals.registry."""

from __future__ import annotations

from alert_rules.case import Case, Series

_JOB = {"job": "kunobs-registry"}
_WEST = {"site": "west"}
_PUSH = "kunobs_registry_push_to_replica_seconds_bucket"
_STORAGE = "registry_storage_action_seconds"


def _mode(state: str, silent: float, fires: float) -> Series:
    return Series(f'kunobs_registry_mode{{job="kunobs-registry",state="{state}"}}', silent, fires)


def _probe(operation: str, site: str, silent: float, fires: float) -> Series:
    return Series(f'kunobs_registry_probe_success{{site="{site}",operation="{operation}"}}', silent, fires)


def _differs(kind: str, other: str) -> Case:
    """Two tags, beside others that differ in another way."""
    return Case(
        (
            Series(f'kunobs_registry_differences{{site="west",kind="{kind}"}}', 0, 2),
            Series(f'kunobs_registry_differences{{site="west",kind="{other}"}}', 7),
            Series(f'kunobs_registry_differences{{site="north",kind="{kind}"}}', 0),
        ),
        value=2,
        labels=_WEST,
    )


# Pushes fail in the west, which is no reason to be silent; the south is not reached at all, which is told elsewhere.
_PROBES = (_probe("ping", "west", 1, 1), _probe("push", "west", 0, 0), _probe("ping", "south", 0, 0))


def _age(metric: str, silent: float, fires: float) -> Case:
    return Case(
        (
            Series(f'{metric}{{site="west"}}', silent, fires),
            Series(f'{metric}{{site="north"}}', 60),
            Series(f'{metric}{{site="south"}}', 90_000),
            *_PROBES,
        ),
        value=fires,
        labels=_WEST,
    )


def _reads(site: str, result: str, silent: float, fires: float) -> Series:
    return Series(f'kunobs_registry_requests_total{{site="{site}",operation="head",result="{result}"}}', silent, fires)


def _answers(job: str, code: str, silent: float, fires: float) -> Series:
    """Requests to one registry, each second."""
    return Series(
        f'registry_http_requests_total{{job="{job}",code="{code}",handler="manifest",method="get"}}', silent, fires
    )


def _storage(action: str, quick: tuple[float, float], all_: float) -> tuple[Series, ...]:
    """Calls each second: `quick` of them within a second, all of them within 2.5."""
    labels = f'job="images-east",driver="s3",action="{action}"'
    return (
        Series(f'{_STORAGE}_bucket{{{labels},le="0.5"}}', 0),
        Series(f'{_STORAGE}_bucket{{{labels},le="1"}}', *quick),
        Series(f'{_STORAGE}_bucket{{{labels},le="2.5"}}', all_),
        Series(f'{_STORAGE}_bucket{{{labels},le="+Inf"}}', all_),
        Series(f"{_STORAGE}_count{{{labels}}}", all_),
    )


CASES = {
    "KunRegistryDown": Case(
        (
            _mode("normal", 1, 0),
            _mode("degraded", 0, 0),
            _mode("down", 0, 1),
            _probe("ping", "east", 1, 0),
            _probe("auth", "east", 1, 0),
            _probe("manifest", "west", 1, 0),
            Series('kunobs_registry_probe_duration_seconds{site="east",operation="ping"}', 0.02, 5),
        ),
        value=1,
        labels=_JOB,
    ),
    "KunRegistryDegraded": Case((_mode("normal", 1, 0), _mode("degraded", 0, 1)), value=1, labels=_JOB),
    "KunRegistryProbeFailing": Case(
        (
            _probe("blob", "west", 1, 0),
            _probe("manifest", "west", 1, 1),
            _probe("blob", "north", 1, 1),
            _probe("push", "east", 0, 0),
        ),
        value=0,
        labels=_WEST | {"operation": "blob"},
    ),
    "KunRegistryWrongDigests": _differs("digest", "missing"),
    "KunRegistryTagsMissing": _differs("missing", "extra"),
    "KunRegistryReplicationSlow": Case(
        (
            Series(f'{_PUSH}{{site="west",le="5"}}', 0),
            Series(f'{_PUSH}{{site="west",le="10"}}', 0.0955, 0.0915),
            Series(f'{_PUSH}{{site="west",le="30"}}', 0.1),
            Series(f'{_PUSH}{{site="west",le="+Inf"}}', 0.1),
            Series(f'{_PUSH}{{site="north",le="5"}}', 0.1),
            Series(f'{_PUSH}{{site="north",le="+Inf"}}', 0.1),
        ),
        # 0.095 of 0.1 lie within it.
        value=10 + 20 * (0.095 - 0.0915) / (0.1 - 0.0915),
        labels=_WEST,
    ),
    "KunRegistryCanaryLost": Case(
        (
            Series('kunobs_registry_canary_lost_total{site="west"}', 3.4 / 900, 5.4 / 900),
            Series('kunobs_registry_canary_lost_total{site="north"}', 0),
            Series('kunobs_registry_canary_lost_total{site="south"}', 15 / 900),
            *_PROBES,
        ),
        value=5,
        labels=_WEST,
    ),
    "KunRegistryCanaryOld": Case(
        (
            Series('kunobs_registry_canary_age_seconds{job="kunobs-registry"}', 1750, 1900),
            Series('kunobs_registry_mode{job="kunobs-registry",state="normal"}', 1),
            Series('kunobs_registry_canary_age_seconds{job="readonly"}', 9000),
            Series('kunobs_registry_mode{job="readonly",state="normal"}', 0),
            Series('kunobs_registry_mode{job="readonly",state="degraded"}', 1),
        ),
        value=1900,
        labels=_JOB,
    ),
    "KunRegistryTagsNotRead": _age("kunobs_registry_list_age_seconds", 880, 940),
    "KunRegistryDigestsNotRead": _age("kunobs_registry_digest_age_seconds", 5300, 5700),
    "KunRegistryDigestsUnknown": Case(
        (
            Series('kunobs_registry_unknown_digests{site="west"}', 0, 3),
            Series('kunobs_registry_unknown_digests{site="north"}', 0),
        ),
        value=3,
        labels=_WEST,
    ),
    "KunRegistryReadsFailing": Case(
        (
            _reads("west", "ok", 0.904, 0.88),
            _reads("west", "throttled", 0.096, 0.12),
            _reads("west", "failed", 0, 0),
            _reads("south", "failed", 0.05, 0.05),
            *_PROBES,
        ),
        value=0.12,
        labels=_WEST | {"result": "throttled"},
    ),
    "KunRegistryServerErrors": Case(
        (
            _answers("images-east", "200", 5, 5),
            _answers("images-east", "404", 4.52, 4.4),
            _answers("images-east", "503", 0.48, 0.6),
            _answers("quiet", "500", 0.1, 0.1),
        ),
        value=0.06,
        labels={"job": "images-east"},
    ),
    "KunRegistryStorageSlow": Case(
        (
            *_storage("GetContent", (0.96, 0.93), 1),
            # A garbage collection lists for long; and one slow call is none of many.
            *_storage("List", (0.1, 0.1), 1),
            *_storage("PutContent", (0, 0), 0.05),
        ),
        value=1 + 1.5 * (0.95 - 0.93) / (1 - 0.93),
        labels={"job": "images-east", "driver": "s3", "action": "GetContent"},
    ),
}
