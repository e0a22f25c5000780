"""Locked artifacts: only files with the right hash get into the cache, whatever the mirror does."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests

from kunobs.errors import DownloadError, UsageError
from kunobs.local import artifacts
from kunobs.local import lock as lock_command
from kunobs.local.artifacts import ArtifactCache
from kunobs.local.lockfile import Artifact, Lock, locked_versions
from kunobs.local.progress import Reporter
from kunobs.testing.clock import FakeClock

GOOD = b"a jar" * 5000
ARTIFACT = Artifact("lib", "org.example:thing:1.0", len(GOOD), hashlib.sha256(GOOD).hexdigest())
PATH = "/maven/org/example/thing/1.0/thing-1.0.jar"
LOCK = Lock("thing-1.0", (ARTIFACT,))


@dataclass
class Mirror:
    """A Maven repository that answers each jar with the next of `answers` (bytes or a status), the last for ever."""

    answers: list[bytes | int] = field(default_factory=lambda: [GOOD])
    requests: list[str] = field(default_factory=list)
    url: str = ""

    def jars(self) -> list[str]:
        """Requests for jars; jgo also asks for the checksum file beside each."""
        return [path for path in self.requests if path.endswith(".jar")]


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    """A mirror on 127.0.0.1."""
    found = Mirror()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.requests.append(self.path)
            answer: bytes | int = 404
            if self.path.endswith(".jar"):
                answer = found.answers.pop(0) if len(found.answers) > 1 else found.answers[0]
            body = b"" if isinstance(answer, int) else answer
            self.send_response(answer if isinstance(answer, int) else 200)
            self.send_header("Content-Length", str(len(GOOD) if body else 0))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    found.url = f"http://127.0.0.1:{server.server_port}/maven"
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


def cache_at(folder: Path, mirror: Mirror) -> ArtifactCache:
    """A cache that asks only `mirror` and never really waits."""
    return ArtifactCache(folder, mirror=mirror.url, environ={}, clock=FakeClock())


def files_in(folder: Path) -> list[str]:
    """Every file below `folder`."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_jar_is_downloaded_once_and_then_used_without_network(tmp_path: Path, mirror: Mirror) -> None:
    """The second fetch makes no request at all."""
    expected = {"lib": [tmp_path / "maven/org/example/thing/1.0/thing-1.0.jar"]}
    assert cache_at(tmp_path, mirror).fetch(LOCK, Reporter()) == expected
    assert expected["lib"][0].read_bytes() == GOOD
    assert mirror.jars() == [PATH]
    mirror.answers = [500]
    mirror.requests.clear()
    assert cache_at(tmp_path, mirror).fetch(LOCK, Reporter()) == expected
    assert mirror.requests == []


def test_a_corrupt_download_is_retried_once(tmp_path: Path, mirror: Mirror) -> None:
    """A file with the wrong hash is thrown away and fetched again."""
    mirror.answers = [b"x" * len(GOOD), GOOD]
    cache_at(tmp_path, mirror).fetch(LOCK, Reporter())
    assert files_in(tmp_path) == [PATH.removeprefix("/")]
    assert mirror.jars() == [PATH, PATH]


def test_a_second_corrupt_download_is_an_error_that_names_the_artifact(tmp_path: Path, mirror: Mirror) -> None:
    """Nothing corrupt stays in the cache, and the error says which artifact and which hashes."""
    mirror.answers = [b"x" * len(GOOD)]
    with pytest.raises(DownloadError, match=r"org\.example:thing:1\.0 is not the file") as caught:
        cache_at(tmp_path, mirror).fetch(LOCK, Reporter())
    assert ARTIFACT.sha256 in str(caught.value)
    assert "mirror" in caught.value.hint
    assert files_in(tmp_path) == []
    assert len(mirror.jars()) == 2


@pytest.mark.parametrize("answer", [GOOD[:100], 404, 503], ids=["truncated", "missing", "broken"])
def test_trouble_with_the_mirror_is_retried_and_then_an_error(
    tmp_path: Path, mirror: Mirror, answer: bytes | int
) -> None:
    """A connection that ends early or an error status is tried three times; the hint speaks of proxy and mirror."""
    mirror.answers = [answer]
    with pytest.raises(DownloadError, match=r"cannot download org\.example:thing:1\.0") as caught:
        cache_at(tmp_path, mirror).fetch(LOCK, Reporter())
    assert "KUNOBS_MAVEN_MIRROR" in caught.value.hint
    assert len(mirror.jars()) == 3
    assert files_in(tmp_path) == []


def test_trouble_followed_by_a_wrong_hash_does_not_pass_for_success(tmp_path: Path, mirror: Mirror) -> None:
    """However failures and mismatches mix, fetch returns only with the right file in place."""
    mirror.answers = [503, 503, b"x" * len(GOOD), b"x" * len(GOOD), GOOD]
    with pytest.raises(DownloadError, match="is not the file"):
        cache_at(tmp_path, mirror).fetch(LOCK, Reporter())
    mirror.answers = [503, b"x" * len(GOOD), 503, GOOD]
    cache_at(tmp_path, mirror).fetch(LOCK, Reporter())
    assert files_in(tmp_path) == [PATH.removeprefix("/")]


@pytest.mark.parametrize("damage", [b"", GOOD[:-1] + b"!", GOOD + b"!"], ids=["empty", "flipped", "longer"])
def test_a_jar_damaged_in_the_cache_is_replaced(tmp_path: Path, mirror: Mirror, damage: bytes) -> None:
    """The cache is checked by hash at each start, so a bad disk block does not become a mystery in Java."""
    [jar] = cache_at(tmp_path, mirror).fetch(LOCK, Reporter())["lib"]
    jar.write_bytes(damage)
    cache_at(tmp_path, mirror).fetch(LOCK, Reporter())
    assert jar.read_bytes() == GOOD


def test_an_interrupted_download_leaves_nothing(tmp_path: Path, mirror: Mirror) -> None:
    """Ctrl-C ends the download at its next block and leaves no partial file."""
    cache = cache_at(tmp_path, mirror)
    cache.cancelled.set()
    with pytest.raises(DownloadError, match="interrupted"):
        cache.fetch(LOCK, Reporter())
    assert files_in(tmp_path) == []


def test_progress_adds_up_to_the_size_even_with_retries(tmp_path: Path, mirror: Mirror) -> None:
    """Bytes of an attempt that failed are taken back."""
    seen: list[int] = []

    class Watching(Reporter):
        @contextlib.contextmanager
        def download(self, label: str, total: int) -> Iterator[Callable[[int], None]]:
            assert (label, total) == ("thing-1.0", len(GOOD))
            yield seen.append

    mirror.answers = [b"x" * len(GOOD), GOOD[:100], GOOD]
    cache_at(tmp_path, mirror).fetch(LOCK, Watching())
    assert sum(seen) == len(GOOD)
    assert min(seen) < 0


def test_two_commands_may_download_at_once(tmp_path: Path, mirror: Mirror) -> None:
    """Two caches on one folder do not disturb each other."""
    caches = [cache_at(tmp_path, mirror) for _ in range(4)]
    threads = [threading.Thread(target=cache.fetch, args=(LOCK, Reporter())) for cache in caches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert files_in(tmp_path) == [PATH.removeprefix("/")]
    assert cache_at(tmp_path, mirror).path(ARTIFACT).read_bytes() == GOOD


def test_a_proxy_of_the_environment_is_used(tmp_path: Path, mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    """With HTTP_PROXY set the request goes to the proxy with the mirror's full address."""
    monkeypatch.setenv("HTTP_PROXY", mirror.url.removesuffix("/maven"))
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("http_proxy", raising=False)
    cache = ArtifactCache(tmp_path, mirror="http://mirror.invalid/maven/", environ={}, clock=FakeClock())
    cache.fetch(LOCK, Reporter())
    assert mirror.jars() == [f"http://mirror.invalid{PATH}"]


def test_the_mirror_comes_from_the_environment(tmp_path: Path, mirror: Mirror) -> None:
    """KUNOBS_MAVEN_MIRROR names it, and must be a URL."""
    ArtifactCache(tmp_path, environ={"KUNOBS_MAVEN_MIRROR": mirror.url + "/"}).fetch(LOCK, Reporter())
    assert mirror.jars() == [PATH]
    with pytest.raises(UsageError, match="not an http"):
        ArtifactCache(tmp_path, environ={"KUNOBS_MAVEN_MIRROR": "ftp://x"})


def test_a_full_disk_is_found_before_the_download(
    tmp_path: Path, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says how much is needed and free, and nothing was requested."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 5, 5))
    with pytest.raises(DownloadError, match="no space for 0 MB") as caught:
        cache_at(tmp_path, mirror).fetch(LOCK, Reporter())
    assert "XDG_CACHE_HOME" in caught.value.hint
    assert mirror.requests == []


def test_abandoned_downloads_are_swept(tmp_path: Path, mirror: Mirror) -> None:
    """What a killed download left is removed a day later, a fresh one is not."""
    old, new = tmp_path / "incoming/old", tmp_path / "incoming/new"
    for folder in (old, new):
        folder.mkdir(parents=True)
    now = FakeClock().now()
    os.utime(old, (now - 90000, now - 90000))
    os.utime(new, (now - 100, now - 100))
    cache_at(tmp_path, mirror).fetch(LOCK, Reporter())
    assert not old.exists()
    assert new.exists()


def test_a_folder_java_cannot_use_is_refused(tmp_path: Path) -> None:
    """A class path is separated by colons."""
    with pytest.raises(UsageError, match="':'"):
        ArtifactCache(tmp_path / "a:b")


def test_a_bad_lock_line_is_named() -> None:
    """The error holds the file, the line's number and the form it should have."""
    with pytest.raises(ValueError, match=r"x\.lock line 2: not 'PLACE"):
        Lock.parse("x", "# fine\nlib a:b 12 sha256:00\n")


def test_an_unlocked_version_lists_the_locked_ones() -> None:
    """Only versions with a lock can run."""
    with pytest.raises(UsageError) as caught:
        Lock.load("elasticsearch", "7.0.0")
    assert caught.value.hint == "locked versions: 8.19.21, 9.5.3"


@pytest.mark.parametrize(("program", "version"), sorted(lock_command.PROGRAMS))
def test_shipped_locks_are_whole(program: str, version: str) -> None:
    """Each lock has its root jar, one version of each jar, every place the program needs, a licence, and no address."""
    found = Lock.load(program, version)
    places = lock_command.PROGRAMS[program, version]
    assert {artifact.place for artifact in found.artifacts} == set(places)
    coordinates = [artifact.coordinate for artifact in found.artifacts]
    assert {root for roots in places.values() for root in roots} <= set(coordinates)
    names = [coordinate.rsplit(":", 1)[0] for coordinate in coordinates]
    assert len(names) == len(set(names))
    assert found.licence
    assert 40e6 < found.size < 60e6
    text = (Path(lock_command.__file__).parent / "locks" / f"{found.name}.lock").read_text()
    assert not re.search(r"://|repo\.|\.com/|\.org/", text)
    assert version in locked_versions(program)


def test_kafka_is_of_one_version() -> None:
    """jgo once let log4j's parent choose kafka-clients 3.9.1 for a 4.x broker: all Kafka jars have its version."""
    coordinates = [artifact.coordinate for artifact in Lock.load("kafka", "4.2.2").artifacts]
    kafka = [coordinate for coordinate in coordinates if coordinate.startswith("org.apache.kafka:")]
    assert "org.apache.kafka:kafka-clients:4.2.2" in kafka
    assert {coordinate.rsplit(":", 1)[1] for coordinate in kafka} == {"4.2.2"}


def test_the_systems_authorities_are_trusted_after_a_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A company's proxy signs with an authority that only the system's store holds; the user's own setting wins."""
    bundle = tmp_path / "bundle.crt"
    bundle.touch()
    monkeypatch.setattr(artifacts, "_CA_BUNDLES", (str(bundle),))
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: SimpleNamespace(openssl_cafile="/nonexistent"))
    seen: list[str | None] = []

    def refuse_at_first(self: ArtifactCache, artifact: Artifact, advance: Callable[[int], None]) -> str:
        seen.append(os.environ.get("REQUESTS_CA_BUNDLE"))
        if len(seen) == 1:
            raise requests.exceptions.SSLError("self-signed certificate in certificate chain")
        return artifact.sha256

    monkeypatch.setattr(ArtifactCache, "_download_once", refuse_at_first)
    for before, after in ((None, str(bundle)), ("/own", "/own")):
        seen.clear()
        monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
        if before:
            monkeypatch.setenv("REQUESTS_CA_BUNDLE", before)
        ArtifactCache(tmp_path, environ={}, clock=FakeClock()).fetch(LOCK, Reporter())
        assert seen == [before, after]
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
