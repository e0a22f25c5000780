"""Generated configurations, as the programs read them: Prometheus 2.42 and the newest, Alertmanager and amtool, blackbox_exporter's form."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from kunobs.config.monitoring import MonitoringConfig, RemoteWriteConfig
from kunobs.generate.alertmanager import alertmanager_files
from kunobs.generate.blackbox import blackbox_files
from kunobs.generate.files import write
from kunobs.generate.prometheus import flags, prometheus_files
from tests.platform.alertmanager import DEBIAN as ALERTMANAGER
from tests.platform.conftest import need
from tests.platform.prometheus import DEBIAN, NEWEST, tool

pytestmark = pytest.mark.platform
FULL = MonitoringConfig(
    cluster="eu-1",
    alertmanagers=("am-0:9093", "am-1:9093", "[2001:db8::1]:9093"),
    relays=("https://noc-0.example.com", "https://noc-1.example.com/"),
    probes="http://probes:9540",
    targets={"kunobs-noc": ("noc:9510",), "node": ("a:9100", "b:9100")},
)


def checked(command: list[str | Path]) -> str:
    """What a program says of a file that it takes."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("kind", ["none", "victoriametrics", "mimir", "thanos"])
@pytest.mark.parametrize(("version", "kubernetes"), [(DEBIAN, False), (NEWEST, False), (NEWEST, True)])
def test_promtool_takes_prometheus(version: str, kubernetes: bool, kind: str, tmp_path: Path) -> None:
    """Debian's is built without the discovery of Kubernetes."""
    remote = RemoteWriteConfig(kind=kind, url="" if kind == "none" else "http://engine:8428/api/v1/write")  # type: ignore[arg-type]
    config = FULL.model_copy(update={"kubernetes": kubernetes, "remote_write": remote})
    write(tmp_path, prometheus_files(config))
    for replica in config.replicas:
        said = checked(
            [tool("promtool", version), "check", "config", "--syntax-only", tmp_path / f"prometheus-{replica}.yml"]
        )
        assert "SUCCESS" in said


@pytest.mark.parametrize("version", [DEBIAN, NEWEST])
def test_prometheus_knows_the_flags(version: str, tmp_path: Path) -> None:
    """Each of them is in its help; the features too."""
    done = subprocess.run(
        [tool("prometheus", version), "--help"], capture_output=True, text=True, timeout=30, check=False
    )
    known = (done.stdout + done.stderr).replace("[no-]", "")
    for flag in flags(FULL):
        assert flag.partition("=")[0] in known
    assert "memory-snapshot-on-shutdown" in known


def test_amtool_takes_alertmanager(tmp_path: Path) -> None:
    """Debian's; the newest runs with it in test_ha_chaos."""
    tools = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kunobs" / "tools"
    amtool = tools / f"prometheus-alertmanager-{ALERTMANAGER}" / "usr" / "bin" / "amtool"
    need(amtool.exists(), f"needs Debian's Alertmanager {ALERTMANAGER}: make test-platform unpacks it")
    write(tmp_path, alertmanager_files(FULL, {"payments": "pay", "a" * 63: "other"}))
    said = checked([amtool, "check-config", tmp_path / "alertmanager.yml"])
    assert "inhibit rules" in said
    for labels, receiver in (
        (["alertname=KunWatchdog"], "noc"),
        (["alertname=QueueGrows", "owner=tenant", "namespace=payments"], "tenant-payments"),
        (["alertname=QueueGrows", "owner=tenant", f"namespace={'a' * 63}"], f"tenant-{'a' * 63}"),
        (["alertname=QueueGrows", "owner=tenant", "namespace=pay"], "noc"),
        (["alertname=KunQuotaBlocking", "owner=platform", "namespace=payments"], "noc"),
    ):
        routed = checked([amtool, "config", "routes", "test", "--config.file", tmp_path / "alertmanager.yml", *labels])
        assert routed.strip() == receiver


def test_every_module_is_there_for_both_families() -> None:
    """And no success of one is a success of the other."""
    modules = YAML(typ="safe", pure=True).load(blackbox_files()["blackbox.yml"])["modules"]
    assert {name.rpartition("_")[2] for name in modules} == {"ip4", "ip6"}
    for name, module in modules.items():
        own = module[module["prober"]]
        assert own["preferred_ip_protocol"] == name.rpartition("_")[2]
        assert own["ip_protocol_fallback"] is False
