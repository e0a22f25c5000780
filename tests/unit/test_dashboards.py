"""Every dashboard as Grafana gets it: structure, places, variables, units, words; the same bytes on every run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from itertools import combinations
from typing import Any

import promql_parser as promql
import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from alert_rules.lint.checks import lint
from alert_rules.lint.context import Context, Settings
from alert_rules.lint.shapes import shape
from alert_rules.lint.source import LintRule, Source
from dashboards.board import board_json
from dashboards.boards import BOARDS
from dashboards.files import dashboard_files
from dashboards.model import Board, Panel, said
from dashboards.panels import LANGUAGES, UNITS
from dashboards.preview.pages import named_series, pages
from dashboards.prove.macros import filled, names
from dashboards.prove.world import world
from dashboards.signals import shown
from kunobs.catalogue.jobs import board_of
from kunobs.catalogue.known import KNOWN
from kunobs.catalogue.signal import Comparison, Signal, Text
from kunobs.catalogue.signals import RECORDINGS, SIGNALS
from kunobs.errors import UsageError
from tests.support import REPOSITORY

each = pytest.mark.parametrize("board", BOARDS, ids=lambda one: one.uid)
RECORDED = frozenset(one.record for of in RECORDINGS.values() for one in of)
# What Grafana removed or replaced: Angular's panels, and fields of the schema of 2018.
LEGACY_TYPES = {"graph", "singlestat", "table-old", "grafana-piechart-panel", "grafana-worldmap-panel"}
LEGACY_KEYS = {
    "__inputs",
    "hideControls",
    "rows",
    "sharedCrosshair",
    "style",
    "gnetId",
    "yaxes",
    "xaxis",
    "seriesOverrides",
    "nullPointMode",
    "aliasColors",
}
# Of Grafana's unit ids (packages/grafana-data/src/valueFormats/categories.ts), those that we use.
GRAFANA_UNITS = {
    "short", "none", "s", "ms", "bytes", "percentunit", "Bps", "cps", "reqps", "ops", "celsius", "dateTimeFromNow", "pps",
}  # fmt: skip
# What Chinese says too: names of programs and protocols, values of labels, quantiles and windows.
NAMES = {
    "AAAA", "API", "Elasticsearch", "HEALTH_ERR", "HEALTH_OK", "HEALTH_WARN", "IPv4", "IPv6", "Kafka", "NotReady", "conntrack",
    "fanout", "indexer", "inode", "ipset", "iptables", "nftables", "webhook", "p50", "p99", "5m", "1h", "6h",
}  # fmt: skip
PLACEHOLDER = re.compile(r"{{(\w+)}}")


def panels(document: dict[str, Any]) -> list[dict[str, Any]]:
    """All of a dashboard's panels, those of collapsed rows too."""
    return [inner for panel in document["panels"] for inner in (panel, *panel.get("panels", []))]


def keys(value: Any) -> set[str]:
    """Every key anywhere in a document."""
    if isinstance(value, dict):
        return set(value) | {key for inner in value.values() for key in keys(inner)}
    return {key for inner in value for key in keys(inner)} if isinstance(value, list) else set()


@each
def test_it_loads_in_grafanas_own_models(board: Board) -> None:
    """In both languages; nothing is lost or changed on the way through, and a second round changes nothing at all."""
    for language in LANGUAGES:
        document = board_json(board, language)
        once = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(document)))
        twice = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(once)))
        assert once == twice
        assert not list(lost(document, once))


def lost(ours: Any, theirs: Any, path: str = "") -> Any:
    """What is in ours and not, or otherwise, in theirs."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key, value in ours.items():
            if key not in theirs:
                yield f"{path}/{key}"
            else:
                yield from lost(value, theirs[key], f"{path}/{key}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for place, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from lost(one, other, f"{path}/{place}")
    elif ours != theirs:
        yield f"{path}: {ours!r} {theirs!r}"


@each
def test_nothing_is_of_an_old_grafana(board: Board) -> None:
    """No Angular panel, no field that current versions ignore, no string for a data source."""
    document = board_json(board)
    assert document["schemaVersion"] >= 39
    assert not LEGACY_TYPES & {panel["type"] for panel in panels(document)}
    assert not LEGACY_KEYS & keys(document)
    for panel in panels(document):
        for target in panel.get("targets", []):
            assert target["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


@each
def test_windows_do_not_depend_on_the_data_source(board: Board) -> None:
    """A rate over the 60 s that Grafana makes of its own 15 s is empty where scrapes are a minute apart."""
    for panel in panels(board_json(board)):
        for target in panel.get("targets", []):
            assert (target.get("interval") == "30s") == ("$__rate_interval" in target["expr"]), panel["title"]


@each
def test_no_line_is_cut_off_at_0(board: Board) -> None:
    """A difference of shares may be below it."""
    for panel in panels(board_json(board)):
        assert panel["type"] != "timeseries" or "min" not in panel["fieldConfig"]["defaults"], panel["title"]


@each
def test_tables_hide_no_label_that_their_query_leaves(board: Board) -> None:
    """Of a target without its job nobody knows what it is."""
    for panel in panels(board_json(board)):
        for one in panel.get("transformations", []):
            assert not set(one["options"].get("excludeByName", {})) & {"job", "instance"}, panel["title"]


@each
def test_a_number_is_that_of_now(board: Board) -> None:
    """Lines, states and heatmaps are asked over the time shown; asked so, an alert that is over would stay on the wall."""
    for panel in panels(board_json(board)):
        over = panel["type"] in ("timeseries", "state-timeline", "heatmap")
        for target in panel.get("targets", []):
            assert (target["range"], target["instant"]) == (over, not over), panel["title"]


@each
def test_panels_have_places_of_their_own(board: Board) -> None:
    """Inside 24 columns, none on another, ids once."""
    document = board_json(board)
    ids = [panel["id"] for panel in panels(document)]
    assert len(set(ids)) == len(ids)
    grids = [panel["gridPos"] for panel in document["panels"]]
    for grid in grids:
        assert 0 <= grid["x"] < grid["x"] + grid["w"] <= 24
    for one, other in combinations(grids, 2):
        apart = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert apart or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"], (one, other)


@each
def test_every_variable_is_used_and_every_use_defined(board: Board) -> None:
    """Its values come from a label that its metric has."""
    used = {name for panel in board.panels for query in panel.queries for name in names(query.expr)}
    assert used == {variable.name for variable in board.variables}
    for variable in board.variables:
        spec = KNOWN[variable.metric]
        assert (variable.label or variable.name) in {*spec.label_names, *spec.attached, "job", "instance"}


@each
def test_words(board: Board) -> None:
    """Both languages, a description that is no repetition, no title twice; numbers of rows."""
    titles = [panel.title.en for panel in board.panels]
    assert len(set(titles)) == len(titles)
    for panel in board.panels:
        assert panel.unit in UNITS
        assert UNITS[panel.unit] in GRAFANA_UNITS
        for text in (panel.title, panel.description):
            assert text.zh.strip()
            assert text.en.strip()
            assert not re.search("[\u4e00-\u9fff]", text.en), text.en
        assert panel.description.en != panel.title.en
        assert re.search("[\u4e00-\u9fff]", panel.description.zh), panel.description.zh


def words(panel: Panel) -> list[str | Text]:
    """What names its series and the states that they have."""
    return [*(query.legend for query in panel.queries), *(text for _, text, _ in panel.states)]


@each
def test_legends_and_states_are_in_both_languages(board: Board) -> None:
    """In Chinese no English word, in English no Chinese one; the same labels in both."""
    for panel in board.panels:
        for one in words(panel):
            zh, en = said(one, "zh"), said(one, "en")
            assert sorted(PLACEHOLDER.findall(zh)) == sorted(PLACEHOLDER.findall(en)), (panel.title.en, one)
            foreign = set(re.findall(r"[A-Za-z0-9_]*[A-Za-z][A-Za-z0-9_]*", PLACEHOLDER.sub(" ", zh))) - NAMES
            assert not foreign, (panel.title.en, one, foreign)
            assert not re.search("[\u4e00-\u9fff]", en), (panel.title.en, one)


def test_a_file_has_the_words_of_its_language() -> None:
    """Of legends and of states."""
    for language, legend, state in (("zh", "在等 {{namespace}}", "脑裂"), ("en", "waiting {{namespace}}", "split")):
        found = panels(json.loads(dashboard_files(language)["kun-tenant.json"]))
        assert legend in {target["legendFormat"] for panel in found for target in panel.get("targets", [])}
        mapped = [
            one["options"]
            for panel in found
            for one in panel.get("fieldConfig", {}).get("defaults", {}).get("mappings", [])
        ]
        assert state in {each["text"] for options in mapped for each in options.values()}


class OneSeries:
    """Answers every query with one series that is 1."""

    def ask(self, path: str, **parameters: Any) -> Any:
        return {"result": [{"metric": {"namespace": "shop"}, "values": [(parameters["end"], "1")]}]}


def test_the_preview_has_the_words_of_its_language() -> None:
    """Of legends and of states."""
    board = next(one for one in BOARDS if one.uid == "kun-tenant")
    for language, every in (("zh", ("在等 shop", "脑裂")), ("en", ("waiting shop", "split"))):
        page = pages(OneSeries(), [board], language, 1_790_000_000)["kun-tenant.html"]  # type: ignore[arg-type]
        data = page.partition('<script type="application/json" id="data">')[2]
        for word in every:
            assert f'"{word}"' in data


def recording(board: Board, text: str) -> LintRule:
    """A query as lint reads it."""
    return LintRule(Source(board.uid, [text]), "g", 0, "a:b:c", False, text, 1, 1, 1)


@each
def test_a_legend_tells_series_apart(board: Board) -> None:
    """It names the labels that its query leaves: none that is not there, and all that could differ."""
    for panel in board.panels:
        for query in panel.queries:
            text = filled(query.expr, board)
            parsed = promql.parse(text)
            left = shape(parsed, Context(recording(board, text), parsed, Settings(known=KNOWN))).possible
            if not query.legend or panel.kind == "table" or left is None:
                continue
            # count_values makes a label; of Ceph there is one job, and a pool's id is for its name.
            left |= set(re.findall(r'count_values\("(\w+)"', text))
            named = set(PLACEHOLDER.findall(said(query.legend, "en")))
            assert named <= left, (panel.title.en, named - left)
            assert left <= named | {"job", "pool_id"}, (panel.title.en, left - named)


@each
def test_queries_have_nothing_that_lint_finds(board: Board) -> None:
    """Names, labels, matching, counters and gauges, as of a recording rule; windows are Grafana's."""
    for panel in board.panels:
        for query in panel.queries:
            text = filled(query.expr, board)
            rule = recording(board, text)
            # `.*` stands for "All".
            said = [
                one
                for one in lint([rule], Settings(known=KNOWN, recorded=RECORDED, scrape_interval=30))
                if one.check != "matcher"
            ]
            assert not said, "\n".join(one.render() for one in said)
            promql.parse(text)


def test_there_are_enough_of_them() -> None:
    """Uids once, kun-…; one per system with alerts, and the three that belong to no system."""
    uids = [board.uid for board in BOARDS]
    assert len(set(uids)) == len(uids)
    assert all(re.fullmatch(r"kun-[a-z]+", uid) for uid in uids)
    assert {"kun-overview", "kun-oncall", "kun-tenant"} <= set(uids)


def test_every_alert_has_its_panel_and_its_line() -> None:
    """With the very expression of the rule, and a step at its threshold."""
    found = {(board.uid, panel.title.en.partition(" ")[0]): panel for board in BOARDS for panel in board.panels}
    for system, signals in SIGNALS.items():
        for signal in signals:
            if signal.severity != "none":
                # The very dashboard that the alert's dashboard_url leads to.
                panel = found[board_of(system), signal.alert]
                assert [query.expr for query in panel.queries] == [shown(signal)]
                assert signal.expr in shown(signal)
                assert signal.threshold in [step.value for step in panel.steps]


def test_the_world_counts_nanoseconds_as_ceph_does() -> None:
    """A write takes milliseconds to seconds, so that the panels that divide by a billion are no line at 0."""
    counted = {name: KNOWN[name] for name in ("ceph_rbd_write_latency_sum", "ceph_rbd_write_latency_count")}
    found: dict[str, float] = defaultdict(float)
    for one in world(counted, dict.fromkeys(counted, "ceph"), {}):
        first, *_, last = one.samples(1_790_000_000)
        found[one.name] += last[1] - first[1]
    assert 0.001 < found["ceph_rbd_write_latency_sum"] / found["ceph_rbd_write_latency_count"] / 1e9 < 10


@pytest.mark.parametrize(
    ("comparison", "query"),
    [
        (">", "topk(15, max by (x) (a))"),
        (">=", "topk(15, max by (x) (a))"),
        ("<", "bottomk(15, max by (x) (a))"),
        ("<=", "bottomk(15, max by (x) (a))"),
        ("==", "bottomk(15, max by (x) (a))"),
        ("!=", "bottomk(15, max by (x) (a)) or topk(15, max by (x) (a))"),
    ],
)
def test_the_worst_are_shown(comparison: Comparison, query: str) -> None:
    """Of a thousand nodes those that are down, not fifteen that are up; on both sides of what should be none."""
    nothing = Text("", "")
    assert (
        shown(Signal("KunT", "warning", "max by (x) (a)", comparison, 0, nothing, nothing, nothing, nothing)) == query
    )


def test_equal_means_equal_to_nothing() -> None:
    """Or the worst would not be the lowest."""
    equal = [signal for signals in SIGNALS.values() for signal in signals if signal.comparison == "=="]
    assert {signal.threshold for signal in equal if signal.severity != "none"} == {0}


def test_links_lead_to_runbooks() -> None:
    """Where they are asked for."""
    text = dashboard_files("en", "https://runbooks.example")["kun-kafka.json"]
    assert "https://runbooks.example/KunKafkaDiskFull.md" in text
    assert "https://runbooks.example/kafka.md#kunkafkadiskfilling" in text
    assert "runbooks" not in dashboard_files("en")["kun-kafka.json"]


def test_links_lead_to_logs() -> None:
    """Of the namespaces that are chosen; where there is none to choose there is no link."""
    files = dashboard_files("zh", logs="https://kibana.example/?q={namespace}")
    assert {"title": "日志", "url": "https://kibana.example/?q=${namespace}", "targetBlank": True} in [
        link for panel in panels(json.loads(files["kun-workloads.json"])) for link in panel.get("links", ())
    ]
    assert "kibana" not in files["kun-node.json"]
    with pytest.raises(UsageError, match="no address with"):
        dashboard_files("zh", logs="https://kibana.example/")


def test_the_same_bytes_under_another_hash_seed() -> None:
    """Files are compared by people and by git."""
    code = "import hashlib; from dashboards.files import dashboard_files; from alert_rules.files import rule_files; from alert_rules.model import Links; print(hashlib.sha256(repr([dashboard_files('zh'), dashboard_files('en', 'x'), rule_files(Links(), tests=True)]).encode()).hexdigest())"
    seen = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": seed},
            cwd=REPOSITORY,
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("labels", "legend", "name"),
    [
        ({"instance": "a:1", "job": "x"}, "", "a:1"),
        ({"instance": "a:1", "pod": "p"}, "", "p"),
        ({}, "", ""),
        ({"instance": "a:1", "pod": "p"}, "{{pod}} of {{instance}}", "p of a:1"),
    ],
)
def test_the_preview_names_a_series_by_what_is_its_own(labels: dict[str, str], legend: str, name: str) -> None:
    """Its target where there is nothing else."""
    assert named_series({"metric": labels, "values": []}, legend, 1_790_000_000)["name"] == name
