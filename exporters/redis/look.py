"""One installation: every sentinel and node that is configured is asked at once, then those that they announce."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from exporters.redis import wire
from exporters.redis.wire import Asked, Command, Login
from exporters.redis.words import (
    Address,
    Peer,
    SentinelView,
    ServerView,
    WordError,
    sentinel_commands,
    sentinel_view,
    server_commands,
    server_view,
)
from kunobs.config.exporters.redis import RedisClusterConfig
from kunobs.config.texts import split_address

# Announced nodes that are asked, beside all that are configured.
MAX_ANNOUNCED = 200
View = SentinelView | ServerView
Ask = Callable[[Address, Login, Sequence[Command]], Awaitable[Asked]]


@dataclass(frozen=True)
class Installation:
    """A Redis installation of the configuration, and how its sentinels and nodes let us in."""

    name: str
    config: RedisClusterConfig
    logins: dict[str, Login]

    @property
    def whose(self) -> tuple[str, str]:
        """The first two labels of its metrics."""
        return self.config.namespace, self.name


@dataclass(frozen=True)
class Told:
    """A node that was asked: `view` is None unless its state is answered."""

    kind: str
    source: str
    address: Address
    state: str
    why: str = ""
    view: View | None = None


@dataclass(frozen=True)
class Seen:
    """All that an installation told. A node that has two addresses is in `sentinels` or `servers` once."""

    told: tuple[Told, ...]
    sentinels: tuple[SentinelView, ...] = field(init=False)
    servers: tuple[tuple[Address, ServerView], ...] = field(init=False)

    def __post_init__(self) -> None:
        """Sort out who said what."""
        views = list(_distinct(self.told))
        sentinels = tuple(view for _, view in views if isinstance(view, SentinelView))
        servers = tuple((address, view) for address, view in views if isinstance(view, ServerView))
        object.__setattr__(self, "sentinels", sentinels)
        object.__setattr__(self, "servers", servers)

    @property
    def states(self) -> Counter[tuple[str, str, str]]:
        """(kind, source, state) -> nodes."""
        return Counter((one.kind, one.source, one.state) for one in self.told)

    @property
    def whole(self) -> bool:
        """True when all that are configured answered."""
        return all(one.state == "answered" for one in self.told if one.source == "config")


def _distinct(told: Iterable[Told]) -> Iterator[tuple[Address, View]]:
    known: set[tuple[str, object]] = set()
    for one in told:
        if one.view is not None:
            key = one.kind, one.view.id or one.address
            if key not in known:
                known.add(key)
                yield one.address, one.view


async def look(installation: Installation, ask: Ask, discover: bool) -> Seen:
    """Ask all. Two rounds at most, so it takes two of a node's timeouts at most."""
    config = installation.config
    configured = [("sentinel", split_address(each)) for each in config.sentinels]
    configured += [("server", split_address(each)) for each in config.nodes]
    told = await _round(installation, ask, "config", configured)
    if discover:
        told += await _round(installation, ask, "announced", _announced(told))
    return Seen(tuple(told))


async def _round(installation: Installation, ask: Ask, source: str, nodes: Iterable[tuple[str, Address]]) -> list[Told]:
    config = installation.config
    commands = {"sentinel": sentinel_commands(config.master), "server": server_commands(config.mode)}

    async def one(kind: str, address: Address) -> Told:
        asked = await ask(address, installation.logins[kind], commands[kind])
        if asked.state != "answered":
            return Told(kind, source, address, asked.state, asked.why)
        try:
            view = sentinel_view(asked.replies) if kind == "sentinel" else server_view(asked.replies)
        except WordError as error:
            return Told(kind, source, address, "error", str(error))
        return Told(kind, source, address, "answered", view=view)

    return list(await asyncio.gather(*(one(kind, address) for kind, address in nodes)))


def _announced(told: Sequence[Told]) -> list[tuple[str, Address]]:
    """Who is named and was not asked yet: neither at that address nor, by its id, at another one."""
    known = {(one.kind, one.address) for one in told}
    ids = {(one.kind, one.view.id) for one in told if one.view is not None and one.view.id}
    found: dict[tuple[str, Address], None] = {}
    for kind, peer in (named for one in told if one.view is not None for named in _named(one.view)):
        key = kind, peer.address
        if key not in known and (kind, peer.id) not in ids and peer.address[0] and 0 < peer.address[1] < 65536:
            found[key] = None
    return sorted(found)[:MAX_ANNOUNCED]


def _named(view: View) -> Iterator[tuple[str, Peer]]:
    if isinstance(view, SentinelView):
        yield from (("server", peer) for peer in ((view.master,) if view.master else ()) + view.replicas)
        yield from (("sentinel", peer) for peer in view.sentinels)
    elif view.cluster is not None:
        yield from (("server", peer) for peer in view.cluster.peers)


def asking(timeout: float, at_once: int) -> Ask:
    """Asks nodes by wire.ask, so many at once; belongs to the running loop."""
    places = asyncio.Semaphore(at_once)

    async def ask(address: Address, login: Login, commands: Sequence[Command]) -> Asked:
        async with places:
            return await wire.ask(*address, login, commands, timeout)

    return ask
