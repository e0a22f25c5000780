"""`noc.schedules:` who is on call when, in the wall-clock time of a zone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from kunobs.config.base import Conflict, Section, Text, Whole, wrong
from kunobs.config.noc.texts import Label, TimeZone
from kunobs.config.texts import Distinct

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAY = f"(?:{'|'.join(_DAYS)})"
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_WINDOW = re.compile(rf"(?:({_DAY}(?:-{_DAY})?(?:,{_DAY}(?:-{_DAY})?)*) )?({_TIME})-({_TIME}|24:00)")
_YEARS = range(1970, 2200)
DAY, WEEK = 24 * 60, 7 * 24 * 60


def parse_time(text: str) -> int:
    """The minute of the day of `HH:MM`; ValueError for anything but 00:00 to 23:59."""
    if not re.fullmatch(_TIME, text):
        raise ValueError(f"{text!r} is no time of day")
    return int(text[:2]) * 60 + int(text[3:])


def parse_handover(text: str) -> int:
    """The minute of the week, from Monday 00:00, of `Mon 09:00`; ValueError for anything else."""
    if text[:3] not in _DAYS or text[3:4] != " ":
        raise ValueError(f"{text!r} is no day and time")
    return _DAYS.index(text[:3]) * DAY + parse_time(text[4:])


def parse_date(text: str) -> date:
    """The date of `YYYY-MM-DD`, 1970 to 2199; ValueError for anything else."""
    found = date.fromisoformat(text) if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) else None
    if found is None or found.year not in _YEARS:
        raise ValueError(f"{text!r} is no date of these centuries")
    return found


def parse_window(text: str) -> list[tuple[int, int]]:
    """The (start, end) minutes of the week of `Mon-Fri 18:00-09:00`, one for each day; an end may be in the next week.

    Without days it is every day, and an end that is not after the start is on the next day. ValueError for anything else.
    """
    found = _WINDOW.fullmatch(text)
    if found is None or found[2] == found[3]:
        raise ValueError(f"{text!r} is no window of time")
    start, end = parse_time(found[2]), DAY if found[3] == "24:00" else parse_time(found[3])
    end += DAY if end < start else 0
    days: set[int] = set()
    for part in (found[1] or "Mon-Sun").split(","):
        first, last = _DAYS.index(part[:3]), _DAYS.index(part[-3:])
        days.update((first + more) % 7 for more in range((last - first) % 7 + 1))
    return [(day * DAY + start, day * DAY + end) for day in sorted(days)]


def _time(text: str) -> str:
    try:
        parse_time(text)
    except ValueError:
        raise wrong(text, "is no time of day", 'write "HH:MM", 00:00 to 23:59') from None
    return text


def _handover(text: str) -> str:
    try:
        parse_handover(text)
    except ValueError:
        raise wrong(text, "is no day and time", 'write "Mon 09:00"; the days are Mon Tue Wed Thu Fri Sat Sun') from None
    return text


def _date(text: str) -> str:
    try:
        parse_date(text)
    except ValueError:
        raise wrong(text, "is no date from 1970 to 2199", "write it as in 2026-01-05") from None
    return text


def _window(text: str) -> str:
    found = _WINDOW.fullmatch(text)
    if found and found[2] == found[3]:
        raise wrong(text, "ends when it begins", "write 00:00-24:00 for the whole day")
    if not found:
        hint = 'write "Mon-Fri 18:00-09:00", "Sat,Sun 00:00-24:00" or, for every day, "18:00-09:00"'
        raise wrong(text, "is no window of time", hint)
    return text


def _person(name: str) -> str:
    if not name:
        raise wrong(name, "names nobody")
    return name


Person = Annotated[Label, AfterValidator(_person)]
Time = Annotated[Text, AfterValidator(_time)]
Handover = Annotated[Text, AfterValidator(_handover)]
Date = Annotated[Text, AfterValidator(_date)]
Window = Annotated[Text, AfterValidator(_window)]


class LayerConfig(Section):
    """People who take turns. Where several layers cover a time, the last of them says who is called."""

    rotation: Literal["daily", "weekly", "custom"] = Field(
        default="weekly", description="How often the turn passes on; `custom` is at each of `handovers`."
    )
    every: Whole = Field(
        default=1, ge=1, le=1000, description="Days, weeks or, with custom, hand-overs that one turn lasts."
    )
    start: Date = Field(
        default="",
        description="The date of the first hand-over, to the first of `people`; before it the layer covers nothing. "
        "With custom it is the first of `handovers` on or after this date.",
    )
    handover: Time = Field(default="09:00", description="The wall-clock time of a hand-over, daily or weekly.")
    handovers: Annotated[tuple[Handover, ...], Distinct] = Field(
        default=(), description="With custom, the hand-overs of every week, as in [Mon 09:00, Thu 18:00]."
    )
    people: tuple[Person, ...] = Field(
        default=(), description="Who takes turns, in this order; who stands here twice has two."
    )
    only: tuple[Window, ...] = Field(
        default=(),
        description="Times that the layer covers, as in [Mon-Fri 18:00-09:00]; always, where nothing is listed.",
    )

    def conflicts(self) -> Iterator[Conflict]:
        """A layer without a beginning or people, or with hand-overs that do not fit its rotation."""
        if not self.start:
            yield Conflict(("start",), "is missing", "write the date of the first hand-over, as in 2026-01-05")
        if not self.people:
            yield Conflict(("people",), "is empty", "name at least one")
        if self.rotation == "custom" and not self.handovers:
            yield Conflict(("handovers", "rotation"), "is empty while rotation is custom", "write [Mon 09:00]")
        if self.rotation == "custom" and "handover" in self.model_fields_set:
            yield Conflict(("handover", "rotation"), "has no effect while rotation is custom", "use handovers")
        if self.rotation != "custom" and self.handovers:
            yield Conflict(
                ("handovers", "rotation"), f"has no effect while rotation is {self.rotation}", "use handover"
            )


class ScheduleConfig(Section):
    """Who is on call: layers of people who take turns, and somebody for when there is nobody."""

    time_zone: TimeZone = Field(
        default="", description="The zone whose wall-clock time all times here are in, as in Asia/Shanghai."
    )
    fallback: Label = Field(default="", description="Who is called when no layer covers the time.")
    layers: tuple[LayerConfig, ...] = Field(
        default=(), description="People who take turns; a later layer wins where it covers the time."
    )

    def conflicts(self) -> Iterator[Conflict]:
        """A schedule that does not say when, or in the end who."""
        if not self.time_zone:
            yield Conflict(("time_zone",), "is missing", "write a name of the tz database, as in Asia/Shanghai")
        if not self.fallback:
            yield Conflict(("fallback",), "is missing", "name who is called when nobody is on call")
        if not self.layers:
            yield Conflict(("layers",), "is empty", "write at least one, with start and people")
