"""JSON loggers: one object a line."""

from __future__ import annotations

from kunobs.client.event import decode
from kunobs.client.parsers.result import LONGEST, Parsed


def parse_json(text: str) -> Parsed:
    """Reads a line that is one JSON object; of a repeated key the last value counts.

    Problems: `not_json` (also NaN and Infinity), `not_object`, `too_deep`, `too_long`.
    """
    if len(text) > LONGEST:
        return Parsed("json", problem="too_long")
    if not text.lstrip().startswith("{"):
        return Parsed("json", problem="not_object" if text.lstrip()[:1] in tuple('["0123456789-') else "not_json")
    fields, problem = decode(text)
    return Parsed("json", fields, problem=problem)
