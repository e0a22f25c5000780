"""The jobs that take the tenants' targets, in a real Prometheus: who is scraped by which shard, and what a pod's series become."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from kunobs.config.monitoring import MonitoringConfig, TenantsConfig
from kunobs.generate.files import write
from kunobs.generate.tenants.build import build
from kunobs.generate.tenants.jobs import tenants_jobs
from kunobs.generate.tenants.read import texts
from kunobs.generate.tenants.rules import Wanted
from kunobs.local.ports import HOST
from tests.platform.prometheus import DEBIAN, NEWEST, Prometheus
from tests.support import wait_until

pytestmark = pytest.mark.platform
SHARDS = 3
POD = b"""\
ceph_health_status 2
etcd_disk_wal_fsync_duration_seconds_bucket{le="+Inf"} 3
etcd_disk_wal_fsync_duration_seconds_sum 1
etcd_disk_wal_fsync_duration_seconds_count 3
kunobs_noc_posts_total{code="503"} 7
job:apiserver_request:ratio_rate1h 1
ceph_of_mine 4
orders_total{namespace="kube-system",pod="other"} 5
process_start_time_seconds 1700000000
"""


@pytest.fixture
def pod() -> Iterator[str]:
    """host:port of something that speaks as the platform does."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(POD)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer((HOST, 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"{HOST}:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("version", [DEBIAN, NEWEST])
def test_a_pod_does_not_speak_as_the_platform(version: str, pod: str, tmp_path: Path) -> None:
    """What alerts ask for gets a prefix, whole families of it; what is the tenant's own stays; its namespace is not its choice."""
    job = next(iter(tenants_jobs(MonitoringConfig(), None)))
    kept = {key: value for key, value in job.items() if key not in ("kubernetes_sd_configs", "relabel_configs")}
    target = {"static_configs": [{"targets": [pod], "labels": {"namespace": "shop", "pod": "web-0"}}]}
    with Prometheus(tmp_path, {}, version=version, scrape_configs=[kept | target]) as prometheus:
        wait_until(lambda: prometheus.query("up == 1"), 60, "the pod is scraped")
        wait_until(lambda: prometheus.query("orders_total"), 60, "its series are there")
        found = [json.loads(labels) for labels in prometheus.query('{__name__!~"up|scrape_.*",job="tenants"}')]
    assert {one["__name__"] for one in found} == {
        "tenant_ceph_health_status",
        "tenant_etcd_disk_wal_fsync_duration_seconds_bucket",
        "tenant_etcd_disk_wal_fsync_duration_seconds_sum",
        "tenant_etcd_disk_wal_fsync_duration_seconds_count",
        "tenant_kunobs_noc_posts_total",
        "tenant_job:apiserver_request:ratio_rate1h",
        "ceph_of_mine",
        "orders_total",
        "process_start_time_seconds",
    }
    assert {(one["namespace"], one["pod"], one["job"]) for one in found} == {("shop", "web-0", "tenants")}


@pytest.mark.parametrize("version", [DEBIAN, NEWEST])
def test_shards_have_every_tenant_once(version: str, tmp_path: Path) -> None:
    """All probes of all tenants, each in one shard, and a namespace's in the same."""
    source = tmp_path / "tenants"
    source.mkdir()
    for number in range(24):
        probes = [
            {"name": f"p{place}", "target": f"https://t{number}-{place}.example.com/", "interval": "10m"}
            for place in range(2)
        ]
        (source / f"team-{number}.yaml").write_text(json.dumps({"owner": "x", "probes": probes}))
    out = tmp_path / "out"
    config = MonitoringConfig(
        kubernetes=False, tenants=TenantsConfig(files=str(out), shards=SHARDS), blackbox="127.0.0.1:1"
    )
    found, wrong = texts(source)
    built = build(out, found, wrong, config, Wanted())
    write(out, built.files, built.kept)
    seen: dict[str, set[int]] = {}
    probed: list[tuple[str, str]] = []
    wanted = {
        (f"https://t{number}-{place}.example.com/", family)
        for number in range(24) for place in range(2) for family in ("ip4", "ip6")
    }  # fmt: skip
    with ExitStack() as stack:
        servers = [
            stack.enter_context(
                Prometheus(tmp_path / f"p{shard}", {}, version=version, scrape_configs=tenants_jobs(config, shard))
            )
            for shard in range(SHARDS)
        ]
        wait_until(lambda: sum(len(one.targets()) for one in servers) >= len(wanted), 60, "all probes are found")
        for shard, server in enumerate(servers):
            for one in server.targets():
                seen.setdefault(one["labels"]["namespace"], set()).add(shard)
                probed.append((one["labels"]["instance"], one["labels"]["ip_family"]))
                assert one["labels"]["job"] == "probes"
                assert one["scrapeUrl"].startswith("http://127.0.0.1:1/probe?module=https_ip")
    assert all(len(shards) == 1 for shards in seen.values())
    assert len(seen) == 24
    assert len({shard for shards in seen.values() for shard in shards}) == SHARDS
    assert len(probed) == len(wanted)
    assert set(probed) == wanted
