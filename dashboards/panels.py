"""The house layer: grafanalib's classes in, JSON of today's Grafana out.

grafanalib 0.7.1 writes dashboards of 2018: bare strings for data sources, Graphite's fields in every query, options that
newer panels ignore. What Grafana's schema (42) has not is left out here, what it wants instead is put in; nothing else in
`dashboards` knows how Grafana spells a panel.
"""

from __future__ import annotations

from typing import Any

from grafanalib import core

from dashboards.model import SCRAPE, Panel, Query, Step, said

LANGUAGES = ("zh", "en")
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
# Units of the catalogue, and some of rates, as Grafana calls them.
UNITS = {
    "": "short", "seconds": "s", "bytes": "bytes", "ratio": "percentunit", "bytes/s": "Bps", "events/s": "cps",
    "requests/s": "reqps", "ops/s": "ops", "celsius": "celsius", "timestamp": "dateTimeFromNow", "milliseconds": "ms",
    "packets/s": "pps", "cores": "none",
}  # fmt: skip
# Of what grafanalib writes for a panel, what today's Grafana still reads.
_KEPT = ("id", "type", "title", "description", "transparent")


def panel_json(panel: Panel, language: str, number: int, grid: dict[str, int]) -> dict[str, Any]:
    """One panel at its place, with an id that is unique in its dashboard."""
    make = _KINDS[panel.kind]
    title, description = said(panel.title, language), said(panel.description, language)
    targets = [_target(query, language, place, panel.kind) for place, query in enumerate(panel.queries)]
    old = make(title=title, description=description, gridPos=core.GridPos(**grid), id=number, targets=targets)
    written = old.to_json_data()
    made: dict[str, Any] = {key: written[key] for key in _KEPT}
    made["gridPos"] = grid
    made["datasource"] = DATASOURCE
    made["targets"] = [_modern_target(target) for target in targets]
    made["fieldConfig"] = {"defaults": _defaults(panel, language, written), "overrides": []}
    made["options"] = _OPTIONS[panel.kind](panel)
    made["links"] = [
        {"title": said(link.title, language), "url": link.url, "targetBlank": True} for link in panel.links
    ]
    if panel.kind == "table":
        made["transformations"] = [
            {"id": "merge", "options": {}},
            {"id": "organize", "options": {"excludeByName": {"Time": True, "__name__": True}}},
        ]
    return made


def row_json(title: str, number: int, y: int, panels: list[dict[str, Any]], collapsed: bool) -> dict[str, Any]:
    """A heading; the panels of a collapsed one are inside it."""
    return {
        "id": number,
        "type": "row",
        "title": title,
        "collapsed": collapsed,
        "gridPos": {"h": 1, "w": 24, "x": 0, "y": y},
        "panels": panels if collapsed else [],
    }


def _target(query: Query, language: str, place: int, kind: str) -> Any:
    return core.Target(
        expr=query.expr,
        legendFormat=said(query.legend, language),
        refId=chr(ord("A") + place),
        # Asked over a range, a number that is no more would stay as it was when it was last there.
        instant=kind in ("table", "bars", "stat"),
        format={"table": "table", "heatmap": "heatmap"}.get(kind, "time_series"),
    )


def _modern_target(target: Any) -> dict[str, Any]:
    old = target.to_json_data()
    now = old["instant"]
    # Grafana makes $__rate_interval of this, else of what the data source is set to: 15 s where nobody has set it.
    least = {"interval": f"{SCRAPE}s"} if "$__rate_interval" in old["expr"] else {}
    return least | {
        "refId": old["refId"],
        "datasource": DATASOURCE,
        "editorMode": "code",
        "expr": old["expr"],
        "legendFormat": old["legendFormat"] or "__auto",
        "format": old["format"],
        "instant": now,
        "range": not now,
    }


def _defaults(panel: Panel, language: str, written: dict[str, Any]) -> dict[str, Any]:
    steps = panel.steps or (Step(None, "green"),)
    defaults: dict[str, Any] = {
        "unit": UNITS[panel.unit],
        "color": {"mode": "palette-classic" if panel.kind in ("series", "heatmap") else "thresholds"},
        "thresholds": {"mode": "absolute", "steps": [{"color": step.colour, "value": step.value} for step in steps]},
        "mappings": _mappings(panel, language),
    }
    if panel.unit == "ratio" and panel.kind in ("bars", "stat"):
        defaults |= {"min": 0, "max": 1}
    custom = dict(written.get("fieldConfig", {}).get("defaults", {}).get("custom", {}))
    if panel.kind == "series":
        custom = {key: value for key, value in custom.items() if value is not None and key != "hideFrom"}
        custom |= {
            "lineWidth": 1,
            "fillOpacity": 20 if panel.stacked else 0,
            "showPoints": "never",
            "spanNulls": False,
            "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
            "scaleDistribution": {"type": "linear"},
            "thresholdsStyle": {"mode": "line" if len(steps) > 1 else "off"},
        }
        if panel.unit == "ratio":
            # From 0, and lower where a line goes there: a canary that is better than the stable version.
            custom["axisSoftMin"] = 0
    elif panel.kind == "states":
        custom = {"lineWidth": 0, "fillOpacity": 70}
    elif panel.kind == "heatmap":
        custom = {"scaleDistribution": {"type": "linear"}}
    else:
        custom = {}
    if panel.kind == "table":
        custom = {"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False}
    return defaults | {"custom": custom}


def _mappings(panel: Panel, language: str) -> list[dict[str, Any]]:
    if not panel.states:
        return []
    options = {
        value: {"text": said(text, language), "color": colour, "index": place}
        for place, (value, text, colour) in enumerate(panel.states)
    }
    return [{"type": "value", "options": options}]


def _reduced() -> dict[str, Any]:
    return {"calcs": ["lastNotNull"], "fields": "", "values": False}


def _series_options(panel: Panel) -> dict[str, Any]:
    many = len(panel.queries) > 1 or "{{" in said(panel.queries[0].legend, "en")
    return {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": many, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }


def _stat_options(panel: Panel) -> dict[str, Any]:
    return {
        "reduceOptions": _reduced(), "orientation": "auto", "textMode": "auto", "colorMode": "value", "graphMode": "none",
        "justifyMode": "auto", "wideLayout": True, "showPercentChange": False,
    }  # fmt: skip


def _bars_options(panel: Panel) -> dict[str, Any]:
    return {
        "reduceOptions": _reduced(), "orientation": "horizontal", "displayMode": "basic", "valueMode": "color",
        "namePlacement": "auto", "showUnfilled": True, "sizing": "auto", "minVizWidth": 8, "minVizHeight": 16,
    }  # fmt: skip


def _table_options(panel: Panel) -> dict[str, Any]:
    return {"showHeader": True, "cellHeight": "sm", "footer": {"show": False, "reducer": ["sum"], "countRows": False}}


def _states_options(panel: Panel) -> dict[str, Any]:
    return {
        "mergeValues": True, "showValue": "auto", "alignValue": "left", "rowHeight": 0.9,
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "single", "sort": "none"},
    }  # fmt: skip


def _heatmap_options(panel: Panel) -> dict[str, Any]:
    return {
        "calculate": False,
        "cellGap": 1,
        "color": {
            "mode": "scheme",
            "scheme": "Oranges",
            "steps": 64,
            "exponent": 0.5,
            "fill": "dark-orange",
            "reverse": False,
        },
        "exemplars": {"color": "rgba(255,0,255,0.7)"},
        "filterValues": {"le": 1e-9},
        "legend": {"show": True},
        "rowsFrame": {"layout": "auto"},
        "tooltip": {"mode": "single", "showColorScale": False, "yHistogram": False},
        "yAxis": {"axisPlacement": "left", "reverse": False, "unit": UNITS[panel.unit]},
    }


_KINDS: dict[str, Any] = {
    "series": core.TimeSeries, "stat": core.Stat, "table": core.Table, "bars": core.BarGauge, "states": core.StateTimeline,
    "heatmap": core.Heatmap,
}  # fmt: skip
_OPTIONS: dict[str, Any] = {
    "series": _series_options, "stat": _stat_options, "table": _table_options, "bars": _bars_options,
    "states": _states_options, "heatmap": _heatmap_options,
}  # fmt: skip
