"""Objectives of the platform: what is left of each error budget, and how fast it burns."""

from __future__ import annotations

from collections.abc import Iterator

from dashboards.model import Board, Panel, Query, Row, Step, series, stat
from dashboards.signals import alert_row
from kunobs.catalogue.signal import Text
from kunobs.catalogue.signals import slo as signals
from kunobs.catalogue.slo import Objective

_LEFT = (Step(None, "red"), Step(0, "orange"), Step(0.5, "green"))


def objective_panels(one: Objective) -> Iterator[Panel]:
    """What is left over three days, and the ratio in every window."""
    legend = " ".join(f"{{{{{label}}}}}" for label in one.labels)
    yield stat(
        Text(f"{one.name.zh}：三天的预算还剩", f"{one.name.en}: budget of three days left"),
        Text(
            f"目标 {one.target:.2%}。1 是没有失败，0 是按目标刚好用完，小于 0 是超支。",
            f"The target is {one.target:.2%}. 1 is no failure, 0 is what the target allows, below 0 is more.",
        ),
        f"1 - {one.ratio('3d')} / {one.budget:g}",
        legend=legend,
        width=6,
        height=8,
        steps=_LEFT,
    )
    yield series(
        Text(f"{one.name.zh}：失败的比例", f"{one.name.en}: part that fails"),
        Text(
            "五分钟、一小时和六小时的窗口；线是一小时内叫醒人的比例。",
            "Over five minutes, an hour and six; the line is where an hour of it wakes somebody.",
        ),
        *(Query(one.ratio(window), f"{window} {legend}") for window in ("5m", "1h", "6h")),
        unit="ratio",
        width=18,
        steps=(Step(None, "green"), Step(14.4 * one.budget, "red")),
    )


BOARD = Board(
    "kun-slo",
    Text("服务目标", "Objectives"),
    Text(
        "平台对租户的承诺：误差预算还剩多少、烧得多快。",
        "What the platform promises its tenants: how much of each error budget is left, and how fast it burns.",
    ),
    (
        *(Row(one.name, tuple(objective_panels(one))) for one in signals.OBJECTIVES),
        alert_row(signals.SIGNALS),
    ),
)
