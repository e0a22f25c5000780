"""Names in `noc:` that lead nowhere: each with the nearest that exists."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from kunobs.config.base import Conflict
from kunobs.config.noc.channels import ChannelsConfig
from kunobs.config.noc.people import ADDRESS

if TYPE_CHECKING:
    from kunobs.config.noc.paging import RouteConfig
    from kunobs.config.noc.root import NocConfig


def channel_kinds(channels: ChannelsConfig) -> dict[str, str]:
    """The kind of every channel by its name."""
    return {name: kind for kind in ChannelsConfig.model_fields for name in getattr(channels, kind)}


def references(noc: NocConfig) -> Iterator[Conflict]:
    """Every reference that leads nowhere."""
    kinds = channel_kinds(noc.channels)
    yield from _people(noc, kinds)
    for name, team in noc.teams.items():
        yield from _unknown(f"teams.{name}.people", team.people, noc.people, "person", "people")
    for name, schedule in noc.schedules.items():
        people = {person for layer in schedule.layers for person in layer.people} | {schedule.fallback} - {""}
        yield from _unknown(f"schedules.{name}", sorted(people), noc.people, "person", "people")
    for name, ladder in noc.ladders.items():
        for number, step in enumerate(ladder.steps):
            path = f"ladders.{name}.steps.{number}"
            yield from _targets(noc, f"{path}.to", step.to, kinds)
            yield from _targets(noc, f"{path}.mention", step.mention, kinds)
            yield from _unknown(f"{path}.by", step.by, kinds, "channel", "channels")
    if noc.route.ladder == "" and (noc.integrations or noc.ladders):
        yield Conflict(("route.ladder",), "is missing, so what no route matches would reach nobody", "name a ladder")
    yield from _routes(noc, noc.route, "route", kinds)
    mail = (noc.tenants.mail,) if noc.tenants.mail else ()
    yield from _unknown("tenants.mail", mail, noc.channels.mail, "mail channel", "channels.mail")
    watched: dict[tuple[str, str], str] = {}
    for name, cluster in noc.clusters.items():
        other = watched.setdefault((cluster.integration, cluster.alertname), name)
        if other != name:
            text = f"has the integration and the alertname of {other}, so one of them is never heard"
            yield Conflict((f"clusters.{name}.integration",), text, "give each cluster an integration of its own")
        wanted = (cluster.integration,) if cluster.integration else ()
        yield from _unknown(f"clusters.{name}.integration", wanted, noc.integrations, "integration", "integrations")


def _people(noc: NocConfig, kinds: dict[str, str]) -> Iterator[Conflict]:
    for name, person in noc.people.items():
        yield from _unknown(f"people.{name}.by", person.by, kinds, "channel", "channels")
        for channel in person.by:
            field = ADDRESS.get(kinds.get(channel, ""), "")
            if field and not getattr(person, field):
                yield Conflict(
                    (f"people.{name}.by",), f"names {channel}, which needs {field}", f"set people.{name}.{field}"
                )
            elif channel in kinds and not field:
                yield Conflict(
                    (f"people.{name}.by",), f"names {channel}, which reaches no single person", "leave it out"
                )


def _routes(noc: NocConfig, route: RouteConfig, path: str, kinds: dict[str, str]) -> Iterator[Conflict]:
    wanted = (route.ladder,) if route.ladder else ()
    yield from _unknown(f"{path}.ladder", wanted, noc.ladders, "ladder", "ladders")
    yield from _targets(noc, f"{path}.copy_to", route.copy_to, kinds)
    for number, below in enumerate(route.routes):
        yield from _routes(noc, below, f"{path}.routes.{number}", kinds)


def _targets(noc: NocConfig, path: str, targets: Iterable[str], kinds: dict[str, str]) -> Iterator[Conflict]:
    known: dict[str, Any] = {"person": noc.people, "team": noc.teams, "schedule": noc.schedules, "channel": kinds}
    for target in targets:
        kind, _, name = target.partition(":")
        plural = "people" if kind == "person" else f"{kind}s"
        yield from _unknown(path, (name,), known[kind], kind, plural)


def _unknown(path: str, names: Iterable[str], known: Iterable[str], what: str, where: str) -> Iterator[Conflict]:
    there = list(known)
    for name in names:
        if name not in there:
            near = difflib.get_close_matches(name, there, n=1)
            hint = f"did you mean {near[0]}?" if near else f"add it under noc.{where}"
            yield Conflict((path,), f"names {what} {name!r}, which is not there", hint)
