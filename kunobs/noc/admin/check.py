"""`kunobs noc check`: what the configuration alone cannot say is wrong: hours without anybody, people without a way, dead channels."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from kunobs.clock import SYSTEM_CLOCK
from kunobs.config.noc.paging import RouteConfig
from kunobs.config.noc.root import NocConfig
from kunobs.noc.channels.build import Channels
from kunobs.noc.decide.policy import Policy
from kunobs.noc.decide.schedules.schedule import gaps
from kunobs.noc.notify.contract import Ok

_AHEAD_MS = 60 * 86400 * 1000
_SHOWN = 3


def problems(config: NocConfig, *, online: bool, now_ms: int) -> Iterator[str]:
    """One line each. Raises ConfigError for what would keep the relay from starting."""
    channels = Channels(SYSTEM_CLOCK).build(config.channels)
    policy = Policy(config, channels, "check")
    yield from _people(policy)
    for name, schedule in policy.schedules.items():
        zone = ZoneInfo(config.schedules[name].time_zone)
        found = gaps(schedule, now_ms, now_ms + _AHEAD_MS)
        for gap in found[:_SHOWN]:
            times = f"{_time(gap.start_ms, zone)} to {_time(gap.end_ms, zone)}"
            yield f"schedule {name}: nobody from {times}; {gap.person or 'NOBODY'} is called instead"
        if len(found) > _SHOWN:
            yield f"schedule {name}: {len(found) - _SHOWN} more gaps in the next 60 days"
    if not config.route.ladder:
        yield "route: no ladder, so what no route matches reaches nobody but the board"
    for name, integration in config.integrations.items():
        if not integration.token:
            yield f"integration {name}: no token, so whoever reaches the port can page your people"
    if online:
        for name, channel in channels.items():
            outcome = channel.check()
            if not isinstance(outcome, Ok):
                yield f"channel {name}: {getattr(outcome, 'code', '')}: {getattr(outcome, 'reason', outcome)}"


def _people(policy: Policy) -> Iterator[str]:
    wanted, called = _wanted(policy.config)
    for person in policy.people.values():
        if person.key in wanted and not person.addresses:
            yield f"person {person.key}: no channel reaches them; set wecom, phone, mail or openid"
        elif person.key in called and not person.wecom:
            yield f"person {person.key}: is mentioned by a robot, which needs their wecom userid"
    for name, ladder in policy.config.ladders.items():
        for number, step in enumerate(ladder.steps, start=1):
            for target in step.to:
                kind, _, key = target.partition(":")
                known = policy.people.get(key) if kind == "person" else None
                missing = [channel for channel in step.by if known and channel not in known.addresses]
                if missing:
                    yield f"ladder {name}, step {number}: {key} has no address for {', '.join(missing)}; another way is taken"


def _wanted(config: NocConfig) -> tuple[set[str], set[str]]:
    """(who is reached by themselves, who is only called by name in a group)."""
    steps = [step for ladder in config.ladders.values() for step in ladder.steps]
    wanted = _persons(config, [target for step in steps for target in step.to] + _copies(config.route))
    return wanted, _persons(config, [target for step in steps for target in step.mention]) - wanted


def _persons(config: NocConfig, targets: list[str]) -> set[str]:
    found: set[str] = set()
    for target in targets:
        kind, _, name = target.partition(":")
        if kind == "person":
            found.add(name)
        elif kind == "team" and name in config.teams:
            found.update(config.teams[name].people)
        elif kind == "schedule" and name in config.schedules:
            schedule = config.schedules[name]
            found.update({person for layer in schedule.layers for person in layer.people} | {schedule.fallback})
    return found


def _copies(route: RouteConfig) -> list[str]:
    return [*route.copy_to, *(target for below in route.routes for target in _copies(below))]


def _time(at_ms: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone).strftime("%Y-%m-%d %H:%M")
