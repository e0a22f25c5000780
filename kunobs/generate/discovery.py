"""Scrape configurations: a job's targets by address, or how Kubernetes finds them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from kunobs.catalogue.jobs import JOBS, Job, Nodes, Pods, Service
from kunobs.config.monitoring import MonitoringConfig
from kunobs.generate.tenants.jobs import GONE, tenants_jobs, through_blackbox

_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
_META = "__meta_kubernetes_"
# Targets know the tenant by these; a tenant's own labels of the same names are renamed by Prometheus to exported_….
_KEPT = (
    {"source_labels": [f"{_META}namespace"], "target_label": "namespace"},
    {"source_labels": [f"{_META}pod_name"], "target_label": "pod"},
)


def scrape_configs(config: MonitoringConfig, shard: int | None = None) -> Iterator[dict[str, Any]]:
    """Of every job that has targets; of a shard those of the tenants that it has."""
    if shard is not None:
        yield from tenants_jobs(config, shard)
        return
    for name, job in {**JOBS, **_shards(config)}.items():
        targets = config.targets.get(name, ())
        if targets:
            yield _base(name, job) | {"static_configs": [{"targets": list(targets)}]}
        elif config.kubernetes and job.found is not None:
            yield _base(name, job) | _found(job.found)
    if config.probes:
        yield _probes(config)
    if not config.tenants.shards:
        yield from tenants_jobs(config, None)


def _shards(config: MonitoringConfig) -> dict[str, Job]:
    """Each pair that takes tenants is a job of its own, for only the two of a pair are alike."""
    names = (f"prometheus-tenants-{shard}" for shard in range(config.tenants.shards))
    return {name: replace(JOBS["prometheus"], found=Service(name, "web")) for name in names}


def _base(name: str, job: Job) -> dict[str, Any]:
    made: dict[str, Any] = {"job_name": name}
    if job.path != "/metrics":
        made["metrics_path"] = job.path
    if job.https:
        made |= {
            "scheme": "https",
            "tls_config": {"ca_file": f"{_ACCOUNT}/ca.crt", "insecure_skip_verify": True},
            "authorization": {"credentials_file": f"{_ACCOUNT}/token"},
        }
    if job.programs and job.programs[-1] in ("ci", "kube_state_metrics"):
        # Their `namespace` is the one they speak of, not the one they run in.
        made["honor_labels"] = True
    return made


def _found(found: Service | Nodes | Pods) -> dict[str, Any]:
    if isinstance(found, Nodes):
        relabel = [
            {"source_labels": [f"{_META}node_address_InternalIP"], "regex": "(.+)", "target_label": "__address__",
             "replacement": f"$1:{found.port}"},
            {"source_labels": [f"{_META}node_name"], "target_label": "node"},
        ]  # fmt: skip
        return {"kubernetes_sd_configs": [{"role": "node"}], "relabel_configs": relabel}
    if isinstance(found, Pods):
        label = f"{_META}pod_label_{_safe(found.label)}"
        relabel = [
            {"source_labels": [label], "regex": found.value, "action": "keep"},
            GONE,
            # A pod is found once for each of its ports.
            {"source_labels": [f"{_META}pod_container_init"], "regex": "true", "action": "drop"},
            {"source_labels": [f"{_META}pod_ip"], "regex": "([^:]+)", "target_label": "__address__",
             "replacement": f"$1:{found.port}"},
            {"source_labels": [f"{_META}pod_ip"], "regex": "(.+:.+)", "target_label": "__address__",
             "replacement": f"[$1]:{found.port}"},
            *_KEPT,
        ]  # fmt: skip
        return {"kubernetes_sd_configs": [{"role": "pod"}], "relabel_configs": relabel}
    relabel = [
        {"source_labels": [f"{_META}service_name", f"{_META}endpoint_port_name"], "regex": f"{found.name};{found.port}",
         "action": "keep"},
        *_KEPT,
    ]  # fmt: skip
    return {"kubernetes_sd_configs": [{"role": "endpoints"}], "relabel_configs": relabel}


def _probes(config: MonitoringConfig) -> dict[str, Any]:
    """`kunobs probes` says what is probed and how often; the blackbox_exporter does it."""
    return {
        "job_name": "probes",
        "metrics_path": "/probe",
        "http_sd_configs": [{"url": f"{config.probes.rstrip('/')}/http_sd", "refresh_interval": "30s"}],
        "relabel_configs": through_blackbox(config),
    }


def _safe(name: str) -> str:
    """A label of Kubernetes as Prometheus names it."""
    return "".join(c if c.isalnum() else "_" for c in name)
