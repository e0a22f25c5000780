"""What is generated as Kubernetes objects, as Kubernetes and the operators read it; what is generated as rules, as promtool does."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from kunobs.config.load import load_text
from kunobs.config.monitoring import MonitoringConfig
from kunobs.generate.alertmanager import alertmanager_files
from kunobs.generate.blackbox import blackbox_files
from kunobs.generate.files import write
from kunobs.generate.manifests import alertmanager_manifests, blackbox_manifests, prometheus_manifests
from kunobs.generate.prometheus import prometheus_files
from kunobs.generate.tenants.build import build
from kunobs.generate.tenants.read import texts
from kunobs.generate.tenants.rules import Wanted
from tests.kubernetes_schemas import FOLDER, mistakes
from tests.platform.conftest import need
from tests.platform.prometheus import DEBIAN, NEWEST, tool
from tests.tenant_files import PAYMENTS

pytestmark = pytest.mark.platform
CONFIG = load_text(
    """
version: 1
monitoring:
  cluster: eu-1
  alertmanagers: ["am-0:9093", "[2001:db8::1]:9093"]
  relays: [https://noc-0.example.com, https://noc-1.example.com]
  tenants: {files: /etc/prometheus/tenants, shards: 2}
  manifests: {cluster_dns: [10.96.0.10]}
""",
    sections=("monitoring",),
).monitoring


def documents(folder: Path) -> dict[str, dict[str, Any]]:
    """Every object below a folder by its file; kustomize's own files are no objects."""
    found = {str(path.relative_to(folder)): YAML(typ="safe").load(path) for path in sorted(folder.rglob("*.yaml"))}
    return {name: one for name, one in found.items() if "apiVersion" in one and one["kind"] != "Kustomization"}


def resources(folder: Path) -> set[str]:
    """Files that the kustomization of a folder names."""
    named: list[str] = YAML(typ="safe").load(folder / "kustomization.yaml")["resources"]
    return set(named)


@pytest.fixture
def tenants(tmp_path: Path) -> Path:
    """What is generated for two of them."""
    source = tmp_path / "tenants"
    source.mkdir()
    (source / "payments.yaml").write_text(PAYMENTS)
    (source / ("a" * 63 + ".yaml")).write_text("owner: group:team-a\n")
    found, wrong = texts(source)
    out = tmp_path / "out"
    built = build(out, found, wrong, CONFIG, Wanted("https://grafana.example.com"))
    assert not built.wrong
    write(out, built.files, built.kept)
    return out


def test_operators_take_every_object_of_a_tenant(tenants: Path) -> None:
    """No field that they would drop, none that is missing; and each is in its kustomization."""
    need(FOLDER.exists(), "needs the schemas of Kubernetes: make test-platform gets them")
    for namespace in ("payments", "a" * 63):
        folder = tenants / "operator" / namespace
        found = documents(folder)
        assert found.keys() == resources(folder)
        for name, one in found.items():
            assert mistakes(one) == [], name
            assert one["metadata"]["namespace"] == namespace
    kinds = {one["kind"] for one in documents(tenants / "operator" / "payments").values()}
    assert kinds == {
        "PodMonitor", "Probe", "PrometheusRule", "AlertmanagerConfig", "GrafanaFolder", "GrafanaDashboard", "Role", "RoleBinding",
        "ResourceQuota",
    }  # fmt: skip


def test_the_check_of_objects_can_fail() -> None:
    """A misspelt field, a missing one, a wrong type, a value out of range, an unknown kind."""
    need(FOLDER.exists(), "needs the schemas of Kubernetes: make test-platform gets them")
    good = {
        "apiVersion": "monitoring.coreos.com/v1", "kind": "PodMonitor", "metadata": {"name": "x"},
        "spec": {"selector": {}, "podMetricsEndpoints": [{"port": "metrics", "interval": "30s"}]},
    }  # fmt: skip
    assert mistakes(good) == []
    assert mistakes(good | {"spec": good["spec"] | {"sampleLimits": 1}}) == ["PodMonitor.spec.sampleLimits is no field"]  # type: ignore[operator]
    assert mistakes(good | {"spec": {"podMetricsEndpoints": []}}) == ["PodMonitor.spec lacks selector"]
    assert "matches" not in mistakes(good)
    bad = {"selector": {}, "podMetricsEndpoints": [{"port": 1, "interval": "soon"}]}
    assert len(mistakes(good | {"spec": bad})) == 2
    assert mistakes(good | {"kind": "PodMonitors"}) != []
    assert mistakes(good | {"metadata": {"nam": "x"}}) == ["PodMonitor.metadata.nam is no field"]


@pytest.mark.parametrize("version", [DEBIAN, NEWEST])
def test_promtool_takes_the_rules_of_a_tenant(version: str, tenants: Path) -> None:
    """Both versions, without a word."""
    rules = [tenants / "rules" / f"{name}.yaml" for name in ("payments", "a" * 63)]
    done = subprocess.run(
        [tool("promtool", version), "check", "rules", *rules], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCESS: 13 rules found" in done.stdout


def test_kubernetes_takes_prometheus_alertmanager_and_prober(tmp_path: Path) -> None:
    """Their objects, and each file that a ConfigMap is made of is there."""
    need(FOLDER.exists(), "needs the schemas of Kubernetes: make test-platform gets them")
    parts = {
        "prometheus": prometheus_files(CONFIG) | prometheus_manifests(CONFIG),
        "alertmanager": alertmanager_files(CONFIG) | alertmanager_manifests(CONFIG),
        "blackbox": blackbox_files() | blackbox_manifests(CONFIG),
    }
    for part, files in parts.items():
        folder = tmp_path / part
        write(folder, files)
        found = documents(folder)
        assert found.keys() == resources(folder)
        for name, one in found.items():
            assert mistakes(one) == [], name
        made = YAML(typ="safe").load(folder / "kustomization.yaml")["configMapGenerator"]
        for one in made:
            for file in one["files"]:
                assert (folder / file.partition("=")[2]).exists() or (folder / file).exists()
        mounted = {
            volume["configMap"]["name"]
            for one in found.values() if one["kind"] in ("Deployment", "StatefulSet")
            for volume in one["spec"]["template"]["spec"]["volumes"] if "configMap" in volume
        }  # fmt: skip
        assert mounted - {"kunobs-rules"} == {one["name"] for one in made}


def test_every_tenant_is_in_one_shard() -> None:
    """All shards' jobs ask for another remainder of the namespace; the platform's pair has no tenants then."""
    files = prometheus_files(CONFIG)
    seen = []
    for name, text in files.items():
        if not name.endswith(".yml"):
            continue
        jobs = {one["job_name"]: one for one in YAML(typ="safe").load(text)["scrape_configs"]}
        if "tenants" not in name:
            assert not {"tenants", "tenants-probes"} & jobs.keys()
            assert {"prometheus", "prometheus-tenants-0", "prometheus-tenants-1"} <= jobs.keys()
            continue
        assert jobs.keys() == {"tenants", "tenants-probes"}
        for job in jobs.values():
            rules = job["relabel_configs"]
            assert next(one["modulus"] for one in rules if one.get("action") == "hashmod") == 2
            seen.append(next(one["regex"] for one in rules if one.get("source_labels") == ["__tmp_shard"]))
    assert sorted(seen) == ["0"] * 4 + ["1"] * 4


def test_pods_that_have_ended_are_no_targets() -> None:
    """Wherever pods are found by themselves; an evicted one would be a target that is down for days."""
    jobs = YAML(typ="safe").load(prometheus_files(MonitoringConfig())["prometheus-a.yml"])["scrape_configs"]
    found = [one for one in jobs if {"role": "pod"} in one.get("kubernetes_sd_configs", ())]
    assert {"etcd", "tenants"} <= {one["job_name"] for one in found}
    for one in found:
        ended = {"source_labels": ["__meta_kubernetes_pod_phase"], "regex": "Succeeded|Failed", "action": "drop"}
        assert ended in one["relabel_configs"], one["job_name"]


def test_without_shards_the_pair_has_the_tenants() -> None:
    """And without a folder of files none of their rules and probes."""
    jobs = [
        one["job_name"]
        for one in YAML(typ="safe").load(prometheus_files(MonitoringConfig())["prometheus-a.yml"])["scrape_configs"]
    ]
    assert "tenants" in jobs
    assert "tenants-probes" not in jobs


@pytest.mark.parametrize("version", [DEBIAN, NEWEST])
def test_a_tenants_alerts_fire_for_it_and_nobody_else(version: str, tenants: Path, tmp_path: Path) -> None:
    """2 % of its requests fail; all of another's do, and a queue of another is long: its rules do not see them."""
    series = [
        ('http_requests_total{app="api",namespace="payments",code="500"}', "0+2x180"),
        ('http_requests_total{app="api",namespace="payments",code="200"}', "0+98x180"),
        ('http_requests_total{app="web",namespace="payments",code="500"}', "0+900x180"),
        ('http_requests_total{app="api",namespace="shop",code="500"}', "0+900x180"),
        ('queue_length{queue="mail",namespace="payments"}', "1001x180"),
        ('queue_length{queue="mail",namespace="shop"}', "5000x180"),
        ('queue_length{queue="sms",namespace="shop"}', "5000x180"),
    ]
    common = {"component": "tenant", "owner": "tenant", "namespace": "payments"}
    link = {"dashboard_url": "https://grafana.example.com/d/kun-home-payments"}
    fired = {"exp_labels": common | {"severity": "warning", "queue": "mail"},
             "exp_annotations": link | {"summary": "Queue mail holds 1.001k", "summary_zh": "队列 mail 积压 1.001k"}}  # fmt: skip
    burn = {
        "exp_labels": common | {"severity": "critical"},
        "exp_annotations": link
        | {
            "summary": "Too much of api fails",
            "description": "2% failed in the last 1h: more than 14.4 times what the target of 99.90% allows.",
            "impact": "The error budget of this objective is used up too early.",
            "summary_zh": "api 的失败太多",
            "description_zh": "过去 1h 有 2% 失败，是目标 99.90% 所允许的 14.4 倍以上。",
            "impact_zh": "这个目标的误差预算会提前用完。",
        },
    }
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series],
        "alert_rule_test": [
            {"eval_time": "9m", "alertname": "QueueGrows", "exp_alerts": []},
            {"eval_time": "11m", "alertname": "QueueGrows", "exp_alerts": [fired]},
            {"eval_time": "90m", "alertname": "SloApiBurnFast", "exp_alerts": [burn]},
        ],
    }
    rules = str(tenants / "rules" / "payments.yaml")
    (tmp_path / "test.json").write_text(
        json.dumps({"rule_files": [rules], "evaluation_interval": "1m", "tests": [test]})
    )
    done = subprocess.run(
        [tool("promtool", version), "test", "rules", tmp_path / "test.json"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
