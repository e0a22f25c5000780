"""A schedule as a calendar, read back by the library."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from icalendar import Calendar

from kunobs.config.noc.schedules import ScheduleConfig
from kunobs.noc.decide.schedules.ical import ical
from kunobs.noc.decide.schedules.schedule import Override, Schedule, slots
from kunobs.noc.notify.contract import Language

SINCE = datetime(2026, 10, 20, 12, tzinfo=UTC)
UNTIL = datetime(2026, 11, 3, 12, tzinfo=UTC)
DAY = 86_400_000


def schedule(name: str = "platform") -> Schedule:
    """Weeks, and nights of two days, over the end of summer time."""
    layers = [
        {"start": "2026-01-05", "people": ["li", "wang", "zhao"], "only": ["Mon-Sat 00:00-24:00"]},
        {"rotation": "daily", "every": 2, "start": "2026-01-05", "people": ["sun"], "only": ["Mon-Fri 18:00-09:00"]},
    ]
    config = {"time_zone": "Europe/Berlin", "fallback": "chief", "layers": layers}
    return Schedule.from_config(name, ScheduleConfig.model_validate(config))


def events(content: bytes) -> list[Any]:
    """The events of a calendar, in its order."""
    return list(Calendar.from_ical(content).walk("VEVENT"))


@pytest.mark.parametrize(
    ("language", "title", "why"),
    [
        ("zh", "值班：platform", {"layer 1": "第 1 层", "layer 2": "第 2 层", "fallback": "无人值班，由后备人员接听", "override": "替班"}),
        ("en", "On call: platform", {"layer 1": "layer 1", "layer 2": "layer 2", "fallback": "nobody is on call, the fallback is called", "override": "stands in"}),
    ],
)  # fmt: skip
def test_it_is_what_slots_says(language: Language, title: str, why: dict[str, str]) -> None:
    """Every slot, and nothing else; all four reasons occur."""
    since, until = int(SINCE.timestamp()) * 1000, int(UNTIL.timestamp()) * 1000
    overrides = [Override("platform", "qian", since + DAY, since + 2 * DAY), Override("other", "x", since, until)]
    content = ical(schedule(), SINCE, UNTIL, iter(overrides), language)
    found = [
        (str(event["summary"]), event.decoded("dtstart"), event.decoded("dtend"), str(event["description"]))
        for event in events(content)
    ]
    expected = slots(schedule(), SINCE, UNTIL, overrides)
    assert {slot.why for slot in expected} == set(why)
    assert found == [
        (
            slot.person,
            datetime.fromtimestamp(slot.start_ms / 1000, UTC),
            datetime.fromtimestamp(slot.end_ms / 1000, UTC),
            why[slot.why],
        )
        for slot in expected
    ]
    assert str(Calendar.from_ical(content)["x-wr-calname"]) == title
    assert content.count(b"\nDTSTART:") == content.count(b"Z\r\nDTEND:") == len(expected)


def test_an_event_keeps_its_uid() -> None:
    """In the next export, which begins within a slot, and with another person; no two have the same."""
    uids = [str(event["uid"]) for event in events(ical(schedule(), SINCE, UNTIL))]
    assert len(set(uids)) == len(uids)
    since = int(SINCE.timestamp()) * 1000
    for later in range(since + 1, since + 3 * DAY, DAY // 5):
        again = [str(event["uid"]) for event in events(ical(schedule(), later, UNTIL))]
        assert again == uids[-len(again) :]
    slot = slots(schedule(), SINCE, UNTIL)[3]
    override = Override("platform", "qian", slot.start_ms, slot.end_ms)
    assert [str(event["uid"]) for event in events(ical(schedule(), SINCE, UNTIL, [override]))] == uids
    assert not set(uids) & {str(event["uid"]) for event in events(ical(schedule("other"), SINCE, UNTIL))}


def test_the_same_export_twice() -> None:
    """Is the same to the byte, dated by its beginning."""
    assert ical(schedule(), SINCE, UNTIL) == ical(schedule(), SINCE, UNTIL)
    assert {event.decoded("dtstamp") for event in events(ical(schedule(), SINCE, UNTIL))} == {SINCE}


def test_to_the_second() -> None:
    """An override's milliseconds are cut off; a slot within one second is no event, and nothing overlaps."""
    at = int(SINCE.timestamp()) * 1000
    overrides = [Override("platform", "qian", at + 1500, at + 1900), Override("platform", "qian", at + 5300, at + 9999)]
    found = events(ical(schedule(), SINCE, at + 20_000, overrides))
    seconds = [(event.decoded("dtstart").second, event.decoded("dtend").second) for event in found]
    assert seconds == [(0, 1), (1, 5), (5, 9), (9, 20)]


def test_no_time() -> None:
    """A calendar without events."""
    assert events(ical(schedule(), UNTIL, SINCE)) == []
