"""Lines of a format of one's own: a regular expression with named groups."""

from __future__ import annotations

import re

from kunobs.client.parsers.backtracking import explosive
from kunobs.client.parsers.result import Parsed, Parser

LONGEST_BY_REGEX = 16 * 1024


def regex_parser(pattern: str, *, flags: int = 0, longest: int = LONGEST_BY_REGEX) -> Parser:
    """A parser whose fields are the named groups of `pattern` (texts, without the groups that took no part).

    It searches the line, so anchor the pattern where it can be. ValueError for a pattern without named groups, or whose
    time can double with every character of a hostile line (a repeat in a repeat, a choice in a repeat that can begin
    in two ways). Several open-ended repeats in a row still cost the product of their lengths, so lines of more than
    `longest` characters are not searched. Problems: `no_match`, `too_long`.
    """
    try:
        compiled = re.compile(pattern, flags)
        danger = explosive(pattern, flags)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"{pattern!r} is not a regular expression: {error}") from None
    if not compiled.groupindex:
        raise ValueError(f"{pattern!r} names no group: write (?P<level>[A-Z]+)")
    if danger:
        raise ValueError(f"{pattern!r} {danger}: make the inner repeat possessive, as in (?:[a-z]++ )*")

    def parse(text: str) -> Parsed:
        if len(text) > longest:
            return Parsed("regex", problem="too_long")
        found = compiled.search(text)
        if found is None:
            return Parsed("regex", problem="no_match")
        fields = {name: value for name, value in found.groupdict().items() if value is not None}
        return Parsed("regex", fields, rest=text[: found.start()] + text[found.end() :])

    return parse
