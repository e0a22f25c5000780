"""Which of a rule's words a person reads: those of the own language where the rule has some."""

from __future__ import annotations

import msgspec
import pytest

from alert_rules.model import Links
from alert_rules.suite import entries
from kunobs.noc.notify.compose import _alert
from kunobs.noc.notify.contract import Language


@pytest.mark.parametrize(
    ("annotations", "language", "text"),
    [
        ({"description": "en", "description_zh": "中", "summary": "s"}, "zh", "中"),
        ({"description": "en", "description_zh": "中", "summary": "s"}, "en", "en"),
        ({"description": "en", "summary_zh": "中"}, "zh", "en"),
        ({"summary": "s", "summary_zh": "中", "description": ""}, "zh", "中"),
        ({"summary": "s"}, "zh", "s"),
        ({}, "zh", ""),
    ],
)
def test_the_own_language_first(annotations: dict[str, str], language: Language, text: str) -> None:
    """The longer words before the shorter ones, and any before none."""
    row = (b"{}", msgspec.json.encode(annotations), b"[]", "firing")
    assert _alert(row, language)["text"] == text  # type: ignore[arg-type]


def test_our_own_rules_have_both() -> None:
    """Every annotation that the relay looks for is one that the rules have."""
    for entry in entries():
        annotations = entry.rule(Links()).annotations
        assert {"summary", "description", "summary_zh", "description_zh"} <= annotations.keys()
