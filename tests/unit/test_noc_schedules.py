"""Schedules by example, each worked out by hand; tests/unit/test_noc_schedules_oracle.py has the many."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kunobs.config.base import Section
from kunobs.config.document import Builder, compose
from kunobs.config.noc.schedules import ScheduleConfig, parse_date, parse_handover, parse_time, parse_window
from kunobs.config.places import Place, Places, render
from kunobs.config.validate import Validation
from kunobs.noc.decide.schedules.schedule import Override, Schedule, Slot, gaps, next_change, on_call, slots, swap
from kunobs.noc.decide.schedules.wall import BEGIN_MS, END_MS
from tests.support import REPOSITORY

HOUR = 3_600_000


class Noc(Section):
    """Where schedules will stand."""

    schedules: dict[str, ScheduleConfig]


def read(text: str) -> tuple[Noc | None, str]:
    """The configuration in a YAML text, and its mistakes as a person sees them."""
    places = Places(Place("k.yaml", 1))
    node = compose(text, lambda line: Place("k.yaml", line))
    assert node is not None
    builder = Builder(places, lambda line: Place("k.yaml", line))
    data, _ = builder.root(node, None)  # type: ignore[arg-type]
    validation = Validation(Noc, places, Path(), builder.mistakes)
    found = validation.section(Noc, data, ())
    if found is not None:
        validation.conflicts(found, ())
    return found, render(validation.mistakes, places, Noc)


def made(zone: str, *layers: dict[str, Any]) -> Schedule:
    """A schedule named `s` with the fallback `chief`."""
    config = {"time_zone": zone, "fallback": "chief", "layers": layers}
    return Schedule.from_config("s", ScheduleConfig.model_validate(config))


def ms(text: str) -> int:
    """Milliseconds of `2026-01-05T09:00+08:00`."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def told(found: list[Slot]) -> list[str]:
    """Each slot as `01-05T01:00 li`, in UTC."""
    return [f"{datetime.fromtimestamp(slot.start_ms / 1000, UTC):%m-%dT%H:%M} {slot.person}" for slot in found]


def daily(handover: str, *people: str, start: str = "2011-01-01", **more: Any) -> dict[str, Any]:
    """A daily layer."""
    return {"rotation": "daily", "start": start, "handover": handover, "people": people, **more}


def test_the_example_of_the_documentation() -> None:
    """Its first week; 09:00 in Shanghai is 01:00 UTC."""
    text = (REPOSITORY / "docs" / "schedules.md").read_text()
    yaml = re.search(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert yaml is not None
    noc, mistakes = read(yaml[1])
    assert not mistakes
    assert noc is not None
    schedule = Schedule.from_config("platform", noc.schedules["platform"])
    found = slots(schedule, ms("2026-01-05T00:00+08:00"), ms("2026-01-12T18:00+08:00"))
    assert told(found) == [
        "01-04T16:00 chief",
        "01-05T01:00 li",
        "01-05T10:00 sun", "01-06T01:00 li",
        "01-06T10:00 sun", "01-07T01:00 li",
        "01-07T10:00 zhou", "01-08T01:00 li",
        "01-08T10:00 zhou", "01-09T01:00 li",
        "01-09T10:00 sun",  # from Friday 18:00 through the weekend, but for the turn that ends on Sunday
        "01-11T10:00 zhou", "01-12T01:00 wang",
    ]  # fmt: skip
    assert on_call(schedule, ms("2026-01-06T12:00+08:00")) == Slot(
        "li", ms("2026-01-06T09:00+08:00"), ms("2026-01-06T18:00+08:00"), "layer 1"
    )
    assert [slot.why for slot in found[:3]] == ["fallback", "layer 1", "layer 2"]
    assert gaps(schedule, ms("2026-01-05T00:00+08:00"), ms("2027-01-05T00:00+08:00")) == [
        Slot("chief", ms("2026-01-05T00:00+08:00"), ms("2026-01-05T09:00+08:00"), "fallback")
    ]


def test_a_hand_over_that_does_not_exist() -> None:
    """It is at the first instant after the gap; the next is at its usual time."""
    schedule = made("Europe/Berlin", daily("02:30", "a", "b"))
    found = slots(schedule, ms("2026-03-28T00:00Z"), ms("2026-03-30T12:00Z"))
    assert told(found)[1:] == ["03-28T01:30 b", "03-29T01:00 a", "03-30T00:30 b"]


def test_a_hand_over_that_exists_twice() -> None:
    """It is at the first of both, and nothing happens at the second."""
    schedule = made("Europe/Berlin", daily("02:30", "a", "b"))
    found = slots(schedule, ms("2026-10-24T12:00Z"), ms("2026-10-26T12:00Z"))
    assert told(found)[1:] == ["10-25T00:30 a", "10-26T01:30 b"]


def test_windows_on_days_of_a_change() -> None:
    """In spring what lies in the gap does not occur; in autumn each edge occurs once; a night is 7 or 9 hours."""
    short = made("Europe/Berlin", daily("00:00", "a", only=["02:00-02:30"]))
    assert told(slots(short, ms("2026-03-28T12:00Z"), ms("2026-03-30T12:00Z"))) == [
        "03-28T12:00 chief", "03-30T00:00 a", "03-30T00:30 chief",
    ]  # fmt: skip
    assert told(slots(short, ms("2026-10-24T12:00Z"), ms("2026-10-25T12:00Z"))) == [
        "10-24T12:00 chief", "10-25T00:00 a", "10-25T00:30 chief",
    ]  # fmt: skip
    late = made("Europe/Berlin", daily("00:00", "a", only=["02:30-04:00"]))
    assert on_call(late, ms("2026-10-25T01:15Z")) == Slot(
        "a", ms("2026-10-25T02:30+02:00"), ms("2026-10-25T04:00+01:00"), "layer 1"
    )
    night = made("Europe/Berlin", daily("12:00", "a", only=["22:00-06:00"]))
    lengths = {day: on_call(night, ms(f"{day}T00:30Z")) for day in ("2026-03-29", "2026-06-01", "2026-10-25")}
    assert [(slot.end_ms - slot.start_ms) / HOUR for slot in lengths.values()] == [7, 8, 9]


@pytest.mark.parametrize(
    ("zone", "day", "at"),
    [
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00Z"),  # 00:00 → 01:00
        ("Asia/Beirut", "2024-03-31", "2024-03-30T22:00Z"),
        ("America/Havana", "2024-03-10", "2024-03-10T05:00Z"),
        ("America/Havana", "2024-11-03", "2024-11-03T04:00Z"),  # 01:00 → 00:00: the first 00:00
        ("America/Sao_Paulo", "2018-02-18", "2018-02-18T03:00Z"),  # 00:00 → 23:00: the clocks show 00:00 an hour later
        ("Atlantic/Azores", "2024-10-27", "2024-10-27T00:00Z"),  # 01:00 → 00:00
    ],
)
def test_midnight_where_clocks_are_changed_at_midnight(zone: str, day: str, at: str) -> None:
    """A hand-over at 00:00."""
    before = str(date.fromisoformat(day) - timedelta(days=1))
    schedule = made(zone, daily("00:00", "old", "new", start=before))
    assert next_change(schedule, ms(at) - 1) == ms(at)
    assert on_call(schedule, ms(at)).person == "new"


def test_half_an_hour_of_summer() -> None:
    """Australia/Lord_Howe goes from 02:00 (+10:30) to 02:30 (+11:00), and back at 02:00."""
    schedule = made("Australia/Lord_Howe", daily("02:15", "a", "b"))
    assert next_change(schedule, ms("2025-10-04T12:00Z")) == ms("2025-10-05T02:30+11:00")
    assert next_change(schedule, ms("2025-04-05T12:00Z")) == ms("2025-04-06T02:15+10:30")
    twice = made("Australia/Lord_Howe", daily("01:45", "a", "b"))
    assert next_change(twice, ms("2025-04-05T12:00Z")) == ms("2025-04-06T01:45+11:00")
    assert next_change(twice, ms("2025-04-06T01:45+11:00")) == ms("2025-04-07T01:45+10:30")


def test_a_summer_with_a_pause() -> None:
    """Africa/Casablanca sets its clocks back for Ramadan: 03:00 → 02:00 on 2025-02-23, 02:00 → 03:00 on 2025-04-06."""
    schedule = made("Africa/Casablanca", daily("02:30", "a", "b"))
    assert next_change(schedule, ms("2025-02-22T12:00Z")) == ms("2025-02-23T02:30+01:00")
    assert next_change(schedule, ms("2025-04-05T12:00Z")) == ms("2025-04-06T03:00+01:00")


def test_a_day_that_never_was() -> None:
    """Pacific/Apia had no 2011-12-30: its turn is nobody's, and the order goes on as if it had been."""
    schedule = made("Pacific/Apia", daily("00:00", "wed", "thu", "fri", "sat", "sun", start="2011-12-28"))
    found = slots(schedule, ms("2011-12-28T12:00-10:00"), ms("2012-01-01T12:00+14:00"))
    assert [slot.person for slot in found] == ["wed", "thu", "sat", "sun"]
    assert found[2].start_ms == ms("2011-12-30T00:00-10:00") == ms("2011-12-31T00:00+14:00")
    only_friday = made("Pacific/Apia", daily("00:00", "a", only=["Fri 00:00-24:00"]))
    assert [slot.start_ms for slot in gaps(only_friday, ms("2011-12-24T00:00-10:00"), ms("2012-01-10T00:00+14:00"))] == [
        ms("2011-12-24T00:00-10:00"), ms("2012-01-07T00:00+14:00"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("zone", "offset"),
    [
        ("Asia/Kathmandu", "+05:45"),
        ("Asia/Kolkata", "+05:30"),
        ("Australia/Eucla", "+08:45"),
        ("Pacific/Chatham", "+13:45"),
    ],
)
def test_offsets_of_quarters_of_an_hour(zone: str, offset: str) -> None:
    """A hand-over is at the zone's full hour."""
    schedule = made(zone, daily("09:00", "a", "b"))
    assert next_change(schedule, ms(f"2026-01-05T08:00{offset}")) == ms(f"2026-01-05T09:00{offset}")


def test_leap_days() -> None:
    """2028-02-29 is a day like others, 2100 has none."""
    schedule = made("Asia/Shanghai", daily("09:00", "a", "b", "c", start="2028-02-28"))
    found = slots(schedule, ms("2028-02-28T09:00+08:00"), ms("2028-03-02T09:00+08:00"))
    assert told(found) == ["02-28T01:00 a", "02-29T01:00 b", "03-01T01:00 c"]
    begun = made("Asia/Shanghai", {"start": "2028-02-29", "people": ["a", "b"]})
    assert next_change(begun, ms("2028-03-01T00:00Z")) == ms("2028-03-07T09:00+08:00")
    never = made("Asia/Shanghai", daily("09:00", "a", "b", "c", start="2100-02-28"))
    assert told(slots(never, ms("2100-02-28T09:00+08:00"), ms("2100-03-02T09:00+08:00"))) == [
        "02-28T01:00 a", "03-01T01:00 b",
    ]  # fmt: skip


def test_custom_hand_overs() -> None:
    """The first is the first on or after the start, which is a Tuesday here; `every` counts hand-overs."""
    layer = {"rotation": "custom", "start": "2026-01-06", "handovers": ["Mon 09:00", "Thu 18:00"]}
    schedule = made("UTC", layer | {"people": ["a", "b", "c"]})
    found = slots(schedule, ms("2026-01-06T00:00Z"), ms("2026-01-20T00:00Z"))
    assert told(found) == [
        "01-06T00:00 chief", "01-08T18:00 a", "01-12T09:00 b", "01-15T18:00 c", "01-19T09:00 a",
    ]  # fmt: skip
    twice = made("UTC", layer | {"people": ["a", "b"], "every": 2})
    assert told(slots(twice, ms("2026-01-08T18:00Z"), ms("2026-01-20T00:00Z"))) == ["01-08T18:00 a", "01-15T18:00 b"]


def test_overrides() -> None:
    """The last given wins; those of other schedules and empty ones do not count; equal neighbours are one slot."""
    schedule = made("UTC", daily("00:00", "a", "b", start="2026-01-01"))
    day = ms("2026-01-01T00:00Z")
    overrides = [
        Override("s", "x", day + 2 * HOUR, day + 30 * HOUR),
        Override("s", "y", day + 4 * HOUR, day + 6 * HOUR),
        Override("s", "x", day + 5 * HOUR, day + 5 * HOUR + 1),
        Override("other", "z", day, day + 48 * HOUR),
        Override("s", "z", day + 9 * HOUR, day + 9 * HOUR),
        Override("s", "z", day + 9 * HOUR, day + 8 * HOUR),
        Override("s", "x", day + 30 * HOUR, day + 31 * HOUR),
    ]
    assert slots(schedule, day, day + 48 * HOUR, overrides) == [
        Slot("a", day, day + 2 * HOUR, "layer 1"),
        Slot("x", day + 2 * HOUR, day + 4 * HOUR, "override"),
        Slot("y", day + 4 * HOUR, day + 5 * HOUR, "override"),
        Slot("x", day + 5 * HOUR, day + 5 * HOUR + 1, "override"),
        Slot("y", day + 5 * HOUR + 1, day + 6 * HOUR, "override"),
        Slot("x", day + 6 * HOUR, day + 31 * HOUR, "override"),
        Slot("b", day + 31 * HOUR, day + 48 * HOUR, "layer 1"),
    ]
    assert on_call(schedule, day + 12 * HOUR, iter(overrides)) == Slot("x", day + 6 * HOUR, day + 31 * HOUR, "override")
    beyond = [Override("s", "x", -(10**18), 10**18)]
    assert on_call(schedule, day, beyond) == Slot("x", BEGIN_MS, END_MS, "override")


def test_a_swap() -> None:
    """Each takes the other's slot; taken back in the same way."""
    schedule = made("UTC", daily("00:00", "a", "b", "c", start="2026-01-01"))
    since, until = ms("2026-01-01T00:00Z"), ms("2026-01-05T00:00Z")
    plain = slots(schedule, since, until)
    swapped = slots(schedule, since, until, swap(schedule, plain[0], plain[2]))
    assert [(slot.person, slot.why) for slot in swapped] == [
        ("c", "override"), ("b", "layer 1"), ("a", "override"), ("a", "layer 1"),
    ]  # fmt: skip


def test_what_never_changes() -> None:
    """One person in turn with herself: a slot without beginning or end has the edges of time."""
    schedule = made("Europe/Berlin", daily("09:00", "a", "a", start="2026-01-01", only=["Mon-Sun 00:00-24:00"]))
    assert on_call(schedule, ms("2026-06-01T00:00Z")) == Slot("a", ms("2026-01-01T09:00+01:00"), END_MS, "layer 1")
    assert next_change(schedule, ms("2026-06-01T00:00Z")) is None
    assert next_change(schedule, ms("2025-06-01T00:00Z")) == ms("2026-01-01T09:00+01:00")
    assert on_call(schedule, BEGIN_MS).start_ms == BEGIN_MS
    assert on_call(schedule, END_MS).end_ms == END_MS


def test_neighbours_with_the_same_answer_are_one() -> None:
    """Two turns in a row, across the end of a week too; a window that never comes does not cut."""
    schedule = made("UTC", daily("00:00", "a", "a", "b", start="2026-01-01"))
    assert on_call(schedule, ms("2026-01-02T12:00Z")) == Slot(
        "a", ms("2026-01-01T00:00Z"), ms("2026-01-03T00:00Z"), "layer 1"
    )
    weekend = made("UTC", daily("00:00", "a", only=["Sat,Sun 00:00-24:00", "Mon 00:00-09:00"]))
    assert next_change(weekend, ms("2026-01-03T12:00Z")) == ms("2026-01-05T09:00Z")
    gone = made("Europe/Berlin", daily("00:00", "a"), daily("00:00", "b", only=["Sun 02:00-03:00"]))
    assert next_change(gone, ms("2026-03-25T12:00Z")) == ms("2026-04-05T02:00+02:00")


def test_instants() -> None:
    """A datetime of any zone, or milliseconds; without a zone or outside 1970 to 2199 it is ValueError."""
    schedule = made("Asia/Shanghai", daily("09:00", "a", "b"))
    at = datetime(2026, 1, 5, 12, 0, 0, 999_999, tzinfo=timezone(timedelta(hours=-3)))
    assert on_call(schedule, at) == on_call(schedule, ms("2026-01-05T15:00Z"))
    wrong: list[int | datetime] = [-1, END_MS + 1, 10**30, -(10**30)]
    wrong += [datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))), datetime(9999, 12, 31, 23, tzinfo=UTC)]
    wrong += [datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-12))), datetime(2026, 1, 5)]
    for one in wrong:
        with pytest.raises(ValueError):
            on_call(schedule, one)
        with pytest.raises(ValueError):
            slots(schedule, one, 0)
    assert slots(schedule, 5, 5) == slots(schedule, 6, 5) == []


def test_the_first_and_the_last_years() -> None:
    """A start at either edge of time, in zones far east and west; 1970 has offsets with seconds."""
    for zone in ("Pacific/Kiritimati", "Etc/GMT+12", "Africa/Monrovia", "America/New_York"):
        old = made(zone, daily("00:00", "a", "b", start="1970-01-01", every=1000))
        assert on_call(old, BEGIN_MS).start_ms == BEGIN_MS
        assert slots(old, BEGIN_MS, END_MS)[-1].end_ms == END_MS
        late = made(zone, {"start": "2199-12-31", "people": ["a", "b"], "every": 1000})
        assert on_call(late, END_MS).why == "layer 1"
        assert on_call(late, BEGIN_MS).why == "fallback"
    monrovia = made("Africa/Monrovia", daily("00:00", "a", "b", start="1970-01-01"))
    assert next_change(monrovia, ms("1971-01-01T12:00Z")) == ms("1971-01-02T00:44:30Z")


MINIMAL = """
schedules:
  platform:
    time_zone: Asia/Shanghai
    fallback: chief
    layers:
      - {start: 2026-01-05, people: [li]}
"""


def test_a_minimal_file() -> None:
    """Has no mistakes."""
    assert read(MINIMAL)[1] == ""


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("Asia/Shanghai", "Asia/Shanghi", '.time_zone: "Asia/Shanghi" is no time zone; write a name of the tz'),
        ("Asia/Shanghai", "../../etc/passwd", '.time_zone: "../../etc/passwd" is no time zone'),
        ("Asia/Shanghai", "Asia", '.time_zone: "Asia" is no time zone'),
        ("time_zone: Asia/Shanghai", "", ".time_zone: is missing; write a name of the tz database"),
        ("fallback: chief", "", ".fallback: is missing; name who is called"),
        ("fallback: chief", "fallback: [chief]", ".fallback: must be text, is a list"),
        ("fallback: chief", "fallback: 'a b'", '.fallback: "a b" is no name'),
        ("[li]", "[]", ".people: is empty; name at least one"),
        ("[li]", "['']", '.people[0]: "" names nobody'),
        ("[li]", "li", ".people: must be a list, is text"),
        ("people: [li]", "peple: [li]", ".peple: unknown key; did you mean people?"),
        ("start: 2026-01-05, ", "", ".start: is missing; write the date"),
        ("2026-01-05", "2026-02-30", '.start: "2026-02-30" is no date from 1970 to 2199'),
        ("2026-01-05", "0001-01-01", '.start: "0001-01-01" is no date from 1970 to 2199'),
        ("2026-01-05", "9999-12-31", '.start: "9999-12-31" is no date from 1970 to 2199'),
        ("2026-01-05", "2026-W01-1", '.start: "2026-W01-1" is no date'),
        ("2026-01-05", "20260105", ".start: must be text, is a number; put it in quotes"),
        ("[li]", "[li], every: 0", ".every: must be at least 1, is 0"),
        ("[li]", f"[li], every: {10**30}", f".every: must be at most 1000, is {10**30}"),
        ("[li]", "[li], every: 1.5", ".every: must be a whole number, is a fraction"),
        ("[li]", "[li], every: true", ".every: must be a whole number, is true or false"),
        ("[li]", "[li], rotation: monthly", '.rotation: "monthly" is not one of daily, weekly, custom'),
        ("[li]", '[li], handover: "24:00"', '.handover: "24:00" is no time of day; write "HH:MM", 00:00 to 23:59'),
        ("[li]", '[li], handover: "9:00"', '.handover: "9:00" is no time of day'),
        ("[li]", "[li], handover: 900", ".handover: must be text, is a number"),
        ("[li]", "[li], rotation: custom", ".rotation: handovers is empty while rotation is custom; write [Mon 09:00]"),
        ("[li]", '[li], rotation: custom, handovers: ["Mon 09:00"], handover: "08:00"', ".handover: has no effect"),
        ("[li]", '[li], handovers: ["Mon 09:00"]', ".handovers: has no effect while rotation is weekly; use handover"),
        ("[li]", '[li], rotation: custom, handovers: ["Mo 09:00"]', '.handovers[0]: "Mo 09:00" is no day and time'),
        ("[li]", '[li], rotation: custom, handovers: ["Tue 09:00", "Tue 09:00"]', "is listed twice"),
        ("[li]", '[li], only: ["Mon-Fri 09:00-09:00"]', '.only[0]: "Mon-Fri 09:00-09:00" ends when it begins; write 00:00'),
        ("[li]", '[li], only: ["Mon-Fry 09:00-18:00"]', '.only[0]: "Mon-Fry 09:00-18:00" is no window of time; write "Mon'),
        ("[li]", '[li], only: ["Sat,Sun"]', '.only[0]: "Sat,Sun" is no window of time'),
        ("[li]", '[li], only: ["24:00-09:00"]', '.only[0]: "24:00-09:00" is no window of time'),
        ("[li]", '[li], only: [""]', '.only[0]: "" is no window of time'),
        ("[li]", '[li], only: "18:00-09:00"', ".only: must be a list, is text"),
    ],
)  # fmt: skip
def test_mistakes(old: str, new: str, told: str) -> None:
    """Each is told with its line and what to write instead."""
    assert old in MINIMAL
    _, mistakes = read(MINIMAL.replace(old, new))
    assert mistakes.startswith("k.yaml:")
    assert told in mistakes


def test_no_layers() -> None:
    """A schedule of a fallback alone is a mistake of somebody."""
    _, mistakes = read(MINIMAL[: MINIMAL.index("    layers")])
    assert "layers: is empty; write at least one" in mistakes


def test_windows_of_time() -> None:
    """Minutes of the week; days may wrap around Sunday, be named twice, and be left out."""
    day = 1440
    assert parse_window("Mon 09:00-18:00") == [(540, 1080)]
    assert parse_window("Sun 18:00-09:00") == [(6 * day + 1080, 7 * day + 540)]
    assert parse_window("Sat-Mon,Sun 00:00-24:00") == [(0, day), (5 * day, 6 * day), (6 * day, 7 * day)]
    assert parse_window("18:00-00:00") == [(at * day + 1080, (at + 1) * day) for at in range(7)]
    assert parse_handover("Sun 23:59") == 7 * day - 1


@given(st.one_of(st.text(), st.from_regex(r"[MTWFS][a-z]{2}[-, ][0-9]{2}:[0-9]{2}-[0-9:]+", fullmatch=True)))
def test_any_text_is_read_or_refused(text: str) -> None:
    """ValueError and nothing else."""
    for read_text in (parse_window, parse_handover, parse_time, parse_date):
        try:
            read_text(text)
        except ValueError:
            continue
