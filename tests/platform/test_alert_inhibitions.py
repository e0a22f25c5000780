"""Every inhibition in real Alertmanagers with the configuration that is generated: the target is muted, and only where it should be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alert_rules.cases import CASES
from alert_rules.inhibitions import Edge, edges
from kunobs.config.monitoring import MonitoringConfig
from kunobs.generate.alertmanager import document
from tests.platform.alertmanager import DEBIAN, NEWEST, Alert, Alertmanager, ended, firing, program
from tests.support import wait_until

pytestmark = pytest.mark.platform
# Nobody listens there; what is asked is who would have been told.
CONFIG = MonitoringConfig(relays=("http://127.0.0.1:9",))


def alert(name: str, edge: Edge, other: str = "", cluster: str = "eu-1") -> Alert:
    """As its case says it is, with the values of `equal` that both sides have in common, or with another one."""
    labels = dict(CASES[name].labels) | {label: f"same-{label}{other}" for label in edge.equal} | {"cluster": cluster}
    if edge.only and name in edge.targets:
        label, _, value = edge.only.partition("=")
        labels[label] = value.strip('"')
    return firing(0, "nobody", **(labels | {"alertname": name, "side": f"{name}{other}{cluster.removeprefix('eu-1')}"}))


def muted(one: Alertmanager) -> dict[str, bool]:
    """`side` of each alert -> whether another one mutes it."""
    return {found["labels"]["side"]: bool(found["status"]["inhibitedBy"]) for found in one.alerts()}


@pytest.mark.parametrize("version", [DEBIAN, NEWEST])
def test_every_edge(version: str, tmp_path: Path) -> None:
    """One after the other, so that no edge hides behind another."""
    with Alertmanager(program(version), tmp_path / "am", "", config=json.loads(json.dumps(document(CONFIG)))) as one:
        one.ready()
        for edge, name in [(each, target) for each in edges() for target in each.targets]:
            posted = [alert(edge.source, edge), alert(name, edge), alert(name, edge, cluster="-elsewhere")]
            wanted = {edge.source: False, name: True, f"{name}-elsewhere": False}
            if edge.equal:
                posted.append(alert(name, edge, "-other"))
                wanted[f"{name}-other"] = False
            one.post(posted)
            wait_until(lambda wanted=wanted: muted(one) == wanted, 20, f"{edge.source} mutes {name}: {wanted}")
            one.post([ended(each) for each in posted])
            wait_until(lambda: not one.alerts(), 20, "all are over")


def test_a_watchdog_is_never_muted(tmp_path: Path) -> None:
    """Whatever else fires."""
    with Alertmanager(program(NEWEST), tmp_path / "am", "", config=json.loads(json.dumps(document(CONFIG)))) as one:
        one.ready()
        sources = [firing(0, "nobody", **dict(CASES[edge.source].labels), alertname=edge.source, side=str(number))
                   for number, edge in enumerate(edges())]  # fmt: skip
        one.post([*sources, firing(0, "nobody", alertname="KunWatchdog", prometheus="a", side="watchdog")])
        wait_until(lambda: len(one.alerts()) == len(sources) + 1, 20, "it has all of them")
        assert muted(one)["watchdog"] is False
