"""A tenant's dashboards: the home of tenants with its namespace as the only choice, and what is left of its error budgets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache

from alert_rules.enforce import enforced
from dashboards.board import text
from dashboards.boards.slo import objective_panels
from dashboards.boards.tenant import BOARD as HOME
from dashboards.model import Board, Panel, Row
from kunobs.catalogue.signal import Text
from kunobs.catalogue.slo import Objective
from kunobs.names import tenant_dashboard

# Stands for the namespace in text that is made once for all tenants; no namespace looks like it.
_NAMESPACE = "__NAMESPACE__"
_UID = "__UID__"


def home(namespace: str, language: str) -> str:
    """What a tenant opens first, as Grafana's JSON."""
    return _home(language).replace(_NAMESPACE, namespace).replace(_UID, tenant_dashboard(namespace, "home"))


@cache
def _home(language: str) -> str:
    variables = tuple(replace(one, constant=_NAMESPACE) if one.name == "namespace" else one for one in HOME.variables)
    title = Text(f"{_NAMESPACE}：首页", f"{_NAMESPACE}: home")
    return text(replace(HOME, uid=_UID, title=title, variables=variables), language)


def objectives(namespace: str, language: str, promised: Iterable[Objective]) -> str:
    """A row for each objective."""
    board = Board(
        tenant_dashboard(namespace, "slo"),
        Text(f"{namespace}：服务目标", f"{namespace}: objectives"),
        Text("误差预算还剩多少、烧得多快。", "How much of each error budget is left, and how fast it burns."),
        tuple(Row(one.name, tuple(_bound(panel, namespace) for panel in objective_panels(one))) for one in promised),
        tags=("tenants",),
    )
    return text(board, language)


def _bound(panel: Panel, namespace: str) -> Panel:
    queries = (replace(query, expr=enforced(query.expr, "namespace", namespace)) for query in panel.queries)
    return replace(panel, queries=tuple(queries))
