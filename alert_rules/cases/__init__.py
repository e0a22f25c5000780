"""The unit tests' series, a file for each observed system as in kunobs.catalogue.signals; monitoring has Prometheus and Alertmanager."""

from __future__ import annotations

from collections.abc import Mapping

from alert_rules.case import Case
from alert_rules.cases import (
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
    monitoring,
    network,
    noc,
    node,
    operators,
    pipeline,
    probes,
    redis,
    registry,
    tenancy,
    workloads,
)

CASES: Mapping[str, Case] = {
    **apiserver.CASES,
    **bgp.CASES,
    **calico.CASES,
    **ceph.CASES,
    **ci.CASES,
    **controlplane.CASES,
    **dns.CASES,
    **elasticsearch.CASES,
    **etcd.CASES,
    **exporters.CASES,
    **istio.CASES,
    **kafka.CASES,
    **kubelet.CASES,
    **kubeproxy.CASES,
    **logs.CASES,
    **monitoring.CASES,
    **network.CASES,
    **noc.CASES,
    **node.CASES,
    **operators.CASES,
    **pipeline.CASES,
    **probes.CASES,
    **redis.CASES,
    **registry.CASES,
    **tenancy.CASES,
    **workloads.CASES,
}
