"""Cases of kunobs.catalogue.signals.probes."""

from __future__ import annotations

from alert_rules.case import Ago, Case, Level, Series

_DAY = 86400
_SHOP = {"namespace": "shop", "service": "cart"}


def _probe(service: str, family: str, silent: Level, fires: Level, module: str = "http_2xx") -> Series:
    return Series(f"probe_success{{{_labels(service, family, module)}}}", silent, fires)


def _labels(service: str, family: str = "ip4", module: str = "http_2xx") -> str:
    return (
        f'job="probes",instance="{service}-{family}",namespace="shop",service="{service}"'
        f',ip_family="{family}",module="{module}"'
    )


def _both(service: str, silent: Level, fires: Level, module: str = "http_2xx") -> tuple[Series, ...]:
    """A service's two families."""
    return tuple(_probe(service, family, silent, fires, module) for family in ("ip4", "ip6"))


def _certificate(silent: float, fires: float) -> Case:
    """So many days are left of one of two addresses."""
    return Case(
        (
            Series(f"probe_ssl_earliest_cert_expiry{{{_labels('cart')}}}", Ago(-silent * _DAY), Ago(-fires * _DAY)),
            Series(f"probe_ssl_earliest_cert_expiry{{{_labels('cart', 'ip6')}}}", Ago(-80 * _DAY)),
        ),
        value=fires * _DAY,
        labels=_SHOP,
    )


CASES = {
    "KunProbeFailing": Case(
        (
            _probe("cart", "ip4", 0, 0),
            _probe("cart", "ip6", 1, 0),
            *_both("pay", 1, 1),
            _probe("pay", "ip6", 0, 0, module="icmp6_1400"),
        ),
        value=0,
        labels=_SHOP | {"module": "http_2xx"},
    ),
    "KunProbesFailingTogether": Case(
        (
            *(series for service in range(5) for series in _both(f"bad-{service}", 0, 0)),
            _probe("cart", "ip4", 0, 0),
            _probe("cart", "ip6", 1, 0),
            *(_probe(f"good-{service}", "ip4", 1, 1) for service in range(45)),
            *(_probe(f"tcp-{service}", "ip4", 0, 0, module="tcp_connect") for service in range(4)),
            *(_probe(f"node-{service}", "ip6", 0, 0, module="icmp6_1400") for service in range(5)),
        ),
        value=6 / 51,
        labels={"module": "http_2xx"},
    ),
    "KunDualStackHalfDown": Case(
        (
            _probe("cart", "ip4", 1, 1),
            _probe("cart", "ip6", 1, 0),
            *_both("gone", 0, 0),
            *_both("pay", 1, 1),
        ),
        value=0,
        labels=_SHOP | {"module": "http_2xx", "ip_family": "ip6"},
    ),
    "KunIPFamilyDown": Case(
        (
            *(_probe(f"half-{service}", "ip4", 1, 1) for service in range(6)),
            *(_probe(f"half-{service}", "ip6", 0, 0) for service in range(5)),
            _probe("half-5", "ip6", 1, 0),
            *(series for service in range(3) for series in _both(f"gone-{service}", 0, 0)),
            *(series for service in range(2) for series in _both(f"good-{service}", 1, 1)),
            *(_probe(f"new-{service}", "ip6", 1, 1) for service in range(11)),
            # Four of fifteen over IPv4: more than a fifth, but few.
            *(_probe(f"old-{service}", "ip4", 0, 0) for service in range(4)),
            *(_probe(f"old-{service}", "ip6", 1, 1) for service in range(4)),
        ),
        value=6 / 26,
        labels={"ip_family": "ip6"},
    ),
    "KunPathMTUBlackhole": Case(
        (
            _probe("cart", "ip6", 1, 0, module="icmp6_1400"),
            _probe("cart", "ip6", 1, 1, module="icmp6_56"),
            _probe("gone", "ip6", 0, 0, module="icmp6_1400"),
            _probe("gone", "ip6", 0, 0, module="icmp6_56"),
            _probe("gone", "ip4", 1, 1),
            _probe("web", "ip6", 1, 1, module="icmp6_56"),
            _probe("web", "ip6", 0, 0),
        ),
        value=0,
        labels=_SHOP,
    ),
    "KunProbeSlow": Case(
        (
            Series(f"probe_duration_seconds{{{_labels('cart')}}}", 1.95, 2.25),
            _probe("cart", "ip4", 1, 1),
            Series(f"probe_duration_seconds{{{_labels('gone')}}}", 9.5),
            _probe("gone", "ip4", 0, 0),
        ),
        value=2.25,
        labels=_SHOP | {"module": "http_2xx"},
    ),
    "KunCertificateExpiring": _certificate(21.5, 20),
    "KunCertificateNearlyExpired": _certificate(3.1, 2.5),
    "KunBlackboxDown": Case(
        (
            Series('up{job="blackbox",instance="blackbox-1:9115"}', 1, 0),
            Series('up{job="blackbox",instance="blackbox-2:9115"}', 1),
            Series('up{job="node",instance="node-1:9100"}', 0),
        ),
        value=0,
        labels={"instance": "blackbox-1:9115"},
    ),
    "KunProbesNotRun": Case(
        (
            Series('up{job="probes",instance="bad-0"}', 0),
            Series('up{job="probes",instance="bad-1"}', 1, 0),
            *(Series(f'up{{job="probes",instance="good-{service}"}}', 1) for service in range(19)),
            *(Series(f'up{{job="node",instance="node-{node}:9100"}}', 0) for node in range(5)),
        ),
        value=2 / 21,
        labels={},
    ),
}
