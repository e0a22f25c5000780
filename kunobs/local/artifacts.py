"""The cache of jars: what a lock names is downloaded in parallel through jgo and verified by SHA-256."""

from __future__ import annotations

import contextlib
import os
import shutil
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from kunobs.clock import SYSTEM_CLOCK, Clock
from kunobs.errors import DownloadError, UsageError
from kunobs.local.lockfile import Artifact, Lock, sha256_of
from kunobs.local.progress import Reporter
from kunobs.retry import Backoff

# A handful of connections saturates a laptop's line; more only makes a mirror angry.
PARALLEL_DOWNLOADS = 8
TRIES = 3
# Debian and Alpine, Red Hat, SUSE.
_CA_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem")
_NETWORK_HINT = (
    "behind a proxy: export HTTPS_PROXY=http://…; with a mirror of Maven Central: export KUNOBS_MAVEN_MIRROR=https://…"
)


def trust_system_authorities() -> None:
    """Let `requests` trust the authorities of the system, where a company's proxy has its own, instead of certifi's.

    Through the environment, because jgo offers no other way; a REQUESTS_CA_BUNDLE of the user stays as it is.
    """
    for bundle in (ssl.get_default_verify_paths().openssl_cafile, *_CA_BUNDLES):
        if Path(bundle).is_file():
            os.environ.setdefault("REQUESTS_CA_BUNDLE", bundle)
            return


class ArtifactCache:
    """Jars on disk in Maven's layout; a file gets to its place only after its hash has been checked."""

    def __init__(
        self, root: Path, *, mirror: str = "", clock: Clock = SYSTEM_CLOCK, environ: Mapping[str, str] = os.environ
    ) -> None:
        if ":" in str(root):
            raise UsageError(
                f"Java cannot use a cache folder with ':' in its name: {root}", hint="export XDG_CACHE_HOME=/another"
            )
        self.root = root
        self.cancelled = threading.Event()
        self._clock = clock
        self._mirror = (mirror or environ.get("KUNOBS_MAVEN_MIRROR", "")).rstrip("/")
        if self._mirror and not self._mirror.startswith(("http://", "https://")):
            raise UsageError(
                f"the Maven mirror is not an http(s) URL: {self._mirror!r}",
                hint="export KUNOBS_MAVEN_MIRROR=https://mirror.example.com/maven2",
            )

    def path(self, artifact: Artifact) -> Path:
        """Where the artifact lies, or will lie, in this cache."""
        return self.root / "maven" / artifact.path

    def fetch(self, lock: Lock, reporter: Reporter) -> dict[str, list[Path]]:
        """Make every jar of `lock` present and verified; returns the jars by place, in the lock's order.

        Only missing or damaged jars are downloaded. Raises DownloadError naming the artifact; `cancelled` ends it too.
        """
        with ThreadPoolExecutor(PARALLEL_DOWNLOADS, thread_name_prefix="download") as pool:
            good = list(pool.map(self._is_good, lock.artifacts))
            missing = [artifact for artifact, ok in zip(lock.artifacts, good, strict=True) if not ok]
            if missing:
                self._require_space(sum(artifact.size for artifact in missing))
                if lock.licence:
                    reporter.note(f"{lock.name} is downloaded for you, not part of kunobs; its licence: {lock.licence}")
                with reporter.download(lock.name, sum(artifact.size for artifact in missing)) as advance:
                    # The largest first: the last bytes then come from several connections.
                    missing.sort(key=lambda artifact: -artifact.size)
                    futures = [pool.submit(self._download, artifact, advance) for artifact in missing]
                    try:
                        for future in futures:
                            future.result()
                    except BaseException:
                        for future in futures:
                            future.cancel()
                        raise
        places: dict[str, list[Path]] = {}
        for artifact in lock.artifacts:
            places.setdefault(artifact.place, []).append(self.path(artifact))
        return places

    def _is_good(self, artifact: Artifact) -> bool:
        path = self.path(artifact)
        try:
            return path.stat().st_size == artifact.size and sha256_of(path) == artifact.sha256
        except OSError:
            return False

    def _require_space(self, missing: int) -> None:
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DownloadError(
                f"cannot use the cache {self.root}: {error.strerror}", hint="export XDG_CACHE_HOME=/another"
            ) from error
        for abandoned in (self.root / "incoming").glob("*"):
            with contextlib.suppress(OSError):
                if abandoned.stat().st_mtime < self._clock.now() - 86400:  # of a download that was killed
                    shutil.rmtree(abandoned)
        free = shutil.disk_usage(self.root).free
        if free < missing + 50_000_000:
            raise DownloadError(
                f"no space for {missing // 1_000_000} MB of downloads in {self.root}: {free // 1_000_000} MB are free",
                hint="export XDG_CACHE_HOME=/a/larger/disk",
            )

    def _download(self, artifact: Artifact, advance: Callable[[int], None]) -> None:
        import requests  # of the extra `local`

        delays = Backoff(initial=0.5, maximum=5.0).delays()
        failures = mismatches = 0
        while True:
            try:
                found = self._download_once(artifact, advance)
            except (requests.RequestException, RuntimeError) as error:
                failures += 1
                if isinstance(error, requests.exceptions.SSLError):
                    trust_system_authorities()
                if failures == TRIES:
                    message = f"cannot download {artifact.coordinate}: {error}"
                    raise DownloadError(message, hint=_NETWORK_HINT) from error
                self._clock.sleep(next(delays))
                continue
            except OSError as error:
                raise DownloadError(f"cannot store {artifact.coordinate} in {self.root}: {error}") from error
            if found == artifact.sha256:
                return
            mismatches += 1
            if mismatches == 2:
                raise DownloadError(
                    f"{artifact.coordinate} is not the file that the lock names: "
                    f"SHA-256 {found} instead of {artifact.sha256}",
                    hint="the mirror or proxy changes files: try another one with --mirror https://…",
                )

    def _download_once(self, artifact: Artifact, advance: Callable[[int], None]) -> str:
        """Download into a folder of its own, move into place if the hash is right; returns the hash found."""
        from jgo.maven import MavenContext, PythonResolver

        received = 0

        @contextlib.contextmanager
        def count(_name: str, _total: int) -> Iterator[Callable[[int], None]]:
            def update(size: int) -> None:
                nonlocal received
                if self.cancelled.is_set():
                    raise DownloadError(f"the download of {artifact.coordinate} was interrupted")
                received += size
                advance(size)

            yield update

        incoming = self.root / "incoming"
        incoming.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=incoming) as folder:
            context = MavenContext(
                resolver=PythonResolver(progress_callback=count),
                repo_cache=Path(folder),
                remote_repos={"mirror": self._mirror} if self._mirror else None,
                timeout=30,
            )
            group, name, version = artifact.coordinate.split(":")
            try:
                file = context.project(group, name).at_version(version).artifact().resolve()
                found = sha256_of(file)
            except BaseException:
                advance(-received)
                raise
            if found == artifact.sha256:
                target = self.path(artifact)
                target.parent.mkdir(parents=True, exist_ok=True)
                file.replace(target)
                advance(artifact.size - received)
            else:
                advance(-received)
            return found
