"""What WeCom's answers mean: always HTTP 200, the truth is in `errcode` (its global error codes, document 90313)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from kunobs.noc.notify.contract import Permanent, Retry
from kunobs.noc.notify.http import Answer, by_status

TOKEN = frozenset({40001, 40014, 41001, 42001})
"""The access token is wrong or too old; when asking for one, 40001 is a wrong secret."""
BLOCKED_SECONDS = 60.0
"""What is over a limit by the minute is refused for this long (document 90454)."""
_BUSY = {-1, 6000, 45009, 45033}
_LONGEST_REASON = 300

_DEAD: dict[Literal["message", "address", "channel"], set[int]] = {
    "message": {
        40008,  # type of message
        40033,  # characters
        40035,  # parameter
        40039,  # length of a URL
        40058,  # parameter, most often a content that is too long
        40063,  # empty parameter
        41016,  # no title
        42014,  # task_id used before, empty or too long
        *range(42016, 42021),  # task_id and keys of a card's update
        42022,  # response_code used before
        *range(42027, 42050),  # fields of a card
        44004,  # empty content
        45002,  # too long
        45034,  # URL without a scheme
        47001,  # JSON
        82004,  # a content that would crash the client
        85002,  # forbidden words
    },
    "address": {
        40003,  # userid
        40031,  # list of userids
        46004,  # no such user
        50002,  # outside of our rights
        60021,  # outside of what the application may see
        60111,  # no such userid
        81013,  # nobody of the recipients is valid
        82001,  # nobody named
    },
    "channel": {
        40013,  # corpid
        40056,  # agentid
        40091,  # secret of another company
        41002,  # no corpid
        41004,  # no secret
        41011,  # no agentid
        43012,  # a card with buttons from an application without a callback
        *range(48001, 48007),  # no right to call this
        50003,  # application disabled
        60011,  # no right to members, departments or tags
        60020,  # our IP address is not on the application's list
        93000,  # the robot was removed
        301002,  # not our application
    },
}
_MEANING = {code: dead for dead, codes in _DEAD.items() for code in codes}


@dataclass(frozen=True)
class Said:
    """An answer in WeCom's form; `words` are for people and free of secrets."""

    errcode: int
    words: str
    fields: Mapping[str, Any]


def said(answer: Answer | Retry | Permanent, secrets: Sequence[str]) -> Said | Retry | Permanent:
    """What WeCom said, or why it is not WeCom's answer; `secrets` are taken out of its words."""
    if not isinstance(answer, Answer):
        return answer
    if (failed := by_status(answer)) is not None:
        return failed
    fields = answer.object()
    errcode = fields.get("errcode") if fields is not None else None
    if fields is None or not isinstance(errcode, int) or isinstance(errcode, bool):
        return Retry("not_wecom", "the answer has no errcode: something else than WeCom answers", delivered_maybe=True)
    words = f"errcode {errcode}: {fields.get('errmsg', '')}"
    for secret in filter(None, secrets):
        words = words.replace(secret, "<secret>")
    words = "".join(c if c.isprintable() else "?" for c in words[:_LONGEST_REASON])
    return Said(errcode, words, fields)


def failure(of: Said) -> Retry | Permanent:
    """What an errcode other than 0 means; one that is not known may heal, so it is a Retry."""
    if of.errcode in _MEANING:
        return Permanent(str(of.errcode), of.words, dead=_MEANING[of.errcode])
    code = str(of.errcode) if of.errcode in _BUSY else "unknown"
    return Retry(code, of.words, after=BLOCKED_SECONDS if of.errcode == 45009 else None)
