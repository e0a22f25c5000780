"""Prometheus, Alertmanager and the prober as Kubernetes objects: `kubectl apply -k OUT`, configurations included.

A Prometheus is a Deployment of one pod on the one node that holds its data: `kubectl label node NODE kunobs.io/prometheus-a=true`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from alert_rules.yaml import dump
from kunobs.config.monitoring import MonitoringConfig
from kunobs.generate.prometheus import flags, servers

Object = dict[str, Any]
# The user `nobody`, as which the images run.
_NOBODY = 65534
_RULES = "/etc/prometheus/rules"


def prometheus_manifests(config: MonitoringConfig) -> dict[str, str]:
    """`kubernetes/…`: a Deployment for each server, what it may read, and for each pair a Service that its job finds and a budget for drains."""
    names = [name for name, _, _ in servers(config)]
    pairs = {name.rpartition("-")[0] for name in names}
    made = list(_account(config))
    for pair in sorted(pairs):
        made += [_service(pair, {"web": 9090}), _budget(pair)]
    made += [_deployment(config, name) for name in names]
    configs = {f"{name}-config": [f"prometheus.yml={name}.yml"] for name in names}
    return _folder(config, made, configs)


def alertmanager_manifests(config: MonitoringConfig) -> dict[str, str]:
    """`kubernetes/…`: three that gossip, on three nodes; the relay's token is in the Secret `kunobs-noc`."""
    made = [
        _service("alertmanager", {"web": 9093, "cluster": 9094}, headless=True),
        _budget("alertmanager", least=2),
        _alertmanagers(config),
    ]
    return _folder(config, made, {"alertmanager-config": ["alertmanager.yml=alertmanager.yml"]})


def blackbox_manifests(config: MonitoringConfig) -> dict[str, str]:
    """`kubernetes/…`: two probers behind a Service."""
    made = [_service("blackbox-exporter", {"http": 9115}), _budget("blackbox-exporter"), _prober(config)]
    return _folder(config, made, {"blackbox-config": ["blackbox.yml=blackbox.yml"]})


def _folder(config: MonitoringConfig, made: Iterable[Object], configs: dict[str, list[str]]) -> dict[str, str]:
    files = {f"kubernetes/{one['kind'].lower()}-{one['metadata']['name']}.yaml": dump(one) for one in made}
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": config.manifests.namespace,
        "resources": sorted(files),
        "configMapGenerator": [{"name": name, "files": sources} for name, sources in configs.items()],
        # With a hash in its name a new configuration restarts both of a pair at once; they read it again when they are asked to.
        "generatorOptions": {"disableNameSuffixHash": True},
    }
    # It may name no file outside its folder, so it stands above both configurations and objects.
    return files | {"kustomization.yaml": dump(kustomization)}


def _account(config: MonitoringConfig) -> Iterator[Object]:
    yield {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "kunobs-prometheus"}}
    rules = [
        {"apiGroups": [""], "resources": ["nodes", "nodes/metrics", "services", "endpoints", "pods"],
         "verbs": ["get", "list", "watch"]},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["get", "list", "watch"]},
        {"nonResourceURLs": ["/metrics", "/metrics/cadvisor"], "verbs": ["get"]},
    ]  # fmt: skip
    group = "rbac.authorization.k8s.io"
    yield {
        "apiVersion": f"{group}/v1", "kind": "ClusterRole", "metadata": {"name": "kunobs-prometheus"}, "rules": rules,
    }  # fmt: skip
    yield {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "kunobs-prometheus"},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "kunobs-prometheus"},
        "subjects": [
            {"kind": "ServiceAccount", "name": "kunobs-prometheus", "namespace": config.manifests.namespace},
        ],
    }


def _service(name: str, ports: dict[str, int], *, headless: bool = False) -> Object:
    spec: Object = {
        "selector": {"app": name},
        "ports": [{"name": port, "port": number, "targetPort": number} for port, number in ports.items()],
    }
    if headless:
        # Members find each other before they are ready.
        spec |= {"clusterIP": "None", "publishNotReadyAddresses": True}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def _budget(name: str, least: int = 1) -> Object:
    spec = {"minAvailable": least, "selector": {"matchLabels": {"app": name}}}
    return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": name}, "spec": spec}


def _deployment(config: MonitoringConfig, name: str) -> Object:
    folder = config.storage.path
    mounts = {"config": "/etc/prometheus/config", "rules": _RULES, "data": folder}
    volumes: list[Object] = [
        {"name": "config", "configMap": {"name": f"{name}-config"}},
        # kubectl create configmap kunobs-rules --from-file=OUT/rules; too large for `kubectl apply` without --server-side.
        {"name": "rules", "configMap": {"name": "kunobs-rules", "optional": True}},
        # A node may hold several, each in a folder of its own.
        {"name": "data", "hostPath": {"path": f"{folder}/{name}", "type": "DirectoryOrCreate"}},
    ]
    if config.tenants.files:
        mounts["tenants"] = config.tenants.files
        volumes.append({"name": "tenants", "hostPath": {"path": config.tenants.files, "type": "DirectoryOrCreate"}})
    container = _container(
        "prometheus", config.manifests.prometheus,
        ["--config.file=/etc/prometheus/config/prometheus.yml", *flags(config)], 9090, mounts,
    )  # fmt: skip
    # It reads its log of writes first, which takes minutes after a kill.
    container["startupProbe"] = _probe(9090) | {"periodSeconds": 15, "failureThreshold": 240}
    pod = _pod(config.manifests.prometheus, container, volumes, folder) | {
        "serviceAccountName": "kunobs-prometheus",
        "nodeSelector": {f"kunobs.io/{name}": "true"},
        "terminationGracePeriodSeconds": 600,
    }
    labels = {"app": name.rpartition("-")[0], "kunobs.io/server": name}
    spec = {
        "replicas": 1,
        # Two at one folder would be one too many.
        "strategy": {"type": "Recreate"},
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def _alertmanagers(config: MonitoringConfig) -> Object:
    folder = f"{config.storage.path.rpartition('/')[0]}/alertmanager"
    token, _, file = config.token_file.rpartition("/")
    peers = [f"--cluster.peer=alertmanager-{number}.alertmanager:9094" for number in range(3)]
    mounts = {"config": "/etc/alertmanager/config", "token": token, "data": folder}
    container = _container(
        "alertmanager", config.manifests.alertmanager,
        ["--config.file=/etc/alertmanager/config/alertmanager.yml", f"--storage.path={folder}", *peers], 9093, mounts,
    )  # fmt: skip
    container["ports"].append({"name": "cluster", "containerPort": 9094})
    volumes = [
        {"name": "config", "configMap": {"name": "alertmanager-config"}},
        {"name": "token", "secret": {"secretName": "kunobs-noc", "items": [{"key": "token", "path": file}]}},
        {"name": "data", "hostPath": {"path": folder, "type": "DirectoryOrCreate"}},
    ]
    apart = [{"labelSelector": {"matchLabels": {"app": "alertmanager"}}, "topologyKey": "kubernetes.io/hostname"}]
    pod = _pod(config.manifests.alertmanager, container, volumes, folder)
    pod["affinity"] = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": apart}}
    spec = {
        "serviceName": "alertmanager",
        "replicas": 3,
        "podManagementPolicy": "Parallel",
        "selector": {"matchLabels": {"app": "alertmanager"}},
        "template": {"metadata": {"labels": {"app": "alertmanager"}}, "spec": pod},
    }
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "alertmanager"}, "spec": spec}


def _prober(config: MonitoringConfig) -> Object:
    container = _container(
        "blackbox-exporter", config.manifests.blackbox, ["--config.file=/etc/blackbox/blackbox.yml"], 9115,
        {"config": "/etc/blackbox"},
    )  # fmt: skip
    container["securityContext"]["capabilities"] = {"drop": ["ALL"], "add": ["NET_RAW"]}
    pod: Object = {
        "containers": [container],
        "volumes": [{"name": "config", "configMap": {"name": "blackbox-config"}}],
        "automountServiceAccountToken": False,
    }
    if config.manifests.cluster_dns:
        # Without search domains NAME.NAMESPACE is no Service of another tenant.
        pod |= {"dnsPolicy": "None", "dnsConfig": {"nameservers": list(config.manifests.cluster_dns)}}
    labels = {"app": "blackbox-exporter"}
    spec = {
        "replicas": 2,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "blackbox-exporter"}, "spec": spec}


def _container(name: str, image: str, args: list[str], port: int, mounts: dict[str, str]) -> Object:
    return {
        "name": name,
        "image": image,
        "args": args,
        "ports": [{"name": "http" if name == "blackbox-exporter" else "web", "containerPort": port}],
        "readinessProbe": _probe(port, "/-/healthy" if name == "blackbox-exporter" else "/-/ready"),
        "livenessProbe": _probe(port) | {"failureThreshold": 6},
        "volumeMounts": [
            {"name": volume, "mountPath": path} | ({"readOnly": True} if volume != "data" else {})
            for volume, path in mounts.items()
        ],
        "securityContext": {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True},
    }


def _probe(port: int, path: str = "/-/healthy") -> Object:
    return {"httpGet": {"path": path, "port": port}, "periodSeconds": 10, "timeoutSeconds": 5}


def _pod(image: str, container: Object, volumes: list[Object], folder: str) -> Object:
    # A folder that the kubelet makes is root's.
    owner = {
        "name": "own",
        "image": image,
        "command": ["chown", f"{_NOBODY}:{_NOBODY}", folder],
        "securityContext": {"runAsUser": 0, "runAsNonRoot": False},
        "volumeMounts": [{"name": "data", "mountPath": folder}],
    }
    return {
        "securityContext": {"runAsUser": _NOBODY, "runAsGroup": _NOBODY, "runAsNonRoot": True},
        "initContainers": [owner],
        "containers": [container],
        "volumes": volumes,
    }
