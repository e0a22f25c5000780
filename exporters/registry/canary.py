"""A push of our own to the primary at regular times, and how long each replica takes to have it."""

from __future__ import annotations

import hashlib
import json
import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Mapping
from urllib.parse import urljoin

from exporters.kit import Context, Distribution
from exporters.registry.client import Client
from exporters.registry.errors import RegistryError
from exporters.registry.texts import digest_of
from kunobs.catalogue.registry import CANARY_AGE, CANARY_LOST, CANARY_PUSHES, PUSH_TO_REPLICA
from kunobs.clock import SYSTEM_CLOCK, Clock
from kunobs.config.exporters.registry import CanaryConfig
from kunobs.log import get_logger, repeated

TIMEOUT = 10.0
# The histogram is right to within this for the first seconds, then to within a second.
POLL, SOON, POLL_LATER = 0.1, 10.0, 1.0
OCI = "application/vnd.oci.image.manifest.v1+json"
BLOB = b"{}"
_log = get_logger("registry")


class Canary:
    """Pushes, polls and counts. `last` is (success, seconds) of the last push; None before the first."""

    def __init__(
        self,
        config: CanaryConfig,
        primary: Client,
        replicas: Mapping[str, Client],
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._config, self._primary, self._replicas, self._clock = config, primary, replicas, clock
        self.last: tuple[bool, float] | None = None
        self._lock = threading.Lock()
        self._good_at = clock.monotonic()
        self._pushes = Counter({"ok": 0, "failed": 0})
        self._lost = Counter(dict.fromkeys(replicas, 0))
        self._counts = {name: [0] * (len(PUSH_TO_REPLICA.buckets) + 1) for name in replicas}
        self._sums = dict.fromkeys(replicas, 0.0)

    def run(self, stop: threading.Event) -> None:
        """Push and poll until `stop` is set, each push `interval` after the one before."""
        while not stop.is_set():
            began = self._clock.monotonic()
            self.once(stop)
            stop.wait(max(0.0, began + self._config.interval - self._clock.monotonic()))

    def once(self, stop: threading.Event) -> None:
        """One push, and the replicas until all have it or its time is up."""
        began = self._clock.monotonic()
        try:
            digest = push(
                self._primary,
                self._config.repository,
                self._config.tag,
                f"{self._clock.now():.6f}",
                lambda: began + TIMEOUT - self._clock.monotonic(),
            )
        except Exception as error:  # noqa: BLE001 - the next canary tries again
            self._pushed(False, began)
            repeated(_log, "canary push", "the canary could not be pushed", error=str(error)[:500])
            return
        self._pushed(True, began)
        pushed = self._clock.monotonic()
        threads = [
            threading.Thread(target=self._follow, args=(name, digest, pushed, stop), daemon=True)
            for name in self._replicas
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def collect(self, ctx: Context) -> None:
        """The collector `canary`."""
        with self._lock:
            ctx.emit(
                PUSH_TO_REPLICA,
                [(name, Distribution(tuple(counts), self._sums[name])) for name, counts in self._counts.items()],
            )
            ctx.emit(CANARY_PUSHES, list(self._pushes.items()))
            ctx.emit(CANARY_LOST, list(self._lost.items()))
            ctx.emit(CANARY_AGE, [(round(self._clock.monotonic() - self._good_at, 3),)])

    def _pushed(self, good: bool, began: float) -> None:
        now = self._clock.monotonic()
        with self._lock:
            self._pushes["ok" if good else "failed"] += 1
            self._good_at = now if good else self._good_at
            self.last = good, now - began

    def _follow(self, name: str, digest: bytes, pushed: float, stop: threading.Event) -> None:
        config, until = self._config, pushed + self._config.timeout
        while not stop.is_set():
            now = self._clock.monotonic()
            if now >= until:
                with self._lock:
                    self._lost[name] += 1
                repeated(_log, f"canary {name}", "a replica did not get the canary", site=name)
                return
            try:
                found = self._replicas[name].digest(config.repository, config.tag, min(TIMEOUT, until - now))
            except RegistryError as error:
                found = b""
                stop.wait(min(error.after or 0.0, until - now))
            took = self._clock.monotonic() - pushed
            if found == digest:
                with self._lock:
                    self._counts[name][bisect_left(PUSH_TO_REPLICA.buckets, took)] += 1
                    self._sums[name] += took
                return
            stop.wait(POLL if took < SOON else POLL_LATER)


def push(client: Client, repository: str, tag: str, content: str, left: Callable[[], float]) -> bytes:
    """Push a blob and a manifest that holds `content`; the digest. `left` gives the seconds that there are for it."""
    scope = f"repository:{repository}:pull,push"
    blob = upload(client, repository, left)
    config = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": blob, "size": len(BLOB)}
    manifest = {"schemaVersion": 2, "mediaType": OCI, "config": config, "layers": [config]}
    body = json.dumps(manifest | {"annotations": {"io.kunobs.canary": content}}).encode()
    path = f"/v2/{repository}/manifests/{tag}"
    answer = client.ask("PUT", path, left(), scope=scope, headers={"Content-Type": OCI}, body=body)
    digest = hashlib.sha256(body).digest()
    if answer.status != 201 or digest_of(answer.headers.get("Docker-Content-Digest")) not in (None, digest):
        raise RegistryError(f"PUT {path}: {answer.status}")
    return digest


def upload(client: Client, repository: str, left: Callable[[], float]) -> str:
    """Upload the blob `{}`; its digest. It is always the same, so nothing grows: docker-registry never purges cancelled uploads."""
    scope = f"repository:{repository}:pull,push"
    blob = f"sha256:{hashlib.sha256(BLOB).hexdigest()}"
    answer = client.ask("POST", f"/v2/{repository}/blobs/uploads/", left(), scope=scope)
    if answer.status != 202:
        raise RegistryError(f"POST of an upload: {answer.status}")
    location = urljoin(answer.url, answer.headers.get("Location", ""))
    where = f"{location}{'&' if '?' in location else '?'}digest={blob}"
    kind = {"Content-Type": "application/octet-stream"}
    answer = client.ask("PUT", where, left(), scope=scope, headers=kind, body=BLOB)
    if answer.status != 201:
        raise RegistryError(f"PUT of a blob: {answer.status}")
    return blob
