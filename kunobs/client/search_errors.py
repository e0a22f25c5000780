"""What Elasticsearch's refusals mean to a person who searches."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from elasticsearch import ApiError

from kunobs.client.terminal import clean_line, columns
from kunobs.errors import DeniedError, KunobsError, UnavailableError, UsageError

_PLACE = re.compile(r"at line (\d+), column (\d+)")
_LONGEST = 300
_SYNTAX = (
    'words must all match; "a phrase", a OR b, NOT a, field:value, stock*; put \\ before + - = && || > < ! ( ) { } [ ] '
    '^ " ~ * ? : \\ /, or the whole text in double quotes'
)


def _causes(body: object) -> Iterator[Mapping[str, Any]]:
    """Every error in the answer, the outermost first."""
    error = body.get("error") if isinstance(body, Mapping) else None
    queue: list[Any] = [error]
    while queue:
        one = queue.pop(0)
        if isinstance(one, Mapping):
            yield one
            queue += [one.get("caused_by"), *(one.get("root_cause") or ())]
            queue += [shard.get("reason") for shard in one.get("failed_shards") or () if isinstance(shard, Mapping)]


def _short(text: object) -> str:
    line = clean_line(str(text).replace("\n", " "))
    return line if len(line) <= _LONGEST else line[:_LONGEST] + "…"


def explain_refusal(error: ApiError, stream: str, query: str) -> KunobsError:
    """The error for a person: a syntax error's place, a missing stream, missing rights, or the server's words."""
    status = error.meta.status
    causes = list(_causes(error.body))
    if status == 401 or status == 403:
        return DeniedError(
            f"the search may not read {stream} ({status})",
            hint="compare the elasticsearch user in the credentials file with what the platform team gave you",
        )
    if status == 404:
        return UnavailableError(
            f"there is no data stream {stream}",
            hint="nothing of this namespace has been indexed yet: `kunobs tail` shows whether lines arrive",
        )
    if status == 400:
        return _bad_query(causes, query)
    if status in (429, 502, 503, 504):
        return UnavailableError(
            f"the search is too busy ({status})", hint="try a shorter --since, or again in a minute"
        )
    reason = _short(causes[-1].get("reason", "")) if causes else _short(error)
    return KunobsError(f"the search failed ({status}): {reason}")


def _bad_query(causes: list[Mapping[str, Any]], query: str) -> KunobsError:
    for cause in causes:
        reason = str(cause.get("reason", ""))
        place = _PLACE.search(reason)
        if place and "Cannot parse" in reason:
            return UsageError(_pointed(query, int(place[1]), int(place[2])), hint=_SYNTAX)
    for cause in causes:
        reason = str(cause.get("reason", ""))
        if "Cannot parse" in reason or "Failed to parse query" in reason:
            return UsageError(f"the query cannot be understood: {_short(query)}", hint=_SYNTAX)
    told = [str(cause["reason"]).removeprefix("failed to create query: ") for cause in causes if cause.get("reason")]
    inner = [_short(reason) for reason in told if reason != "all shards failed"]
    return UsageError(f"the search refuses the query: {inner[0] if inner else 'it does not say why'}")


def _pointed(query: str, line: int, column: int) -> str:
    lines = query.split("\n")
    if not 1 <= line <= len(lines) or column > len(lines[line - 1]):
        return f"the query ends too early: {_short(query)}"
    shown = clean_line(lines[line - 1])
    if len(shown) > 200 or shown != lines[line - 1]:
        return f"the query cannot be understood at character {column + 1} of line {line}"
    return f"the query cannot be understood here:\n  {shown}\n  {' ' * columns(shown[:column])}^"


def explain_silence(error: Exception, origin: str) -> KunobsError:
    """The error for a person when no answer came."""
    return UnavailableError(
        f"no answer from Elasticsearch: {_short(getattr(error, 'message', error))}",
        hint=f"is elasticsearch.urls in {origin} right? Try: curl -sS URL/_cluster/health",
    )
