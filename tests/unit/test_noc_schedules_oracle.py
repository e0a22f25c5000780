"""Schedules equal an oracle that knows no arithmetic: it paints a canvas of wall-clock minutes and walks over it, minute by minute.

The canvas has a field for every minute that a wall clock may show. The oracle paints the fallback on all of them, then each layer in
its order, turn by turn, on the minutes that its windows allow. Then it walks through real minutes in UTC, converts each to wall time,
and reads the field of the latest wall time shown so far: the definition of docs/schedules.md, word by word. Overrides are painted over
the minutes that were walked. It reads the configuration's texts itself and shares no code with the implementation, but for zoneinfo.

Minutes are enough: every offset and every change of one from 2000 to 2037 is a whole minute (asserted), hand-overs and windows are, and
so are the overrides here; between two of these neither side can change its mind.
"""

from __future__ import annotations

import os
import random
from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import accumulate, groupby
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest

from kunobs.config.noc.schedules import ScheduleConfig
from kunobs.noc.decide.schedules.schedule import Override, Schedule, next_change, on_call, slots, swap

SEED = int(os.environ.get("SEED", "7"))
DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
START = datetime(2000, 1, 1, tzinfo=UTC)
END = datetime(2038, 1, 1, tzinfo=UTC)
STEP = 2 * 86400
MONDAY = 4 * 1440  # 1970-01-05
EPOCH = datetime(1970, 1, 1)
Answer = tuple[str, str]
Found = tuple[int, int, str, str]


def minute_of(moment: datetime) -> int:
    """Minutes since a clock showed 1970-01-01 00:00; for a time in UTC that is since the epoch."""
    return (moment.replace(tzinfo=None) - EPOCH) // timedelta(minutes=1)


def clock(text: str) -> int:
    """The minute of the day."""
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def allowed(only: Sequence[str]) -> list[bool]:
    """For each minute of a week from Monday, whether a layer may cover it."""
    week = [not only] * 10_080
    for text in only:
        names, _, times = text.rpartition(" ")
        start, end = map(clock, times.split("-"))
        days = set() if names else set(DAYS)
        for name in names.split(",") if names else ():
            day = name[:3]
            days.add(day)
            while day != name[-3:]:
                day = DAYS[(DAYS.index(day) + 1) % 7]
                days.add(day)
        for day in map(DAYS.index, days):
            for minute in range(start, end if start < end else end + 1440):
                week[(day * 1440 + minute) % 10_080] = True
    return week


def handovers(layer: dict[str, Any], until: int) -> list[int]:
    """The minute of the beginning of each turn, from the layer's start on, and of one turn more than begins by `until`."""
    found: list[int] = []
    day, skipped = date.fromisoformat(layer["start"]), 0
    step = {"daily": 1, "weekly": 7, "custom": 1}[layer["rotation"]]
    while not found or found[-1] <= until:
        if layer["rotation"] == "custom":
            times = sorted(text[4:] for text in layer["handovers"] if text.startswith(DAYS[day.weekday()]))
        else:
            times = [layer["handover"]]
        for text in times:
            if skipped % layer.get("every", 1) == 0:
                found.append(minute_of(datetime.combine(day, time.fromisoformat(text))))
            skipped += 1
        day += timedelta(days=step)
    return found


class Oracle:
    """A schedule as a canvas for `until` and before."""

    def __init__(self, config: dict[str, Any], until: int) -> None:
        self.fallback = config["fallback"]
        self.layers = [(layer, allowed(layer.get("only", ())), handovers(layer, until)) for layer in config["layers"]]

    def canvas(self, first: int, last: int) -> list[Answer]:
        """The answer for each wall-clock minute from `first` to `last`."""
        painted = [(self.fallback, "fallback")] * (last - first + 1)
        for number, (layer, week, turns) in enumerate(self.layers, start=1):
            people = layer["people"]
            for turn in range(max(0, bisect_right(turns, first) - 1), len(turns) - 1):
                answer = people[turn % len(people)], f"layer {number}"
                start, end = max(turns[turn], first), min(turns[turn + 1], last + 1)
                for minute in range(start, end):
                    if week[(minute - MONDAY) % 10_080]:
                        painted[minute - first] = answer
                if turns[turn + 1] > last:
                    break
        return painted

    def slots(
        self, zone: ZoneInfo, first: int, last: int, overrides: Sequence[tuple[str, int, int]] = ()
    ) -> list[Found]:
        """The (start, end, person, why), in minutes, of the real minutes from `first` until before `last`."""
        early = first - 26 * 60  # no clock was ever set back by more than a day
        walls = wall_times(zone, early, last)
        lowest = min(walls)
        painted = self.canvas(lowest, max(walls))
        answers = [painted[latest - lowest] for latest in accumulate(walls, max)]
        for person, start, end in overrides:
            for minute in range(max(start, early), min(end, last)):
                answers[minute - early] = person, "override"
        return joined(answers[first - early :], first)


def joined(answers: Sequence[Answer], at: int) -> list[Found]:
    """Equal neighbours as one."""
    found = []
    for (person, why), same in groupby(answers):
        length = len(list(same))
        found.append((at, at + length, person, why))
        at += length
    return found


def wall_times(zone: ZoneInfo, first: int, last: int) -> list[int]:
    """What the clocks show at each real minute: of an hour with one offset from end to end, all minutes have that one."""
    walls: list[int] = []
    for hour in range(first, last, 60):
        minutes = range(hour, min(hour + 60, last))
        offset = offset_at(zone, hour * 60)
        if offset == offset_at(zone, hour * 60 + 3600):
            walls += [minute + offset // 60 for minute in minutes]
        else:
            walls += [minute + offset_at(zone, minute * 60) // 60 for minute in minutes]
    return walls


def offset_at(zone: ZoneInfo, second: int) -> int:
    """Seconds east of UTC."""
    offset = datetime.fromtimestamp(second, zone).utcoffset()
    assert offset is not None
    return offset.days * 86400 + offset.seconds


@cache
def changes(zone: ZoneInfo) -> list[tuple[int, int, int]]:
    """(second, offset before, offset after) of each change from 2000 to 2037; no zone changes there and back within two days."""
    found = []
    first = int(START.timestamp())
    before = offset_at(zone, first)
    for second in range(first + STEP, int(END.timestamp()) + STEP, STEP):
        after = offset_at(zone, second)
        if after != before:
            low, high = second - STEP, second
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if offset_at(zone, middle) == before else (low, middle)
            found.append((high, before, after))
            before = after
    return found


def run(config: dict[str, Any], zone: str) -> Schedule:
    """The implementation's form of it."""
    return Schedule.from_config("test", ScheduleConfig.model_validate(config | {"time_zone": zone}))


def compared(schedule: Schedule, first: int, last: int, overrides: Sequence[Override] = ()) -> list[Found]:
    """The implementation's answer in the oracle's form; first and last are minutes."""
    found = slots(schedule, first * 60_000, last * 60_000, overrides)
    assert all(slot.start_ms % 60_000 == slot.end_ms % 60_000 == 0 for slot in found)
    return [(slot.start_ms // 60_000, slot.end_ms // 60_000, slot.person, slot.why) for slot in found]


# Edges where clocks are changed: at midnight, from 1 to 4, a minute past, in the middle of the hour, and the hour before midnight.
EDGES = [
    "00:00-00:01", "00:15-00:30", "01:00-01:45", "02:00-02:15", "02:30-02:31", "03:00-03:30", "03:59-04:00", "22:30-23:00",
    "Sat,Sun 23:30-00:30",
]  # fmt: skip
CROWDED: dict[str, Any] = {
    "fallback": "chief",
    "layers": [
        {"rotation": "weekly", "start": "1999-01-03", "handover": "02:30", "people": ["a", "b", "c"]},
        {"rotation": "daily", "start": "1999-01-03", "handover": "00:00", "people": ["d", "e", "f"], "only": EDGES},
        {
            "rotation": "custom",
            "start": "1999-01-03",
            "handovers": ["Sun 01:30", "Sun 02:30", "Sun 03:00", "Sat 23:30", "Fri 00:30", "Thu 23:45"],
            "people": ["g", "h", "i", "j", "k"],
            "only": ["Thu-Sun 01:30-03:15", "Fri-Sun 23:15-00:00"],
        },
    ],
}
PLAIN: dict[str, Any] = {
    "fallback": "chief",
    "layers": [
        {"rotation": "daily", "start": "1999-01-03", "handover": "02:30", "people": ["a", "b", "c"]},
        {
            "rotation": "daily",
            "every": 2,
            "start": "1999-01-03",
            "handover": "00:00",
            "people": ["d", "e", "f"],
            "only": ["Sat,Sun 00:00-24:00", "Mon-Thu 18:00-01:30"],
        },
    ],
}


@pytest.mark.parametrize("config", [CROWDED, PLAIN], ids=["crowded", "plain"])
def test_every_change_of_every_zone(config: dict[str, Any]) -> None:
    """Within 48 h of each change of each zone, 2000 to 2037; and each lookup near the change is the slot it falls into.

    A schedule is written in wall time, so what it says around a change depends on nothing but what the clocks show there: two changes
    with the same wall time before and after, and no other change near, have the same answers relative to the change. America's cities
    all go from Sunday 02:00 to 03:00. So the implementation is run for each change of each zone, and the oracle once for each
    different one (by wall time before, after, and other changes within the window and its lead). Zones are first put together by
    their lists of changes, since with the same list they are the same to anybody who asks from 2000 to 2037.
    """
    oracle = Oracle(config, minute_of(END) + 10_080)
    known: dict[object, list[Found]] = {}
    zones: dict[object, str] = {}
    for name in sorted(available_timezones()):
        zone = ZoneInfo(name)
        zones.setdefault((offset_at(zone, int(START.timestamp())), *changes(zone)), name)
    count = 0
    for name in zones.values():
        zone, schedule = ZoneInfo(name), run(config, name)
        for second, before, after in changes(zone):
            assert second % 60 == before % 60 == after % 60 == 0
            at, count = second // 60, count + 1
            shape = tuple((s - second, s + b, s + a) for s, b, a in changes(zone) if abs(s - second) <= 75 * 3600)
            if shape not in known:
                found = oracle.slots(zone, at - 2880, at + 2880)
                known[shape] = [(start - at, end - at, *answer) for start, end, *answer in found]
            where = f"{name} {datetime.fromtimestamp(second, UTC)} {before} -> {after}"
            found = [(start - at, end - at, *rest) for start, end, *rest in compared(schedule, at - 2880, at + 2880)]
            assert found == known[shape], where
            for asked in (-1, 0, 1_799_999, 1_800_000, 3_599_999, 3_600_000):
                slot = on_call(schedule, second * 1000 + asked)
                start, end = max(slot.start_ms // 60_000 - at, -2880), min(slot.end_ms // 60_000 - at, 2880)
                assert (start, end, slot.person, slot.why) in found, where
                assert start * 60_000 <= asked < end * 60_000, where
    print(f"{len(zones)} zones, {count} changes, {len(known)} of them different")
    assert count > 5000
    assert len(known) > 1000


def any_time(dice: random.Random) -> str:
    """Often one at which clocks are changed."""
    if dice.random() < 0.5:
        return dice.choice(["00:00", "00:30", "01:00", "02:00", "02:30", "03:00", "23:30"])
    return f"{dice.randrange(24):02}:{dice.choice([0, 5, 30, 59]):02}"


def any_window(dice: random.Random) -> str:
    """With days or without, often over midnight."""
    start, end = any_time(dice), any_time(dice)
    end = "24:00" if start == end or dice.random() < 0.1 else end
    days = ["", "Mon-Fri ", "Sat,Sun ", "Fri-Mon ", "Tue ", "Sun-Sun,Wed-Thu "]
    return dice.choice(days) + f"{start}-{end}"


def any_layer(dice: random.Random, around: date) -> dict[str, Any]:
    """That mostly has begun by then."""
    layer: dict[str, Any] = {
        "rotation": dice.choice(["daily", "weekly", "custom"]),
        "every": dice.choice([1, 1, 1, 2, 3, 5]),
        "start": str(around + timedelta(days=dice.randint(-400, 4))),
        "people": dice.choices(["li", "wang", "zhao", "sun", "zhou"], k=dice.randint(1, 5)),
        "only": [any_window(dice) for _ in range(dice.choice([0, 0, 1, 2, 3]))],
    }
    if layer["rotation"] == "custom":
        times = {f"{dice.choice(DAYS)} {any_time(dice)}" for _ in range(dice.randint(1, 5))}
        return layer | {"handovers": sorted(times)}
    return layer | {"handover": any_time(dice)}


def any_overrides(dice: random.Random, schedule: Schedule, first: int, last: int) -> tuple[list[Override], list[Any]]:
    """Overrides and swaps as the implementation takes them, and as the oracle does; some that are empty or another schedule's."""
    given: list[Override] = []
    meant: list[tuple[str, int, int]] = []
    for _ in range(dice.choice([0, 0, 1, 2, 6])):
        start = dice.randint(first - 3000, last)
        end = start + dice.choice([-60, 0, 1, 30, 480, 2000, 20_000])
        mine = dice.random() < 0.9
        person = dice.choice(["li", "qian"])
        given.append(Override("test" if mine else "other", person, start * 60_000, end * 60_000))
        meant += [(person, start, end)] * mine
    known = slots(schedule, first * 60_000, last * 60_000)
    for _ in range(dice.choice([0, 0, 1, 3])):
        one, other = dice.choice(known), dice.choice(known)
        given += swap(schedule, one, other)
        meant.append((other.person, one.start_ms // 60_000, one.end_ms // 60_000))
        meant.append((one.person, other.start_ms // 60_000, other.end_ms // 60_000))
    return given, meant


def test_random_weeks() -> None:
    """2000 weeks, half of them with a change: any layers, overrides and swaps; and each lookup is the slot it falls into."""
    print(f"SEED={SEED}")
    dice = random.Random(SEED)
    names = sorted(available_timezones())
    changing = [name for name in dice.sample(names, 200) if changes(ZoneInfo(name))]
    for number in range(2000):
        name, at = dice.choice(names), dice.randint(minute_of(START) + 10_080, minute_of(END) - 20_160)
        if number % 2:
            name = dice.choice(changing)
            at = dice.choice(changes(ZoneInfo(name)))[0] // 60 - dice.randrange(10_080)
        around = (EPOCH + timedelta(minutes=at)).date()
        config = {"fallback": "chief", "layers": [any_layer(dice, around) for _ in range(dice.randint(1, 4))]}
        schedule = run(config, name)
        overrides, meant = any_overrides(dice, schedule, at, at + 10_080)
        expected = Oracle(config, at + 3 * 10_080).slots(ZoneInfo(name), at, at + 10_080, meant)
        where = f"week {number}: {name} at {at}: {config} {meant}"
        assert compared(schedule, at, at + 10_080, overrides) == expected, where
        for _ in range(5):
            asked = dice.randint(at * 60_000, (at + 10_080) * 60_000 - 1)
            found = on_call(schedule, asked, overrides)
            start, end = found.start_ms // 60_000, found.end_ms // 60_000
            start, end = max(start, at), min(end, at + 10_080)
            assert (start, end, found.person, found.why) in expected, where
            assert start * 60_000 <= asked < end * 60_000, where
            assert found.start_ms == 0 or not found.same(on_call(schedule, found.start_ms - 1, overrides)), where
            change = next_change(schedule, asked, overrides)
            assert change is None or not found.same(on_call(schedule, change, overrides)), where
