"""logfmt: `level=info msg="order paid" took=31ms`."""

from __future__ import annotations

import re

from kunobs.client.parsers.result import LONGEST, Parsed

MOST_FIELDS = 1000
_PAIR = re.compile(r'\s*+([^\s="]++)=(?:"((?:[^"\\]|\\.)*+)(")?|([^\s"]*+))', re.DOTALL)
_WORD = re.compile(r"\s*+(\S++)")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r"}


def _unescape(found: re.Match[str]) -> str:
    sign = found[1]
    return chr(int(sign[1:], 16)) if len(sign) == 5 else _ESCAPED.get(sign, sign)


def parse_logfmt(text: str) -> Parsed:
    """Reads key=value pairs into texts; words without `=` are the rest; of a repeated key the last value counts.

    Problems: `no_pairs`, `open_quote` (the line was cut), `too_many_fields`, `too_long`.
    """
    if len(text) > LONGEST:
        return Parsed("logfmt", problem="too_long")
    fields: dict[str, str] = {}
    words: list[str] = []
    problem, at = "", 0
    while at < len(text):
        pair = _PAIR.match(text, at)
        if pair is None:
            word = _WORD.match(text, at)
            if word is None:
                break
            words.append(word[1])
            at = word.end()
            continue
        if len(fields) >= MOST_FIELDS:
            return Parsed("logfmt", fields, text[at:].strip(), "too_many_fields")
        quoted, bare = pair[2], pair[4]
        if quoted is not None and pair[3] is None:
            problem = "open_quote"
        fields[pair[1]] = bare if quoted is None else _ESCAPE.sub(_unescape, quoted)
        at = pair.end()
    if not fields:
        problem = "no_pairs"
    return Parsed("logfmt", fields, " ".join(words), problem)
