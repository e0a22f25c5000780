"""Slots as a calendar (RFC 5545) that people subscribe to."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from icalendar import Calendar, Event

from kunobs.noc.decide.schedules.schedule import Override, Schedule, Slot, on_call, slots
from kunobs.noc.decide.schedules.wall import Instant, milliseconds
from kunobs.noc.notify.contract import Language

_TITLE = {"zh": "值班：{}", "en": "On call: {}"}
_WHY = {
    "zh": {"override": "替班", "fallback": "无人值班，由后备人员接听"},
    "en": {"override": "stands in", "fallback": "nobody is on call, the fallback is called"},
}
_LAYER = {"zh": "第 {} 层", "en": "layer {}"}


def ical(
    schedule: Schedule, since: Instant, until: Instant, overrides: Iterable[Override] = (), language: Language = "zh"
) -> bytes:
    """What `slots` says, an event each: UTC to the second, its summary the person, its UID the same in every export.

    `since` should be the time of the export: it is the events' DTSTAMP, by which a calendar knows the newer one.
    """
    overrides = list(overrides)
    calendar = Calendar()
    calendar.add("prodid", "-//kunobs//noc//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", _TITLE[language].format(schedule.name))
    for slot in slots(schedule, since, until, overrides):
        # The first slot is cut at `since`: what began before keeps the UID it had in yesterday's export.
        begun = on_call(schedule, since, overrides) if slot.start_ms == milliseconds(since) else slot
        if _second(slot.start_ms) == _second(slot.end_ms):
            continue
        event = Event()
        event.add("uid", f"{begun.start_ms}.{schedule.name}@kunobs")
        event.add("dtstamp", _second(milliseconds(since)))
        event.add("dtstart", _second(slot.start_ms))
        event.add("dtend", _second(slot.end_ms))
        event.add("summary", slot.person)
        event.add("description", _why(slot, language))
        event.add("transp", "TRANSPARENT")
        calendar.add_component(event)
    content: bytes = calendar.to_ical()
    return content


def _why(slot: Slot, language: Language) -> str:
    number = slot.why.removeprefix("layer ")
    return _WHY[language].get(slot.why) or _LAYER[language].format(number)


def _second(ms: int) -> datetime:
    return datetime.fromtimestamp(ms // 1000, UTC)
