"""A tenant's monitoring as Kubernetes objects for prometheus-operator (monitoring.coreos.com) and grafana-operator v5.

Every object is in the tenant's namespace and named `kunobs-…`. Facts: the operators' CRDs, against which a test checks each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kunobs.config.monitoring import MonitoringConfig
from kunobs.config.quantities import format_duration
from kunobs.config.tenant import ProbeConfig, ScrapeConfig
from kunobs.generate.tenants.read import Tenant
from kunobs.names import tenant_dashboard

Object = dict[str, Any]
_CORE = "monitoring.coreos.com"
_GRAFANA = "grafana.integreatly.org"
# Objects of each kind that a namespace may hold, so that none fills etcd or the operators' loops.
_MOST = {
    f"podmonitors.{_CORE}": 50, f"servicemonitors.{_CORE}": 50, f"probes.{_CORE}": 150, f"prometheusrules.{_CORE}": 50,
    f"alertmanagerconfigs.{_CORE}": 5, f"scrapeconfigs.{_CORE}": 20, f"grafanadashboards.{_GRAFANA}": 100,
    f"grafanafolders.{_GRAFANA}": 10,
}  # fmt: skip
_VIEWED = {
    _CORE: ["alertmanagerconfigs", "podmonitors", "probes", "prometheusrules"],
    _GRAFANA: ["grafanadashboards", "grafanafolders"],
}


def objects(tenant: Tenant, groups: list[Object], config: MonitoringConfig) -> Iterator[Object]:
    """All but the dashboards; PrometheusRule only where there are rules."""
    for scrape in tenant.file.scrape:
        yield pod_monitor(tenant, scrape, config)
    for one in tenant.file.probes:
        for family in one.families:
            yield probe(tenant, one, family, config)
    if groups:
        yield _object(tenant, f"{_CORE}/v1", "PrometheusRule", "rules", {"groups": groups}, config.tenants.labels)
    if config.relays:
        yield alertmanager(tenant, config)
    yield _object(
        tenant, f"{_GRAFANA}/v1beta1", "GrafanaFolder", "folder",
        {"instanceSelector": {"matchLabels": dict(config.tenants.grafana)}, "title": tenant.namespace,
         "uid": tenant_dashboard(tenant.namespace, "folder")},
    )  # fmt: skip
    hard = {f"count/{kind}": str(most) for kind, most in _MOST.items()}
    yield _object(tenant, "v1", "ResourceQuota", "monitoring", {"hard": hard})
    yield from _rights(tenant)


def dashboard(tenant: Tenant, page: str, config: MonitoringConfig) -> Object:
    """A GrafanaDashboard without its `json`, which `manifest` puts in."""
    spec = {
        "instanceSelector": {"matchLabels": dict(config.tenants.grafana)},
        "uid": tenant_dashboard(tenant.namespace, page),
        "folderRef": "kunobs-folder",
        "resyncPeriod": "10m0s",
    }
    return _object(tenant, f"{_GRAFANA}/v1beta1", "GrafanaDashboard", page, spec)


def pod_monitor(tenant: Tenant, scrape: ScrapeConfig, config: MonitoringConfig) -> Object:
    """One scrape; over a limit it fails, and nobody else's does."""
    limits = config.limits
    endpoint = {
        "port": scrape.port,
        "path": scrape.path,
        "interval": format_duration(scrape.interval),
        "scrapeTimeout": format_duration(min(10.0, scrape.interval)),
        # What the target says of itself never wins over what is known of it.
        "honorLabels": False,
        "honorTimestamps": False,
    }
    spec = {
        "selector": {"matchLabels": dict(scrape.selector)},
        "podMetricsEndpoints": [endpoint],
        "sampleLimit": limits.samples,
        "targetLimit": limits.targets,
        "labelLimit": limits.labels,
        "labelNameLengthLimit": limits.label_name_length,
        "labelValueLengthLimit": limits.label_value_length,
    }
    return _object(tenant, f"{_CORE}/v1", "PodMonitor", scrape.name, spec, config.tenants.labels)


def probe(tenant: Tenant, one: ProbeConfig, family: str, config: MonitoringConfig) -> Object:
    """One address over one family."""
    spec = {
        "jobName": f"{tenant.namespace}/{one.name}",
        "prober": {"url": config.blackbox},
        "module": f"{one.module}_{family}",
        "interval": format_duration(one.interval),
        "scrapeTimeout": "10s",
        "targets": {"staticConfig": {"static": [one.target], "labels": probe_labels(tenant, one, family)}},
        "sampleLimit": 200,
        "targetLimit": 10,
    }
    return _object(tenant, f"{_CORE}/v1", "Probe", f"{one.name}-{family}", spec, config.tenants.labels)


def probe_labels(tenant: Tenant, one: ProbeConfig, family: str) -> dict[str, str]:
    """What a probe's series say of it, as the catalogue's signals expect them."""
    return {"namespace": tenant.namespace, "service": one.name, "module": one.module, "ip_family": family}


def alertmanager(tenant: Tenant, config: MonitoringConfig) -> Object:
    """All of the namespace's alerts to the relays; the token is in the Secret `kunobs-noc` of the namespace."""
    integration = tenant.file.integration or tenant.namespace
    hooks = [
        {
            "url": f"{relay}/v1/alertmanager/{integration}",
            "sendResolved": True,
            "httpConfig": {"authorization": {"type": "Bearer", "credentials": {"name": "kunobs-noc", "key": "token"}}},
        }
        for relay in config.relays
    ]
    route = {
        "receiver": "noc",
        "groupBy": ["alertname"],
        "groupWait": "15s",
        "groupInterval": "1m",
        "repeatInterval": "1h",
        "matchers": [{"name": "namespace", "value": tenant.namespace, "matchType": "="}],
    }
    spec = {"route": route, "receivers": [{"name": "noc", "webhookConfigs": hooks}]}
    return _object(tenant, f"{_CORE}/v1alpha1", "AlertmanagerConfig", "noc", spec, config.tenants.labels)


def _rights(tenant: Tenant) -> Iterator[Object]:
    """The owners may look at what was made for them."""
    verbs = ["get", "list", "watch"]
    rules = [{"apiGroups": [group], "resources": kinds, "verbs": verbs} for group, kinds in _VIEWED.items()]
    role = _object(tenant, "rbac.authorization.k8s.io/v1", "Role", "view", {})
    del role["spec"]
    yield role | {"rules": rules}
    binding = _object(tenant, "rbac.authorization.k8s.io/v1", "RoleBinding", "view", {})
    del binding["spec"]
    yield binding | {
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "kunobs-view"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": tenant.file.owner}],
    }


def _object(
    tenant: Tenant, version: str, kind: str, name: str, spec: Object, labels: Mapping[str, str] | None = None
) -> Object:
    metadata = {
        "name": f"kunobs-{name}",
        "namespace": tenant.namespace,
        "labels": {"app.kubernetes.io/managed-by": "kunobs", **(labels or {})},
    }
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}
