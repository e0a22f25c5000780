r"""Parsers of log lines: pure functions `str -> Parsed` that take any text and read each character a few times at most.

    parse_json      {"level":"info","msg":"paid"}
    parse_logfmt    level=info msg="paid" took=31ms
    parse_access    10.0.0.7 - - [10/Oct/2026:13:55:36 +0800] "GET / HTTP/1.1" 200 2326 "-" "curl/8.5"
    regex_parser    makes one of a regular expression with named groups
    first_of        makes one of several: the first that understands a line reads it

A parser never raises for a line: `if parsed := parse(line)` is false when the line is of another format, and
`parsed.problem` says why. Values hold what the line held, control characters included.
"""

from __future__ import annotations

from kunobs.client.parsers.access import parse_access
from kunobs.client.parsers.json_object import parse_json
from kunobs.client.parsers.logfmt import parse_logfmt
from kunobs.client.parsers.regex import regex_parser
from kunobs.client.parsers.result import Parsed, Parser

__all__ = ["Parsed", "Parser", "first_of", "parse_access", "parse_json", "parse_logfmt", "regex_parser"]


def first_of(*parsers: Parser) -> Parser:
    """A parser that asks `parsers` in turn; when none understands the line it answers as the last one."""
    if not parsers:
        raise ValueError("first_of() needs a parser")

    def parse(text: str) -> Parsed:
        for parser in parsers[:-1]:
            parsed = parser(text)
            if parsed:
                return parsed
        return parsers[-1](text)

    return parse
