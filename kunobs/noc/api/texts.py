"""Values that several endpoints take or give: names, lines of text, moments."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from kunobs.matchers import Matcher
from kunobs.noc.accept.alert import milliseconds

LARGEST_NUMBER = 2**63 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = int((datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC) - _EPOCH).total_seconds()) * 1000


class Given(BaseModel):
    """A body; an unknown key is a mistake, not something to pass over."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


def _matcher(text: str) -> str:
    Matcher.read(text)
    return text


def _rfc3339(given: object) -> object:
    # Numbers would be taken for seconds or milliseconds, by their size.
    if not isinstance(given, str) or not re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]", given):
        raise ValueError("is no time with a zone, as in 2026-11-24T13:00:00Z; in a URL, + is %2B")
    return given


Name = Annotated[
    str,
    Field(
        pattern="^[a-zA-Z0-9][a-zA-Z0-9_-]{0,62}$",
        description="Letters, digits, _ and -, at most 63.",
        examples=["team-robot"],
    ),
]
Number = Annotated[int, Field(ge=1, le=LARGEST_NUMBER)]
By = Annotated[
    str, Field(min_length=1, max_length=100, pattern=r"[^\s]", description="Who does it.", examples=["zhang.san"])
]
Comment = Annotated[str, Field(max_length=2000, description="Why.", examples=["disk is being replaced"])]
MatcherText = Annotated[
    str,
    Field(
        max_length=1000,
        description="As in Alertmanager: =, !=, =~ and !~ (RE2, anchored at both ends).",
        examples=['service=~"pay-.*"'],
    ),
    AfterValidator(_matcher),
]
When = Annotated[AwareDatetime, BeforeValidator(_rfc3339)]
Moment = Annotated[
    str,
    Field(
        json_schema_extra={"format": "date-time"},
        description="RFC 3339, in UTC.",
        examples=["2026-11-24T13:00:00.000Z"],
    ),
]


def moment(at_ms: int) -> Moment:
    """As text; Alertmanager may name times beyond the year 9999, which are that year's end."""
    when = _EPOCH + timedelta(milliseconds=min(max(at_ms, 0), _LAST))
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def maybe(at_ms: int | None) -> Moment | None:
    """The same, for what may not have happened."""
    return None if at_ms is None else moment(at_ms)


def at(when: datetime) -> int:
    """Milliseconds since the epoch; what is before it is 0."""
    return milliseconds(when) or 0
