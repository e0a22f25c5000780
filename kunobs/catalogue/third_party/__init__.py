"""The metrics of other programs that our rules and dashboards query, one file per program, each with its evidence.

`evidence` is a file of `kunobs/catalogue/evidence/`, scraped from the real program and cut down to these families, or a
source file at a version: `github.com/OWNER/NAME@VERSION:PATH`. A metric with neither does not ship.
"""

from __future__ import annotations

from collections.abc import Mapping

from kunobs.catalogue.third_party import (
    alertmanager,
    blackbox_exporter,
    calico_ipam,
    ceph_mgr,
    controller_runtime,
    coredns,
    docker_registry,
    elasticsearch_exporter,
    etcd,
    felix,
    gitlab_runner,
    gobgpd,
    istio,
    kube_apiserver,
    kube_controller_manager,
    kube_proxy,
    kube_scheduler,
    kube_state_metrics,
    kubelet,
    node_exporter,
    prometheus,
    redis_exporter,
    typha,
)
from kunobs.catalogue.types import MetricSpec

THIRD_PARTY: Mapping[str, tuple[MetricSpec, ...]] = {
    "alertmanager": alertmanager.METRICS,
    "blackbox_exporter": blackbox_exporter.METRICS,
    "calico_ipam": calico_ipam.METRICS,
    "ceph_mgr": ceph_mgr.METRICS,
    "controller_runtime": controller_runtime.METRICS,
    "coredns": coredns.METRICS,
    "docker_registry": docker_registry.METRICS,
    "elasticsearch_exporter": elasticsearch_exporter.METRICS,
    "etcd": etcd.METRICS,
    "felix": felix.METRICS,
    "gitlab_runner": gitlab_runner.METRICS,
    "gobgpd": gobgpd.METRICS,
    "istio": istio.METRICS,
    "kube_apiserver": kube_apiserver.METRICS,
    "kube_controller_manager": kube_controller_manager.METRICS,
    "kube_proxy": kube_proxy.METRICS,
    "kube_scheduler": kube_scheduler.METRICS,
    "kube_state_metrics": kube_state_metrics.METRICS,
    "kubelet": kubelet.METRICS,
    "node_exporter": node_exporter.METRICS,
    "prometheus": prometheus.METRICS,
    "redis_exporter": redis_exporter.METRICS,
    "typha": typha.METRICS,
}
