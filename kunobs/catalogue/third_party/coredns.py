"""CoreDNS, the cluster's DNS; `server` is a server block such as dns://:53."""

from __future__ import annotations

from kunobs.catalogue.third_party.declare import declared

_SOURCE = "github.com/coredns/coredns@v1.11.3:plugin"
_made = declared(f"{_SOURCE}/metrics/vars/vars.go")
_forward = declared(f"{_SOURCE}/forward/metrics.go")
_proxy = declared(f"{_SOURCE}/pkg/proxy/metrics.go")
_cache = declared(f"{_SOURCE}/cache/metrics.go")
_dns64 = declared(f"{_SOURCE}/dns64/metrics.go")
_ZONE = ("server", "zone", "view")

METRICS = (
    _made("coredns_dns_requests_total", "counter", "Queries that came in.", *_ZONE, "proto", "family", "type"),
    _made("coredns_dns_responses_total", "counter", "Answers that went out.", *_ZONE, "rcode", "plugin"),
    _made(
        "coredns_dns_request_duration_seconds",
        "histogram",
        "How long queries took.",
        *_ZONE,
        unit="seconds",
    ),
    _made("coredns_panics_total", "counter", "Panics that CoreDNS survived."),
    _forward("coredns_forward_healthcheck_broken_total", "counter", "Queries for which no upstream was healthy."),
    _proxy(
        "coredns_proxy_healthcheck_failures_total",
        "counter",
        "Failed health checks of an upstream.",
        "proxy_name",
        "to",
    ),
    _cache("coredns_cache_requests_total", "counter", "Queries that asked the cache.", "server", "zones", "view"),
    _cache(
        "coredns_cache_hits_total", "counter", "Queries that the cache answered.", "server", "type", "zones", "view"
    ),
    _dns64(
        "coredns_dns64_requests_translated_total", "counter", "Answers for which DNS64 made the addresses.", "server"
    ),
)
