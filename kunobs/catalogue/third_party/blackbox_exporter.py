"""blackbox_exporter, what one probe found.

namespace, service, ip_family and module are labels of the target in kunobs' list of probes (http_sd), not of the program.
`module` is the kind of probe and `ip_family` ip4 or ip6: icmp_1400 and ip6 are the module icmp_1400_ip6 of blackbox.yml.
"""

from __future__ import annotations

from kunobs.catalogue.third_party.declare import declared

_made = declared("blackbox_exporter-0.23.0.prom")
_TARGET = ("namespace", "service", "ip_family", "module")

METRICS = (
    _made("probe_success", "gauge", "1 when the probe succeeded.", *_TARGET),
    _made("probe_duration_seconds", "gauge", "How long the probe took.", *_TARGET, unit="seconds"),
    _made("probe_ip_protocol", "gauge", "4 or 6, the IP that was used.", *_TARGET),
    _made("probe_http_status_code", "gauge", "Status of the last HTTP answer.", *_TARGET),
    _made(
        "probe_http_duration_seconds",
        "gauge",
        "How long each phase of the HTTP request took.",
        *_TARGET,
        "phase",
        unit="seconds",
    ),
    _made("probe_dns_lookup_time_seconds", "gauge", "How long the name took to resolve.", *_TARGET, unit="seconds"),
    _made("probe_icmp_reply_hop_limit", "gauge", "Hop limit or TTL of the ICMP reply.", *_TARGET),
    _made("probe_ssl_earliest_cert_expiry", "gauge", "When the first certificate of the chain expires.", *_TARGET),
)
