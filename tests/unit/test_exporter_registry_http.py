"""The registry exporter over HTTP, against a registry in memory: what is asked, what hostile answers cost, who gets our password."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from exporters.kit.exporter import Exporter
from exporters.registry import build, made_of
from exporters.registry.canary import Canary
from kunobs.catalogue import registry as metrics
from kunobs.config import load
from kunobs.config.exporters.registry import RegistryConfig
from tests.exporter_world import Scraper, exporting
from tests.registry_world import (
    CONFIG,
    FakeRegistry,
    Handler,
    basic,
    client_of,
    drip,
    fake_registry,
    guarded,
    manifest,
    sha256,
)
from tests.support import wait_until
from tests.unit.server_support import serving

PROBE, TAGS, SUCCESS = "kunobs_registry_probe_success", "kunobs_registry_tags", "kunobs_exporter_collector_success"
SITES = ("east", "west", "north")
FAMILIES = {spec.name for spec in metrics.METRICS}


def config_of(urls: dict[str, str], **settings: Any) -> RegistryConfig:
    """The first is the primary; nothing is shared between scrapes, rounds are quick."""
    regions = {name: {"url": url, "role": "primary" if name == "east" else "replica"} for name, url in urls.items()}
    quick = {"min_interval": "0s", "tag_interval": "1s", "digest_interval": "1s", "grace": "100ms"}
    return RegistryConfig.model_validate({"regions": regions, **quick, "max_heads_per_second": 1000, **settings})


@pytest.fixture
def fakes() -> Iterator[dict[str, FakeRegistry]]:
    """Three registries with the same images."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(fake_registry()) for name in SITES}


@contextmanager
def running(config: RegistryConfig) -> Iterator[tuple[Scraper, Exporter]]:
    """The exporter at work."""
    exporter = made_of(config)
    with exporter.running(), exporting(exporter) as scrape:
        yield scrape, exporter


def urls_of(fakes: dict[str, FakeRegistry]) -> dict[str, str]:
    """Where they are."""
    return {name: fake.url for name, fake in fakes.items()}


def mode(scrape: Scraper, **options: Any) -> str:
    """The one mode that a scrape shows."""
    answer = scrape(**options)
    found = [one for one in metrics.MODES if answer.value("kunobs_registry_mode", one) == 1]
    assert len(found) == 1, answer.text
    return found[0]


def test_healthy(fakes: dict[str, FakeRegistry]) -> None:
    """All families, exactly the declared ones; everything works; all tags and no difference."""
    settings = {"sample": "team/r0:v0", "canary": {"repository": "canary/c", "interval": "1s", "timeout": "500ms"}}
    with running(config_of(urls_of(fakes), **settings)) as (scrape, _):
        wait_until(lambda: scrape().value("kunobs_registry_digest_round_seconds", "north"))
        wait_until(lambda: scrape().value("kunobs_registry_canary_lost_total", "west"))
        for name, tags in fakes["east"].images.items():
            for fake in fakes.values():
                fake.images[name] = tags
        wait_until(lambda: scrape().value("kunobs_registry_push_to_replica_seconds_count", "north"))
        wait_until(lambda: [scrape().value(TAGS, site) for site in SITES] == [13] * 3)
        wait_until(lambda: [scrape().value("kunobs_registry_repositories", site) for site in SITES] == [4] * 3)
        wait_until(
            lambda: not sum(scrape().value("kunobs_registry_differences", k, "west") or 0 for k in metrics.KINDS)
        )
        answer = scrape()
    families = {line.split()[2] for line in answer.text.splitlines() if line.startswith("# TYPE kunobs_registry")}
    assert families == FAMILIES
    assert [answer.value(SUCCESS, one, "registry") for one in ("probe", "tags", "canary")] == [1, 1, 1]
    for site in SITES:
        for operation in ("ping", "manifest", "blob"):
            assert answer.value(PROBE, operation, site) == 1
        assert answer.value("kunobs_registry_repositories", site) == 4
        assert answer.value("kunobs_registry_skipped_repositories", site) == 0
    assert answer.value(PROBE, "push", "east") == 1
    assert answer.value("kunobs_registry_mode", "normal") == 1
    assert answer.value("kunobs_registry_canary_pushes_total", "failed") == 0


def test_nothing_configured(tmp_path: Path) -> None:
    """An empty kunobs.yaml: no target, no series, but every family is declared."""
    (tmp_path / "kunobs.yaml").write_text("version: 1\n")
    exporter = build(load(tmp_path / "kunobs.yaml", environ={}))
    assert set(exporter.families) == FAMILIES
    with exporting(exporter) as scrape:
        answer = scrape()
    assert answer.value(SUCCESS, "probe", "registry") == 1
    assert "kunobs_registry_" not in "".join(line for line in answer.text.splitlines() if not line.startswith("#"))


def test_the_page_names_the_tags(fakes: dict[str, FakeRegistry]) -> None:
    """/registry/differences has each confirmed tag with both digests."""
    fakes["west"].images["team/r1"]["v2"] = manifest("other")
    del fakes["north"].images["team/r2"]["v0"]
    exporter = made_of(config_of(urls_of(fakes)))
    with exporter.running(), serving(routes=exporter.routes) as server:
        url = f"{server.url}/registry/differences"

        def both() -> list[dict[str, Any]] | None:
            found = requests.get(url, timeout=30).json()["differences"]
            return found if [one["confirmed"] for one in found] == [True, True] else None

        north, west = wait_until(both)
        assert requests.post(url, timeout=30).status_code == 405
    first, other = sha256(manifest("1 2")), sha256(manifest("other"))
    assert {**west, "seconds": 0} == {
        "site": "west", "repository": "team/r1", "tag": "v2", "kind": "digest", "confirmed": True, "seconds": 0,
        "primary": first, "replica": other,
    }  # fmt: skip
    assert (north["kind"], north["repository"], north["tag"], north["replica"]) == ("missing", "team/r2", "v0", None)


def resets(handler: Handler) -> None:
    """RST in the middle."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    handler.close_connection = True
    handler.connection.close()


def never(handler: Handler) -> None:
    """Holds the line."""
    handler.close_connection = True
    threading.Event().wait(30)


def garbage(handler: Handler) -> None:
    """Not HTTP."""
    handler.close_connection = True
    handler.wfile.write(bytes(range(256)) * 10)


FAULTS: dict[str, Callable[[Handler], None]] = {
    "reset": resets,
    "never": never,
    "garbage": garbage,
    "drip": drip(0.05),
    "html": lambda handler: handler.reply(200, b"<html>Welcome</html>", Content_Type="text/html"),
    "json": lambda handler: handler.reply(200, b"[" * 100_000),
    "denied": lambda handler: handler.reply(401, b"", WWW_Authenticate="Negotiate"),
    "forbidden": lambda handler: handler.reply(403),
    "server error": lambda handler: handler.reply(500),
    "throttled": lambda handler: handler.reply(429, b"", Retry_After="1"),
    "gzip": lambda handler: handler.reply(200, b"not gzip", Content_Encoding="gzip"),
    "redirect": lambda handler: handler.reply(302, b"", Location="http://127.0.0.1:9/"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_at_the_primary_is_seen_at_once_and_costs_nothing_else(
    fakes: dict[str, FakeRegistry], fault: str
) -> None:
    """200 in time, degraded, success 0 for the probe and 1 for the rest; the replicas are as before."""
    with running(config_of(urls_of(fakes), sample="team/r0:v0")) as (scrape, _):
        assert mode(scrape) == "normal"
        fakes["east"].odd[""] = FAULTS[fault]
        answer = scrape(timeout=1.2)
        assert answer.value("kunobs_registry_mode", "degraded") == 1
        assert [answer.value(SUCCESS, one, "registry") for one in ("probe", "tags")] == [0, 1]
        # 401 to a ping is how a registry says that it wants to know who we are.
        assert answer.value(PROBE, "auth" if fault == "denied" else "ping", "east") == 0
        assert [answer.value(PROBE, "blob", site) for site in SITES[1:]] == [1, 1]
        for fake in fakes.values():
            fake.odd[""] = FAULTS[fault]
        assert mode(scrape, timeout=1.2) == "down"
        for fake in fakes.values():
            fake.odd.clear()
        wait_until(lambda: mode(scrape) == "normal")


@pytest.mark.parametrize("fault", ["never", "garbage", "json"])
@pytest.mark.parametrize("path", ["/_catalog", "/tags/list", "/manifests/", "/blobs/"])
def test_a_fault_in_one_kind_of_answer(fakes: dict[str, FakeRegistry], fault: str, path: str) -> None:
    """Of a replica: never a difference, the scrape is in time, and the operation that met it failed."""
    fakes["west"].odd[path] = FAULTS[fault]
    with running(config_of(urls_of(fakes), sample="team/r0:v0")) as (scrape, _):
        wait_until(lambda: scrape(timeout=1.2).value("kunobs_registry_digest_round_seconds", "north"))
        answer = scrape(timeout=1.2)
        assert answer.value("kunobs_registry_mode", "normal") == 1
        assert [answer.value("kunobs_registry_differences", kind, "west") for kind in metrics.KINDS] == [0, 0, 0]
        failed = [operation for operation in ("manifest", "blob") if answer.value(PROBE, operation, "west") == 0]
        # An index page with status 200 is what a HEAD cannot tell from a manifest.
        expected = {"/manifests/": ["manifest"], "/blobs/": ["blob"]}.get(path, [])
        assert failed == expected


def test_packets_that_are_dropped(fakes: dict[str, FakeRegistry]) -> None:
    """A replica whose SYNs are not answered: in time, its ping failed, the others as before."""
    with ExitStack() as stack:
        hole = stack.enter_context(socket.socket())
        hole.bind(("127.0.0.1", 0))
        hole.listen(0)
        for _ in range(4):
            # A full backlog drops what comes after.
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(hole.getsockname())
        urls = {**urls_of(fakes), "west": f"http://127.0.0.1:{hole.getsockname()[1]}"}
        with running(config_of(urls, sample="team/r0:v0")) as (scrape, _):
            answer = scrape(timeout=1.2)
    assert [answer.value(PROBE, "ping", site) for site in SITES] == [1, 0, 1]
    assert (answer.value(PROBE, "blob", "north"), answer.value("kunobs_registry_mode", "normal")) == (1, 1)
    assert [answer.value(SUCCESS, one, "registry") for one in ("probe", "tags")] == [0, 1]


def test_a_content_that_is_not_its_digest(fakes: dict[str, FakeRegistry]) -> None:
    """A blob or a manifest with a flipped bit is not a good pull."""
    fakes["west"].odd["/blobs/"] = lambda handler: handler.reply(200, b'{"architecture":"amd65"}')
    fakes["north"].odd["/manifests/v0"] = lambda handler: handler.reply(
        200, manifest("other"), Docker_Content_Digest=sha256(manifest("0 0"))
    )
    with exporting(made_of(config_of(urls_of(fakes), sample="team/r0:v0"))) as scrape:
        answer = scrape("/metrics?debug=true")
    assert (answer.value(PROBE, "blob", "west"), answer.value(PROBE, "manifest", "north")) == (0, 0)
    assert "the content is not that of sha256:" in answer.text


def test_an_upload_says_whether_pushes_work(fakes: dict[str, FakeRegistry]) -> None:
    """With upload_repository a primary that refuses writes is degraded; only the primary is written to."""
    config = config_of(urls_of(fakes), sample="team/r0:v0", upload_repository="team/up")
    with exporting(made_of(config)) as scrape:
        assert mode(scrape) == "normal"
        writes = [(method, path) for method, path, _ in fakes["east"].asked if method not in ("GET", "HEAD")]
        assert writes == [
            ("POST", "/v2/team/up/blobs/uploads/"),
            ("PUT", f"/v2/team/up/blobs/uploads/id?_state=x&digest={sha256(b'{}')}"),
        ]
        for method in ("POST", "PUT"):
            # The one that is not refused is answered as before.
            fakes["east"].odd["/uploads/"] = lambda handler, method=method: (  # type: ignore[misc]
                handler.reply(405) if handler.command == method else fakes["east"].answer(handler)
            )
            assert mode(scrape) == "degraded"
            assert (scrape().value(PROBE, "manifest", "east"), scrape().value(PROBE, "push", "east")) == (1, 0)
    assert {method for name in SITES[1:] for method, _, _ in fakes[name].asked} == {"GET"}


def test_the_canary_says_whether_pushes_work(fakes: dict[str, FakeRegistry]) -> None:
    """A primary whose PUT fails is degraded by the canary, and the histogram holds only what arrived."""
    settings = {"sample": "team/r0:v0", "canary": {"repository": "canary/c", "interval": "1s", "timeout": "1s"}}
    config = config_of(urls_of(fakes), **settings)
    clients = {name: client_of(fake) for name, fake in fakes.items()}
    canary = Canary(config.canary, clients["east"], {name: clients[name] for name in SITES[1:]})
    shared: dict[str, bytes] = {}
    fakes["east"].images["canary/c"] = fakes["west"].images["canary/c"] = shared
    stop = threading.Event()
    canary.once(stop)
    assert sum(canary._counts["west"]) == 1
    assert (canary._lost, sum(canary._counts["north"])) == ({"west": 0, "north": 1}, 0)
    first = dict(shared)
    canary.once(stop)
    assert first != shared
    fakes["east"].odd["/manifests/kunobs-canary"] = lambda handler: handler.reply(500)
    with running(config) as (scrape, _):
        wait_until(lambda: mode(scrape) == "degraded")
        answer = scrape()
    assert answer.value(PROBE, "push", "east") == 0
    assert (answer.value("kunobs_registry_canary_pushes_total", "failed") or 0) >= 1


def test_the_state_waits_for_no_region(fakes: dict[str, FakeRegistry]) -> None:
    """With every region hung, what is known is still answered, with its ages."""
    for fake in fakes.values():
        fake.odd[""] = never
    with running(config_of(urls_of(fakes))) as (scrape, _):
        wait_until(lambda: all(fake.asked for fake in fakes.values()))
        answer = scrape("/metrics?collect[]=tags", timeout=2)
    assert answer.value(SUCCESS, "tags", "registry") == 1
    assert all(answer.value("kunobs_registry_list_age_seconds", site) is not None for site in SITES)


def test_a_blob_from_elsewhere_gets_no_password(fakes: dict[str, FakeRegistry]) -> None:
    """The redirect to the storage is followed without credentials."""
    east = fakes["east"]
    path = f"/v2/team/r0/blobs/{sha256(CONFIG)}"
    fakes["west"].asked.clear()

    def answer(handler: Handler) -> None:
        if "/blobs/" in handler.path:
            handler.reply(307, b"", Location=fakes["west"].url + path)
        else:
            guarded(east, "Basic", lambda shown: shown == basic("reader", "hunter2"))(handler)

    east.odd[""] = answer
    regions = {"east": {"url": east.url, "role": "primary", "username": "reader", "password": "hunter2"}}
    config = RegistryConfig.model_validate({"regions": regions, "sample": "team/r0:v0"})
    with exporting(made_of(config)) as scrape:
        answer_ = scrape("/metrics?debug=true")
    assert (answer_.value(PROBE, "auth", "east"), answer_.value(PROBE, "blob", "east")) == (1, 1)
    assert [("Authorization" in headers) for _, _, headers in fakes["west"].asked] == [False]
    assert "hunter2" not in answer_.text
