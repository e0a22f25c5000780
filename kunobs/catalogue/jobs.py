"""Jobs of Prometheus: which programs each scrapes. Alerts and scrape configurations use these names and no others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Service:
    """Found behind a Service: its name, and the name of its port."""

    name: str
    port: str = "metrics"


@dataclass(frozen=True, slots=True)
class Nodes:
    """Found on every node, at a port of the node."""

    port: int


@dataclass(frozen=True, slots=True)
class Pods:
    """Found by a label of its pods, at a port of the pod."""

    label: str
    value: str
    port: int


@dataclass(frozen=True, slots=True)
class Job:
    """A job: the systems and programs of the catalogue whose metrics its targets have, and how Kubernetes finds them."""

    programs: tuple[str, ...]
    found: Service | Nodes | Pods | None = None
    https: bool = False
    path: str = "/metrics"
    why: str = ""
    """Why it is not found by itself."""


_OWN = ("process", "server")
JOBS: Mapping[str, Job] = {
    "kunobs-fanout": Job((*_OWN, "fanout"), Service("kunobs-fanout")),
    "kunobs-indexer": Job((*_OWN, "indexer"), Service("kunobs-indexer")),
    "kunobs-noc": Job((*_OWN, "noc"), why="it runs outside the cluster"),
    "kunobs-exporter": Job((*_OWN, "exporter", "kafka", "logs", "registry", "redis", "ci"), Service("kunobs-exporter")),
    "prometheus": Job(("prometheus",), Service("prometheus", "web")),
    "alertmanager": Job(("alertmanager",), Service("alertmanager", "web")),
    "node": Job(("node_exporter",), Service("node-exporter")),
    "blackbox": Job((), Service("blackbox-exporter", "http")),
    "redis": Job(("redis_exporter",), Service("redis-exporter")),
    "elasticsearch": Job(("elasticsearch_exporter",), Service("elasticsearch-exporter")),
    "registry": Job(("docker_registry",), Service("registry", "debug")),
    "gitlab-runner": Job(("gitlab_runner",), Service("gitlab-runner")),
    "etcd": Job(("etcd",), Pods("component", "etcd", 2381)),
    "apiserver": Job(("kube_apiserver",), Service("kubernetes", "https"), https=True),
    "kube-scheduler": Job(("kube_scheduler",), Pods("component", "kube-scheduler", 10259), https=True),
    "kube-controller-manager": Job(
        ("kube_controller_manager",), Pods("component", "kube-controller-manager", 10257), https=True
    ),
    "kubelet": Job(("kubelet",), Nodes(10250), https=True),
    "kube-proxy": Job(("kube_proxy",), Pods("k8s-app", "kube-proxy", 10249)),
    "kube-state-metrics": Job(("kube_state_metrics",), Service("kube-state-metrics", "http-metrics")),
    "operators": Job(("controller_runtime",), Pods("kunobs.io/operator", "true", 8080)),
    "coredns": Job(("coredns",), Service("kube-dns")),
    "calico-felix": Job(("felix",), Pods("k8s-app", "calico-node", 9091)),
    "calico-typha": Job(("typha",), Pods("k8s-app", "calico-typha", 9093)),
    "calico-kube-controllers": Job(("calico_ipam",), Pods("k8s-app", "calico-kube-controllers", 9094)),
    "bgp": Job(("bird_exporter", "gobgpd"), Service("bgp-exporter")),
    "ceph": Job(("ceph_mgr",), Service("rook-ceph-mgr", "http-metrics")),
    "istiod": Job(("istio",), Pods("app", "istiod", 15014)),
    "istio-proxy": Job((), Pods("security.istio.io/tlsMode", "istio", 15020), path="/stats/prometheus"),
    "probes": Job(("blackbox_exporter",), why="`kunobs probes` lists its targets"),
}


# Systems that share a dashboard with another one.
_BOARDS = {
    "kubeproxy": "network",
    "controlplane": "apiserver",
    "operators": "workloads",
    "prometheus": "monitoring",
    "alertmanager": "monitoring",
}


def board_of(system: str) -> str:
    """The uid of the dashboard that has a panel for each alert of a system."""
    return f"kun-{_BOARDS.get(system, system)}"


def job_of(program: str) -> str:
    """The job whose targets have a program's metrics; empty when there is none."""
    return next((name for name, job in JOBS.items() if program in job.programs), "")
