"""A process of its own that posts alerts over connections that it keeps, and is the provider that is called for them.

Prints the provider's port, reads an order (JSON, one line), posts, and prints when the measured time begins, when it is over, and what
was found. It goes on posting until it is told that the server will be killed and the server is; then it writes which posts were
accepted. Where the order has a rate, a post's time counts from when it was due, whoever was late.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import socket
import sys
from array import array
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.measure import quantile
from benchmarks.noc.payload import Requests, numbers
from kunobs.clock import SYSTEM_CLOCK

# How long what is not answered or not called yet is waited for.
_PATIENCE = 30.0
_LOOK = 0.05
_END = b"\r\n\r\n"
_LENGTH = b"content-length:"
_now = SYSTEM_CLOCK.monotonic


class _Load:
    def __init__(self, order: dict[str, Any]) -> None:
        self.order = order
        self.requests = Requests(order["path"], order["headers"])
        self._rate: float = order["rate"]
        self._began = _now()
        # By the number of the alert; 0 is not yet.
        self.due, self.sent, self.done, self.called = (array("d") for _ in range(4))
        self.accepted = bytearray()
        self.codes: Counter[str] = Counter()
        self.alive = 0
        self.ending = False
        self.over = asyncio.Event()
        self.failure = ""

    def take(self) -> int:
        """The next number."""
        number = len(self.due)
        self.due.append(self._began + number / self._rate if self._rate else 0.0)
        for times in (self.sent, self.done, self.called):
            times.append(0.0)
        self.accepted.append(0)
        return number

    def posted(self, number: int) -> None:
        """It is being written."""
        self.sent[number] = _now()
        if not self._rate:
            self.due[number] = self.sent[number]

    def answered(self, number: int, status: bytes) -> None:
        """Its answer is there."""
        self.done[number] = _now()
        if status.startswith(b"2"):
            self.accepted[number] = 1
        else:
            self.codes[status.decode()] += 1

    def told(self, body: bytes) -> None:
        """The provider was called."""
        now = _now()
        for number in numbers(body):
            if number < len(self.called) and not self.called[number]:
                self.called[number] = now

    def fail(self, reason: str) -> None:
        """Nothing that is found from here on would be true."""
        self.failure = self.failure or reason
        self.over.set()

    async def measure(self) -> None:
        """From the first post to the figures."""
        begin = self._began + self.order["warm"]
        end = begin + self.order["seconds"]
        await self._until(begin)
        before = sum(self.accepted)
        say(begun=True)
        await self._until(end)
        say(accepted=sum(self.accepted) - before)
        patience = end + _PATIENCE
        while not self.failure and _now() < patience and self._left(begin, end):
            await asyncio.sleep(_LOOK)
        say(**self._found(begin, end))

    async def _until(self, moment: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.over.wait(), max(0.0, moment - _now()))

    def _window(self, begin: float, end: float) -> list[int]:
        return [number for number, due in enumerate(self.due) if begin <= due < end]

    def _left(self, begin: float, end: float) -> bool:
        # Numbers are taken in order, so a due one that nobody has taken yet is due before the newest.
        if self._rate and self.due[-1] < end:
            return True
        window = self._window(begin, end)
        return not all(self.done[n] for n in window) or (
            self.order["calls"] and not all(self.called[n] for n in window if self.accepted[n])
        )

    def _found(self, begin: float, end: float) -> dict[str, Any]:
        now = _now()
        window = self._window(begin, end)
        took = sorted((self.done[n] or now) - self.due[n] for n in window)
        late = sorted((self.sent[n] or now) - self.due[n] for n in window)
        calls = sorted(self.called[n] - self.sent[n] for n in window if self.called[n])
        return {
            "failure": self.failure,
            "in_time": sum(1 for n, done in enumerate(self.done) if begin <= done < end and self.accepted[n]),
            "posts": len(window),
            "unanswered": sum(1 for n in window if not self.done[n]),
            "uncalled": sum(1 for n in window if self.accepted[n] and not self.called[n]),
            "codes": dict(self.codes),
            "took": {name: quantile(took, share) * 1e3 for name, share in _SHARES.items()},
            "late": {name: quantile(late, share) * 1e3 for name, share in _SHARES.items()},
            "call": {name: quantile(calls, share) * 1e3 for name, share in _SHARES.items()},
        }


_SHARES = {"p50": 0.5, "p99": 0.99, "p999": 0.999}


class _Connection(asyncio.Protocol):
    """One post at a time, again and again."""

    def __init__(self, load: _Load) -> None:
        self._load = load
        self._number = -1
        self._answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._load.alive += 1
        self._next()

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if whole(self._answer):
            self._load.answered(self._number, self._answer[9:12])
            self._answer = b""
            self._next()

    def connection_lost(self, _: Exception | None) -> None:
        self._load.alive -= 1
        if not self._load.ending:
            self._load.fail("the server closed a connection")
        if not self._load.alive:
            self._load.over.set()

    def _next(self) -> None:
        self._number = self._load.take()
        ahead = self._load.due[self._number] - _now()
        if ahead > 0:
            asyncio.get_running_loop().call_later(ahead, self._post)
        else:
            self._post()

    def _post(self) -> None:
        if not self._transport.is_closing():
            self._load.posted(self._number)
            self._transport.write(self._load.requests[self._number])


class _Provider(asyncio.Protocol):
    """As WeCom answers when all is well, at once."""

    def __init__(self, load: _Load) -> None:
        self._load = load
        self._request = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._request += data
        if not whole(self._request):
            return
        self._load.told(self._request)
        said = {"errcode": 0, "errmsg": "ok"}
        more = {"access_token": "token", "expires_in": 7200} if b"/gettoken" in self._request[:40] else {"msgid": "m"}
        content = json.dumps(said | more).encode()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(content)
        self._request = b""
        self._transport.write(head + content)


def whole(message: bytes) -> bool:
    """Whether a request or an answer has arrived to its end."""
    head, found, body = message.partition(_END)
    if not found:
        return False
    _, _, rest = head.lower().partition(_LENGTH)
    return len(body) >= int(rest.split(b"\r\n", 1)[0] or 0)


def say(**what: Any) -> None:
    """A line for the one who started us."""
    print(json.dumps(what), flush=True)


async def _run(order: dict[str, Any], provider: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    load = _Load(order)

    def warned() -> None:
        loop.remove_reader(sys.stdin)
        load.ending = True

    loop.add_reader(sys.stdin, warned)
    server = await loop.create_server(lambda: _Provider(load), sock=provider)
    for _ in range(order["connections"]):
        await loop.create_connection(lambda: _Connection(load), "127.0.0.1", order["port"])
    await load.measure()
    await load.over.wait()
    Path(order["file"]).write_bytes(load.accepted)
    say(ended=True)
    server.close()


def main() -> None:
    """Run the order on standard input."""
    gc.disable()
    provider = socket.create_server(("127.0.0.1", 0), backlog=1024)
    say(port=provider.getsockname()[1])
    asyncio.run(_run(json.loads(sys.stdin.readline()), provider))


if __name__ == "__main__":
    main()
