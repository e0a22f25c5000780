"""Content negotiation: Prometheus' real headers, qualities, and whatever else a client sends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kunobs.server.negotiate import OPENMETRICS, TEXT, Format, accepts_gzip, choose_format

# As sent by Prometheus 2.42 and 3.x (scrape/scrape.go, config/config.go).
PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
PROMETHEUS_3_TEXT_ONLY = "text/plain;version=0.0.4;q=0.6,*/*;q=0.5"
PROTOBUF_FIRST = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,"
    "application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1"
)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (PROMETHEUS_2, OPENMETRICS),
        (PROMETHEUS_3, OPENMETRICS),
        (PROMETHEUS_3_TEXT_ONLY, TEXT),
        (PROTOBUF_FIRST, OPENMETRICS),
        ("", TEXT),
        ("*/*", TEXT),
        ("text/html,application/xhtml+xml,*/*;q=0.8", TEXT),
        ("application/json", TEXT),
        ("application/openmetrics-text", OPENMETRICS),
        ("APPLICATION/OpenMetrics-Text; Version=1.0.0", OPENMETRICS),
        ('application/openmetrics-text; version="1.0.0"', OPENMETRICS),
        ("application/openmetrics-text; version=2.0.0", TEXT),
        ("application/openmetrics-text; version=0.0.1", TEXT),
        ("application/openmetrics-text;q=0.1,text/plain;q=0.2", TEXT),
        ("text/plain;q=0.2,application/openmetrics-text;q=0.2", TEXT),
        ("application/openmetrics-text;q=0", TEXT),
        ("application/openmetrics-text;q=0,*/*;q=0.001", TEXT),
        ("application/openmetrics-text;q=2", TEXT),
        ("application/openmetrics-text;q=nan", TEXT),
        ("application/openmetrics-text;q=-1", TEXT),
        ("application/openmetrics-text;q=1e0", TEXT),
        (",;=,;q=,q=1;;,application/openmetrics-text", OPENMETRICS),
        ("text/plain," * 1000 + "application/openmetrics-text;q=1.0", TEXT),
    ],
)
def test_format(accept: str, expected: Format) -> None:
    """The supported offer of highest quality wins, the first of equals; else text."""
    assert choose_format(accept) is expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("gzip", True),
        ("GZIP", True),
        ("deflate, gzip;q=1.0, *;q=0.5", True),
        ("gzip;q=0.001", True),
        ("*", True),
        ("", False),
        ("identity", False),
        ("gzip;q=0", False),
        ("gzip;q=0, *", False),
        ("*;q=0", False),
        ("gzip;q=banana", False),
        ("xgzip, gzipx", False),
    ],
)
def test_gzip(header: str, expected: bool) -> None:
    """gzip is used only when it is accepted."""
    assert accepts_gzip(header) is expected


FRAGMENT = st.sampled_from(
    ["application/openmetrics-text", "text/plain", "*/*", "gzip", "version=1.0.0", *'10.5;,= "', "q="]
)


@given(st.one_of(st.text(max_size=200), st.lists(FRAGMENT, max_size=40).map("".join)))
def test_no_header_is_an_error(header: str) -> None:
    """Any text has an answer."""
    assert choose_format(header) in (TEXT, OPENMETRICS)
    assert accepts_gzip(header) in (True, False)
