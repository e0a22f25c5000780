"""Every alert, one file per observed system; nothing is scanned: a new file gets a line in `SIGNALS`.

Alerts of kunobs.catalogue.planned are among them as soon as their metrics are known.
"""

from __future__ import annotations

from collections.abc import Mapping

from kunobs.catalogue.known import KNOWN
from kunobs.catalogue.planned import ready
from kunobs.catalogue.signal import Recording, Signal
from kunobs.catalogue.signals import (
    alertmanager,
    apiserver,
    bgp,
    calico,
    ceph,
    ci,
    controlplane,
    dns,
    elasticsearch,
    etcd,
    exporters,
    istio,
    kafka,
    kubelet,
    kubeproxy,
    logs,
    network,
    nfs,
    noc,
    node,
    operators,
    pipeline,
    probes,
    prometheus,
    redis,
    registry,
    slo,
    tenancy,
    workloads,
)

SIGNALS: Mapping[str, tuple[Signal, ...]] = {
    "slo": slo.SIGNALS,
    "pipeline": pipeline.SIGNALS,
    "logs": logs.SIGNALS,
    "kafka": kafka.SIGNALS,
    "elasticsearch": elasticsearch.SIGNALS,
    "noc": noc.SIGNALS,
    "exporters": exporters.SIGNALS,
    "registry": registry.SIGNALS,
    "redis": redis.SIGNALS,
    "ci": ci.SIGNALS,
    "tenancy": tenancy.SIGNALS,
    "workloads": workloads.SIGNALS,
    "operators": operators.SIGNALS,
    "node": node.SIGNALS,
    "network": network.SIGNALS,
    "kubeproxy": kubeproxy.SIGNALS,
    "calico": calico.SIGNALS,
    "bgp": bgp.SIGNALS,
    "dns": dns.SIGNALS,
    "probes": probes.SIGNALS,
    "istio": istio.SIGNALS,
    "nfs": nfs.SIGNALS,
    "ceph": ceph.SIGNALS,
    "etcd": etcd.SIGNALS,
    "apiserver": apiserver.SIGNALS,
    "controlplane": controlplane.SIGNALS,
    "kubelet": kubelet.SIGNALS,
    "prometheus": prometheus.SIGNALS,
    "alertmanager": alertmanager.SIGNALS,
    **ready(KNOWN),
}
RECORDINGS: Mapping[str, tuple[Recording, ...]] = {"slo": slo.RECORDINGS}
