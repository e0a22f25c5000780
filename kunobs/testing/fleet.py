"""An invented Kubernetes cluster: namespaces, pods, containers, and all that Filebeat writes about each."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from kunobs.testing.messages import APPS

_TEAMS = ("pay", "order", "search", "ad", "feed", "risk", "im", "map", "live", "stock", "coupon", "ticket")
_STAGES = ("prod", "staging", "test")
_ROLES = ("api", "web", "worker", "gateway", "sync", "cron", "cache-proxy", "admin")
_SYLLABLE = "bcdfghjklmnpqrstvwxz2456789"  # what Kubernetes makes pod name suffixes from
# The three generations of agents that share one topic while a cluster is upgraded.
_AGENTS = {"7.17.28": 3, "8.17.0": 5, "9.1.4": 2}


@dataclass(frozen=True)
class Node:
    """A worker and the Filebeat on it."""

    name: str
    uid: str
    agent_version: str
    agent_id: str
    ephemeral_id: str
    zone: str

    @property
    def major(self) -> int:
        """7, 8 or 9."""
        return int(self.agent_version[0])


@dataclass
class Container:
    """One container: who it is never changes, its log grows."""

    namespace: str
    deployment: str
    pod: str
    pod_uid: str
    pod_ip: str
    template_hash: str
    name: str
    id: str
    image: str
    inode: str
    node: Node
    namespace_uid: str
    write: Callable[[random.Random], str]
    """Makes the next message."""
    offset: int = 0
    rendered: Any = field(default=None, repr=False)

    @property
    def path(self) -> str:
        """The kubelet's symlink, which names pod, namespace, container and container id."""
        return f"/var/log/containers/{self.pod}_{self.namespace}_{self.name}-{self.id}.log"

    @property
    def key(self) -> bytes:
        """The Kafka key that Filebeat is told to write: `key: '%{[container.id]}'`."""
        return self.id.encode()

    def metadata(self) -> dict[str, Any]:
        """`@metadata`, always the second key of an event."""
        return {"beat": "filebeat", "type": "_doc", "version": self.node.agent_version}

    def kubernetes(self) -> dict[str, Any]:
        """What add_kubernetes_metadata writes; dots in label names have become `_`."""
        app, team = self.deployment, self.namespace.split("-")[0]
        return {
            "pod": {"name": self.pod, "uid": self.pod_uid, "ip": self.pod_ip},
            "labels": {
                "app": app,
                "pod-template-hash": self.template_hash,
                "app_kubernetes_io/name": app,
                "app_kubernetes_io/part-of": self.namespace,
                "release": f"{app}-107",
            },
            "namespace_uid": self.namespace_uid,
            "namespace_labels": {"kubernetes_io/metadata_name": self.namespace, "team": team},
            "node": {
                "name": self.node.name,
                "hostname": self.node.name,
                "uid": self.node.uid,
                "labels": {
                    "kubernetes_io/arch": "amd64",
                    "kubernetes_io/os": "linux",
                    "kubernetes_io/hostname": self.node.name,
                    "node_kubernetes_io/instance-type": "n2-standard-32",
                    "topology_kubernetes_io/region": "cn-sh2",
                    "topology_kubernetes_io/zone": self.node.zone,
                    "node-role_kubernetes_io/worker": "true",
                },
            },
            "container": {"name": self.name},
            "replicaset": {"name": f"{app}-{self.template_hash}"},
            "deployment": {"name": app},
            "namespace": self.namespace,
        }

    def blocks(self) -> dict[str, Any]:
        """The top-level fields that are the same in every event of this container."""
        node = self.node
        agent = {
            "type": "filebeat",
            "version": node.agent_version,
            "id": node.agent_id,
            "ephemeral_id": node.ephemeral_id,
            "name": node.name,
        }
        if node.major == 7:
            agent["hostname"] = node.name
        return {
            "input": {"type": "container" if node.major == 7 else "filestream"},
            "agent": agent,
            "ecs": {"version": "1.12.0" if node.major == 7 else "8.0.0"},
            "host": {"name": node.name},
            "container": {"id": self.id, "runtime": "containerd", "image": {"name": self.image}},
            "kubernetes": self.kubernetes(),
            "orchestrator": {"cluster": {"name": "prod-sh2", "url": "10.0.0.1:6443"}},
        }

    def file(self) -> dict[str, Any]:
        """`log.file`: newer Filebeats say how they recognise it."""
        file: dict[str, Any] = {"path": self.path}
        if self.node.major >= 8:
            file |= {"device_id": "64769", "inode": self.inode}
        if self.node.major >= 9:
            file["fingerprint"] = self.id[::-1]
        return file


class Fleet:
    """A cluster of `namespaces` namespaces; traffic falls off by zipf from the first to the last."""

    def __init__(self, seed: int, namespaces: int) -> None:
        self._rng = random.Random(f"{seed}/fleet")
        versions = self._rng.choices(list(_AGENTS), list(_AGENTS.values()), k=max(6, namespaces // 2))
        self._nodes = [self._node(f"node-{number}", version) for number, version in enumerate(versions)]
        self.namespaces = _names(namespaces)
        self.containers: list[Container] = []
        traffic: list[float] = []
        for rank, name in enumerate(self.namespaces, 1):
            mine = self._namespace(name)
            self.containers += mine
            traffic += [rank**-1.1 / len(mine)] * len(mine)
        self.traffic = list(accumulate(traffic))
        """Cumulative weights, one per container."""

    def _hex(self, digits: int) -> str:
        return f"{self._rng.getrandbits(4 * digits):0{digits}x}"

    def _uid(self) -> str:
        text = self._hex(32)
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-8{text[17:20]}-{text[20:]}"

    def _suffix(self, length: int) -> str:
        return "".join(self._rng.choices(_SYLLABLE, k=length))

    def _node(self, name: str, version: str) -> Node:
        zone = f"cn-sh2-0{self._rng.randint(1, 3)}"
        return Node(name, self._uid(), version, self._uid(), self._uid(), zone)

    def _namespace(self, namespace: str) -> list[Container]:
        uid = self._uid()
        return [
            container
            for role in self._rng.sample(_ROLES, self._rng.randint(2, 4))
            for container in self._deployment(namespace, uid, f"{namespace.rsplit('-', 1)[0]}-{role}")
        ]

    def _deployment(self, namespace: str, namespace_uid: str, deployment: str) -> list[Container]:
        template, app = self._suffix(10), self._rng.choice(APPS)
        image = f"reg.example/{namespace.split('-')[0]}/{deployment}:107"
        names = ["app", "envoy"] if self._rng.random() < 0.2 else ["app"]
        found = []
        for _ in range(self._rng.randint(2, 4)):
            pod, pod_uid = f"{deployment}-{template}-{self._suffix(5)}", self._uid()
            ip = f"10.{self._rng.randrange(40, 60)}.{self._rng.randrange(256)}.{self._rng.randrange(1, 255)}"
            node = self._rng.choice(self._nodes)
            found += [
                Container(
                    namespace, deployment, pod, pod_uid, ip, template, name, self._hex(64),
                    image, str(self._rng.randrange(10**6, 10**8)), node, namespace_uid, app,
                    offset=self._rng.randrange(10**7),
                )
                for name in names
            ]  # fmt: skip
        return found


def _names(count: int) -> list[str]:
    plain = [f"{team}-{stage}" for stage in _STAGES for team in _TEAMS]
    more = [f"{name}-{number}" for number in range(2, 2 + count // len(plain)) for name in plain]
    return (plain + more)[:count]
