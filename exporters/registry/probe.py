"""What a scrape tries at each region: let in, pull a manifest and a blob, and at the primary upload a blob."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

from exporters.kit import Context
from exporters.registry.canary import Canary, upload
from exporters.registry.client import Answer, Client
from exporters.registry.errors import RegistryError
from exporters.registry.texts import MANIFESTS, digest_of, document, shown
from kunobs.catalogue.registry import MODE, MODES, PROBE_DURATION, PROBE_SUCCESS
from kunobs.clock import SYSTEM_CLOCK, Clock
from kunobs.errors import UnavailableError

# The families of the regions that did answer must be out before the collection's time is up.
RESERVE = 0.2
MAX_BLOB = 4 << 20
Sample = Callable[[], tuple[str, str] | None]


@dataclass
class Seen:
    """What came of a region: success and duration by operation, and what went wrong."""

    results: dict[str, tuple[bool, float]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    trying: str = "ping"
    done: bool = False

    def works(self, *operations: str) -> bool:
        """True when it was let in and none of the operations failed."""
        return self.done and all(
            self.results.get(one, (one != "ping", 0.0))[0] for one in ("ping", "auth", *operations)
        )


class Probe:
    """The collector `probe`."""

    def __init__(
        self,
        clients: Mapping[str, Client],
        primary: str,
        sample: Sample,
        *,
        upload_repository: str = "",
        canary: Canary | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._clients, self._primary, self._sample = clients, primary, sample
        self._upload, self._canary, self._clock = upload_repository, canary, clock
        self._busy = {name: threading.Lock() for name in clients}

    def collect(self, ctx: Context) -> None:
        """Try all regions at once; UnavailableError when an operation failed, once the families are out."""
        if not self._clients:
            return
        until = ctx.deadline - min(RESERVE, ctx.remaining / 4)
        sample = self._sample()
        found = {name: Seen() for name in self._clients}
        threads = [
            threading.Thread(target=self._region, args=(name, found[name], sample, until), daemon=True)
            for name in self._clients
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.0, until - self._clock.monotonic()))
        seen = {name: self._settled(one) for name, one in found.items()}
        rows = [(name, operation, *result) for name, one in seen.items() for operation, result in one.results.items()]
        ctx.emit(PROBE_SUCCESS, [(name, operation, int(good)) for name, operation, good, _ in rows])
        ctx.emit(PROBE_DURATION, [(name, operation, round(took, 6)) for name, operation, good, took in rows if good])
        mode = self._mode(seen)
        ctx.emit(MODE, [(one, int(one == mode)) for one in MODES])
        ctx.log("mode", mode=mode, sample=":".join(sample) if sample else "none yet")
        problems = [f"{name}: {problem}" for name, one in seen.items() for problem in one.problems]
        if problems:
            raise UnavailableError("; ".join(problems)[:1000], hint="curl -i URL/v2/ of that region shows what we see")

    def _settled(self, one: Seen) -> Seen:
        """A copy that a late thread does not change; what was not finished has failed."""
        copy = Seen(dict(one.results), list(one.problems), done=True)
        if not one.done:
            copy.results[one.trying] = (False, 0.0)
            copy.problems.append(f"{one.trying}: no answer in time")
        return copy

    def _mode(self, seen: Mapping[str, Seen]) -> str:
        if not any(one.works("manifest", "blob") for one in seen.values()):
            return "down"
        return "normal" if seen[self._primary].works("push") else "degraded"

    def _region(self, name: str, seen: Seen, sample: tuple[str, str] | None, until: float) -> None:
        if not self._busy[name].acquire(blocking=False):
            # An earlier scrape's attempt is at its very end.
            seen.problems.append("an earlier attempt has not ended")
            return
        try:
            self._try(name, self._clients[name], seen, sample, until)
            seen.done = True
        finally:
            self._busy[name].release()

    def _try(self, name: str, client: Client, seen: Seen, sample: tuple[str, str] | None, until: float) -> None:
        def left() -> float:
            return max(until - self._clock.monotonic(), 0.001)

        def attempt(operation: str, work: Callable[[], object]) -> object:
            """Its result; None when it failed."""
            seen.trying = operation
            began = self._clock.monotonic()
            try:
                result = work()
            except Exception as error:  # noqa: BLE001 - whatever an answer does, the operation has failed
                seen.problems.append(f"{operation}: {error}"[:300])
                result = None
            seen.results[operation] = (result is not None, self._clock.monotonic() - began)
            return result

        asks = attempt("ping", lambda: client.ping(left()))
        if asks is None or (asks and attempt("auth", lambda: _let_in(client, left())) is None):
            return
        if sample is not None:
            config = attempt("manifest", lambda: _manifest(client, *sample, left))
            if isinstance(config, str) and config:
                attempt("blob", lambda: _blob(client, sample[0], config, left()))
        if name == self._primary:
            self._push(client, seen, attempt, left)

    def _push(
        self,
        client: Client,
        seen: Seen,
        attempt: Callable[[str, Callable[[], object]], object],
        left: Callable[[], float],
    ) -> None:
        last = self._canary.last if self._canary is not None else None
        if last is not None:
            seen.results["push"] = last
            if not last[0]:
                seen.problems.append("push: the last canary failed")
        elif self._upload:
            attempt("push", lambda: upload(client, self._upload, left))


def _let_in(client: Client, timeout: float) -> bool:
    answer = client.ask("GET", "/v2/", timeout)
    if answer.status != 200:
        raise RegistryError(f"GET /v2/: {answer.status}")
    return True


def _manifest(client: Client, repository: str, reference: str, left: Callable[[], float], depth: int = 0) -> str:
    """The digest of the image's configuration, of the first image of an index; empty when it has none."""
    path = f"/v2/{repository}/manifests/{reference}"
    scope = f"repository:{repository}:pull"
    answer = client.ask("GET", path, left(), scope=scope, headers={"Accept": MANIFESTS})
    if answer.status != 200:
        raise RegistryError(f"GET {path}: {answer.status}")
    said = digest_of(answer.headers.get("Docker-Content-Digest"))
    _verify(answer.body, reference if ":" in reference else shown(said), path)
    found = document(answer.body, f"GET {path}")
    manifests, config = found.get("manifests"), found.get("config")
    if isinstance(manifests, list) and manifests and depth == 0:
        return _manifest(client, repository, _digest_in(manifests[0], path), left, 1)
    if isinstance(config, dict) and isinstance(config.get("size"), int) and config["size"] <= MAX_BLOB:
        return _digest_in(config, path)
    return ""


def _blob(client: Client, repository: str, digest: str, timeout: float) -> bool:
    path = f"/v2/{repository}/blobs/{digest}"
    answer: Answer = client.ask("GET", path, timeout, scope=f"repository:{repository}:pull")
    target = urljoin(answer.url, answer.headers.get("Location", ""))
    if answer.status in (301, 302, 303, 307, 308) and urlsplit(target).scheme in ("https", urlsplit(answer.url).scheme):
        answer = client.elsewhere(target, timeout)
    if answer.status != 200:
        raise RegistryError(f"GET {path}: {answer.status}")
    _verify(answer.body, digest, path)
    return True


def _digest_in(descriptor: object, path: str) -> str:
    digest = descriptor.get("digest") if isinstance(descriptor, dict) else None
    if not isinstance(digest, str) or digest_of(digest) is None:
        raise RegistryError(f"GET {path}: a descriptor without a digest: {json.dumps(descriptor)[:100]}")
    return digest


def _verify(content: bytes, digest: str, path: str) -> None:
    """RegistryError when the content is not what its digest says."""
    if digest and hashlib.new(digest.partition(":")[0], content).hexdigest() != digest.partition(":")[2]:
        raise RegistryError(f"GET {path}: the content is not that of {digest}")
