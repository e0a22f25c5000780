"""Texts of signals: as a template for Prometheus, and as Prometheus will show them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from alert_rules.texts import humanized, places, rendered, template
from alert_rules.yaml import dump


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        # What promtool 2.42 printed for `{{ $value | humanize… }}` of these values.
        (0, "", "0"), (3, "", "3"), (12345, "", "12.35k"), (1e9, "", "1G"), (0.5, "", "500m"), (-2500, "", "-2.5k"),
        (0, "bytes", "0"), (1, "bytes", "1"), (1023, "bytes", "1023"), (1024, "bytes", "1ki"), (3.2e9, "bytes", "2.98Gi"),
        (0.049, "ratio", "4.9%"), (1, "ratio", "100%"), (0.123456, "ratio", "12.35%"), (0, "ratio", "0%"),
        (0, "seconds", "0s"), (0.25, "seconds", "250ms"), (1.5, "seconds", "1.5s"), (59.9, "seconds", "59.9s"),
        (60, "seconds", "1m 0s"), (3661, "seconds", "1h 1m 1s"), (90061, "seconds", "1d 1h 1m 1s"), (-90, "seconds", "-1m 30s"),
        (math.inf, "", "+Inf"), (math.nan, "ratio", "NaN%"), (math.inf, "seconds", "+Inf"),
    ],
)  # fmt: skip
def test_values_as_prometheus_shows_them(value: float, unit: str, shown: str) -> None:
    """Each of the four functions."""
    assert humanized(value, unit) == shown


def test_a_text_for_prometheus_and_for_a_test() -> None:
    """Labels and the value; what is no placeholder stays."""
    text = "{topic} has {value} left, {nothing}"
    assert places(text) == {"topic", "value", "nothing"}
    assert template(text, "bytes") == "{{ $labels.topic }} has {{ $value | humanize1024 }}B left, {{ $labels.nothing }}"
    assert rendered(text, "bytes", {"topic": "a{b}"}, 2048) == "a{b} has 2kiB left, "


DOCUMENTS = st.recursive(
    st.one_of(
        st.text(max_size=12),
        st.integers(-9, 9),
        st.booleans(),
        st.sampled_from(["on", "no", "~", "null", "1e3", "- a", "a: b", "#x"]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)),
    max_leaves=12,
)


@given(DOCUMENTS)
def test_what_is_written_is_read_back(document: object) -> None:
    """Whatever the texts hold, YAML's own reader finds the same document."""
    assert YAML(typ="safe", pure=True).load(dump(document)) == document
