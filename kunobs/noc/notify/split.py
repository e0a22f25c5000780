"""A text into messages of a provider's size. Limits are bytes of UTF-8, and what is torn is shown broken or refused.

WeCom takes 2,048 bytes of text and 4,096 of a robot's markdown (2,048 in an application's); what is longer is refused as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# What must not be torn: an element with its text, a tag or a mention, a link, a code span.
# Each is bounded, or a text of nothing but "<" would be searched to its end from every one of them.
_MARKUP = (
    r"<(\w{1,20})[^>\n]{0,200}>[^<\n]{0,1000}</\2>|<[^>\n]{0,200}>"
    r"|\[[^\]\n]{0,500}\]\([^)\n]{0,2000}\)|`[^`\n]{0,500}`"
)
_PIECE = re.compile(rf"({_MARKUP}|[^\s<\[`]+|.)", re.DOTALL)
_INNER = re.compile(rf"({_MARKUP}|.)", re.DOTALL)


def split(text: str, limit: int) -> list[str]:
    """Parts of at most `limit` bytes that join to `text`: cut after lines, else between words, else between characters.

    An element, tag, link or code span is only torn where it alone is longer than a part. Raises ValueError for a limit below 4, which a
    character may need.
    """
    if limit < 4:
        raise ValueError(f"no text can be split into {limit} bytes")
    parts: list[str] = []
    part: list[str] = []
    size = 0
    for piece in _pieces(text, limit):
        length = len(piece.encode())
        if size + length > limit:
            kept, carried = _at_line_end(part) if "\n" not in piece else (part, [])
            if sum(len(each.encode()) for each in carried) + length > limit:
                kept, carried = part, []
            parts.append("".join(kept))
            part, size = list(carried), sum(len(each.encode()) for each in carried)
        part.append(piece)
        size += length
    if part:
        parts.append("".join(part))
    return parts


def _at_line_end(part: list[str]) -> tuple[list[str], list[str]]:
    """The part up to its last line break, and the rest; all of it where that would leave less than half."""
    for at in range(len(part), 0, -1):
        if part[at - 1] == "\n":
            return (part[:at], part[at:]) if at * 2 > len(part) else (part, [])
    return part, []


def _pieces(text: str, limit: int) -> Iterator[str]:
    for word in _PIECE.finditer(text):
        if len(word[0].encode()) <= limit:
            yield word[0]
            continue
        for piece in _INNER.finditer(word[0]):
            if len(piece[0].encode()) <= limit:
                yield piece[0]
            else:
                yield from piece[0]
