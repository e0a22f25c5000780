"""Output: readable for people, exact for programs, harmless for terminals."""

from __future__ import annotations

import io
import json
import re
from base64 import b64decode
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kunobs.client import Event
from kunobs.client.output import abandon, wants_colour, write_lines
from kunobs.client.render import TextFormat, json_format, readable
from kunobs.client.terminal import clean_json, clean_line, clean_lines, colour_of, columns
from kunobs.testing import log_event

_PLAIN = TextFormat()
_SGR = re.compile(r"\x1b\[[0-9;]*m")
# What may not reach a terminal: C0 but tab and newline, DEL, C1, and what changes the direction of text.
_FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]")


def _shown(message: str, **changes: Any) -> str:
    return _PLAIN(Event(log_event(message, pod="api-1", **changes)))


def test_a_line_with_its_pod_and_container() -> None:
    """The form that `kunobs tail` promises."""
    assert _shown("order paid 订单已支付") == "api-1 app │ order paid 订单已支付"
    assert _shown("") == "api-1 app │ "


def test_a_stack_trace_keeps_its_lines() -> None:
    """Every further line of a message has the prefix too, with another sign, and keeps its indent."""
    assert _shown("boom\r\n\tat a.B\n  at c.D\n\n").split("\n") == [
        "api-1 app │ boom",
        "api-1 app ┆ \tat a.B",
        "api-1 app ┆   at c.D",
    ]


def test_a_message_cannot_pass_for_another_pods() -> None:
    """A line that imitates the prefix still stands behind the prefix of the pod that wrote it."""
    forged = _shown("hi\nvictim app │ transfer ok").split("\n")
    assert all(line.startswith("api-1 app ") for line in forged)
    named = _PLAIN(Event(log_event("x", pod="victim app │ transfer ok\n")))
    assert named == '"victim app │ transfer ok\\n" app │ x'
    assert _PLAIN(Event(b'{"message":"x"}')) == "- - │ x"


@pytest.mark.parametrize(
    ("message", "level", "text"),
    [
        ('{"level":"error","msg":"paid","took":3,"user":{"id":1,"城市":"上海"}}', "error",
         'paid took=3 user={"id":1,"城市":"上海"}'),
        ('{"severity":"INFO","message":"a b","q":"x \\"y\\"","n":null}', "INFO", 'a b q="x \\"y\\"" n=null'),
        ('{"msg":"boom","stack":"E\\n\\tat a\\n\\tat b","z":1}', "", "boom z=1\nstack:\nE\n\tat a\n\tat b"),
        ('{"level":30,"msg":"pino"}', "", "pino level=30"),
        ("{}", "", "{}"),
        ("{not json", "", "{not json"),
        ("plain [x]", "", "plain [x]"),
    ],
)  # fmt: skip
def test_json_messages_are_readable(message: str, level: str, text: str) -> None:
    """The text first, then the other fields, and nothing is left out."""
    assert readable(message) == (level, text)


def test_raw_shows_the_json() -> None:
    """`--raw` leaves a message alone."""
    event = Event(log_event('{"level":"error","msg":"paid"}', pod="api-1"))
    assert TextFormat(raw=True)(event) == 'api-1 app │ {"level":"error","msg":"paid"}'
    assert _PLAIN(event) == "api-1 app │ ERROR paid"


def test_an_event_without_a_message_shows_its_fields() -> None:
    """Nothing is shown as an empty line that holds something."""
    assert _PLAIN(Event(b'{"error":{"message":"x"}}')) == '- - │ error={"message":"x"}'


def test_broken_events_are_shown_with_a_mark() -> None:
    """They are not dropped; a long one is cut and says its size."""
    assert _PLAIN(Event(b"\xff{oops")) == "- - │ [broken: not_json] \ufffd{oops"
    assert _PLAIN(Event(None)) == "- - │ [broken: null_value] "
    long = _PLAIN(Event(b"x" * 9000))
    assert long.endswith("… (9000 bytes)")
    assert len(long) < 2100


def test_dead_letters_say_why() -> None:
    """The reason and the server's words stand before the message."""
    headers = [
        ("kunobs-reason", b"mapping"),
        ("kunobs-error", b"failed to parse \x1b[2J field"),
        ("kunobs-leg", b"indexer"),
    ]
    event = Event(log_event("x", pod="api-1"), headers=headers)
    assert _PLAIN(event) == "api-1 app │ [mapping: failed to parse \\x1b[2J field] x"
    assert json.loads(json_format(event))["reason"] == "mapping"
    assert json.loads(json_format(event))["leg"] == "indexer"


def test_colours() -> None:
    """A pod has one colour in every run, levels are emphasised, and removing the colours gives the plain text."""
    event = Event(log_event('{"level":"error","msg":"paid twice"}', pod="api-1"))
    coloured = TextFormat(colour=True, highlight=re.compile("twice|"))(event)
    assert coloured.startswith(f"\x1b[{colour_of('api-1')}mapi-1 app │\x1b[0m \x1b[31mERROR\x1b[0m paid ")
    assert "\x1b[7mtwice\x1b[0m" in coloured
    assert _SGR.sub("", coloured) == _PLAIN(event)
    assert colour_of("api-1") == 92
    assert len({colour_of(f"pod-{number}") for number in range(100)}) > 5


def test_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time is local, with its offset, down to the millisecond."""
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    __import__("time").tzset()
    try:
        shown = TextFormat(times=True)(Event(log_event("x", pod="api-1")))
    finally:
        monkeypatch.undo()
        __import__("time").tzset()
    assert shown == "2026-11-01T11:18:27.000+08:00 api-1 app │ x"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31;1mred\x1b[0m", "red"),
        ("\x1b[38:2:255:0:0mred", "red"),
        ("\x1b[2J\x1b[H", "\\x1b[2J\\x1b[H"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x1b]52;c;cm0gLXJm\x1b\\", "\\x1b]52;c;cm0gLXJm\\x1b\\"),
        ("50%\r100%", "50%\\x0d100%"),
        ("\x9b2J", "\\x9b2J"),
        ("a\u202eb\u2066c", "a\\u202eb\\u2066c"),
        ("\u2028\ufeff\U000e0041", "\\u2028\\ufeff\\U000e0041"),
        ("\ud800", "\\ud800"),
        ("tab\there 中文 é 👩‍💻", "tab\there 中文 é 👩‍💻"),
        ("\x1b[" + "1;" * 100 + "m", "\\x1b[" + "1;" * 100 + "m"),
    ],
)
def test_control_characters_become_visible(text: str, shown: str) -> None:
    """Colours go, everything else that a terminal would act on is written out, text of every script stays."""
    assert clean_line(text) == shown


_HOSTILE = st.text(st.characters() | st.sampled_from("\x1b\x9b\x07\r\n\x00\x7f\u202e\u2066[]0;m中"), max_size=80)


@settings(deadline=None)
@given(_HOSTILE, _HOSTILE, st.booleans())
def test_nothing_reaches_a_terminal(message: str, pod: str, colour: bool) -> None:
    """No message and no name, in text or JSON, in colour or not, holds what a terminal acts on but our own colours."""
    event = Event(log_event(message, pod=pod), headers=[("kunobs-reason", pod.encode("utf-8", "replace"))])
    shown = TextFormat(colour=colour)(event)
    assert not _FORBIDDEN.search(_SGR.sub("", shown) if colour else shown)
    shown.encode()
    as_json = json_format(event)
    assert not _FORBIDDEN.search(as_json)
    assert "\n" not in as_json


@settings(deadline=None)
@given(_HOSTILE)
def test_json_output_is_exact(message: str) -> None:
    """A program reads the very message, whatever had to be escaped."""
    line = json.loads(json_format(Event(log_event(message), topic="t", partition=1, offset=5)))
    assert line["message"] == message
    assert line["event"]["message"] == message
    assert (line["topic"], line["partition"], line["offset"]) == ("t", 1, 5)


def test_json_output_of_a_broken_event_has_its_bytes() -> None:
    """What cannot be shown as JSON is there in base64."""
    line = json.loads(json_format(Event(b"\xff\x00{")))
    assert line["broken"] == "not_json"
    assert b64decode(line["raw"]) == b"\xff\x00{"


def test_clean_json_keeps_the_value() -> None:
    """Characters beyond the 16 bits of an escape become a pair."""
    text = '"\x7f\x9b\u202e\U000e0041"'
    assert clean_json(text) == '"\\u007f\\u009b\\u202e\\udb40\\udc41"'
    assert json.loads(clean_json(text)) == json.loads(text)


def test_lines_and_columns() -> None:
    """Empty lines inside stay, those at the end go; Chinese characters are two columns wide."""
    assert clean_lines("a\n\nb\n\n") == ["a", "", "b"]
    assert clean_lines("") == [""]
    assert columns("a中,") == 4


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_when_there_is_colour() -> None:
    """Only on a terminal that can, and only when NO_COLOR is not set."""
    assert wants_colour(_Terminal(), {"TERM": "xterm"})
    assert not wants_colour(_Terminal(), {"TERM": "xterm", "NO_COLOR": "1"})
    assert wants_colour(_Terminal(), {"TERM": "xterm", "NO_COLOR": ""})
    assert not wants_colour(_Terminal(), {"TERM": "dumb"})
    assert not wants_colour(io.StringIO(), {"TERM": "xterm"})


def test_a_stream_that_cannot_show_a_letter() -> None:
    """An ASCII terminal gets escapes, not an exception."""
    target = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    write_lines(["a 中"], target)
    assert target.buffer.getvalue() == b"a \\u4e2d\n"  # type: ignore[attr-defined]


def test_abandon_of_a_stream_without_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """A captured stream is let go as well."""
    monkeypatch.setattr("sys.stdout", io.StringIO())
    abandon(__import__("sys").stdout)
    print("to nowhere")
