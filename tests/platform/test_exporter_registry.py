"""The registry exporter against real docker-registry processes: three regions with storage of their own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import bcrypt
import pytest
import requests

from exporters.registry import made_of
from kunobs.catalogue import registry as metrics
from kunobs.config.exporters.registry import RegistryConfig
from kunobs.local.ports import HOST, choose
from tests.exporter_world import Scraped, Scraper, exporting
from tests.platform.conftest import need
from tests.registry_world import push
from tests.support import wait_until
from tests.unit.server_support import serving

DEBIAN = "2.8.2+ds1"
SITES = ("east", "west", "north")
PROBE, SUCCESS = "kunobs_registry_probe_success", "kunobs_exporter_collector_success"
FAMILIES = {spec.name for spec in (*metrics.PROBE, *metrics.STATE)}


def program() -> Path:
    """Debian's docker-registry."""
    tools = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kunobs" / "tools"
    found = tools / f"docker-registry-{DEBIAN}" / "usr" / "bin" / "docker-registry"
    need(found.exists(), f"needs Debian's docker-registry {DEBIAN}: make test-platform unpacks it")
    return found


class Registry:
    """One process; its storage outlives a kill."""

    def __init__(self, folder: Path, storage: Path | None = None, **settings: Any) -> None:
        folder.mkdir()
        self.port = choose(())
        self.url = f"http://{HOST}:{self.port}"
        self.storage = storage or folder / "storage"
        self._folder = folder
        self._program = program()
        self._process: subprocess.Popen[bytes] | None = None
        self.configure(**settings)

    def configure(self, **settings: Any) -> None:
        """Its file; what is given goes over the usual. For the next start."""
        usual = {
            "version": "0.1",
            "log": {"level": "error", "accesslog": {"disabled": True}},
            "storage": {"filesystem": {"rootdirectory": str(self.storage)}},
            "http": {"addr": f"{HOST}:{self.port}"},
        }
        (self._folder / "config.yml").write_text(json.dumps(usual | settings))

    def start(self) -> None:
        """A new life, until it answers."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, "serve", self._folder / "config.yml"], stdout=log, stderr=log
            )
        wait_until(self._answers, 30, f"the registry of {self._folder} answers")

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def send(self, number: signal.Signals) -> None:
        """A signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def tag(self, repository: str, tag: str) -> Path:
        """The tag's folder in its storage."""
        return self.storage / "docker/registry/v2/repositories" / repository / "_manifests/tags" / tag

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/v2/", timeout=5).status_code in (200, 401)
        except requests.ConnectionError:
            return False


@pytest.fixture
def regions(tmp_path: Path) -> Iterator[dict[str, Registry]]:
    """Three with the same twelve images."""
    with ExitStack() as stack:
        made = {}
        for site in SITES:
            made[site] = Registry(tmp_path / site)
            stack.callback(made[site].kill)
            made[site].start()
        for repository in ("shop/web", "shop/db", "bank/web"):
            for tag in range(4):
                for one in made.values():
                    push(one.url, repository, f"v{tag}", f"{repository} {tag}")
        yield made


def config_of(regions: Mapping[str, Registry], **settings: Any) -> RegistryConfig:
    """East is the primary; rounds of a few seconds, nothing shared between scrapes."""
    urls = {name: {"url": one.url, "role": "primary" if name == "east" else "replica"} for name, one in regions.items()}
    quick = {"min_interval": "0s", "tag_interval": "2s", "digest_interval": "2s", "grace": "500ms"}
    return RegistryConfig.model_validate({"regions": urls, **quick, **settings})


@contextmanager
def running(config: RegistryConfig) -> Iterator[Scraper]:
    """The exporter at work."""
    exporter = made_of(config)
    with exporter.running(), exporting(exporter) as scrape:
        yield scrape


def mode(answer: Scraped) -> str:
    """The one mode it shows."""
    found = [one for one in metrics.MODES if answer.value("kunobs_registry_mode", one) == 1]
    assert len(found) == 1, answer.text
    return found[0]


def differences(answer: Scraped) -> dict[tuple[str, str], float]:
    """Those above 0, by site and kind."""
    every = {
        (site, kind): answer.value("kunobs_registry_differences", kind, site)
        for site in SITES[1:]
        for kind in metrics.KINDS
    }
    return {key: value for key, value in every.items() if value}


def all_read(scrape: Scraper, tags: int) -> bool:
    """True once every region's round is through and has so many tags."""
    answer = scrape()
    rounds = [answer.value("kunobs_registry_digest_round_seconds", site) for site in SITES]
    return None not in rounds and {answer.value("kunobs_registry_tags", site) for site in SITES} == {tags}


def test_healthy_then_wrong_then_right_again(regions: dict[str, Registry]) -> None:
    """A tag link that is edited on a replica's disk and one that is removed are counted exactly, named, and go when mended."""
    exporter = made_of(config_of(regions))
    with exporter.running(), exporting(exporter) as scrape, serving(routes=exporter.routes) as server:
        wait_until(lambda: all_read(scrape, 12))
        answer = scrape()
        assert (mode(answer), differences(answer)) == ("normal", {})
        assert [answer.value(PROBE, one, site) for one in ("ping", "manifest", "blob") for site in SITES] == [1] * 9
        assert {
            line.split()[2] for line in answer.text.splitlines() if line.startswith("# TYPE kunobs_reg")
        } == FAMILIES
        wrong = regions["west"].tag("shop/web", "v1") / "current" / "link"
        good = wrong.read_text()
        wrong.write_text((regions["west"].tag("shop/web", "v2") / "current" / "link").read_text())
        kept = regions["north"].tag("bank/web", "v3").rename(regions["north"].storage / "kept")
        expected = {("west", "digest"): 1.0, ("north", "missing"): 1.0}
        wait_until(lambda: differences(scrape()) == expected)
        rows = requests.get(f"{server.url}/registry/differences", timeout=30).json()["differences"]
        assert [(one["site"], one["repository"], one["tag"], one["kind"], one["confirmed"]) for one in rows] == [
            ("north", "bank/web", "v3", "missing", True),
            ("west", "shop/web", "v1", "digest", True),
        ]
        assert (rows[1]["primary"], rows[0]["replica"]) == (good, None)
        wrong.write_text(good)
        kept.rename(regions["north"].tag("bank/web", "v3"))
        wait_until(lambda: differences(scrape()) == {})


def test_pushes_during_the_rounds_are_no_differences(regions: dict[str, Registry]) -> None:
    """New tags and moved ones, one region after the other, while everything is read all the time: never counted, then there."""
    with running(config_of(regions, tag_interval="1s", digest_interval="2s", max_heads_per_second=200)) as scrape:
        wait_until(lambda: all_read(scrape, 12))
        for number in range(40):
            for one in regions.values():
                push(one.url, "shop/web", f"new{number % 25}", f"{number}", blob=False)
            if number % 5 == 0:
                assert differences(scrape()) == {}
        wait_until(lambda: all_read(scrape, 37))
        answer = scrape()
        assert differences(answer) == {}
        assert [answer.value("kunobs_registry_unknown_digests", site) for site in SITES] == [0, 0, 0]


def test_the_primary_is_killed_then_all(regions: dict[str, Registry]) -> None:
    """Degraded in the very next scrape, with pulls from the replicas; down when nothing is left; and back."""
    with running(config_of(regions)) as scrape:
        wait_until(lambda: all_read(scrape, 12))
        for stop, go_on in (
            (regions["east"].kill, regions["east"].start),
            (lambda: regions["east"].send(signal.SIGSTOP), lambda: regions["east"].send(signal.SIGCONT)),
        ):
            assert mode(scrape()) == "normal"
            stop()
            answer = scrape(timeout=1.5)
            assert (answer.status, mode(answer)) == (200, "degraded")
            assert [answer.value(PROBE, "blob", site) for site in SITES] == [None, 1, 1]
            assert answer.value(PROBE, "ping", "east") == 0
            assert [answer.value(SUCCESS, one, "registry") for one in ("probe", "tags")] == [0, 1]
            go_on()
            wait_until(lambda: mode(scrape()) == "normal")
        for one in regions.values():
            one.kill()
        answer = scrape()
        assert mode(answer) == "down"
        assert [answer.value("kunobs_registry_tags", site) for site in SITES] == [12] * 3
        assert differences(answer) == {}
        for one in regions.values():
            one.start()
        wait_until(lambda: mode(scrape()) == "normal")
        age = "kunobs_registry_list_age_seconds"
        wait_until(lambda: max(scrape().value(age, site) or 99 for site in SITES) < 4, 60, "the rounds go on")


def test_a_primary_that_takes_no_pushes(regions: dict[str, Registry]) -> None:
    """Read-only as for garbage collection: pulls go on, and a try to push says degraded."""
    east = regions["east"]
    with exporting(made_of(config_of(regions, sample="shop/web:v0", upload_repository="shop/web"))) as scrape:
        assert [mode(scrape()) for _ in range(3)] == ["normal"] * 3
        # Nothing is left of them; those that are cancelled would leave a folder each.
        assert list((east.tag("shop/web", "v0").parents[2] / "_uploads").iterdir()) == []
        east.kill()
        filesystem = {"filesystem": {"rootdirectory": str(east.storage)}}
        east.configure(storage=filesystem | {"maintenance": {"readonly": {"enabled": True}}})
        east.start()
        answer = scrape()
    assert mode(answer) == "degraded"
    assert [answer.value(PROBE, operation, "east") for operation in ("ping", "manifest", "blob", "push")] == [
        1,
        1,
        1,
        0,
    ]


def test_the_canary_reaches_a_replica_and_is_lost_at_another(tmp_path: Path) -> None:
    """A replica on the primary's storage has it at once, one on its own never; with real passwords all the way."""
    (tmp_path / "htpasswd").write_bytes(b"pusher:" + bcrypt.hashpw(b"hunter2", bcrypt.gensalt(4)) + b"\n")
    auth = {"htpasswd": {"realm": "test", "path": str(tmp_path / "htpasswd")}}
    shared = tmp_path / "shared"
    with ExitStack() as stack:
        regions = {}
        for site in SITES:
            regions[site] = Registry(tmp_path / site, None if site == "north" else shared, auth=auth)
            stack.callback(regions[site].kill)
            regions[site].start()
        canary = {"repository": "canary/push", "interval": "1s", "timeout": "1s"}
        config = config_of(regions, canary=canary).model_dump()
        config["regions"] = {
            name: {**region, "username": "pusher", "password": "hunter2"} for name, region in config["regions"].items()
        }
        with running(RegistryConfig.model_validate(config)) as scrape:
            wait_until(lambda: (scrape().value("kunobs_registry_canary_lost_total", "north") or 0) >= 2)
            answer = scrape()
            assert mode(answer) == "normal"
            assert (answer.value("kunobs_registry_push_to_replica_seconds_count", "west") or 0) >= 2
            assert answer.value("kunobs_registry_push_to_replica_seconds_count", "north") == 0
            assert answer.value("kunobs_registry_canary_lost_total", "west") == 0
            assert [answer.value(PROBE, operation, "east") for operation in ("auth", "push")] == [1, 1]
            digests = (shared / "docker/registry/v2/repositories/canary/push/_manifests/revisions/sha256").iterdir()
            pushes = answer.value("kunobs_registry_canary_pushes_total", "ok") or 0
            assert len(list(digests)) >= pushes >= 2
            shutil.rmtree(shared)
            shared.write_text("not a folder")
            wait_until(lambda: mode(scrape()) != "normal")
            assert scrape().value(PROBE, "push", "east") == 0
            assert "hunter2" not in scrape("/metrics?debug=true").text
