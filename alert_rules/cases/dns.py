"""Cases of kunobs.catalogue.signals.dns."""

from __future__ import annotations

from alert_rules.case import Case, Level, Series

_BLOCK = {"server": "dns://:53"}
_AT = 'instance="coredns-1:9153",server="dns://:53"'
_QUIET = 'instance="coredns-1:9153",server="dns://:5353"'
_DEFAULT = ',zone=".",view=""'


def _up(instance: str, silent: Level, fires: Level, job: str = "coredns") -> Series:
    return Series(f'up{{job="{job}",instance="{instance}:9153"}}', silent, fires)


def _responses(server: str, rcode: str, silent: float, fires: float) -> Series:
    labels = f'{server}{_DEFAULT},plugin="forward",rcode="{rcode}"'
    return Series(f"coredns_dns_responses_total{{{labels}}}", silent, fires)


def _durations(server: str, *steps: tuple[str, float, float]) -> tuple[Series, ...]:
    """(le, silent, fires): cumulative, as a histogram is; the last one is also the count."""
    name = "coredns_dns_request_duration_seconds"
    buckets = tuple(Series(f'{name}_bucket{{{server}{_DEFAULT},le="{le}"}}', *levels) for le, *levels in steps)
    return (*buckets, Series(f"{name}_count{{{server}{_DEFAULT}}}", *steps[-1][1:]))


CASES = {
    "KunDNSDown": Case(
        (
            _up("coredns-1", 0, None),
            _up("coredns-2", 1, 0),
            _up("node-1", 1, 1, job="node"),
            _up("typha-1", 0, 0, job="calico-typha"),
        ),
        value=0,
        labels={"job": "coredns"},
        window=6,
    ),
    "KunDNSServfail": Case(
        (
            _responses(_AT, "NOERROR", 90.4, 88),
            _responses(_AT, "SERVFAIL", 9.6, 12),
            _responses(_QUIET, "NOERROR", 1, 1),
            _responses(_QUIET, "SERVFAIL", 8.6, 8.6),
        ),
        value=0.12,
        labels=_BLOCK,
    ),
    "KunDNSForwardBroken": Case(
        (
            Series('coredns_forward_healthcheck_broken_total{job="coredns",instance="coredns-1:9153"}', 0.5, 0.6),
            Series('coredns_forward_healthcheck_broken_total{job="coredns",instance="coredns-2:9153"}', 0.46, 0.6),
            _responses(f'job="coredns",{_AT}', "SERVFAIL", 2, 2),
            # One whose stub zone is broken: all other names are answered.
            Series('coredns_forward_healthcheck_broken_total{job="stub",instance="coredns-3:9153"}', 40),
            _responses('job="stub",instance="coredns-3:9153",server="dns://:53"', "NOERROR", 90, 90),
            Series(
                'coredns_dns_responses_total{job="stub",instance="coredns-3:9153",server="dns://:5353",zone="corp.example."'
                ',view="",plugin="",rcode="SERVFAIL"}',
                40,
            ),
        ),
        value=1.2,
        labels={"job": "coredns"},
    ),
    "KunDNSUpstreamUnhealthy": Case(
        (
            Series(
                'coredns_proxy_healthcheck_failures_total{instance="coredns-1:9153",proxy_name="forward",to="192.0.2.53:53"}',
                0.48,
                0.6,
            ),
            Series(
                'coredns_proxy_healthcheck_failures_total{instance="coredns-1:9153",proxy_name="forward",to="192.0.2.54:53"}',
                0,
            ),
        ),
        value=0.6,
        labels={"to": "192.0.2.53:53"},
    ),
    "KunDNSLatency": Case(
        (
            *_durations(_AT, ("0.256", 900, 900), ("0.512", 998, 980), ("1.024", 1000, 1000), ("+Inf", 1000, 1000)),
            *_durations(_QUIET, ("0.512", 0, 0), ("1.024", 9.6, 9.6), ("+Inf", 9.6, 9.6)),
        ),
        value=0.768,
        labels=_BLOCK,
    ),
    "KunDNSPanics": Case(
        (
            Series('coredns_panics_total{instance="coredns-1:9153"}', 0, 0.01),
            Series('coredns_panics_total{instance="coredns-2:9153"}', 0),
        ),
        value=6,
        labels={"instance": "coredns-1:9153"},
    ),
    "KunDNSCacheCollapsed": Case(
        (
            Series(f'coredns_cache_hits_total{{{_AT},type="success",zones=".",view=""}}', 310, 280),
            Series(f'coredns_cache_requests_total{{{_AT},zones=".",view=""}}', 1000),
            Series(f'coredns_cache_hits_total{{{_QUIET},type="success",zones=".",view=""}}', 0),
            Series(f'coredns_cache_requests_total{{{_QUIET},zones=".",view=""}}', 96),
        ),
        value=0.28,
        labels=_BLOCK,
    ),
    "KunDNS64NotTranslating": Case(
        (
            Series(f"coredns_dns64_requests_translated_total{{{_AT}}}", 0.01, 0),
            Series(f'coredns_dns_requests_total{{{_AT}{_DEFAULT},proto="udp",family="1",type="AAAA"}}', 40),
            Series(f"coredns_dns64_requests_translated_total{{{_QUIET}}}", 0),
            Series(f'coredns_dns_requests_total{{{_QUIET}{_DEFAULT},proto="udp",family="1",type="AAAA"}}', 9.6),
            Series(f'coredns_dns_requests_total{{{_QUIET}{_DEFAULT},proto="udp",family="1",type="A"}}', 40),
        ),
        value=0,
        labels=_BLOCK,
        window=12,
    ),
}
