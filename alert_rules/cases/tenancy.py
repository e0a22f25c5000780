"""Cases of kunobs.catalogue.signals.tenancy."""

from __future__ import annotations

from alert_rules.case import Case, Series

_FAILURE = "kube_deployment_status_condition"
_BYTES = "kunobs_fanout_namespace_bytes_total"
_SAMPLES = "scrape_samples_post_metric_relabeling"


def _quota(namespace: str, resource: str, used: tuple[float, ...], hard: float) -> tuple[Series, ...]:
    labels = f'namespace="{namespace}",resourcequota="all",resource="{resource}"'
    return (
        Series(f'kube_resourcequota{{{labels},type="used"}}', *used),
        Series(f'kube_resourcequota{{{labels},type="hard"}}', hard),
    )


def _condition(namespace: str, name: str, kind: str, status: str, *levels: float) -> Series:
    labels = f'namespace="{namespace}",deployment="{name}",condition="{kind}",status="{status}"'
    return Series(f"{_FAILURE}{{{labels}}}", *levels)


CASES = {
    # What may not be used at all is not used up.
    "KunQuotaAlmostFull": Case(
        (
            *_quota("shop", "requests.cpu", (89, 92), 100),
            *_quota("shop", "pods", (40,), 100),
            *_quota("play", "requests.cpu", (10,), 100),
            *_quota("play", "count/services.loadbalancers", (0,), 0),
        ),
        value=0.92,
        labels={"namespace": "shop", "resource": "requests.cpu"},
    ),
    "KunQuotaBlocking": Case(
        (
            *_quota("shop", "pods", (95,), 100),
            _condition("shop", "web", "ReplicaFailure", "true", 0, 1),
            _condition("shop", "api", "ReplicaFailure", "true", 0, 1),
            _condition("shop", "web", "ReplicaFailure", "false", 1, 0),
            _condition("shop", "web", "Available", "true", 1),
            # Something else refuses its pods.
            *_quota("play", "pods", (5,), 100),
            _condition("play", "toy", "ReplicaFailure", "true", 1),
        ),
        value=2,
        labels={"namespace": "shop"},
    ),
    "KunQuotaOvercommit": Case(
        (
            *_quota("shop", "requests.cpu", (10,), 100),
            Series(
                'kube_resourcequota{namespace="play",resourcequota="all",resource="requests.cpu",type="hard"}', 46, 54
            ),
            Series('kube_resourcequota{namespace="play",resourcequota="all",resource="requests.cpu",type="used"}', 50),
            *_quota("shop", "requests.memory", (10,), 1000),
            *_quota("shop", "pods", (10,), 900),
            Series('kube_node_status_allocatable{node="n1",resource="cpu",unit="core"}', 60),
            Series('kube_node_status_allocatable{node="n2",resource="cpu",unit="core"}', 40),
            Series('kube_node_status_allocatable{node="n1",resource="memory",unit="byte"}', 1000),
            Series('kube_node_status_allocatable{node="n1",resource="pods",unit="integer"}', 110),
        ),
        value=1.54,
        labels={"resource": "requests.cpu"},
    ),
    # The platform's own jobs are large.
    # Two pods of one namespace, another namespace, and one of the platform's jobs that has more than all of them.
    "KunTenantSeriesBudget": Case(
        (
            Series(f'{_SAMPLES}{{job="tenants",instance="10.1.0.1:8080",namespace="shop",pod="web-0"}}', 24000, 26000),
            Series(f'{_SAMPLES}{{job="tenants",instance="10.1.0.2:8080",namespace="shop",pod="web-1"}}', 25500),
            Series(f'{_SAMPLES}{{job="tenants",instance="10.1.0.3:8080",namespace="play",pod="toy-0"}}', 500),
            Series(f'{_SAMPLES}{{job="legacy",instance="10.1.0.5:8080"}}', 90000),
            Series(f'{_SAMPLES}{{job="kube-state-metrics",instance="10.1.0.4:8080",namespace="shop"}}', 900000),
        ),
        value=51500,
        labels={"namespace": "shop"},
    ),
    "KunTenantProbeBudget": Case(
        (
            *(
                Series(f'probe_success{{namespace="shop",service="s{number}",module="http",ip_family="ip4"}}', 1)
                for number in range(100)
            ),
            Series('probe_success{namespace="shop",service="one-more",module="http",ip_family="ip6"}', None, 0),
            Series('probe_success{namespace="play",service="s",module="http",ip_family="ip6"}', 1),
        ),
        value=101,
        labels={"namespace": "shop"},
    ),
    # The second one has its share too, of little.
    "KunTenantLogShare": Case(
        (
            Series(f'{_BYTES}{{job="fanout",instance="a",namespace="shop"}}', 500000),
            Series(f'{_BYTES}{{job="fanout",instance="b",namespace="shop"}}', 520000),
            Series(f'{_BYTES}{{job="fanout",instance="a",namespace="play"}}', 900000, 980000),
            Series(f'{_BYTES}{{job="fanout",instance="a",namespace="_other"}}', 1600000, 1000000),
        ),
        value=0.34,
        labels={"namespace": "shop"},
    ),
    "KunNamespaceTerminating": Case(
        (
            Series('kube_namespace_status_phase{namespace="shop",phase="Terminating"}', 0, 1),
            Series('kube_namespace_status_phase{namespace="shop",phase="Active"}', 1, 0),
            Series('kube_namespace_status_phase{namespace="play",phase="Active"}', 1),
        ),
        value=1,
        labels={"namespace": "shop"},
    ),
}
