"""Servers that are not there or not well: what stands in for a dependency in the fault matrix.

stopped     nobody listens
dropped     packets are lost: the connection is never made
reset       every connection is reset as soon as it is made
drip        an answer that comes a byte at a time and never ends
garbage     bytes that are no answer of any protocol
refused     the server does not know us (each exporter has its own way to say that)
hung        the connection is made and nothing is ever said
"""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
from collections.abc import Callable, Iterator

from kunobs.local.ports import HOST, choose

FAULTS = ("stopped", "dropped", "reset", "drip", "garbage", "refused", "hung")


@contextlib.contextmanager
def faulty(fault: str, hello: bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n") -> Iterator[str]:
    """`host:port` of a dependency with this fault; `hello` is how a dripping answer of its protocol begins."""
    if fault == "stopped":
        yield f"{HOST}:{choose(())}"
        return
    if fault == "dropped":
        with _full() as address:
            yield address
        return
    ways: dict[str, Callable[[socket.socket, threading.Event], None]] = {
        "reset": _reset,
        "drip": lambda connection, stop: _drip(connection, stop, hello),
        "garbage": _garbage,
        "hung": lambda _, stop: _wait(stop),
    }
    with _serving(ways[fault]) as address:
        yield address


def answering(text: bytes) -> contextlib.AbstractContextManager[str]:
    """`host:port` of a server that says this to whatever it is asked, again and again."""

    def answer(connection: socket.socket, _: threading.Event) -> None:
        while connection.recv(65536):
            connection.sendall(text)

    return _serving(answer)


@contextlib.contextmanager
def _full() -> Iterator[str]:
    """A listener whose queue is full: the kernel drops further SYNs, as a firewall would."""
    with socket.socket() as listener, contextlib.ExitStack() as stack:
        listener.bind((HOST, 0))
        listener.listen(0)
        for _ in range(2):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield f"{HOST}:{listener.getsockname()[1]}"


@contextlib.contextmanager
def _serving(answer: Callable[[socket.socket, threading.Event], None]) -> Iterator[str]:
    stop = threading.Event()
    listener = socket.create_server((HOST, 0), backlog=128)

    def one(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            answer(connection, stop)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=one, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"{HOST}:{listener.getsockname()[1]}"
    finally:
        stop.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _reset(connection: socket.socket, _: threading.Event) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _drip(connection: socket.socket, stop: threading.Event, hello: bytes) -> None:
    text = hello + b" " * 1_000_000
    for byte in text:
        if stop.wait(0.1):
            return
        connection.sendall(bytes([byte]))


def _garbage(connection: socket.socket, _: threading.Event) -> None:
    connection.recv(65536)
    connection.sendall(random.Random(7).randbytes(4096))


def _wait(stop: threading.Event) -> None:
    stop.wait()
