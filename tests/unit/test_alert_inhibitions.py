"""What mutes what: only alerts that there are, by labels that both have, and never in a circle."""

from __future__ import annotations

import pytest

from alert_rules import inhibitions
from alert_rules.cases import CASES
from alert_rules.inhibitions import Edge, cycle, edges, inhibit_rules

SEVERITY = {"info": 1, "warning": 2, "critical": 3}


@pytest.mark.parametrize("edge", edges(), ids=lambda edge: f"{edge.source}-{edge.targets[0]}")
def test_an_edge_is_about_alerts_that_there_are(edge: Edge) -> None:
    """Labels that must be equal are labels of both sides: two that are missing are equal too."""
    assert {edge.source, *edge.targets} <= CASES.keys()
    assert edge.source not in edge.targets
    assert edge.why
    for target in edge.targets:
        for label in edge.equal:
            assert label in CASES[edge.source].labels, (edge.source, label)
            assert label in CASES[target].labels, (target, label)


def test_nobody_mutes_himself_by_way_of_others() -> None:
    """Then all of the circle would be silent while all of it is wrong."""
    assert cycle() == ()


def test_a_circle_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Through any number of alerts."""
    ring = (Edge("A", ("B",), (), "x"), Edge("B", ("C", "D"), (), "x"), Edge("D", ("A",), (), "x"))
    monkeypatch.setattr(inhibitions, "EXPLAINED", ring)
    assert set(cycle()) == {"A", "B", "D"}


def test_rules_for_alertmanager() -> None:
    """A matcher for the source, one for all targets, and what else the targets must be."""
    rules = inhibit_rules()
    assert len(rules) == len(edges())
    assert all(rule["equal"][0] == "cluster" for rule in rules)
    lag = next(rule for rule in rules if rule["source_matchers"] == ['alertname="KunFanoutCheckpointLag"'])
    assert lag["target_matchers"] == ['alertname=~"KunPipelineLagSeconds|KunPipelineLagGrowing"', 'job="kunobs-fanout"']
