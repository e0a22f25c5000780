"""A Kubernetes API that tells Filebeat's add_kubernetes_metadata of pods: list and watch of pods, nodes and namespaces.

Why no real kube-apiserver here: the processor's own client (client-go, inside the real Filebeat) is what talks to it, so
an answer that is not Kubernetes' shows as missing metadata; the metadata is an input of these tests, not their subject;
and a real one costs minutes to build and etcd to run. It can also do what is hard to ask of a real one: answer later.
"""

from __future__ import annotations

import json
import queue
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

# As many and as long as those of a managed cluster.
_NODE_LABELS = {
    "beta.kubernetes.io/arch": "amd64",
    "beta.kubernetes.io/instance-type": "n2-standard-16",
    "beta.kubernetes.io/os": "linux",
    "failure-domain.beta.kubernetes.io/region": "north-2",
    "failure-domain.beta.kubernetes.io/zone": "north-2a",
    "kubernetes.io/arch": "amd64",
    "kubernetes.io/hostname": "node-10-42-0-17",
    "kubernetes.io/os": "linux",
    "node.kubernetes.io/instance-type": "n2-standard-16",
    "topology.kubernetes.io/region": "north-2",
    "topology.kubernetes.io/zone": "north-2a",
    "team.example/pool": "shared",
}
_LISTS = {"/api/v1/pods": "Pod", "/api/v1/nodes": "Node", "/api/v1/namespaces": "Namespace"}


class FakeKubernetes:
    """Knows one node, and the pods and namespaces it was told of; `kubeconfig` leads a client to it."""

    def __init__(self, directory: Path, node: str) -> None:
        self._lock = threading.Lock()
        self._version = 1
        self._objects: dict[str, list[dict[str, Any]]] = {kind: [] for kind in _LISTS.values()}
        self._watchers: list[tuple[str, queue.Queue[dict[str, Any] | None]]] = []
        api = self

        class Handler(_Handler):
            kubernetes = api

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        self.kubeconfig = directory / "kubeconfig"
        cluster = {"server": f"http://127.0.0.1:{self._server.server_address[1]}"}
        context = {"cluster": "c", "user": "u"}
        self.kubeconfig.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "clusters": [{"name": "c", "cluster": cluster}],
                    "users": [{"name": "u", "user": {}}],
                    "contexts": [{"name": "x", "context": context}],
                    "current-context": "x",
                }
            )
        )
        self._add("Node", {"metadata": _metadata(node) | {"labels": _NODE_LABELS}, "status": {}})

    def add_pod(self, namespace: str, pod: str, uid: str, node: str, containers: dict[str, str]) -> None:
        """A running pod; `containers` maps names to ids."""
        with self._lock:
            known = {found["metadata"]["name"] for found in self._objects["Namespace"]}
        if namespace not in known:
            labels = {"kubernetes.io/metadata.name": namespace, "team.example/owner": "shop"}
            self._add(
                "Namespace", {"metadata": _metadata(namespace) | {"labels": labels}, "status": {"phase": "Active"}}
            )
        state = {"running": {"startedAt": "2026-11-01T00:00:00Z"}}
        statuses = [
            {
                "name": name,
                "containerID": f"containerd://{identity}",
                "image": f"registry.example/{name}:1",
                "imageID": "",
                "ready": True,
                "restartCount": 0,
                "state": state,
            }
            for name, identity in containers.items()
        ]
        spec = [{"name": name, "image": f"registry.example/{name}:1"} for name in containers]
        self._add(
            "Pod",
            {
                "metadata": _metadata(pod, uid) | {"namespace": namespace, "labels": {"app": pod}},
                "spec": {"nodeName": node, "containers": spec},
                "status": {"phase": "Running", "podIP": "10.42.0.7", "containerStatuses": statuses},
            },
        )

    def watches(self, kind: str) -> int:
        """How many watches of a kind were opened."""
        with self._lock:
            return sum(watched == kind for watched, _ in self._watchers)

    def close(self) -> None:
        """End every watch and the server."""
        with self._lock:
            for _, events in self._watchers:
                events.put(None)
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _add(self, kind: str, body: dict[str, Any]) -> None:
        with self._lock:
            self._version += 1
            body["metadata"]["resourceVersion"] = str(self._version)
            found = {"apiVersion": "v1", "kind": kind, **body}
            self._objects[kind].append(found)
            for watched, events in self._watchers:
                if watched == kind:
                    events.put({"type": "ADDED", "object": found})

    def listed(self, kind: str) -> dict[str, Any]:
        """The list as Kubernetes writes it."""
        with self._lock:
            version = {"resourceVersion": str(self._version)}
            return {"apiVersion": "v1", "kind": f"{kind}List", "metadata": version, "items": list(self._objects[kind])}

    def watch(self, kind: str, since: int) -> queue.Queue[dict[str, Any] | None]:
        """What comes after resource version `since`; None at the end."""
        events: queue.Queue[dict[str, Any] | None] = queue.Queue()
        with self._lock:
            for found in self._objects[kind]:
                if int(found["metadata"]["resourceVersion"]) > since:
                    events.put({"type": "ADDED", "object": found})
            self._watchers.append((kind, events))
        return events


def _metadata(name: str, uid: str = "") -> dict[str, Any]:
    return {"name": name, "uid": uid or str(uuid.uuid4()), "creationTimestamp": "2026-11-01T00:00:00Z", "labels": {}}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    kubernetes: FakeKubernetes

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        kind = _LISTS.get(url.path)
        query = parse_qs(url.query)
        if url.path == "/version":
            self._answer({"major": "1", "minor": "30", "gitVersion": "v1.30.0"})
        elif kind is None:
            self._answer({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404}, 404)
        elif "watch" in query:
            self._watch(self.kubernetes.watch(kind, int(query.get("resourceVersion", ["0"])[0] or 0)))
        else:
            self._answer(self.kubernetes.listed(kind))

    def _answer(self, body: dict[str, Any], status: int = 200) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _watch(self, events: queue.Queue[dict[str, Any] | None]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            while (event := events.get()) is not None:
                data = json.dumps(event).encode() + b"\n"
                self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""
