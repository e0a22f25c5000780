"""Calico's Felix, one on each node: it programs policies and routes."""

from __future__ import annotations

from kunobs.catalogue.third_party.declare import declared

_SOURCE = "github.com/projectcalico/calico@v3.31.6:felix"
_made = declared(f"{_SOURCE}/dataplane/linux/int_dataplane.go")
_calc = declared(f"{_SOURCE}/calc/async_calc_graph.go")
_ipsets = declared(f"{_SOURCE}/ipsets/ipset_defs.go")
_iptables = declared(f"{_SOURCE}/iptables/table.go")
_nftables = declared(f"{_SOURCE}/nftables/table.go")

METRICS = (
    _made("felix_int_dataplane_failures", "counter", "Updates of the dataplane that failed and will be tried again."),
    _made(
        "felix_int_dataplane_apply_time_seconds", "summary", "How long updates of the dataplane took.", unit="seconds"
    ),
    _calc("felix_resync_state", "gauge", "1 waits for the datastore, 2 resyncs, 3 is in sync."),
    _ipsets("felix_ipset_errors", "counter", "Commands of ipset that failed."),
    _iptables("felix_iptables_restore_errors", "counter", "Calls of iptables-restore that failed."),
    _nftables("felix_nft_errors", "counter", "Transactions of nftables that failed."),
)
