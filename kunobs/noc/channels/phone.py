"""A call by an HTTP gateway that the user adapts to a telephone exchange or a voice service; docs/phone.md is what it keeps to.

The gateway is asked once for each call by its `idempotency_key`, and reports what became of it: rings, was answered, a key was pressed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, ClassVar, Literal

import msgspec

from kunobs.clock import Clock
from kunobs.config.noc.channels import PhoneConfig
from kunobs.noc.accept.refusal import Refusal
from kunobs.noc.channels.signing import HEADER, sign, verify
from kunobs.noc.notify.contract import Action, Event, Frozen, Limit, Message, Ok, Outcome, Permanent, Retry
from kunobs.noc.notify.http import Answer, Http, by_status

LONGEST = 350
"""Characters of what is spoken: Tencent's SendTtsVoice takes no more, and nobody listens for longer."""
LARGEST_REPORT = 16 * 1024
"""Bytes of a report."""
KEYS: Mapping[str, Action] = {"1": "ack", "2": "escalate"}
_ANSWERABLE = ("page", "reminder", "storm", "drill")
_SPOKEN = {
    "zh": ("告警", "级别{0}", "事件编号{0}", "确认请按 1，升级请按 2"),
    "en": ("Alert", "severity {0}", "incident {0}", "Press 1 to acknowledge, 2 to escalate"),
}
_SEVERITIES = {"critical": "严重", "warning": "警告", "info": "提示"}
# Bounded, or a text of nothing but "[" would be searched to its end from every one of them.
_LINK = re.compile(r"\[([^\]\n]{0,200})\]\([^)\n]{0,500}\)")
_UNSPEAKABLE = re.compile(r"<[^>\n]{0,200}>|https?://\S{1,500}")


_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]


class _Taken(msgspec.Struct):
    call_id: _Text


class _Report(msgspec.Struct):
    call_id: _Text
    idempotency_key: _Text
    to: _Text
    event: Literal["ringing", "answered", "no_answer", "busy", "failed", "keypress"]
    digits: Annotated[str, msgspec.Meta(max_length=32)] = ""
    reason: str = ""


class Phone:
    """Asks a gateway for calls, and reads what it reports."""

    kind: ClassVar[str] = "phone"
    markup: ClassVar[Literal["markdown", "text"]] = "text"

    def __init__(self, name: str, config: PhoneConfig, http: Http, clock: Clock) -> None:
        self.name = name
        self._config = config
        self._http = http
        self._clock = clock

    def pack(self, message: Message, address: str) -> list[bytes]:
        """One call. Keys are offered where the message is one that can be answered."""
        call = {
            "idempotency_key": message.key,
            "to": address.encode("utf-8", "replace").decode(),
            "text": _spoken(message),
            "language": message.language,
            "ack_keys": KEYS if message.kind in _ANSWERABLE else {},
        }
        return [msgspec.json.encode(call)]

    def send(self, frozen: Frozen) -> Outcome:
        """Ask for the call; the gateway's "I was asked that before" (409) is as good as its yes."""
        answer = self._ask("POST", frozen.body)
        return answer if isinstance(answer, Retry | Permanent) else _outcome(answer)

    def limits(self, address: str) -> Sequence[Limit]:
        """Carriers count the calls to a person: Aliyun blocks a callee beyond 1, 5 and 20, failed calls included."""
        config = self._config
        windows = (
            ("minute", config.callee_minute, 60),
            ("hour", config.callee_hour, 3600),
            ("day", config.callee_day, 86400),
        )
        return [Limit(f"{self.name}/callee/{address}/{window}", count, seconds) for window, count, seconds in windows]

    def check(self) -> Outcome:
        """A signed GET of the same URL, without a call; Ok too where the gateway has no answer to that."""
        answer = self._ask("GET", b"")
        if isinstance(answer, Retry | Permanent):
            return answer
        if 200 <= answer.status < 300 or answer.status in (404, 405, 501):
            return Ok()
        return by_status(answer) or Ok()

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()

    def read_report(self, body: bytes, signature: str, now: float) -> Event:
        """What the gateway tells us; `signature` is the header's value. Raises Refusal (403, 413, 400), the signature first."""
        if len(body) > LARGEST_REPORT:
            raise Refusal(413, f"a report has at most {LARGEST_REPORT} bytes")
        verify(self._config.hmac_secret, body, signature, now)
        try:
            report = msgspec.json.decode(body, type=_Report)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Refusal(400, f"the body is no report: {error}", hint="docs/phone.md has the fields") from error
        return _event(report)

    def _ask(self, method: str, body: bytes) -> Answer | Retry | Permanent:
        headers = {HEADER: sign(self._config.hmac_secret, body, self._clock.now())}
        return self._http.ask(method, self._config.url, body or None, headers)


def _outcome(answer: Answer) -> Outcome:
    taken = 200 <= answer.status < 300
    if taken or answer.status == 409:
        try:
            return Ok(provider_id=msgspec.json.decode(answer.body, type=_Taken).call_id)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return Retry("no_call_id", f"HTTP {answer.status} without a call_id", delivered_maybe=taken)
    if answer.status in (400, 413):
        return Permanent(f"http_{answer.status}", f"HTTP {answer.status}", dead="message")
    if answer.status == 422:
        return Permanent("http_422", "the gateway cannot call this number", dead="address")
    return by_status(answer) or Retry("status", "not a status that HTTP has")


def _event(report: _Report) -> Event:
    """The same report has the same id, and so has the same key that is pressed twice in a call."""
    event = Event(
        id=f"{report.call_id}/{report.event}/{report.digits}",
        key=report.idempotency_key,
        provider_id=report.call_id,
        who=report.to,
    )
    match report.event:
        case "ringing":
            return replace(event, receipt="delivered")
        case "answered":
            return replace(event, receipt="read")
        case "keypress":
            action = KEYS.get(report.digits.removesuffix("#"))
            return replace(event, receipt="acted" if action else "read", action=action)
        case _:
            return replace(event, failed=_speakable(report.reason)[:100] or report.event)


def _spoken(message: Message) -> str:
    """Who calls, how bad, which, what, and the keys; the title gives way where it is too long."""
    greeting, severity, incident, keys = _SPOKEN[message.language]
    word = _SEVERITIES.get(message.severity) if message.language == "zh" else None
    stop = "。" if message.language == "zh" else ". "
    before = [greeting, severity.format(word or _speakable(message.severity)[:20])]
    if message.incident:
        # A voice reads 4711 as a quantity.
        before.append(incident.format(" ".join(str(message.incident))))
    after = [keys] if message.kind in _ANSWERABLE else []
    room = LONGEST - len(stop.join([*before, "", *after, ""]))
    title = _speakable(message.title) or _speakable(message.text)
    return stop.join([*before, title[:room], *after, ""]).strip()


def _speakable(text: str) -> str:
    """Letters, digits and the marks that a voice pauses at or reads; no markup, so none of a voice service's either."""
    bare = _UNSPEAKABLE.sub(" ", _LINK.sub(r"\1", text[:10_000]))
    return " ".join("".join(c if c.isalnum() or c in "，。；：？！、,.;:?!%+-/" else " " for c in bare).split())
