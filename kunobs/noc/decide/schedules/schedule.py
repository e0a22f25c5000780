"""Who is called at a time: overrides, else the last layer that covers it, else the fallback; in slots without gap or overlap."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from zoneinfo import ZoneInfo

from kunobs.config.noc.schedules import ScheduleConfig
from kunobs.noc.decide.schedules.rotation import FOREVER, NEVER, Layer
from kunobs.noc.decide.schedules.wall import BEGIN_MS, END_MS, Instant, WallClock, milliseconds


@dataclass(frozen=True)
class Override:
    """A person who stands in on a schedule from `start_ms` until just before `end_ms`; of several the last one given counts."""

    schedule: str
    person: str
    start_ms: int
    end_ms: int


class Slot(NamedTuple):
    """Who is called from `start_ms` until just before `end_ms`, and why: `override`, `layer 1` (from the first) or `fallback`."""

    person: str
    start_ms: int
    end_ms: int
    why: str

    def same(self, other: Slot) -> bool:
        """Whether both are the same person for the same reason."""
        return self.person == other.person and self.why == other.why


@dataclass(frozen=True)
class Schedule:
    """A schedule ready to be asked; safe between threads."""

    name: str
    clock: WallClock
    fallback: str
    layers: tuple[Layer, ...]

    @classmethod
    def from_config(cls, name: str, config: ScheduleConfig) -> Schedule:
        """From a configuration without mistakes."""
        layers = tuple(Layer.from_config(layer) for layer in config.layers)
        return cls(name, WallClock(ZoneInfo(config.time_zone)), config.fallback, layers)


def on_call(schedule: Schedule, at: Instant, overrides: Iterable[Override] = ()) -> Slot:
    """Who is called at `at`, and the longest slot around it with the same answer. ValueError as `milliseconds`."""
    own = _own(schedule, overrides)
    found = _piece(schedule, min(milliseconds(at), END_MS - 1), own)
    start, end = found.start_ms, found.end_ms
    while end < END_MS and found.same(after := _piece(schedule, end, own)):
        end = after.end_ms
    while start > BEGIN_MS and found.same(before := _piece(schedule, start - 1, own)):
        start = before.start_ms
    return Slot(found.person, start, end, found.why)


def slots(schedule: Schedule, since: Instant, until: Instant, overrides: Iterable[Override] = ()) -> list[Slot]:
    """Who is called from `since` until just before `until`: neighbours differ, the first and the last are cut there.

    ValueError as `milliseconds`.
    """
    at, last = milliseconds(since), milliseconds(until)
    own = [one for one in _own(schedule, overrides) if one.start_ms < last and one.end_ms > at]
    found: list[Slot] = []
    while at < last:
        piece = _piece(schedule, at, own)
        if found and found[-1].same(piece):
            at = found.pop().start_ms
        found.append(Slot(piece.person, at, min(piece.end_ms, last), piece.why))
        at = found[-1].end_ms
    return found


def gaps(schedule: Schedule, since: Instant, until: Instant) -> list[Slot]:
    """When no layer covers the time, so that the fallback would be called; overrides do not count."""
    return [slot for slot in slots(schedule, since, until) if slot.why == "fallback"]


def next_change(schedule: Schedule, at: Instant, overrides: Iterable[Override] = ()) -> int | None:
    """When, in milliseconds, somebody else is called or for another reason; None for never."""
    end = on_call(schedule, at, overrides).end_ms
    return end if end < END_MS else None


def swap(schedule: Schedule, one: Slot, other: Slot) -> tuple[Override, Override]:
    """The overrides by which the persons of two slots stand in for each other."""
    return (
        Override(schedule.name, other.person, one.start_ms, one.end_ms),
        Override(schedule.name, one.person, other.start_ms, other.end_ms),
    )


def _own(schedule: Schedule, overrides: Iterable[Override]) -> list[Override]:
    return [one for one in overrides if one.schedule == schedule.name]


def _piece(schedule: Schedule, ms: int, overrides: Sequence[Override]) -> Slot:
    """Who is called at an instant, and some slot around it in which that is so; a neighbour may have the same answer."""
    low, high = BEGIN_MS, END_MS
    for override in reversed(overrides):
        if ms < override.start_ms:
            high = min(high, override.start_ms)
        elif ms >= override.end_ms:
            low = max(low, override.end_ms)
        else:
            return Slot(override.person, max(low, override.start_ms), min(high, override.end_ms), "override")
    person, start, end, why = _layered(schedule, schedule.clock.minute(ms))
    low, high = max(low, schedule.clock.first(start)), min(high, schedule.clock.first(end))
    assert low <= ms < high  # noqa: S101  what walks from slot to slot would never end
    return Slot(person, low, high, why)


def _layered(schedule: Schedule, minute: int) -> tuple[str, int, int, str]:
    """(person, start, end, why) in wall-clock minutes."""
    start, end = NEVER, FOREVER
    for number in range(len(schedule.layers), 0, -1):
        person, since, until = schedule.layers[number - 1].at(minute)
        start, end = max(start, since), min(end, until)
        if person is not None:
            return person, start, end, f"layer {number}"
    return schedule.fallback, start, end, "fallback"
