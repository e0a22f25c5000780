"""The exposition checker finds every fault that was put in, names its line, and has nothing against what is right."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, Summary, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics

from exporters.kit.check import FINDINGS, UNREADABLE, check, check_places, went_down
from exporters.kit.exposition import read
from kunobs.catalogue.types import Label, MetricSpec
from tests.unit.server_support import serving

DECLARED = {
    "kunobs_t_doors": MetricSpec("kunobs_t_doors", "gauge", "Doors.", labels=(Label("state", ("open", "shut")),)),
    "kunobs_t_steps_total": MetricSpec("kunobs_t_steps_total", "counter", "Steps."),
}
GOOD = """\
# HELP t_doors Doors that are open.
# TYPE t_doors gauge
t_doors{house="a \\" b \\\\ c \\n d",floor="1"} 1
t_doors{house="b",floor="1",} 2.5e3
# a comment
# HELP t_wait_seconds Time waited.
# TYPE t_wait_seconds histogram
t_wait_seconds_bucket{le="0.5"} 1
t_wait_seconds_bucket{le="+Inf"} 3
t_wait_seconds_sum 4
t_wait_seconds_count 3
"""


def found(text: str) -> list[str]:
    """LINE: text of every finding."""
    return [f"{finding.line}: {finding.text}" for finding in check(text.encode(), DECLARED)]


def registry() -> CollectorRegistry:
    """A metric of each type, as prometheus_client makes them."""
    made = CollectorRegistry()
    Counter("t_events", "Events.", ["namespace"], registry=made).labels('a\\"b\nc').inc()
    Gauge("t_lag", "Lag.", registry=made).set(float("-inf"))
    Histogram("t_wait_seconds", "Wait.", ["k"], registry=made).labels("x").observe(1)
    Summary("t_size_bytes", "Size.", registry=made).observe(7)
    Info("t_build", "Build.", registry=made).info({"version": "1"})
    return made


def test_what_is_right_passes() -> None:
    """By hand, and as prometheus_client writes it in both formats."""
    assert found(GOOD) == []
    assert check(openmetrics(registry())) == []  # type: ignore[no-untyped-call]
    created = [finding for finding in check(generate_latest(registry())) if "_created" not in finding.text]
    assert created == []


H = "# HELP t_x Something.\n# TYPE t_x gauge\n"
W = "# HELP t_w_seconds Wait.\n# TYPE t_w_seconds histogram\n"


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("", "1: is empty"),
        (H + "t_x 1", "3: the last line has no newline"),
        (H + "t_x 1\nt_x 1\n", "4: t_x stands already at line 3"),
        (H + 't_x{a="1",b="2"} 1\nt_x{b="2",a="1"} 2\n', "4: t_x{b=\"2\",a=\"1\"} stands already at line 3"),
        (H + 't_x{a="1",a="2"} 1\n', "3: t_x has the label a twice"),
        (H + 't_x{a="1} 1\n', "3: column 5: wanted label"),
        (H + 't_x{a=1} 1\n', "3: column 5: wanted label"),
        (H + "t_x\n", "3: t_x: wanted one value"),
        (H + "t_x 1 2 3\n", "3: t_x: wanted one value"),
        (H + "t_x 1,5\n", "3: t_x: value '1,5' is no number"),
        (H + "t_x 1_0\n", "3: t_x: value '1_0' is no number"),
        (H + "t_x 1 yesterday\n", "3: t_x: timestamp 'yesterday' is no number"),
        (H + "1t_x 1\n", "3: begins with no metric name"),
        (H + '{a="1"} 1\n', "3: begins with no metric name"),
        (H + "t_x 1\n# TYPE t_x gauge\n", "4: t_x has a second TYPE"),
        (H + "# HELP t_x Again.\nt_x 1\n", "3: t_x has a second HELP"),
        ("# HELP t_x Something.\nt_x 1\n# TYPE t_x gauge\n", "3: the TYPE of t_x stands behind its samples"),
        ("# HELP t_x Something.\n# TYPE t_x gage\nt_x 1\n", "2: 'gage' is no type"),
        (H + "t_x 1\n# HELP t_y Other.\n# TYPE t_y gauge\nt_y 1\nt_x{a=\"1\"} 1\n", "7: t_x goes on here"),
        (H + 't_x{a="1"} 1\nt_x{a="2"} 1\nt_x{b="2"} 1\n', "5: t_x{b=\"2\"} has other labels"),
        ("# TYPE t_x gauge\nt_x 1\n", "1: t_x: no help text"),
        ("# HELP t_x Something.\nt_x 1\n", "1: t_x: no TYPE"),
        ("# HELP t_x Steps.\n# TYPE t_x counter\nt_x 1\n", "1: t_x: a counter's name ends"),
        ("# HELP t_x_total Steps.\n# TYPE t_x_total gauge\nt_x_total 1\n", '1: t_x_total: "_total" is for counters'),
        ("# HELP t_x_count Steps.\n# TYPE t_x_count gauge\nt_x_count 1\n", '1: t_x_count: "_count" is for'),
        ("# HELP t_gauge_x Steps.\n# TYPE t_gauge_x gauge\nt_gauge_x 1\n", "1: t_gauge_x: holds the name of a type"),
        ("# HELP t_ms Time.\n# TYPE t_ms gauge\nt_ms 1\n", "1: t_ms: ms is no base unit"),
        ("# HELP t_xY Time.\n# TYPE t_xY gauge\nt_xY 1\n", "1: t_xY: use snake_case"),
        ("# HELP t:x Time.\n# TYPE t:x gauge\nt:x 1\n", "1: t:x: colons"),
        (H + 't_x{le="1"} 1\n', "1: t_x: the label le is for histograms"),
        (H + 't_x{quantile="1"} 1\n', "1: t_x: the label quantile is for summaries"),
        ("# HELP t_x_total S.\n# TYPE t_x_total counter\nt_x_total -1\n", "3: t_x_total is -1; a counter"),
        ("# HELP t_x_total S.\n# TYPE t_x_total counter\nt_x_total NaN\n", "3: t_x_total is nan; a counter"),
        (W + 't_w_seconds_bucket{le="1"} 2\nt_w_seconds_bucket{le="+Inf"} 1\nt_w_seconds_count 1\n', "3: t_w_seconds_bucket is not cumulative"),
        (W + 't_w_seconds_bucket{le="1"} 2\nt_w_seconds_count 2\n', '3: t_w_seconds_bucket has no le="+Inf"'),
        (W + 't_w_seconds_bucket{le="+Inf"} 2\nt_w_seconds_count 3\n', "3: t_w_seconds_count is not what"),
        (W + 't_w_seconds_bucket{le="x"} 2\n', "3: t_w_seconds_bucket{le=\"x\"} has no number in its label le"),
        (W + "t_w_seconds_sum 2\nt_w_seconds_count 3\n", "4: t_w_seconds is a histogram without a bucket"),
        ("# HELP kunobs_t_new X.\n# TYPE kunobs_t_new gauge\nkunobs_t_new 1\n", "1: kunobs_t_new is not declared"),
        ("# HELP kunobs_t_doors X.\n# TYPE kunobs_t_doors counter\n", "1: kunobs_t_doors is a counter, declared as a gauge"),
        ("# HELP kunobs_t_doors X.\n# TYPE kunobs_t_doors gauge\nkunobs_t_doors 1\n", "3: kunobs_t_doors has not the declared labels: state"),
        ('# HELP kunobs_t_doors X.\n# TYPE kunobs_t_doors gauge\nkunobs_t_doors{state="ajar"} 1\n', "3: kunobs_t_doors{state=\"ajar\"}: state='ajar' is no declared value"),
        ("# HELP t_x S.\n# TYPE t_x gauge\nt_x 1\n# EOF\nt_y 1\n", "5: stands behind # EOF"),
    ],
)  # fmt: skip
def test_each_fault_is_found(text: str, finding: str) -> None:
    """One line says it, with its number."""
    assert any(line.startswith(finding) for line in found(text)), found(text)


def test_what_is_not_utf8_is_found_and_the_rest_read() -> None:
    """The line of the first bad byte, and the faults of other lines beside it."""
    findings = check(H.encode() + b't_x{a="\xff"} 1\nt_x 2 3 4\n')
    assert [finding.line for finding in findings] == [3, 4]


@given(st.binary(max_size=200) | st.text(' \n"\\{}=,#1aeHELPTYPN_', max_size=120).map(str.encode))
def test_no_bytes_make_it_fail(content: bytes) -> None:
    """Whatever a page holds, the checker answers."""
    check(content, DECLARED)


def test_counters_that_went_down() -> None:
    """Counters and a histogram's counts, but not gauges, and not when the process has started anew."""
    text = (
        "# TYPE t_a_total counter\nt_a_total {}\n# TYPE t_b gauge\nt_b {}\n"
        "# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds {}\n"
    )
    before, after, anew = (read(text.format(*pair).encode()) for pair in ((5, 2, 1), (4, 1, 1), (4, 1, 2)))
    assert [finding.text for finding in went_down(before, after)] == ["t_a_total went down from 5 to 4"]
    assert list(went_down(before, anew)) == []
    assert list(went_down(after, before)) == []


def test_places_lines_and_codes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """FILE:LINE: what, on stdout; the summary on stderr; promtool's exit codes, the worst of all places."""
    good, poor, bad = tmp_path / "good", tmp_path / "poor", tmp_path / "bad"
    good.write_text(GOOD)
    poor.write_text("# TYPE t_x gauge\nt_x 1\n")
    bad.write_text(H + "t_x one\n")
    assert check_places([str(good)], 0) == 0
    assert check_places([str(poor)], 0) == FINDINGS
    capsys.readouterr()
    assert check_places([str(bad), str(poor)], 0) == UNREADABLE
    out, err = capsys.readouterr()
    assert out == f"{bad}:3: t_x: value 'one' is no number\n{poor}:1: t_x: no help text\n"
    assert err == f"{bad}: 0 series, 1 problems\n{poor}: 1 series, 1 problems\n"


def test_the_command(tmp_path: Path) -> None:
    """stdin, a file that is not there, an address that nobody answers, and a real page asked twice."""

    def run(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "kunobs", "exporter", "check", *arguments]
        return subprocess.run(command, input=given, capture_output=True, text=True, timeout=120, check=False)

    assert run("-", given=GOOD).returncode == 0
    missing = run(str(tmp_path / "missing"))
    assert missing.returncode == 1
    assert missing.stderr.endswith(
        "missing: No such file or directory\nhint: give a file, - for stdin, or http://host:port/metrics\n"
    )
    dead = run("http://127.0.0.1:9/metrics")
    assert (dead.returncode, "hint: curl -v http://127.0.0.1:9/metrics\n" in dead.stderr) == (1, True)
    with serving(CollectorRegistry()) as server:
        page = run(f"{server.url}/metrics", "--again", "0.01")
        assert (page.returncode, page.stdout) == (0, "")
        wrong = run(f"{server.url}/metric")
        assert (wrong.returncode, "answers 404: no page at /metric; did you mean /metrics?" in wrong.stderr) == (
            1,
            True,
        )
