"""Cases of kunobs.catalogue.signals.network."""

from __future__ import annotations

from alert_rules.case import Case, Series

_NODE = {"instance": "node-1:9100"}
_AT = 'instance="node-1:9100"'
_SERVICE = 'local_address="10.96.0.10",local_port="53",proto="UDP",local_mark=""'


def _events(metric: str, labels: str = "", seconds: int = 1) -> Case:
    """What may happen once a second, counted over so many; node_exporter says of some that they are gauges."""
    return Case(
        (
            Series(f"{metric}{{{_AT}{labels}}}", 0.96, 1.2),
            Series(f'{metric}{{instance="node-2:9100"{labels}}}', 0),
        ),
        value=1.2 * seconds,
        labels=_NODE,
        counters=(metric,),
    )


def _backend(node: int, backend: int, silent: float, fires: float) -> Series:
    return Series(
        f'node_ipvs_backend_weight{{instance="node-{node}:9100",{_SERVICE}'
        f',remote_address="10.244.0.{backend}",remote_port="53"}}',
        silent,
        fires,
    )


CASES = {
    "KunConntrackNearLimit": Case(
        (
            Series(f"node_nf_conntrack_entries_limit{{{_AT}}}", 1000),
            Series(f"node_nf_conntrack_entries{{{_AT}}}", 890, 920),
            Series('node_nf_conntrack_entries_limit{instance="node-2:9100"}', 10000),
            Series('node_nf_conntrack_entries{instance="node-2:9100"}', 920),
        ),
        value=0.92,
        labels=_NODE,
    ),
    "KunConntrackDrops": _events("node_nf_conntrack_stat_drop", seconds=300),
    "KunConntrackInsertFailed": _events("node_nf_conntrack_stat_insert_failed", seconds=300),
    "KunIPVSNoBackends": Case(
        (
            _backend(1, 1, 0, 0),
            _backend(1, 2, 1, 0),
            _backend(2, 1, 0, 0),
            _backend(2, 2, 0, 0),
            Series(
                'node_ipvs_backend_weight{instance="node-1:9100",local_address="10.96.0.11",local_port="80",proto="TCP"'
                ',local_mark="",remote_address="10.244.0.9",remote_port="80"}',
                1,
            ),
        ),
        value=0,
        labels={"local_address": "10.96.0.10", "local_port": "53", "proto": "UDP"},
    ),
    "KunTunnelErrors": Case(
        (
            Series(f'node_network_transmit_errs_total{{{_AT},device="sit0"}}', 0.6, 0.8),
            Series(f'node_network_receive_errs_total{{{_AT},device="sit0"}}', 0.36, 0.4),
            Series(f'node_network_transmit_errs_total{{{_AT},device="eth0"}}', 5),
            Series(f'node_network_receive_errs_total{{{_AT},device="eth0"}}', 5),
        ),
        value=1.2,
        labels=_NODE | {"device": "sit0"},
    ),
    "KunTunnelSilent": Case(
        (
            Series(f'node_network_receive_packets_total{{{_AT},device="sit0"}}', 12, 0),
            Series(f'node_network_receive_packets_total{{{_AT},device="eth0"}}', 12, 0),
            Series(f'node_network_receive_packets_total{{{_AT},device="vxlan.calico"}}', 12, 0),
            Series('node_network_receive_packets_total{instance="node-2:9100",device="sit0"}', 0),
        ),
        value=0,
        labels=_NODE | {"device": "sit0"},
        window=15,
    ),
    "KunSoftnetDrops": _events("node_softnet_dropped_total", ',cpu="0"'),
    "KunTCPListenOverflows": _events("node_netstat_TcpExt_ListenOverflows"),
    "KunTCPRetransmits": Case(
        (
            Series(f"node_netstat_Tcp_OutSegs{{{_AT}}}", 1000),
            Series(f"node_netstat_Tcp_RetransSegs{{{_AT}}}", 48, 56),
            Series('node_netstat_Tcp_OutSegs{instance="node-2:9100"}', 95),
            Series('node_netstat_Tcp_RetransSegs{instance="node-2:9100"}', 50),
        ),
        value=0.056,
        labels=_NODE,
        counters=("node_netstat_Tcp_OutSegs", "node_netstat_Tcp_RetransSegs"),
    ),
}
