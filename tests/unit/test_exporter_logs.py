"""The freshness collectors against scripted and hostile servers: exact numbers, and trouble that stays where it is."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.kit import Exporter
from exporters.logs import asking, build
from kunobs.catalogue import logs
from kunobs.config.load import load_text
from kunobs.names import data_stream, is_namespace, namespace_of_data_stream, namespace_of_index
from tests.exporter_world import Scraped, exporting
from tests.support import wait_until

ELASTIC = ("streams", "documents", "lifecycle")
Behaviour = Callable[[socket.socket, str], None]


def answer(
    body: object, status: str = "200 OK", product: str = "Elasticsearch", kind: str = "application/json"
) -> Behaviour:
    """An HTTP answer."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\nx-elastic-product: {product}\r\ncontent-type: {kind}\r\ncontent-length: {len(data)}\r\n\r\n"
    return lambda connection, _: connection.sendall(head.encode() + data)


@contextmanager
def serving(behave: Behaviour) -> Iterator[str]:
    """A server that reads each request's head and then behaves so; its URL. Connections are held until the end."""
    held: list[socket.socket] = []

    def serve(connection: socket.socket) -> None:
        received = b""
        try:
            while piece := connection.recv(65536):
                received += piece
                while b"\r\n\r\n" in received:
                    head, _, received = received.partition(b"\r\n\r\n")
                    length = next(
                        (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")),
                        0,
                    )
                    while len(received) < length:
                        received += connection.recv(65536)
                    received = received[length:]
                    behave(connection, head.split(b" ")[1].decode())
        except OSError:
            pass

    def accept() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            held.append(connection)
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
        for connection in held:
            connection.close()


def exporter(url: str, *sources: str, broker: str = "127.0.0.1:1", **keys: object) -> Exporter:
    """The exporter of that Elasticsearch, with the tenant Kafka where nobody is."""
    whole = {
        "version": 1,
        "elasticsearch": {"urls": [url], "username": "kunobs", "password": "hunter2-secret"},
        "kafka": {"tenant": {"brokers": [broker]}},
        "exporters": {"logs": {"sources": sources or ["elasticsearch"], "min_interval": "0s", **keys}},
    }
    return build(load_text(json.dumps(whole)))


def success(answered: Scraped) -> dict[str, float]:
    """The collectors' success."""
    name = "kunobs_exporter_collector_success"
    return {labels[0]: value for (found, labels), value in answered.samples.items() if found == name}


def by_labels(answered: Scraped, spec: Any) -> dict[tuple[str, ...], float]:
    """The samples of one family."""
    return {labels: value for (name, labels), value in answered.samples.items() if name == spec.name}


def index(docs: int, size: int, failed: int, conflicts: int | None) -> dict[str, Any]:
    """An index in the answer of _stats."""
    indexing = {"index_failed": failed}
    if conflicts is not None:
        indexing["index_failed_due_to_version_conflict"] = conflicts
    return {"primaries": {"docs": {"count": docs}, "indexing": indexing}, "total": {"store": {"size_in_bytes": size}}}


STREAMS = {
    "data_streams": [
        {"data_stream": "logs-k8s-shop", "maximum_timestamp": 1_793_503_107_470},
        {"data_stream": "logs-k8s-team_a", "maximum_timestamp": 1_793_503_000_000},
        {"data_stream": "logs-k8s-empty", "maximum_timestamp": 0},
        {"data_stream": "logs-k8s-not-ours", "maximum_timestamp": 1_793_503_000_000},
        {"data_stream": "logs-k8s-"},
    ]
}
STATS = {
    "_shards": {"failed": 0},
    "indices": {
        ".ds-logs-k8s-shop-2026.11.28-000001": index(10, 1000, 3, 3),
        ".ds-logs-k8s-shop-2026.11.29-000002": index(5, 500, 2, 1),
        "partial-.ds-logs-k8s-shop-2026.11.01-1000000": index(1, 1, 0, 0),
        ".ds-logs-k8s-team_a-2026.11.29-000001": index(7, 70, 4, None),
        "logs-k8s-plain": index(99, 99, 0, 0),
        ".ds-logs-k8s-not-ours-2026.11.29-000001": index(99, 99, 0, 0),
    },
}
ERRORS = {"indices": {".ds-logs-k8s-shop-2026.11.28-000001": {"index": "x"}, ".ds-logs-k8s-shop-2026.11.29-000002": {}}}


def healthy(asked: list[str] | None = None, **instead: Behaviour) -> Behaviour:
    """An Elasticsearch with the three APIs; `instead` are other answers by the last part of the path."""
    known = {"_stats": answer(STREAMS), "docs,store,indexing": answer(STATS), "explain": answer(ERRORS)} | instead

    def behave(connection: socket.socket, path: str) -> None:
        if asked is not None:
            asked.append(path)
        known[urlsplit(path).path.replace("%2C", ",").rsplit("/", 1)[1]](connection, path)

    return behave


def test_every_number_is_the_servers() -> None:
    """Sums over backing indices by namespace, milliseconds as seconds, foreign names left out, one request each."""
    asked: list[str] = []
    with serving(healthy(asked)) as url, exporting(exporter(url)) as scrape:
        found = scrape()
    assert success(found) == dict.fromkeys((*ELASTIC, "canary"), 1)
    assert by_labels(found, logs.LAST_EVENT) == {("shop",): 1_793_503_107.47, ("team-a",): 1_793_503_000.0}
    assert by_labels(found, logs.DOCUMENTS) == {("shop",): 16, ("team-a",): 7}
    assert by_labels(found, logs.STORE) == {("shop",): 1501, ("team-a",): 70}
    assert by_labels(found, logs.INDICES) == {("shop",): 3, ("team-a",): 1}
    assert by_labels(found, logs.REFUSED) == {("shop", "version_conflict"): 4, ("shop", "other"): 1}
    assert by_labels(found, logs.LIFECYCLE_ERRORS) == {("shop",): 2}
    assert len(asked) == 3
    assert all("filter_path" in parse_qs(urlsplit(path).query) for path in asked)


def test_without_the_api_it_is_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that has neither stream statistics nor ILM: found out once, then one request as before."""
    asked: list[str] = []
    none = answer({"error": "no handler found for uri [/x] and method [GET]"}, "400 Bad Request")
    buckets = [
        {"key": ".ds-logs-k8s-shop-2026.11.28-000001", "latest": {"value": 1.7935e12}},
        {"key": ".ds-logs-k8s-shop-2026.11.29-000002", "latest": {"value": 1.7936e12}},
        {"key": ".ds-logs-k8s-bank-2026.11.29-000001", "latest": {"value": None}},
    ]
    search = answer({"aggregations": {"indices": {"buckets": buckets}}})
    with serving(healthy(asked, _stats=none, explain=none, _search=search)) as url, exporting(exporter(url)) as scrape:
        first, second = scrape(), scrape()
    for found in (first, second):
        assert success(found) == dict.fromkeys((*ELASTIC, "canary"), 1)
        assert by_labels(found, logs.LAST_EVENT) == {("shop",): 1.7936e9}
    assert sum("_data_stream" in path for path in asked) == 1
    assert sum("_search" in path for path in asked) == 2


def test_an_empty_cluster_is_no_failure() -> None:
    """No stream yet: filter_path leaves nothing but braces."""
    empty = answer({})
    behave = healthy(None, **{"_stats": empty, "docs,store,indexing": empty, "explain": empty})
    with serving(behave) as url, exporting(exporter(url)) as scrape:
        found = scrape()
    assert success(found) == dict.fromkeys((*ELASTIC, "canary"), 1)
    assert not any(name.startswith("kunobs_logs_") for name, _ in found.samples)


def test_shards_that_do_not_answer() -> None:
    """What the others said is shown, and it is called incomplete."""
    behave = healthy(None, **{"docs,store,indexing": answer(STATS | {"_shards": {"failed": 2}})})
    with serving(behave) as url, exporting(exporter(url)) as scrape:
        found = scrape()
    assert success(found) == {"streams": 1, "documents": 0, "lifecycle": 1, "canary": 1}
    assert by_labels(found, logs.DOCUMENTS)["shop",] == 16


def drip(connection: socket.socket, _: str) -> None:
    """A body that comes a byte at a time and never ends."""
    head = b"HTTP/1.1 200 OK\r\nx-elastic-product: Elasticsearch\r\ncontent-type: application/json\r\ncontent-length: 9999\r\n\r\n"
    connection.sendall(head)
    pause = threading.Event()
    while not pause.wait(0.05):
        connection.sendall(b" ")


def reset(connection: socket.socket, _: str) -> None:
    """RST in place of an answer."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    connection.close()


REFUSED = {"error": {"type": "security_exception", "reason": "action [x] is unauthorized"}, "status": 403}
TROUBLES: dict[str, Behaviour] = {
    "never answers": lambda connection, path: None,
    "reset": reset,
    "garbage": lambda connection, path: connection.sendall(b"\x00\xff\x16\x03\x01" * 1000),
    "drip": drip,
    "drip of headers": lambda connection, path: connection.sendall(b"HTTP/1.1 200 OK\r\nx-a: "),
    "html": answer(b"<html>hello</html>", product="nginx", kind="text/html"),
    "401": answer(REFUSED, "401 Unauthorized"),
    "403": answer(REFUSED, "403 Forbidden"),
    "404": answer({"error": "nothing"}, "404 Not Found"),
    "429": answer({"error": {"reason": "too many"}}, "429 Too Many Requests"),
    "500": answer(b"\xff\xfe", "500 Internal Server Error"),
    "503 html": answer(b"<html>", "503 Service Unavailable", kind="text/html"),
    "no JSON": answer(b'{"indices": ['),
    "no UTF-8": answer(b'{"indices": "\xff"}'),
    "list": answer([1, 2]),
    "wrong types": answer({"data_streams": 7, "indices": [1], "_shards": "x"}),
    "deep": answer(b"[" * 200_000),
    "too large": answer(b"[" + b" " * 3_000_000 + b"]"),
}


@pytest.mark.parametrize("name", TROUBLES)
def test_trouble_costs_the_collectors_of_elasticsearch(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the server does: 200 before the deadline, success 0 for its three collectors only, no secret anywhere."""
    monkeypatch.setattr(asking, "LARGEST", 1_000_000)
    with serving(TROUBLES[name]) as url, exporting(exporter(url)) as scrape:
        found = scrape("/metrics?debug=true", timeout=4 if name == "drip" else 1.2)
    assert found.status == 200
    assert success(found) == {"streams": 0, "documents": 0, "lifecycle": 0, "canary": 1}
    assert not any(name.startswith("kunobs_logs_") for name, _ in found.samples)
    assert "hunter2" not in found.text
    if name not in ("never answers", "garbage", "drip of headers"):
        assert "failed: UnavailableError" in found.text or "failed: DeniedError" in found.text
    if name == "too large":
        assert "more than 1000000 bytes" in found.text


def test_trouble_of_one_question_is_its_own() -> None:
    """One API refused, the others whole."""
    with serving(healthy(explain=answer(REFUSED, "403 Forbidden"))) as url, exporting(exporter(url)) as scrape:
        found = scrape("/metrics?debug=true")
    assert success(found) == {"streams": 1, "documents": 1, "lifecycle": 0, "canary": 1}
    assert "hint: compare elasticsearch.username" in found.text


@pytest.mark.parametrize("kafka", ["nobody", "silent", "garbage"])
def test_a_kafka_that_is_not_there(kafka: str) -> None:
    """Its collector fails before the deadline with its own words; those of Elasticsearch are whole; afterwards nothing is stuck."""
    broken: Behaviour = TROUBLES["garbage"] if kafka == "garbage" else TROUBLES["never answers"]
    with serving(healthy()) as url, serving(broken) as other:
        broker = "127.0.0.1:1" if kafka == "nobody" else other.removeprefix("http://")
        with exporting(exporter(url, "elasticsearch", "kafka", broker=broker)) as scrape:
            found = scrape("/metrics?debug=true", timeout=2)
            assert success(found) == dict.fromkeys((*ELASTIC, "canary"), 1) | {"topics": 0}
            assert f"kafka at {broker}" in found.text
            wait_until(
                lambda: scrape(timeout=2).value("kunobs_exporter_collector_stuck_seconds", "topics", "logs") == 0
            )


def test_the_declared_families_are_the_catalogues() -> None:
    """An empty configuration declares all of them, and no other; each source left out takes its own away."""
    assert build(load_text("version: 1")).families == {spec.name: spec for spec in logs.METRICS}
    alone = build(load_text(json.dumps({"version": 1, "exporters": {"logs": {"sources": []}}})))
    assert alone.families == {spec.name: spec for spec in logs.CANARY}


names = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True)


@given(names)
def test_a_data_stream_leads_back_to_its_namespace(namespace: str) -> None:
    """So no two namespaces share a stream; a backing index of any generation leads there too."""
    stream = data_stream(namespace)
    assert namespace_of_data_stream(stream) == namespace
    for index in (f".ds-{stream}-2026.11.29-000001", f"shrink-x1_y-.ds-{stream}-2026.11.29-12345678"):
        assert namespace_of_index(index) == namespace


@given(st.one_of(st.text(max_size=80), st.from_regex(r"logs-k8s-[-_a-z0-9A-Z.]{0,70}", fullmatch=True)))
def test_what_is_no_namespaces_stream(stream: str) -> None:
    """Whatever leads to a namespace is that namespace's stream."""
    found = namespace_of_data_stream(stream)
    assert found is None or (is_namespace(found) and data_stream(found) == stream)
    found = namespace_of_index(f".ds-{stream}-2026.11.29-000001")
    assert found is None or (is_namespace(found) and data_stream(found) == stream)
    assert namespace_of_index(stream) is None or ".ds-" in stream
