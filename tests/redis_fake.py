"""Redis nodes and sentinels that speak RESP2 in one thread, whose every word a test decides; tests.redis_contract holds them to the real ones.

with Fakes() as fakes:
    trio = fakes.trio()
    trio.nodes[0].hang()
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from kunobs.local.ports import HOST

Reply = Any


class Refusal(str):
    """An error that a node answers."""


def encode(reply: Reply) -> bytes:
    """RESP2: text as a bulk string, a tuple of one text as a simple one."""
    if isinstance(reply, Refusal):
        return f"-{reply}\r\n".encode()
    if isinstance(reply, int):
        return f":{reply}\r\n".encode()
    if isinstance(reply, list):
        return f"*{len(reply)}\r\n".encode() + b"".join(map(encode, reply))
    if isinstance(reply, tuple):
        return f"+{reply[0]}\r\n".encode()
    data = reply.encode()
    return b"$%d\r\n%s\r\n" % (len(data), data)


def _flat(fields: dict[str, object]) -> list[str]:
    return [str(word) for pair in fields.items() for word in pair]


@dataclass
class FakeNode:
    """One server; `asked` counts the commands that reached it, `reads` those sockets that are open."""

    port: int = 0
    password: str = ""
    asked: int = 0
    open: int = 0
    # What is done with a connection instead of answering.
    instead: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]] | None = None

    @property
    def address(self) -> str:
        """host:port."""
        return f"{HOST}:{self.port}"

    def answer(self, command: tuple[str, ...]) -> Reply:
        """The reply to a command."""
        return Refusal(f"ERR unknown command '{command[0]}', with args beginning with: ")

    def hang(self) -> None:
        """As SIGSTOP does: connections are taken, nothing is ever answered."""

        async def forever(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while await reader.read(1000):
                pass

        self.instead = forever

    def sends(self, data: bytes, pause: float = 0.0) -> None:
        """Answers these bytes whatever is asked, one by one with a pause; endlessly where there is a pause."""

        async def send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1000)
            while pause:
                for byte in data:
                    writer.write(bytes([byte]))
                    await writer.drain()
                    await asyncio.sleep(pause)
            writer.write(data)
            await writer.drain()

        self.instead = send

    def resets(self) -> None:
        """Ends each connection with a RST once something was asked."""

        async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.transport.abort()

        self.instead = reset

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.open += 1
        known = not self.password
        try:
            if self.instead is not None:
                await self.instead(reader, writer)
                return
            while line := await reader.readline():
                words = []
                for _ in range(int(line[1:])):
                    size = int((await reader.readline())[1:])
                    words.append((await reader.readexactly(size + 2))[:-2].decode())
                self.asked += 1
                reply, known = self._let_in(words, known)
                writer.write(encode(reply))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.open -= 1
            writer.close()

    def _let_in(self, words: list[str], known: bool) -> tuple[Reply, bool]:
        command = tuple(words)
        if command[0] == "AUTH":
            good = bool(self.password) and command[-1] == self.password
            wrong = Refusal("WRONGPASS invalid username-password pair or user is disabled.")
            return (("OK",) if good else wrong), good or known
        return (self.answer(command) if known else Refusal("NOAUTH Authentication required.")), known


@dataclass
class FakeServer(FakeNode):
    """A Redis node; with `view` one of a Redis Cluster, which gives (CLUSTER INFO, CLUSTER NODES)."""

    id: str = ""
    role: str = "master"
    replid: str = "a" * 40
    replid2: str = "0" * 40
    offset: int = 1000
    attached: int = 0
    link: str = "up"
    view: Callable[[], tuple[str, str]] | None = None

    def answer(self, command: tuple[str, ...]) -> Reply:
        """INFO and CLUSTER."""
        if command == ("INFO", "server"):
            # A node of a cluster has an id beside its run id, and is known by that.
            run_id = self.id[::-1] + "e" if self.view else self.id
            return f"# Server\r\nredis_version:7.0.15\r\nrun_id:{run_id[-40:]}\r\n"
        if command == ("INFO", "replication"):
            own = {"master_replid": self.replid, "master_replid2": self.replid2, "master_repl_offset": self.offset}
            replica = {"master_link_status": self.link, "slave_repl_offset": self.offset}
            fields = {"role": self.role, "connected_slaves": self.attached}
            fields |= (replica if self.role == "slave" else {}) | own
            return "# Replication\r\n" + "".join(f"{key}:{value}\r\n" for key, value in fields.items())
        if command[0] == "CLUSTER":
            if self.view is None:
                return Refusal("ERR This instance has cluster support disabled")
            return self.view()[("INFO", "NODES").index(command[1])]
        return super().answer(command)


@dataclass
class FakeSentinel(FakeNode):
    """A sentinel that monitors `mymaster`."""

    id: str = ""
    master: FakeServer | None = None
    epoch: int = 0
    quorum: int = 2
    quorum_ok: bool = True
    replicas: list[FakeServer] = field(default_factory=list)
    others: list[FakeSentinel] = field(default_factory=list)

    def answer(self, command: tuple[str, ...]) -> Reply:
        """SENTINEL and INFO."""
        if command == ("INFO", "server"):
            return f"# Server\r\nredis_mode:sentinel\r\nrun_id:{self.id}\r\n"
        if command == ("SENTINEL", "MYID"):
            return self.id
        if command[0] != "SENTINEL":
            return super().answer(command)
        if command[2] != "mymaster" or self.master is None:
            return Refusal("ERR No such master with that name")
        if command[1] == "CKQUORUM" and self.quorum_ok:
            return ("OK 3 usable Sentinels. Quorum and failover authorization can be reached",)
        if command[1] == "CKQUORUM":
            return Refusal("NOQUORUM 1 usable Sentinels. Not enough available Sentinels to reach the specified quorum")
        if command[1] == "MASTER":
            own = {"config-epoch": self.epoch, "num-slaves": len(self.replicas), "quorum": self.quorum}
            others = {"num-other-sentinels": len(self.others)}
            return _flat({"name": "mymaster", **_peer(self.master, "master"), **own, **others})
        if command[1] in ("REPLICAS", "SLAVES"):
            return [_flat(_peer(one, "slave")) for one in self.replicas]
        if command[1] != "SENTINELS":
            return super().answer(command)
        return [_flat(_peer(one, "sentinel")) for one in self.others]


def _peer(node: FakeServer | FakeSentinel, flags: str) -> dict[str, object]:
    return {"ip": HOST, "port": node.port, "runid": node.id, "flags": flags}


@dataclass
class Trio:
    """Three sentinels over a master and two replicas."""

    sentinels: list[FakeSentinel]
    nodes: list[FakeServer]


class Fakes:
    """All fakes of a test; a context manager that ends them."""

    def __enter__(self) -> Fakes:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="redis-fakes", daemon=True)
        self._thread.start()
        self._number = 0
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def start(self, *nodes: FakeNode) -> None:
        """Listen, each on a port of its own."""
        self._do(self._listen(*nodes))

    def trio(self) -> Trio:
        """A healthy one."""
        nodes = [FakeServer(id=self._id()), *(FakeServer(id=self._id(), role="slave") for _ in range(2))]
        nodes[0].attached = 2
        sentinels = [FakeSentinel(id=self._id(), master=nodes[0], replicas=nodes[1:]) for _ in range(3)]
        for one in sentinels:
            one.others = [other for other in sentinels if other is not one]
        self.start(*nodes, *sentinels)
        return Trio(sentinels, nodes)

    def cluster(self) -> list[FakeServer]:
        """Three masters with a third of the slots each, and a replica of each."""
        nodes = [FakeServer(id=self._id(), replid=f"c{n % 3}" * 20) for n in range(6)]
        for node in nodes:
            node.view = lambda node=node: (cluster_info(), cluster_nodes(nodes, node))
        for master, replica in zip(nodes[:3], nodes[3:], strict=True):
            master.attached, replica.role = 1, "slave"
        self.start(*nodes)
        return nodes

    def _id(self) -> str:
        self._number += 1
        return f"f{self._number:039x}"

    async def _listen(self, *nodes: FakeNode) -> None:
        for node in nodes:
            server = await asyncio.start_server(node.serve, HOST, node.port, backlog=64)
            node.port = server.sockets[0].getsockname()[1]

    async def _end(self) -> None:
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run_coroutine_threadsafe(work, self._loop).result(60)


def cluster_info(state: str = "ok", epoch: int = 3, **slots: int) -> str:
    """CLUSTER INFO."""
    counts = {"assigned": 16384, "ok": 16384, "pfail": 0, "fail": 0} | slots
    fields = {"cluster_state": state, **{f"cluster_slots_{name}": count for name, count in counts.items()}}
    fields |= {"cluster_known_nodes": 6, "cluster_size": 3, "cluster_current_epoch": epoch}
    return "".join(f"{key}:{value}\r\n" for key, value in fields.items())


THIRDS = ("0-5460", "5461-10922", "10923-16383")


def cluster_nodes(
    nodes: list[FakeServer], myself: FakeServer, slots: tuple[str, ...] = THIRDS, flags: dict[int, str] | None = None
) -> str:
    """CLUSTER NODES of three masters and their replicas, as `myself` sees them."""
    lines = []
    for number, node in enumerate(nodes):
        names = ["myself"] if node is myself else []
        names += ["master" if number < 3 else "slave"]
        names += [flags[number]] if flags and number in flags else []
        master = "-" if number < 3 else nodes[number - 3].id
        end = f" {slots[number]}" if number < 3 and slots[number] else ""
        where = f"{HOST}:{node.port}@{node.port + 10000}"
        lines.append(f"{node.id} {where} {','.join(names)} {master} 0 0 {number} connected{end}\n")
    return "".join(lines)
