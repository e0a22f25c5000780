"""Event -> what a person reads, or one JSON object a line for a program; pure."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any

from kunobs.client.event import Event, as_json
from kunobs.client.parsers import parse_json
from kunobs.client.terminal import clean_json, clean_line, clean_lines, colour_of, colour_of_level, paint

_LEVEL_KEYS = ("level", "severity", "lvl", "levelname", "log.level", "loglevel")
_MESSAGE_KEYS = ("message", "msg", "event", "text", "log")
_BARE = re.compile(r'[^\s"=]+')
_NAME = re.compile(r"[\w.-]{1,253}")
_MESSAGE_FIELDS = {"message", "log"}
_BROKEN_SHOWN = 2000
_HIGHLIGHT = 7

Format = Callable[[Event], str]


def _name(text: str) -> str:
    """A pod's or container's name; one that Kubernetes would not allow was forged, and is quoted so that it shows."""
    if _NAME.fullmatch(text):
        return text
    return clean_line(as_json(text[:253])) if text else "-"


def _value(value: Any) -> str:
    text = value if isinstance(value, str) else as_json(value)
    if isinstance(value, Mapping | list) or _BARE.fullmatch(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _take(fields: dict[str, Any], keys: tuple[str, ...]) -> str:
    for key in keys:
        if isinstance(fields.get(key), str):
            return str(fields.pop(key))
    return ""


def readable(message: str) -> tuple[str, str]:
    """(level, text): a JSON message becomes its text and key=value, values of several lines last.

    Other messages stay as they are. Nothing is left out, and a value keeps its own newlines: `stack_trace` reads as
    the application printed it.
    """
    parsed = parse_json(message) if message.lstrip().startswith("{") else None
    if not parsed or not parsed.fields:
        return "", message
    fields = dict(parsed.fields)
    level = _take(fields, _LEVEL_KEYS)
    words, blocks = [_take(fields, _MESSAGE_KEYS)], []
    for key, value in fields.items():
        if isinstance(value, str) and "\n" in value:
            blocks.append(f"{key}:\n{value}")
        else:
            words.append(f"{key}={_value(value)}")
    return level, "\n".join([" ".join(word for word in words if word), *blocks])


class TextFormat:
    """`pod container │ message`; each further line of a message repeats the prefix with `┆`.

    The prefix is on every line so that no message can pass for a line of another pod. `note` marks dead letters.
    """

    def __init__(
        self, *, colour: bool = False, times: bool = False, raw: bool = False, highlight: re.Pattern[str] | None = None
    ) -> None:
        self._colour, self._times, self._raw, self._highlight = colour, times, raw, highlight

    def __call__(self, event: Event) -> str:
        pod = _name(event.pod)
        prefix = f"{pod} {_name(event.container)}"
        if self._times:
            prefix = f"{event.timestamp.astimezone().isoformat(timespec='milliseconds')} {prefix}"
        code = colour_of(pod) if self._colour else None
        level, lines = self._lines(event)
        mark = self._mark(event)
        if level:
            mark += paint(clean_line(level).upper(), colour_of_level(level) if self._colour else None) + " "
        first, *more = lines
        shown = [f"{paint(f'{prefix} │', code)} {mark}{self._emphasise(first)}"]
        shown += [f"{paint(f'{prefix} ┆', code)} {self._emphasise(line)}" for line in more]
        return "\n".join(shown)

    def _lines(self, event: Event) -> tuple[str, list[str]]:
        if event.broken:
            text = event.message
            cut = f"… ({len(event.raw)} bytes)" if len(text) > _BROKEN_SHOWN else ""
            return "", clean_lines(text[:_BROKEN_SHOWN] + cut)
        message = event.message
        if not message and not _MESSAGE_FIELDS & event.fields.keys():
            message = as_json(event.fields)
        level, text = ("", message) if self._raw else readable(message)
        return level, clean_lines(text)

    def _mark(self, event: Event) -> str:
        marks = [f"[broken: {event.broken}]"] if event.broken else []
        if reason := event.header("kunobs-reason"):
            why = event.header("kunobs-error")
            marks.append(f"[{clean_line(reason)}: {clean_line(why)}]" if why else f"[{clean_line(reason)}]")
        return "".join(paint(mark, 31 if self._colour else None) + " " for mark in marks)

    def _emphasise(self, line: str) -> str:
        if self._highlight is None or not self._colour:
            return line
        return self._highlight.sub(lambda found: paint(found[0], _HIGHLIGHT) if found[0] else "", line)


def json_format(event: Event) -> str:
    """One JSON object: the facts under the same names for every log shipper, and the whole event under `event`."""
    source = event.source
    line: dict[str, Any] = {
        "timestamp": event.timestamp.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "namespace": event.namespace,
        "pod": event.pod,
        "container": event.container,
        "stream": event.stream,
        "node": event.node,
        "message": event.message,
    }
    if event.topic:
        line |= {"topic": event.topic, "partition": event.partition, "offset": event.offset}
    if source:
        line["source"] = str(source)
    for name in ("leg", "reason", "error", "attempts"):
        if value := event.header(f"kunobs-{name}"):
            line[name] = value
    if event.broken:
        line |= {"broken": event.broken, "raw": b64encode(event.raw).decode()}
    else:
        line["event"] = event.fields
    return clean_json(as_json(line))
