"""Targets of a ladder -> addresses on channels: a schedule is who is on call now, a person is by the wanted channels."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from kunobs.noc.decide.policy import Person, Policy
from kunobs.noc.decide.schedules.schedule import Override, on_call
from kunobs.noc.notify.contract import Language
from kunobs.noc.store.port import Tx


@dataclass(frozen=True)
class Address:
    """One way to one person or group. `person` is empty for a group; `spill` are that person's other ways, the next first."""

    channel: str
    address: str
    person: str
    language: Language
    mention: Sequence[str] = ()
    spill: Sequence[str] = ()


def overrides(tx: Tx, schedule: str, since_ms: int) -> list[Override]:
    """Those that end after `since_ms`, in the order they were made: a later one wins."""
    return [
        Override(*row)
        for row in tx.rows(
            "SELECT schedule, person, starts_ms, ends_ms FROM override WHERE schedule = ? AND ends_ms > ? ORDER BY id",
            schedule, since_ms,
        )
    ]  # fmt: skip


def people(tx: Tx, policy: Policy, targets: Iterable[str], now_ms: int) -> list[Person]:
    """The persons these targets mean now, each once; channels mean none."""
    found: dict[str, Person] = {}
    for target in targets:
        kind, _, name = target.partition(":")
        keys: Sequence[str] = ()
        if kind == "person":
            keys = (name,)
        elif kind == "team" and name in policy.config.teams:
            keys = policy.config.teams[name].people
        elif kind == "schedule" and name in policy.schedules:
            slot = on_call(policy.schedules[name], now_ms, overrides(tx, name, now_ms))
            keys = (slot.person,)
        found |= {key: policy.people[key] for key in keys if key in policy.people}
    return list(found.values())


def reach(
    tx: Tx,
    policy: Policy,
    to: Iterable[str],
    by: Sequence[str],
    mention: Iterable[str],
    now_ms: int,
    avoid: Collection[str] = (),
) -> list[Address]:
    """Every address once. Channels in `avoid` are left out, and another way is taken where a person has one."""
    to = tuple(to)
    called = [person.wecom for person in people(tx, policy, mention, now_ms) if person.wecom]
    found: dict[tuple[str, str], Address] = {}
    for target in to:
        kind, _, name = target.partition(":")
        if kind == "channel" and name in policy.channels and name not in avoid:
            found.setdefault((name, ""), Address(name, "", "", policy.config.language, mention=tuple(called)))
    for person in people(tx, policy, to, now_ms):
        for address in ways(person, by, avoid):
            found.setdefault((address.channel, address.address), address)
    return list(found.values())


def ways(person: Person, by: Sequence[str], avoid: Collection[str] = ()) -> Iterator[Address]:
    """The person by these channels; by the first that is left where none of them is."""
    usable = [name for name in person.addresses if name not in avoid]
    chosen = [name for name in by if name in usable] or usable[:1]
    rest = tuple(name for name in usable if name not in chosen)
    for name in chosen:
        yield Address(name, person.addresses[name], person.key, person.language, spill=rest)
