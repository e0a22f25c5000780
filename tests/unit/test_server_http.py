"""The server's pages over real sockets: answers, formats, methods, and whatever a client may send instead of HTTP."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import random
import re
import socket
import threading
from collections.abc import Iterator

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Gauge, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics

from kunobs import __version__
from kunobs.server import Server
from kunobs.server.asgi import Receive, Scope, Send, respond
from kunobs.server.scrape import ScrapeRequest
from tests.support import wait_until
from tests.unit.server_support import closed_by_server, connect, exchange, get, port_of, read_answer, samples, serving

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


@pytest.fixture(scope="module")
def registry() -> CollectorRegistry:
    """Two gauges and what the server adds."""
    registry = CollectorRegistry()
    Gauge("t_one", "First.", registry=registry).set(1)
    Gauge("t_two", "Second.", ["kind"], registry=registry).labels("a").set(2)
    return registry


@pytest.fixture(scope="module")
def server(registry: CollectorRegistry) -> Iterator[Server]:
    """One server for the tests that only ask."""
    with serving(registry, config={"kafka": {"brokers": ["k:9092"], "password": "<secret>"}}) as server:
        yield server


def fetch(server: Server, path: str, method: str = "GET", **headers: str) -> requests.Response:
    """One request; header names are written with _ for -."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.request(method, server.url + path, headers=named, timeout=30)


def test_metrics_as_text(server: Server) -> None:
    """Without a wish the scrape is text 0.0.4 with the registry's samples."""
    answer = fetch(server, "/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found = samples(answer.text)
    assert found[("t_one", ())] == 1
    assert found[("t_two", (("kind", "a"),))] == 2
    assert found[("kunobs_server_web_config_reload_successful", ())] == 1


def test_metrics_as_openmetrics(server: Server) -> None:
    """Asked for OpenMetrics, the answer is read by OpenMetrics' own parser, which insists on its end."""
    answer = fetch(server, "/metrics", Accept=OPENMETRICS)
    assert answer.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    families = parse_openmetrics(answer.text)  # type: ignore[no-untyped-call]
    assert {family.name for family in families} >= {"t_one", "t_two"}


@pytest.mark.parametrize(("accepted", "zipped"), [("gzip", True), ("gzip;q=0", False), ("identity", False)])
def test_gzip_when_accepted(server: Server, accepted: str, zipped: bool) -> None:
    """The body is compressed exactly when the client says so, and the length is right either way."""
    connection = http.client.HTTPConnection("127.0.0.1", port_of(server), timeout=30)
    connection.request("GET", "/metrics", headers={"Accept-Encoding": accepted})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert (answer.headers.get("content-encoding") == "gzip") is zipped
    assert int(answer.headers["content-length"]) == len(body)
    assert b"t_one 1.0" in (gzip.decompress(body) if zipped else body)


def test_name_filter(server: Server) -> None:
    """name[] leaves what it names; an unknown name leaves nothing, and an encoded one is the same."""
    assert samples(fetch(server, "/metrics?name[]=t_one").text) == {("t_one", ()): 1}
    both = samples(fetch(server, "/metrics?name%5B%5D=t_one&name[]=t_two").text)
    assert both == {("t_one", ()): 1, ("t_two", (("kind", "a"),)): 2}
    nothing = fetch(server, "/metrics?name[]=no_such")
    assert (nothing.status_code, nothing.text) == (200, "")


@pytest.mark.parametrize(
    "query", ["name[]=%ff%fe", "name[]=%00", "%", "&&&=&", "name[]", "name[]=" + "x" * 8000, "a=1;b=2", "é"]
)
def test_odd_queries_are_answered(server: Server, query: str) -> None:
    """A malformed query is a query that names nothing."""
    assert fetch(server, f"/metrics?{query}").status_code == 200


def test_too_many_parameters_are_refused(server: Server) -> None:
    """A thousand and one parameters are no scrape."""
    answer = fetch(server, "/metrics?" + "&".join("a=1" for _ in range(1001)))
    assert answer.status_code == 400
    assert "bad query" in answer.text


@pytest.mark.parametrize("path", ["/metrics", "/-/healthy", "/-/ready", "/", "/nothing"])
def test_head_has_the_headers_and_no_body(server: Server, path: str) -> None:
    """HEAD answers as GET does, without a body, and the connection goes on."""
    with requests.Session() as session:
        head = session.head(server.url + path, timeout=30)
        after = session.get(server.url + path, timeout=30)
    assert head.content == b""
    assert head.status_code == after.status_code
    assert head.headers["content-type"] == after.headers["content-type"]


def test_health_and_readiness() -> None:
    """200 when fine, 503 with the reason when not, also when the check itself fails."""
    state = {"ready": "consumer has no partitions", "healthy": ""}

    def healthy() -> str:
        if state["healthy"] == "raise":
            raise RuntimeError("broken check")
        return state["healthy"]

    with serving(ready=lambda: state["ready"], healthy=healthy) as server:
        ready = fetch(server, "/-/ready")
        assert (ready.status_code, ready.text) == (503, "consumer has no partitions\n")
        assert (fetch(server, "/-/healthy").status_code, fetch(server, "/-/healthy").text) == (200, "healthy\n")
        state.update(ready="", healthy="raise")
        assert (fetch(server, "/-/ready").status_code, fetch(server, "/-/ready").text) == (200, "ready\n")
        failed = fetch(server, "/-/healthy")
        assert (failed.status_code, failed.text) == (503, "the check failed: RuntimeError\n")


def test_landing_page(server: Server) -> None:
    """The page says what runs, links the pages, shows the configuration and loads nothing from elsewhere."""
    answer = fetch(server, "/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "<h1>kunobs test</h1>" in answer.text
    assert f"<dd>{__version__}</dd>" in answer.text
    assert {"/metrics", "/-/healthy", "/-/ready"} <= set(re.findall(r'href="([^"]*)"', answer.text))
    assert "brokers:\n  - k:9092\n  password: &lt;secret&gt;" in answer.text
    assert not re.findall(r"https?://|src=|<script|@import", answer.text)


def test_landing_page_escapes() -> None:
    """Nothing of the configuration, the reasons or the routes is markup."""
    evil = "<script>alert('x')</script>\"&"

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        await respond(send, 200, "")

    with serving(config={evil: [evil]}, ready=lambda: evil, healthy=lambda: evil, routes={f"/{evil}": route}) as server:
        text = fetch(server, "/").text
    assert "<script" not in text
    assert text.count("&lt;script&gt;") >= 4


@pytest.mark.parametrize(
    "path",
    [
        *("/nothing", "/metric", "/metrics/", "/metrics/x", "/-/", "//metrics", "/metrics%00", "/%ff%fe", "/<script>"),
        *("/%2e%2e/%2e%2e/etc/passwd", "/../../../../etc/passwd", "/..%2f..%2fetc/passwd", "/%C3%A9", "/a" * 3000),
    ],
)
def test_unknown_path_is_helped(server: Server, path: str) -> None:
    """404 in plain ASCII text names the pages; there are no files to reach."""
    answer = exchange(server, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 404 ")
    assert b"text/plain" in head
    assert b"x-content-type-options: nosniff" in head
    assert b"/metrics" in body
    assert b"root:" not in body
    assert body.isascii()
    assert len(body) < 1000


def test_near_path_is_suggested(server: Server) -> None:
    """A typo names the page that was meant first."""
    assert "did you mean /metrics?" in fetch(server, "/metric").text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE"])
def test_other_methods_are_refused(server: Server, method: str) -> None:
    """405 says what is allowed."""
    for path in ("/metrics", "/-/healthy", "/-/ready", "/"):
        answer = fetch(server, path, method)
        assert answer.status_code == 405
        assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
        assert "use GET" in answer.text


def test_options(server: Server) -> None:
    """OPTIONS says what is allowed."""
    answer = fetch(server, "/metrics", "OPTIONS")
    assert (answer.status_code, answer.headers["allow"], answer.content) == (204, "GET, HEAD, OPTIONS", b"")


def test_connection_is_kept(server: Server) -> None:
    """Many requests go over one connection, in HTTP/1.1."""
    connection = http.client.HTTPConnection("127.0.0.1", port_of(server), timeout=30)
    connection.connect()
    local = connection.sock.getsockname()
    for path in ("/metrics", "/-/ready", "/nothing", "/", "/metrics"):
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        assert answer.version == 11
        assert connection.sock.getsockname() == local
    connection.close()


def test_pipelined_requests_are_answered_in_order(server: Server) -> None:
    """Requests sent at once get their answers in their order."""
    paths = [b"/-/healthy", b"/nothing", b"/-/ready"]
    request = b"".join(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path for path in paths)
    answer = exchange(server, request + b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert re.findall(rb"HTTP/1.1 (\d+) ", answer) == [b"200", b"404", b"200", b"200"]


def test_http_1_0_is_answered(server: Server) -> None:
    """An old client gets a body that ends with the connection."""
    answer = exchange(server, b"GET /metrics HTTP/1.0\r\n\r\n")
    assert b" 200 OK\r\n" in answer
    assert b"t_one 1.0" in answer
    assert b"transfer-encoding" not in answer.lower()


def test_http_1_0_gets_no_chunks() -> None:
    """What comes in blocks is sent whole, with its length."""
    registry = CollectorRegistry()
    for number in range(200):
        Gauge(f"t_{number}", "x" * 5000, registry=registry)
    with serving(registry) as server:
        head, _, body = exchange(server, b"GET /metrics HTTP/1.0\r\n\r\n").partition(b"\r\n\r\n")
        new = exchange(server, b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert b"transfer-encoding: chunked" in new.lower()
    assert b"transfer-encoding" not in head.lower()
    (length,) = re.findall(rb"content-length: (\d+)", head.lower())
    assert len(body) == int(length) > 1_000_000
    assert len(samples(body.decode())) >= 200


def test_what_follows_a_request_does_not_cost_its_answer(server: Server) -> None:
    """The requests before the garbage are answered, then the connection ends."""
    for paths in ((b"/-/ready",), (b"/-/ready", b"/nothing")):
        request = b"".join(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path for path in paths)
        answer = exchange(server, request + b"\x00garbage\r\n\r\n")
        assert re.findall(rb"HTTP/1.1 (\d+) ", answer) == [b"200", b"404"][: len(paths)]


def test_a_flood_of_requests_at_once_is_cut_off(server: Server) -> None:
    """The first ones are answered; memory is not spent on thousands that wait."""
    answer = exchange(server, b"GET /-/ready HTTP/1.1\r\nHost: x\r\n\r\n" * 2000)
    found = re.findall(rb"HTTP/1.1 (\d+) ", answer)
    assert 1 <= len(found) < 100
    assert set(found) == {b"200"}


@pytest.mark.parametrize("where", ["extension", "trailer", "name"])
def test_lines_within_a_body_have_an_end(where: str) -> None:
    """Extensions and trailers are gathered by the parser, so they are bounded as headers are."""
    with serving(routes={"/echo": measured}) as server, connect(server) as sock:
        sock.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        sock.sendall({"extension": b"1;x=", "trailer": b"1\r\nx\r\n0\r\nX: ", "name": b"1\r\nx\r\n0\r\n"}[where])
        cut = False
        for _ in range(100):
            try:
                sock.sendall(b"a" * 10_000)
            except OSError:
                cut = True
                break
        assert cut or closed_by_server(sock) or b" 400 " in sock.recv(100)


def test_only_so_many_are_answered_at_a_time() -> None:
    """The others are held as they came and answered in their order; a probe is answered meanwhile, and nobody is refused."""
    gate, began = asyncio.Event(), list[bytes]()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        body = (await receive())["body"]
        began.append(body)
        await gate.wait()
        await respond(send, 200, body)

    with serving(routes={"/slow": slow}, max_busy=4) as server:
        socks = [connect(server) for _ in range(40)]
        for number, sock in enumerate(socks):
            request = b"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n%02d" % number
            # Some come in pieces, of which the first is held.
            sock.sendall(request[:40] if number % 3 == 2 else request)
            assert fetch(server, "/-/ready").status_code == 200
        for number in range(2, 40, 3):
            socks[number].sendall((b"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n%02d" % number)[40:])
        # Who has gone is skipped.
        socks[20].close()
        wait_until(lambda: len(began) >= 4, what="four that are answered")
        for _ in range(3):
            assert fetch(server, "/-/ready").status_code == 200
        assert len(began) <= 5
        loop = server._loop
        assert loop is not None
        loop.call_soon_threadsafe(gate.set)
        for number, sock in enumerate(socks):
            if number != 20:
                answer = http.client.HTTPResponse(sock)
                answer.begin()
                assert (answer.status, answer.read()) == (200, b"%02d" % number)
        whole = [number for number in range(40) if number % 3 != 2 and number != 20]
        assert [int(each) for each in began if int(each) in whole] == whole
        for sock in socks:
            sock.close()


def test_a_drain_answers_those_who_are_held() -> None:
    """They have sent a request already: let in, they are answered within the grace, and then their connection closes."""
    began = threading.Semaphore(0)

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        began.release()
        await asyncio.sleep(0.2)
        await respond(send, 200, "done")

    with serving(routes={"/slow": slow}, max_busy=2) as server:
        socks = [connect(server) for _ in range(8)]
        for sock in socks:
            sock.sendall(b"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nok")
        assert fetch(server, "/-/ready").status_code == 200
        began.acquire()
        server.stop(10.0)
        assert [read_answer(sock) for sock in socks] == [b"done"] * 8


def test_a_body_of_tiny_chunks_is_no_attack() -> None:
    """A byte to a chunk costs six bytes of frame."""
    body = b"1\r\nx\r\n" * 50_000 + b"0\r\nTrailer: is dropped\r\n\r\n"
    with serving(routes={"/echo": measured}) as server, connect(server) as sock:
        sock.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
        answer = http.client.HTTPResponse(sock)
        answer.begin()
        assert answer.read() == b"50000"


async def measured(scope: Scope, receive: Receive, send: Send) -> None:
    """The length of the body."""
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    assert not any(name == b"trailer" for name, _ in scope["headers"])
    await respond(send, 200, str(size))


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x00\xff\xfe\x80garbage\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /metrics\r\n\r\n",
        b"GET /metrics HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET /m\xe9trics HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHost: x\r\nBad Header: y\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHost: x\r\nX: \x00\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: banana\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 500 + b"\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(3000)) + b"\r\n",
    ],
)
def test_what_is_not_http_is_refused(server: Server, request_bytes: bytes) -> None:
    """400, 431 or 505 and the connection closes; the server goes on."""
    answer = exchange(server, request_bytes)
    # A client that still sends when we close may see a reset instead of the answer.
    assert re.match(rb"HTTP/1.1 (400|431|505) ", answer) or answer == b""
    assert fetch(server, "/-/healthy").status_code == 200


def test_odd_headers_are_harmless(server: Server) -> None:
    """Any bytes a header may carry, and many of them, leave the scrape as it is."""
    lines = b"".join(b"X-%d: \xff\xfe\xe9\r\n" % number for number in range(200))
    answer = exchange(
        server,
        b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept: \xff;q=\xfe,,;\r\nAccept-Encoding: \xe9\r\n"
        b"X-Prometheus-Scrape-Timeout-Seconds: banana\r\nUpgrade: websocket\r\n" + lines + b"\r\n",
    )
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"t_one 1.0" in answer


VALUE = st.binary(max_size=60).filter(lambda value: not re.search(rb"[\x00-\x1f\x7f]", value))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(VALUE, VALUE)
def test_any_accept_header_gets_a_scrape(server: Server, accept: bytes, encoding: bytes) -> None:
    """Whatever bytes a client accepts, it gets a whole scrape in one of the two formats."""
    with connect(server) as sock:
        sock.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n")
        answer = get_rest(sock, b"Accept: " + accept + b"\r\nAccept-Encoding: " + encoding + b"\r\n")
    assert answer.status == 200
    body = answer.read()
    text = gzip.decompress(body) if answer.headers.get("content-encoding") == "gzip" else body
    assert b"t_one 1.0" in text
    assert text.endswith(b"# EOF\n") == ("openmetrics" in answer.headers["content-type"])


def get_rest(sock: object, lines: bytes) -> http.client.HTTPResponse:
    """Finish a request on a socket and read its response with the standard library."""
    sock.sendall(lines + b"Connection: close\r\n\r\n")  # type: ignore[attr-defined]
    answer = http.client.HTTPResponse(sock)  # type: ignore[arg-type]
    answer.begin()
    return answer


def test_request_body_on_a_page_is_ignored(server: Server) -> None:
    """A GET with a body is answered, and the next request on the connection is not taken for the body."""
    body = b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"
    request = b"GET /-/ready HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    last = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = exchange(server, request + body + last)
    assert re.findall(rb"HTTP/1.1 (\d+) ", answer) == [b"200", b"200"]


class Gate:
    """A collector that waits until it is opened; counts how many are inside."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.inside = 0

    def collect(self) -> Iterator[Metric]:
        """One gauge, once the gate is open."""
        self.inside += 1
        self.open.wait(60)
        yield GaugeMetricFamily("t_slow", "Slow.", value=1)

    def describe(self) -> list[Metric]:
        """Nothing, so that registering does not wait."""
        return []


def test_slow_collector_delays_only_its_scrape() -> None:
    """While a collector blocks, health and landing page answer; the scrape follows when it is done."""
    gate, registry = Gate(), CollectorRegistry()
    registry.register(gate)
    with serving(registry) as server, connect(server) as sock:
        sock.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        wait_until(lambda: gate.inside, what="the collector to run")
        assert fetch(server, "/-/healthy").status_code == 200
        assert fetch(server, "/").status_code == 200
        gate.open.set()
        assert b"t_slow 1.0" in read_answer(sock)


def test_hanging_collector_has_a_bounded_price() -> None:
    """At most max_scrapes threads hang, clients that left included; more scrapes get 503, and it recovers."""
    gate, registry = Gate(), CollectorRegistry()
    registry.register(gate)
    with serving(registry, max_scrapes=3) as server:
        clients = [connect(server) for _ in range(3)]
        for client in clients:
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_until(lambda: gate.inside == 3, what="three scrapes to run")
        for client in clients:
            client.close()
        for _ in range(5):
            refused = fetch(server, "/metrics")
            assert refused.status_code == 503
            assert refused.headers["retry-after"] == "5"
            assert "3 scrapes are still running" in refused.text
        assert gate.inside == 3
        gate.open.set()
        wait_until(lambda: fetch(server, "/metrics").status_code == 200, what="scrapes to be served again")


class Failing:
    """A collector that fails after some families."""

    def __init__(self, families: int, size: int = 10) -> None:
        self.families, self.size = families, size

    def collect(self) -> Iterator[Metric]:
        """Families, then an error that names a secret."""
        for number in range(self.families):
            yield GaugeMetricFamily(f"t_{number}", "x" * self.size, value=1)
        raise RuntimeError("password=hunter2")

    def describe(self) -> list[Metric]:
        """Nothing."""
        return []


@pytest.mark.parametrize("families", [0, 3])
def test_failing_collector_is_a_500(families: int) -> None:
    """A scrape that fails says so with a status, and without the error's text, which belongs in the log."""
    registry = CollectorRegistry()
    registry.register(Failing(families))
    with serving(registry) as server:
        answer = fetch(server, "/metrics")
        assert answer.status_code == 500
        assert "RuntimeError" in answer.text
        assert "hunter2" not in answer.text
        assert fetch(server, "/-/healthy").status_code == 200


@pytest.mark.parametrize("zipped", ["identity", "gzip"])
def test_failure_after_the_start_cuts_the_connection(zipped: str) -> None:
    """When part of a large scrape is out already, the client sees a broken body, never a short one that looks whole."""
    registry = CollectorRegistry()
    noise = Failing(40, 60_000)
    noise.collect = lambda: failing_noise()  # type: ignore[method-assign]
    registry.register(noise)
    with serving(registry) as server, pytest.raises(requests.exceptions.ChunkedEncodingError):
        requests.get(f"{server.url}/metrics", headers={"Accept-Encoding": zipped}, timeout=30)


def failing_noise() -> Iterator[Metric]:
    """Megabytes that do not compress, then an error."""
    noise = random.Random(1)
    for number in range(200):
        yield GaugeMetricFamily(f"t_{number}", noise.randbytes(40_000).hex(), value=1)
    raise RuntimeError("too late")


def test_large_scrape_arrives_whole() -> None:
    """Many blocks in both encodings are the same text, and it is complete."""
    noise = random.Random(2)
    registry = CollectorRegistry()
    for number in range(10):
        Gauge(f"t_{number}", noise.randbytes(100_000).hex(), registry=registry).set(number)
    expected = generate_latest(registry)
    with serving(registry) as server:
        for accepted in ("identity", "gzip"):
            answer = fetch(server, "/metrics", Accept_Encoding=accepted)
            assert answer.headers["transfer-encoding"] == "chunked"
            # The server's own metrics come after those registered before it.
            assert answer.content[: len(expected)] == expected
            assert answer.text.splitlines()[-1].startswith("kunobs_server_")


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the body it got."""
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    await respond(send, 200, scope["path"].encode() + b" " + body)


async def broken(scope: Scope, receive: Receive, send: Send) -> None:
    """Fails before it answers, or after when asked to."""
    if scope["query_string"]:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
    raise RuntimeError("secret=hunter2")


def test_routes() -> None:
    """A process' own routes are exact, or a whole tree when they end with a slash; the longest wins."""
    trees = {"/echo": echo, "/api/": echo, "/api/v1/": broken}
    with serving(routes=trees) as server:
        assert requests.post(f"{server.url}/echo", data=b"hello", timeout=30).text == "/echo hello"
        assert fetch(server, "/api/x/y").text == "/api/x/y "
        assert fetch(server, "/api/v1/x").status_code == 500
        assert fetch(server, "/echo/").status_code == 404
        assert fetch(server, "/api").status_code == 404
        assert "/api/" in fetch(server, "/").text


def test_route_replaces_a_page() -> None:
    """An exporter may answer /metrics itself."""
    with serving(routes={"/metrics": echo}) as server:
        assert fetch(server, "/metrics").text == "/metrics "


def test_failing_route_is_a_500_or_a_cut() -> None:
    """Its error stays in the log; an answer already begun is cut, not ended."""
    with serving(routes={"/broken": broken}) as server:
        answer = fetch(server, "/broken")
        assert answer.status_code == 500
        assert "hunter2" not in answer.text
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            fetch(server, "/broken?late")
        assert fetch(server, "/-/healthy").status_code == 200


def test_body_limit() -> None:
    """413 for a body over the limit, whether its length is claimed or only shows while it comes."""
    with serving(routes={"/echo": echo}, max_body=1000) as server:
        assert requests.post(f"{server.url}/echo", data=b"x" * 1000, timeout=30).status_code == 200
        assert requests.post(f"{server.url}/echo", data=b"x" * 1001, timeout=30).status_code == 413
        chunks = iter([b"x" * 600, b"x" * 600])
        assert requests.post(f"{server.url}/echo", data=chunks, timeout=30).status_code == 413
        claim = b"POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 99999999999999\r\n\r\n"
        with connect(server) as sock:
            sock.sendall(claim)
            assert b" 413 " in sock.recv(1000)


def test_scrape_source_gets_the_request() -> None:
    """An exporter's source sees the parameters and Prometheus' deadline, and a nonsense deadline is none."""
    seen: list[ScrapeRequest] = []

    def source(request: ScrapeRequest) -> CollectorRegistry:
        seen.append(request)
        return CollectorRegistry()

    with serving(source=source) as server:
        for value in ("9.5", "0", "-1", "nan", "inf", "banana", ""):
            fetch(server, "/metrics?collect[]=a&collect[]=b", X_Prometheus_Scrape_Timeout_Seconds=value)
    assert [request.timeout for request in seen] == [9.5, None, None, None, None, None, None]
    assert seen[0].parameters == {"collect[]": ("a", "b")}


def test_stop_ends_everything_and_twice_does_no_harm() -> None:
    """After stop the port is free, open connections are closed and the thread is gone."""
    before = server_threads()
    with serving() as server:
        idle, port = connect(server), port_of(server)
        assert fetch(server, "/-/healthy").status_code == 200
        server.stop()
        assert closed_by_server(idle)
        idle.close()
        with pytest.raises(requests.ConnectionError):
            requests.get(f"http://127.0.0.1:{port}/-/healthy", timeout=10)
        assert server_threads() == before
        server.stop()


def server_threads() -> int:
    """How many servers run in this process."""
    return [thread.name for thread in threading.enumerate()].count("kunobs-server")


def test_stop_lets_an_answer_finish() -> None:
    """An answer under way is sent to its end within the grace."""
    gate, registry = Gate(), CollectorRegistry()
    registry.register(gate)
    with serving(registry) as server, connect(server) as sock:
        sock.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_until(lambda: gate.inside, what="the collector to run")
        stopping = threading.Thread(target=server.stop, args=(30.0,))
        stopping.start()
        with pytest.raises(OSError, match="refused"):
            wait_until(lambda: connect(server).close(), what="the port to close")
        gate.open.set()
        assert b"t_slow 1.0" in read_answer(sock)
        stopping.join(30)
        assert not stopping.is_alive()


def test_stop_does_not_wait_for_a_hanging_scrape() -> None:
    """The grace is a bound: a collector that never returns does not keep the process."""
    gate, registry = Gate(), CollectorRegistry()
    registry.register(gate)
    with serving(registry) as server, connect(server) as sock:
        sock.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_until(lambda: gate.inside, what="the collector to run")
        server.stop(grace=0.05)
        assert closed_by_server(sock)
        gate.open.set()


def test_stop_ends_the_rendering_of_an_answer_that_nobody_takes() -> None:
    """A scrape in the middle of a large answer does not leave its thread behind."""
    registry = CollectorRegistry()
    noise = Failing(0)
    noise.collect = lambda: failing_noise()  # type: ignore[method-assign]
    registry.register(noise)

    def scrapes() -> int:
        return [thread.name for thread in threading.enumerate()].count("kunobs-scrape")

    with serving(registry) as server, connect(server) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        before = scrapes()
        deaf.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        assert deaf.recv(10)
        assert scrapes() == before + 1
        server.stop(grace=0.05)
        wait_until(lambda: scrapes() == before, what="the thread to end")


def test_two_servers_live_side_by_side() -> None:
    """Servers of one process share nothing but the process."""
    with serving(ready=lambda: "one") as one, serving(ready=lambda: "two") as two:
        assert fetch(one, "/-/ready").text == "one\n"
        assert fetch(two, "/-/ready").text == "two\n"


def test_get_helper_reads_one_answer(server: Server) -> None:
    """The raw client of these tests sees what requests sees."""
    with connect(server) as sock:
        assert get(sock, "/-/ready").endswith(b"\r\n\r\nready\n")
