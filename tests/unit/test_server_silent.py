"""Clients that send nothing, half a handshake or a byte now and then delay nobody, and do not stay for ever."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily

from kunobs.server import Server
from kunobs.server.asgi import Receive, Scope, Send, respond
from tests.support import REPOSITORY, wait_until
from tests.unit.server_support import (
    Authority,
    closed_by_server,
    connect,
    get,
    read_all,
    read_answer,
    serving,
    tls_client,
)

# So long that nothing in these tests is solved by a deadline unless it is the test's own.
NEVER = 3600.0
BEGINNINGS = [
    b"",
    b"G",
    b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Slow: ",
    b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf",
]


def dropped(registry: CollectorRegistry, reason: str) -> float:
    """How many connections the server says it ended for that reason."""
    value = registry.get_sample_value("kunobs_server_connections_dropped_total", {"reason": reason})
    assert value is not None
    return value


@pytest.fixture
def tls(tmp_path: Path) -> Authority:
    """An authority, and a web configuration file web.yml with a certificate of it."""
    authority = Authority(tmp_path)
    pem = authority.issue("server")
    (tmp_path / "web.yml").write_text(f"tls_server_config: {{cert_file: {pem.cert_file}, key_file: {pem.key_file}}}\n")
    return authority


@contextlib.contextmanager
def silent_clients(server: Server, beginning: bytes, count: int) -> Iterator[list[socket.socket]]:
    """Connections that have sent the beginning of something and now wait."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect(server)) for _ in range(count)]
        for client in clients:
            client.sendall(beginning)
        yield clients


@pytest.mark.parametrize("beginning", BEGINNINGS, ids=["nothing", "a byte", "half a header", "half a body"])
def test_plain_clients_that_wait_delay_nobody(beginning: bytes) -> None:
    """With fifty of them open, a scrape is answered and they are still there."""
    with serving(request_timeout=NEVER) as server, silent_clients(server, beginning, 50) as clients:
        assert requests.get(f"{server.url}/metrics", timeout=10).status_code == 200
        # Those with half a body have an answer, 405, but none is closed.
        assert not any(is_closed(client) for client in clients)


def is_closed(client: socket.socket) -> bool:
    """True when the server has closed, without waiting for it."""
    client.setblocking(False)
    try:
        while chunk := client.recv(65536):
            assert chunk.startswith(b"HTTP/1.1 405")
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True
    return True


def client_hello() -> bytes:
    """The first message of a real TLS client."""
    outgoing = ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


@pytest.mark.parametrize("sent", [0, 1, 50, 10_000], ids=["nothing", "a byte", "part of a hello", "a whole hello"])
def test_tls_clients_that_wait_delay_nobody(tls: Authority, tmp_path: Path, sent: int) -> None:
    """Fifty handshakes that do not go on leave the fifty-first as fast as ever."""
    web = str(tmp_path / "web.yml")
    with (
        serving(request_timeout=NEVER, web_config_file=web) as server,
        silent_clients(server, client_hello()[:sent], 50),
        tls_client(server, tls) as client,
    ):
        assert get(client, "/metrics").startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("beginning", BEGINNINGS, ids=["nothing", "a byte", "half a header", "half a body"])
def test_plain_clients_that_wait_are_cut(beginning: bytes) -> None:
    """A request that is not whole in time ends its connection, counted as request_timeout."""
    registry = CollectorRegistry()
    with serving(registry, request_timeout=0.1) as server, silent_clients(server, beginning, 3) as clients:
        for client in clients:
            read_all(client)
        wait_until(lambda: dropped(registry, "request_timeout") == 3, what="three drops")


def test_tls_clients_that_wait_are_cut(tls: Authority, tmp_path: Path) -> None:
    """A handshake that is not over in time ends its connection, counted as tls_handshake."""
    registry = CollectorRegistry()
    web = str(tmp_path / "web.yml")
    with serving(registry, request_timeout=0.1, web_config_file=web) as server:
        for sent in (0, 50, 10_000):
            with silent_clients(server, client_hello()[:sent], 1) as clients:
                read_all(clients[0])
        wait_until(lambda: dropped(registry, "tls_handshake") == 3, what="three drops")
        with tls_client(server, tls) as silent_after_handshake:
            assert closed_by_server(silent_after_handshake)
        wait_until(lambda: dropped(registry, "request_timeout") == 1, what="the drop after the handshake")


def test_dripping_bytes_do_not_move_the_deadline() -> None:
    """A client that sends a byte of a header again and again is cut as the silent one is."""
    with serving(request_timeout=0.3) as server, connect(server) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX: ")
        client.settimeout(0.02)

        def cut() -> bool:
            try:
                client.sendall(b"a")
                return client.recv(1) == b""
            except TimeoutError:
                return False
            except OSError:
                return True

        wait_until(cut, what="the connection to be cut although it drips")


def test_idle_connection_is_closed_quietly() -> None:
    """A kept connection without requests is closed after idle_timeout, and that is no drop."""
    registry = CollectorRegistry()
    with serving(registry, idle_timeout=0.1, request_timeout=NEVER) as server, connect(server) as client:
        client.sendall(b"GET /-/ready HTTP/1.1\r\nHost: x\r\n\r\n")
        assert read_all(client).endswith(b"ready\n")
        wait_until(lambda: registry.get_sample_value("kunobs_server_connections") == 0, what="the slot to be free")
        assert dropped(registry, "request_timeout") == 0


def test_second_request_has_a_deadline_too() -> None:
    """On a kept connection, half a second request is cut after request_timeout, not after idle_timeout."""
    with serving(idle_timeout=NEVER, request_timeout=0.1) as server, connect(server) as client:
        client.sendall(b"GET /-/ready HTTP/1.1\r\nHost: x\r\n\r\nGET /-/re")
        assert read_all(client).endswith(b"ready\n")


def test_silent_clients_make_room() -> None:
    """At the limit the longest silent connection goes, so that a flood of them keeps nobody out."""
    registry = CollectorRegistry()
    with (
        serving(registry, max_connections=10, request_timeout=NEVER) as server,
        silent_clients(server, b"", 35) as clients,
    ):
        wait_until(lambda: dropped(registry, "evicted") == 25, what="room to be made")
        assert requests.get(f"{server.url}/metrics", timeout=10).status_code == 200
        assert [is_closed(client) for client in clients] == [True] * 26 + [False] * 9


def test_kept_connections_make_room() -> None:
    """Connections that had their answer and wait for nothing are silent too, the longest idle first."""
    registry = CollectorRegistry()
    request = b"GET /-/ready HTTP/1.1\r\nHost: x\r\n\r\n"
    with (
        serving(registry, max_connections=3, request_timeout=NEVER, idle_timeout=NEVER) as server,
        silent_clients(server, request, 3) as clients,
    ):
        for client in clients:
            assert read_answer(client) == b"ready\n"
        clients[0].sendall(request)
        assert read_answer(clients[0]) == b"ready\n"
        assert requests.get(f"{server.url}/-/ready", timeout=10).status_code == 200
        assert dropped(registry, "evicted") == 1
        assert closed_by_server(clients[1])


def test_silent_tls_clients_make_room(tls: Authority, tmp_path: Path) -> None:
    """The same in the middle of the handshake."""
    registry = CollectorRegistry()
    web = str(tmp_path / "web.yml")
    with (
        serving(registry, max_connections=10, request_timeout=NEVER, web_config_file=web) as server,
        silent_clients(server, client_hello()[:50], 35) as clients,
    ):
        wait_until(lambda: dropped(registry, "evicted") == 25, what="room to be made")
        with tls_client(server, tls) as client:
            assert get(client, "/metrics").startswith(b"HTTP/1.1 200 ")
        assert all(closed_by_server(client) for client in clients[:26])
        assert dropped(registry, "tls_handshake") == 0


class Door:
    """A route that answers once it is opened."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.inside = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait without blocking the loop."""
        self.inside += 1
        while not self.opened.is_set():
            await asyncio.sleep(0.01)
        await respond(send, 200, "through\n")


def test_connections_being_answered_stay() -> None:
    """When all connections wait for answers, one more gets 503 and no answer is cut; afterwards there is room."""
    registry, door = CollectorRegistry(), Door()
    request = b"GET /door HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with (
        serving(registry, max_connections=3, routes={"/door": door}, request_timeout=NEVER) as server,
        silent_clients(server, request, 3) as clients,
    ):
        wait_until(lambda: door.inside == 3, what="three requests to be inside")
        with connect(server) as client:
            refused = read_all(client)
            assert refused.startswith(b"HTTP/1.1 503 ")
            head, _, body = refused.partition(b"\r\n\r\n")
            assert b"content-length: %d" % len(body) in head.splitlines()
            assert b"max_connections" in body
        assert dropped(registry, "full") == 1
        assert dropped(registry, "evicted") == 0
        door.opened.set()
        for client in clients:
            assert read_all(client).endswith(b"through\n")
        assert requests.get(f"{server.url}/-/ready", timeout=10).status_code == 200


class Huge:
    """More text than sockets buffer."""

    def collect(self) -> Iterator[Metric]:
        """Thirty megabytes."""
        for number in range(30):
            yield GaugeMetricFamily(f"t_{number}", "x" * 1_000_000, value=1)

    def describe(self) -> list[Metric]:
        """Nothing."""
        return []


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "TLS"])
def test_client_that_does_not_read_is_cut(tls: Authority, tmp_path: Path, secure: bool) -> None:
    """An answer that nobody takes ends its connection and frees its scrape."""
    registry = CollectorRegistry()
    registry.register(Huge())
    web = str(tmp_path / "web.yml") if secure else ""
    request = b"GET /metrics?name[]=kunobs_server_connections HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with serving(registry, write_timeout=0.2, max_scrapes=1, request_timeout=NEVER, web_config_file=web) as server:

        def client() -> socket.socket:
            return tls_client(server, tls) if secure else connect(server)

        def scrape() -> bytes:
            with client() as sock:
                sock.sendall(request)
                return read_all(sock)

        with client() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            wait_until(lambda: dropped(registry, "write_timeout") == 1, what="the connection to be cut")
            wait_until(lambda: registry.get_sample_value("kunobs_server_connections") == 0, what="the slot to be free")
        wait_until(lambda: b"kunobs_server_connections 1.0" in scrape(), what="the scrape's slot to be free")


def test_slow_reader_gets_it_all() -> None:
    """A client that reads slowly but steadily is not cut, however long it takes in all."""
    registry = CollectorRegistry()
    registry.register(Huge())
    with serving(registry, write_timeout=1.0) as server, connect(server) as slow:
        slow.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        received, slowness = 0, threading.Event()
        begun = time.monotonic()
        while chunk := slow.recv(512 * 1024):
            received += len(chunk)
            # Slow for longer than the deadline, so that only progress can have moved it.
            if time.monotonic() - begun < 1.5:
                slowness.wait(0.05)
        assert received > 30_000_000
        assert dropped(registry, "write_timeout") == 0


def test_running_out_of_descriptors_makes_room() -> None:
    """When the process has no descriptor left for accept, a silent connection gives its own."""
    code = """
import resource, socket, sys
from prometheus_client import CollectorRegistry
from kunobs import log
from kunobs.server import Server
log.setup("error")
resource.setrlimit(resource.RLIMIT_NOFILE, (80, 80))
registry = CollectorRegistry()
server = Server("test", "127.0.0.1:0", registry, config={}, ready=lambda: "", healthy=lambda: "", request_timeout=3600)
print(server.start(), flush=True)
sys.stdin.read()
print(registry.get_sample_value("kunobs_server_connections_dropped_total", {"reason": "evicted"}), flush=True)
server.stop()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
    )
    assert process.stdout is not None
    try:
        host, _, port = process.stdout.readline().strip().rpartition(":")
        with contextlib.ExitStack() as stack:
            for _ in range(200):
                stack.enter_context(socket.create_connection((host, int(port)), timeout=10))
            assert requests.get(f"http://{host}:{port}/-/ready", timeout=10).status_code == 200
        out, _ = process.communicate("", timeout=30)
    finally:
        process.kill()
        process.wait()
    assert float(out) >= 100
