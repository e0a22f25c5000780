"""NAT64 gateways: what `jool stats`, `jool pool4` and `jool bib` say of each instance. Jool has no limit of sessions, only of ports."""

from __future__ import annotations

from functools import partial

from kunobs.catalogue.signal import Signal, Text
from kunobs.catalogue.types import Label, MetricSpec

_planned = partial(MetricSpec, origin="planned")
# `name` is that of Jool's instance on the machine.
_ONE = (Label("gateway"), Label("name"))
_PROTOCOL = (*_ONE, Label("protocol", ("tcp", "udp", "icmp")))

METRICS = (
    _planned(
        "kunobs_nat64_up",
        "gauge",
        "1 when Jool's instance answered; 0 when it did not, and then it has no other metric.",
        labels=_ONE,
    ),
    _planned("kunobs_nat64_sessions", "gauge", "Sessions in its table (JSTAT_SESSIONS).", labels=_ONE),
    _planned("kunobs_nat64_bib_entries", "gauge", "Entries of its BIB (JSTAT_BIB_ENTRIES).", labels=_ONE),
    _planned(
        "kunobs_nat64_pool4_ports", "gauge", "Ports of all addresses of pool4; for ICMP, identifiers.", labels=_PROTOCOL
    ),
    _planned(
        "kunobs_nat64_pool4_ports_used",
        "gauge",
        "Those that an entry of the BIB holds, whatever number of sessions it has.",
        labels=_PROTOCOL,
    ),
    _planned(
        "kunobs_nat64_packets_received_total",
        "counter",
        "Packets that came to the instance (JSTAT_RECEIVED6, JSTAT_RECEIVED4).",
        labels=(*_ONE, Label("ip_family", ("ip4", "ip6"))),
    ),
    _planned(
        "kunobs_nat64_packets_translated_total", "counter", "Packets that it translated (JSTAT_SUCCESS).", labels=_ONE
    ),
    _planned(
        "kunobs_nat64_failures_total",
        "counter",
        "Packets that it did not translate, by Jool's name of the reason in lower case and without JSTAT; some of them are none of its.",
        labels=(*_ONE, Label("reason")),
    ),
)

# Of the reasons, those that a client is the victim of; the others are packets that are not to be translated.
_LOST = (
    "bib6_not_found|mask_domain_not_found|enomem|xlator_disabled|pool6_unset|so_full|failed_routes|dst_output|unknown"
)
_RECEIVED = "sum by (gateway, name) (rate(kunobs_nat64_packets_received_total[5m]))"

SIGNALS = (
    Signal(
        alert="KunNAT64Down",
        severity="warning",
        expr="min by (gateway, name) (kunobs_nat64_up)",
        comparison="==",
        threshold=0,
        wait="2m",
        title=Text("网关 {gateway} 上的 NAT64 {name} 没有了", "NAT64 {name} on gateway {gateway} is gone"),
        description=Text("Jool 的实例没有应答。", "Jool's instance does not answer."),
        impact=Text(
            "走这个网关的 IPv6 Pod 连不上 IPv4；其他网关要替它承担。",
            "IPv6 pods reach no IPv4 through this gateway; the others must carry its share.",
        ),
        action=Text(
            "在网关上 lsmod | grep jool 和 jool instance display；没有就 systemctl restart jool。",
            "Run lsmod | grep jool and jool instance display on the gateway; if it is not there, systemctl restart jool.",
        ),
    ),
    Signal(
        alert="KunNAT64PoolExhausted",
        severity="critical",
        expr=(
            "sum by (gateway, name, protocol) (kunobs_nat64_pool4_ports_used)"
            " / sum by (gateway, name, protocol) (kunobs_nat64_pool4_ports)"
        ),
        comparison=">",
        threshold=0.9,
        unit="ratio",
        wait="5m",
        keep="5m",
        title=Text(
            "NAT64 网关 {gateway} 的 {protocol} 端口将用完", "NAT64 gateway {gateway} runs out of {protocol} ports"
        ),
        description=Text("{name} 的 pool4 已用 {value}。", "{value} of pool4 of {name} is in use."),
        impact=Text(
            "用完后经它的新连接全部失败，已有的照常。",
            "Once they are used up all new connections through it fail; others go on.",
        ),
        action=Text(
            "jool pool4 add 加一段地址或端口，再用 jool bib display 找出占得最多的源地址。",
            "Add addresses or ports with jool pool4 add, then find the largest source with jool bib display.",
        ),
    ),
    Signal(
        alert="KunNAT64Failures",
        severity="warning",
        expr=(f'sum by (gateway, name) (rate(kunobs_nat64_failures_total{{reason=~"{_LOST}"}}[5m])) / {_RECEIVED}'),
        comparison=">",
        threshold=0.01,
        unit="ratio",
        guard=f"and on (gateway, name) {_RECEIVED} > 10",
        wait="10m",
        title=Text("NAT64 网关 {gateway} 翻译失败", "NAT64 gateway {gateway} fails to translate"),
        description=Text("{name} 收到的包里 {value} 没有译出。", "{name} did not translate {value} of what came."),
        impact=Text("经它的连接时断时续，或连不上。", "Connections through it stall, or are not made at all."),
        action=Text(
            "在网关上 jool stats display --explain 看是哪一种。",
            "See which kind it is: jool stats display --explain on the gateway.",
        ),
    ),
)
