"""What sentinels and nodes answer, as values: INFO, SENTINEL MASTER/REPLICAS/SENTINELS, CLUSTER INFO, CLUSTER NODES.

Whatever a reply holds, the outcome is a value or WordError.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from redis.exceptions import ResponseError

from exporters.redis.wire import Command, Reply

SLOTS = 16384
Address = tuple[str, int]
Ranges = tuple[tuple[int, int], ...]


class WordError(ValueError):
    """A reply is not what that command answers."""


@dataclass(frozen=True)
class Peer:
    """A node that another one names; `id` may be empty where the other has not heard it yet."""

    id: str
    address: Address


@dataclass(frozen=True)
class SentinelView:
    """What one sentinel says. `master` is None when it does not know it by that name."""

    id: str
    master: Peer | None = None
    epoch: int = 0
    quorum: int = 0
    quorum_ok: bool = False
    replicas: tuple[Peer, ...] = ()
    sentinels: tuple[Peer, ...] = ()


@dataclass(frozen=True)
class ClusterView:
    """What one node of a Redis Cluster says of all: who is master of which slots, and who has failed. `id` is its own."""

    id: str
    state_ok: bool
    epoch: int
    slots: Mapping[str, int]
    owners: tuple[tuple[str, Ranges], ...]
    own: Ranges
    flagged: Mapping[str, int]
    peers: tuple[Peer, ...]


@dataclass(frozen=True)
class ServerView:
    """What one Redis node says of itself; `offset` is in bytes of the replication stream that `replids` name.

    `id` is what others know it by: in a Redis Cluster its node id, else its run id.
    """

    id: str
    master: bool
    offset: int
    replids: tuple[str, ...]
    attached: int = 0
    link_up: bool = False
    cluster: ClusterView | None = None


def sentinel_commands(master: str) -> tuple[Command, ...]:
    """What a sentinel is asked."""
    about = (("SENTINEL", word, master) for word in ("MASTER", "REPLICAS", "SENTINELS", "CKQUORUM"))
    return (("INFO", "server"), ("SENTINEL", "MYID"), *about)


def server_commands(mode: str) -> tuple[Command, ...]:
    """What a Redis node is asked."""
    cluster = (("CLUSTER", "INFO"), ("CLUSTER", "NODES")) if mode == "cluster" else ()
    return (("INFO", "server"), ("INFO", "replication"), *cluster)


def sentinel_view(replies: Sequence[Reply]) -> SentinelView:
    """The view of a sentinel from its replies to `sentinel_commands`."""
    info, myid, master, replicas, sentinels, quorum = replies
    # SENTINEL MYID is of Redis 6.2; other sentinels name it by that, not by its run id.
    own = myid.decode(errors="replace") if isinstance(myid, bytes) else _info(info).get("run_id", "")
    if isinstance(master, ResponseError) and "No such master" in str(master):
        return SentinelView(own)
    fields = _pairs(master)
    return SentinelView(
        own,
        _peer(fields),
        _number(fields, "config-epoch"),
        _number(fields, "quorum"),
        isinstance(quorum, bytes) and quorum.startswith(b"OK"),
        tuple(_peer(_pairs(each)) for each in _list(replicas)),
        tuple(_peer(_pairs(each)) for each in _list(sentinels)),
    )


def server_view(replies: Sequence[Reply]) -> ServerView:
    """The view of a Redis node from its replies to `server_commands`."""
    server, info = _info(replies[0]), _info(replies[1])
    role = info.get("role")
    if role not in ("master", "slave"):
        raise WordError("INFO replication has no role")
    master = role == "master"
    ids = [info.get("master_replid", "")]
    # A promoted replica remembers whom it followed.
    ids += [info.get("master_replid2", "")] if master else []
    cluster = _cluster(_info(replies[2]), _text(replies[3])) if len(replies) > 2 else None
    return ServerView(
        cluster.id if cluster else server.get("run_id", ""),
        master,
        _offset(info, "master_repl_offset" if master else "slave_repl_offset"),
        tuple(one for one in ids if one.strip("0")),
        _number(info, "connected_slaves"),
        info.get("master_link_status") == "up",
        cluster,
    )


def _cluster(info: Mapping[str, str], nodes: str) -> ClusterView:
    lines = [line.split() for line in nodes.splitlines() if line.strip()]
    owners: dict[str, Ranges] = {}
    flagged = {"ok": 0, "pfail": 0, "fail": 0}
    myself = ""
    own: Ranges = ()
    peers = []
    for words in lines:
        if len(words) < 8:
            raise WordError("CLUSTER NODES has a line of less than 8 words")
        flags = words[2].split(",")
        ranges = tuple(_ranges(words[8:]))
        if ranges:
            owners[words[0]] = ranges
        flagged["fail" if "fail" in flags else "pfail" if "fail?" in flags else "ok"] += 1
        if "myself" in flags:
            myself, own = words[0], ranges if "master" in flags else ()
        elif not {"noaddr", "handshake"}.intersection(flags):
            peers.append(Peer(words[0], _split(words[1])))
    slots = {name: _number(info, f"cluster_slots_{name}") for name in ("assigned", "ok", "pfail", "fail")}
    return ClusterView(
        myself,
        info.get("cluster_state") == "ok",
        _number(info, "cluster_current_epoch"),
        {name: min(count, SLOTS) for name, count in slots.items()},
        tuple(sorted(owners.items())),
        own,
        flagged,
        tuple(peers),
    )


def _ranges(words: Sequence[str]) -> Iterator[tuple[int, int]]:
    """`0-5460 5462`, without the slots that move: `[93->-ID]`."""
    for word in words:
        if not word.startswith("["):
            first, _, last = word.partition("-")
            low, high = _whole(first), _whole(last or first)
            if not low <= high < SLOTS:
                raise WordError("CLUSTER NODES has slots that are none")
            yield low, high


def _split(text: str) -> Address:
    """`10.0.0.1:6379@16379,host` or `2001:db8::1:6379@16379`."""
    host, _, port = text.split(",")[0].partition("@")[0].rpartition(":")
    return _host(host), _whole(port)


def _peer(fields: Mapping[str, str]) -> Peer:
    return Peer(fields.get("runid", ""), (_host(fields.get("ip", "")), _number(fields, "port")))


def _host(text: str) -> str:
    """It becomes a label and is connected to; empty where it is not known yet."""
    if not re.fullmatch(r"[0-9A-Za-z_.:%-]{0,253}", text):
        raise WordError(f"{text[:40]!r} is no host")
    return text


def _text(reply: Reply) -> str:
    if isinstance(reply, ResponseError):
        raise WordError(str(reply)[:200])
    if not isinstance(reply, bytes):
        raise WordError("a reply is no text")
    return reply.decode(errors="replace")


def _list(reply: Reply) -> Sequence[Reply]:
    if isinstance(reply, ResponseError):
        raise WordError(str(reply)[:200])
    if not isinstance(reply, list):
        raise WordError("a reply is no list")
    return reply


def _pairs(reply: Reply) -> dict[str, str]:
    words = [_text(word) for word in _list(reply)]
    return dict(zip(words[::2], words[1::2], strict=False))


def _info(reply: Reply) -> dict[str, str]:
    return dict(line.split(":", 1) for line in _text(reply).splitlines() if ":" in line and not line.startswith("#"))


def _number(fields: Mapping[str, str], name: str) -> int:
    if name not in fields:
        raise WordError(f"{name} is missing")
    return _whole(fields[name])


def _offset(fields: Mapping[str, str], name: str) -> int:
    """-1 before the first synchronisation."""
    return -1 if fields.get(name) == "-1" else _number(fields, name)


def _whole(text: str) -> int:
    # 2**63 has 19 digits; int() of a long text is slow, and takes other alphabets' digits.
    if not (text.isascii() and text.isdigit() and len(text) <= 20):
        raise WordError(f"{text[:40]!r} is no number")
    return int(text)
