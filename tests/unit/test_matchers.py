"""Matchers as Alertmanager reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kunobs.matchers import Matcher

LABELS = {"severity": "critical", "namespace": "pay-prod", "path": 'a"b\\c'}


@pytest.mark.parametrize(
    ("text", "met"),
    [
        ('severity="critical"', True),
        ("severity = critical", True),
        ('severity="crit"', False),
        ('severity!="critical"', False),
        ('namespace=~"pay-.*"', True),
        ('namespace=~"pay"', False),
        ('namespace=~"pay|pay-prod"', True),
        ('namespace!~"pay-.*"', False),
        ('team=""', True),
        ("team=", True),
        ('team!=""', False),
        ('team=~".*"', True),
        ('team=~".+"', False),
        ('path="a\\"b\\\\c"', True),
    ],
)
def test_matches(text: str, met: bool) -> None:
    """Anchored, and an absent label is an empty one."""
    assert Matcher.read(text).matches(LABELS) is met


@pytest.mark.parametrize(
    "text",
    ["", "severity", '="x"', 'a="b', "a==b", "0a=b", 'a="b" c="d"', "a=~(", '{a="b"}', "名=b", "a=" + "x" * 2000],
)
def test_what_is_no_matcher(text: str) -> None:
    """The error shows what was written, cut."""
    with pytest.raises(ValueError, match=r"is no matcher|regular expression") as caught:
        Matcher.read(text)
    assert len(str(caught.value)) < 250


@given(st.text(max_size=50))
def test_a_quoted_value_means_itself(value: str) -> None:
    """Whatever it holds."""
    quoted = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    assert Matcher.read(f'a="{quoted}"').matches({"a": value})
