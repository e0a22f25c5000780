"""The jobs of Prometheus that take the tenants' targets: pods that ask for it by annotation, and the probes of their files."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import groupby
from typing import Any

import promql_parser as promql

from alert_rules.promql import selectors
from kunobs.catalogue.known import KNOWN
from kunobs.catalogue.signals import RECORDINGS, SIGNALS
from kunobs.config.monitoring import MonitoringConfig

_META = "__meta_kubernetes_"
# A pod that has ended, or was evicted, is there for long and answers nobody.
GONE = {"source_labels": [f"{_META}pod_phase"], "regex": "Succeeded|Failed", "action": "drop"}
_PARTS = ("_bucket", "_sum", "_count")
# What every program has of itself; the platform's rules ask for them by job.
_EVERYBODYS = ("process_", "go_", "python_", "scrape_", "up", "ALERTS")


def tenants_jobs(config: MonitoringConfig, shard: int | None) -> Iterator[dict[str, Any]]:
    """Jobs `tenants` and `tenants-probes`; of a shard only the namespaces that it has."""
    if config.kubernetes:
        yield _pods(config, shard)
    if config.tenants.files:
        yield _probes(config, shard)


def _pods(config: MonitoringConfig, shard: int | None) -> dict[str, Any]:
    """What a target brings too much is its own loss."""
    annotation = f"{_META}pod_annotation_kunobs_io_"
    limits = config.limits
    return {
        "job_name": "tenants",
        "sample_limit": limits.samples,
        "target_limit": limits.targets,
        "label_limit": limits.labels,
        "label_name_length_limit": limits.label_name_length,
        "label_value_length_limit": limits.label_value_length,
        "body_size_limit": f"{limits.body_size}B",
        "kubernetes_sd_configs": [{"role": "pod"}],
        "relabel_configs": [
            {"source_labels": [f"{annotation}scrape"], "regex": "true", "action": "keep"},
            GONE,
            *_sharded(config, shard, f"{_META}namespace"),
            {"source_labels": [f"{annotation}path"], "regex": "(/.*)", "target_label": "__metrics_path__"},
            {"source_labels": [f"{_META}pod_ip", f"{annotation}port"], "regex": "([^:;]+);([0-9]+)",
             "target_label": "__address__", "replacement": "$1:$2"},
            {"source_labels": [f"{_META}pod_ip", f"{annotation}port"], "regex": "([^;]+:[^;]+);([0-9]+)",
             "target_label": "__address__", "replacement": "[$1]:$2"},
            {"source_labels": [f"{_META}namespace"], "target_label": "namespace"},
            {"source_labels": [f"{_META}pod_name"], "target_label": "pod"},
        ],
        # A tenant cannot speak of another's namespace: what the target is labelled with wins. Nor can it speak as one of the
        # platform's programs: a pod that says ceph_health_status 2 would wake somebody.
        "honor_labels": False,
        "metric_relabel_configs": [
            {"source_labels": ["__name__"], "regex": f"({'|'.join(names)})", "target_label": "__name__",
             "replacement": "tenant_$1"}
            for _, names in groupby(reserved(), lambda name: name.replace(":", "_").partition("_")[0])
        ],
    }  # fmt: skip


def _probes(config: MonitoringConfig, shard: int | None) -> dict[str, Any]:
    """The probes that `kunobs generate tenants` wrote; their series are the job's that all probes are in."""
    return {
        "job_name": "tenants-probes",
        "metrics_path": "/probe",
        "sample_limit": 200,
        "file_sd_configs": [{"files": [f"{config.tenants.files}/probes/*.json"]}],
        "relabel_configs": [
            *_sharded(config, shard, "namespace"),
            *through_blackbox(config),
            {"target_label": "job", "replacement": "probes"},
        ],
    }


def through_blackbox(config: MonitoringConfig) -> list[dict[str, Any]]:
    """The address that was found is what is asked about; who is scraped is the prober."""
    return [
        {"source_labels": ["__address__"], "target_label": "__param_target"},
        {"source_labels": ["__param_target"], "target_label": "instance"},
        {"target_label": "__address__", "replacement": config.blackbox},
    ]


def _sharded(config: MonitoringConfig, shard: int | None, label: str) -> Iterator[dict[str, Any]]:
    """All of a namespace is in one shard, so that its rules see all of it."""
    if shard is None:
        return
    yield {
        "source_labels": [label], "modulus": config.tenants.shards, "target_label": "__tmp_shard", "action": "hashmod",
    }  # fmt: skip
    yield {"source_labels": ["__tmp_shard"], "regex": str(shard), "action": "keep"}


@cache
def reserved() -> tuple[str, ...]:
    """The names that the platform's alerts ask for without saying of which job; a tenant's series of that name gets `tenant_` before it."""
    found = set()
    for signals in SIGNALS.values():
        for signal in signals:
            for one in selectors(promql.parse(signal.query)):
                if not any(matcher.name == "job" for matcher in one.matchers.matchers):
                    found.add(one.name)
    found |= {one.record for recordings in RECORDINGS.values() for one in recordings}
    families = {_family(name) for name in found}
    return tuple(sorted(name for family in families for name in _series(family) if not name.startswith(_EVERYBODYS)))


def _family(name: str) -> str:
    for part in _PARTS:
        base = name.removesuffix(part)
        if base != name and base in KNOWN and KNOWN[base].type in ("histogram", "summary"):
            return base
    return name


def _series(family: str) -> Iterator[str]:
    yield family
    if family in KNOWN and KNOWN[family].type in ("histogram", "summary"):
        yield from (family + part for part in _PARTS)
