"""A whole dashboard as Grafana's JSON: variables, rows, panels, links to the others. The same bytes on every run."""

from __future__ import annotations

import json
from typing import Any

from grafanalib import core

from dashboards.layout import below, placed
from dashboards.model import Board, Variable, said
from dashboards.panels import DATASOURCE, panel_json, row_json

SCHEMA = 42
TAG = "kunobs"


def board_json(board: Board, language: str = "en") -> dict[str, Any]:
    """The dashboard in one language."""
    panels: list[dict[str, Any]] = []
    number, y = 0, 0
    for row in board.rows:
        number += 1
        heading = number
        inside: list[dict[str, Any]] = []
        for panel, grid in placed(row.panels, y + 1):
            number += 1
            inside.append(panel_json(panel, language, number, grid))
        panels.append(row_json(said(row.title, language), heading, y, inside, row.collapsed))
        if row.collapsed:
            y += 1
        else:
            panels += inside
            y = below([one["gridPos"] for one in inside], y + 1)
    return _top(board, language, panels)


def text(board: Board, language: str = "en") -> str:
    """It as a file."""
    return json.dumps(board_json(board, language), ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def _top(board: Board, language: str, panels: list[dict[str, Any]]) -> dict[str, Any]:
    old = core.Dashboard(
        title=said(board.title, language),
        uid=board.uid,
        description=said(board.description, language),
        tags=[TAG, *board.tags],
        timezone="browser",
        refresh=board.refresh,
        time=core.Time(board.span, "now"),
        schemaVersion=SCHEMA,
    ).to_json_data()
    kept = ("title", "uid", "description", "tags", "timezone", "refresh", "schemaVersion", "editable", "graphTooltip")
    made: dict[str, Any] = {key: old[key] for key in kept}
    return made | {
        # A crosshair that all panels share.
        "graphTooltip": 1,
        "time": {"from": board.span, "to": "now"},
        "timepicker": {},
        "weekStart": "",
        "fiscalYearStartMonth": 0,
        "liveNow": False,
        "preload": False,
        "annotations": {"list": [_alerts(language)]},
        "templating": {"list": [_datasource(), *(_variable(one, language) for one in board.variables)]},
        "links": [_others(language)],
        "panels": panels,
    }


def _datasource() -> dict[str, Any]:
    return {
        "name": "datasource",
        "type": "datasource",
        "label": "Prometheus",
        "query": "prometheus",
        "regex": "",
        "hide": 0,
        "multi": False,
        "includeAll": False,
        "refresh": 1,
        "options": [],
        "current": {},
        "skipUrlSync": False,
    }


def _variable(variable: Variable, language: str) -> dict[str, Any]:
    if variable.constant:
        return _constant(variable, language)
    query = f"label_values({variable.metric}, {variable.label or variable.name})"
    return {
        "name": variable.name,
        "type": "query",
        "label": said(variable.title, language),
        "datasource": DATASOURCE,
        "definition": query,
        "query": {"qryType": 1, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"},
        "regex": "",
        "sort": 1,
        "hide": 0,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "refresh": 2,
        "options": [],
        "current": {"text": ["All"], "value": ["$__all"]},
        "skipUrlSync": False,
    }


def _constant(variable: Variable, language: str) -> dict[str, Any]:
    value = variable.constant
    return {
        "name": variable.name,
        "type": "constant",
        "label": getattr(variable.title, language),
        "query": value,
        "hide": 2,
        "options": [{"text": value, "value": value, "selected": True}],
        "current": {"text": value, "value": value, "selected": True},
        "skipUrlSync": True,
    }


def _alerts(language: str) -> dict[str, Any]:
    """Marks on every panel where an alert of kunobs began to fire."""
    return {
        "name": {"zh": "告警", "en": "Alerts"}[language],
        "datasource": DATASOURCE,
        "enable": False,
        "hide": False,
        "iconColor": "red",
        "expr": 'ALERTS{alertstate="firing", owner!=""}',
        "titleFormat": "{{alertname}}",
        "textFormat": "{{severity}} {{namespace}}",
        "step": "60s",
    }


def _others(language: str) -> dict[str, Any]:
    return {
        "title": {"zh": "其他看板", "en": "Other dashboards"}[language],
        "type": "dashboards",
        "tags": [TAG],
        "asDropdown": True,
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
        "icon": "external link",
        "tooltip": "",
        "url": "",
    }
