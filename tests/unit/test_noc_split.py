"""Messages that a provider takes: nothing lost, nothing too long, nothing torn."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kunobs.noc.notify.split import split

MARKUP = re.compile(r"<font.*?</font>|\[[^\]\n]*\]\([^)\n]*\)|<[^>\n]*>|`[^`\n]*`")


@given(st.text(), st.integers(4, 60))
def test_parts_join_to_the_text(text: str, limit: int) -> None:
    """Whatever the text, each part fits and nothing is missing."""
    parts = split(text, limit)
    assert "".join(parts) == text
    assert all(0 < len(part.encode()) <= limit for part in parts)


WORDS = st.one_of(
    st.sampled_from(["支付", "延迟", "pod-7", "\n", " ", "<@lilei>", "`kubectl get pods`", "[看板](https://noc/i/7)"]),
    st.sampled_from(['<font color="warning">critical</font>', "é", "👩‍🚒"]),
)


@given(st.lists(WORDS, max_size=40), st.integers(50, 200))
def test_markup_is_not_torn(words: list[str], limit: int) -> None:
    """A link, a tag, a code span and a mention stand whole in one part."""
    text = "".join(words)
    parts = split(text, limit)
    assert [found for part in parts for found in MARKUP.findall(part)] == MARKUP.findall(text)


def test_cut_after_a_line() -> None:
    """Where a line ends in the second half of a part, the next part begins with the next line."""
    text = "first line of it\nsecond line of it\nthird line of it\n"
    assert split(text, 40) == ["first line of it\nsecond line of it\n", "third line of it\n"]


def test_a_text_that_fits_is_one_part() -> None:
    """And nothing is no message."""
    assert split("short", 2048) == ["short"]
    assert split("", 2048) == []


def test_chinese_is_counted_in_bytes() -> None:
    """Three bytes a character."""
    assert [len(part) for part in split("告" * 1000, 2048)] == [682, 318]


def test_an_impossible_limit() -> None:
    """It is a mistake of ours, not of the text."""
    with pytest.raises(ValueError, match="3 bytes"):
        split("x", 3)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("sign", ["<", "[", "`", "<a", "[x](", "x", "\n", " "])
def test_a_hostile_text_takes_no_time(sign: str) -> None:
    """A megabyte of openings that never close."""
    text = sign * (1_000_000 // len(sign))
    assert "".join(split(text, 4096)) == text
