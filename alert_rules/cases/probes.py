"""Cases of kunobs.catalogue.signals.probes."""

from __future__ import annotations

from alert_rules.case import Ago, Case, Level, Series

_DAY = 86400
_SHOP = {"namespace": "shop", "service": "cart"}


def _probe(service: str, family: str, silent: Level, fires: Level, module: str = "http") -> Series:
    return Series(f"probe_success{{{_labels(service, family, module)}}}", silent, fires)


def _labels(service: str, family: str = "ip4", module: str = "http") -> str:
    return (
        f'job="probes",instance="{service}-{family}",namespace="shop",service="{service}"'
        f',ip_family="{family}",module="{module}"'
    )


def _both(service: str, silent: Level, fires: Level, module: str = "http") -> tuple[Series, ...]:
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
            _probe("pay", "ip6", 0, 0, module="icmp_1400"),
        ),
        value=0,
        labels=_SHOP | {"module": "http"},
    ),
    "KunProbesFailingTogether": Case(
        (
            *(series for service in range(5) for series in _both(f"bad-{service}", 1, 0)),
            _probe("cart", "ip4", 0, 0),
            _probe("cart", "ip6", 1, 0),
            *(_probe(f"good-{service}", "ip4", 1, 1) for service in range(40)),
            # They have not answered for weeks.
            *(_probe(f"dead-{service}", "ip4", 0, 0) for service in range(10)),
            *(_probe(f"dead-{service}", "ip4", 0, 0, module="grpc") for service in range(6)),
            # A twelfth is not yet many, nor are four.
            *(_probe(f"dns-{service}", "ip4", 1, 0, module="dns") for service in range(5)),
            *(_probe(f"dns-{service}", "ip4", 1, 1, module="dns") for service in range(5, 60)),
            *(_probe(f"tcp-{service}", "ip4", 1, 0, module="tcp") for service in range(4)),
            *(_probe(f"node-{service}", "ip6", 1, 0, module="icmp_1400") for service in range(5)),
        ),
        value=6 / 56,
        labels={"module": "http"},
        window=2,
    ),
    "KunDualStackHalfDown": Case(
        (
            _probe("cart", "ip4", 1, 1),
            _probe("cart", "ip6", 1, 0),
            *_both("gone", 0, 0),
            *_both("pay", 1, 1),
            # Large packets are another alert's.
            _probe("pay", "ip4", 1, 1, module="icmp_1400"),
            _probe("pay", "ip6", 1, 0, module="icmp_1400"),
        ),
        value=0,
        labels=_SHOP | {"module": "http", "ip_family": "ip6"},
    ),
    "KunIPFamilyDown": Case(
        (
            *(_probe(f"half-{service}", "ip4", 1, 1) for service in range(6)),
            *(_probe(f"half-{service}", "ip6", 1, 0) for service in range(6)),
            *(series for service in range(3) for series in _both(f"gone-{service}", 1, 0)),
            *(series for service in range(2) for series in _both(f"good-{service}", 1, 1)),
            *(_probe(f"new-{service}", "ip6", 1, 1) for service in range(6)),
            # They never listened on IPv6.
            *(_probe(f"never-{service}", "ip4", 1, 1) for service in range(7)),
            *(_probe(f"never-{service}", "ip6", 0, 0) for service in range(7)),
            # Four of fifteen: more than a fifth, but few. Five of 40: less than a fifth.
            *(_probe(f"few-{service}", "other", 1, 0) for service in range(4)),
            *(_probe(f"few-{service}", "other", 1, 1) for service in range(4, 15)),
            *(_probe(f"few-{service}", "ip4", 1, 1) for service in range(4)),
            *(_probe(f"less-{service}", "third", 1, 0) for service in range(5)),
            *(_probe(f"less-{service}", "third", 1, 1) for service in range(5, 40)),
            *(_probe(f"less-{service}", "ip4", 1, 1) for service in range(5)),
        ),
        value=6 / 24,
        labels={"ip_family": "ip6"},
        window=2,
    ),
    "KunPathMTUBlackhole": Case(
        (
            _probe("cart", "ip6", 1, 0, module="icmp_1400"),
            _probe("cart", "ip6", 1, 1, module="icmp_56"),
            # Over IPv4 they pass.
            _probe("cart", "ip4", 1, 1, module="icmp_1400"),
            _probe("cart", "ip4", 1, 1, module="icmp_56"),
            _probe("gone", "ip6", 0, 0, module="icmp_1400"),
            _probe("gone", "ip6", 0, 0, module="icmp_56"),
            _probe("gone", "ip4", 1, 1, module="icmp_56"),
            _probe("gone", "ip6", 1, 1, module="dns"),
            _probe("web", "ip6", 1, 1, module="icmp_56"),
            _probe("web", "ip6", 0, 0),
        ),
        value=0,
        labels=_SHOP | {"ip_family": "ip6"},
    ),
    "KunProbeSlow": Case(
        (
            Series(f"probe_duration_seconds{{{_labels('cart')}}}", 1.95, 2.25),
            _probe("cart", "ip4", 1, 1),
            Series(f"probe_duration_seconds{{{_labels('gone')}}}", 9.5),
            _probe("gone", "ip4", 0, 0),
        ),
        value=2.25,
        labels=_SHOP | {"module": "http"},
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
        window=12,
    ),
}
