"""One bulk against a server that answers as told: what is sent again, how, and what is never given up."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from gzip import decompress as gunzip
from typing import Any

import pytest

from log_pipeline.indexer.api import NoAnswer, Reply
from log_pipeline.indexer.dead_letter import Abandoned
from log_pipeline.indexer.delivery import Delivery
from tests.indexer_support import Bench, encode, event

INDEX = ".ds-logs-k8s-a-2026.11.01-000001"
Bulks = list[list[str]]


class Server:
    """Takes bulks; `script` is one answer after another, then everything is indexed. `sent` lists the messages of each request."""

    def __init__(self, *script: Callable[[list[str]], Reply]) -> None:
        self.script = list(script)
        self.sent: Bulks = []

    def call(self, method: str, path: str, body: Any = None, *, gzip: bool = False, **_: Any) -> Reply:
        """As Api does."""
        if "_resolve" in path:
            return Reply(
                200, json.dumps({"data_streams": [{"name": "logs-k8s-a", "backing_indices": [INDEX]}]}).encode()
            )
        assert (method, path, gzip) == ("POST", "/_bulk", True)
        lines = gunzip(body).split(b"\n")
        messages = [json.loads(line)["message"] for line in lines[1::2]]
        self.sent.append(messages)
        return self.script.pop(0)(messages) if self.script else items()(messages)


def items(**answers: tuple[int, str]) -> Callable[[list[str]], Reply]:
    """Every event is indexed but `line_N=(status, error type)`."""

    def answer(messages: list[str]) -> Reply:
        rows = []
        for message in messages:
            status, kind = answers.get(message.replace(" ", "_"), (201, ""))
            row: dict[str, Any] = {"_index": INDEX, "status": status}
            rows.append({"create": row | ({"error": {"type": kind, "reason": "x"}} if kind else {})})
        errors = any("error" in row["create"] for row in rows)
        return Reply(200, json.dumps({"errors": errors, "items": rows}, separators=(",", ":")).encode())

    return answer


def whole(status: int, kind: str = "", body: bytes = b"") -> Callable[[list[str]], Reply]:
    """The request as a whole is answered with this."""
    return lambda _: Reply(status, body or json.dumps({"error": {"type": kind, "reason": "x"}}).encode())


def silence(kind: str) -> Callable[[list[str]], Reply]:
    """Nothing comes back."""

    def answer(_: list[str]) -> Reply:
        raise NoAnswer(kind, "x")

    return answer


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Backoff without time."""
    monkeypatch.setattr(threading.Event, "wait", lambda self, timeout=None: self.is_set())


def deliver(server: Server, count: int = 4) -> tuple[Bench, Any]:
    """Events 0 to count - 1 of namespace a."""
    bench = Bench("http://127.0.0.1:9")
    api: Any = server
    bench.api = api
    bench.registry._api = api
    bench.tools = bench._tools()
    bench.registry.learn_all()
    return bench, bench.deliver(*(encode(event("a", n)) for n in range(count)))


def test_only_the_refused_items_are_sent_again() -> None:
    """The others are done."""
    server = Server(
        items(line_1=(429, "es_rejected_execution_exception"), line_3=(503, "unavailable_shards_exception"))
    )
    bench, tally = deliver(server)
    assert server.sent == [["line 0", "line 1", "line 2", "line 3"], ["line 1", "line 3"]]
    assert tally.events == {"indexed": 4}
    assert bench.tools.window.limit == 2


@pytest.mark.parametrize(
    "trouble",
    [silence("timeout"), silence("connection"), whole(429), whole(503), whole(502, body=b"<html>"), whole(401), whole(403), whole(404), whole(400, body=b"<html>bad")],
)  # fmt: skip
def test_trouble_with_the_whole_request_is_waited_out(trouble: Callable[[list[str]], Reply]) -> None:
    """However long it lasts, everything is sent again and nothing becomes a dead letter."""
    server = Server(*[trouble] * 40)
    bench, tally = deliver(server)
    assert len(server.sent) == 41
    assert tally.events == {"indexed": 4}
    assert bench.letters.stored == []


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"errors":false,"items":[]}', b'{"errors":true,"items":[{"create":{"status":201}}]}', b"[1]"]
)
def test_an_answer_that_does_not_fit_is_no_answer(body: bytes) -> None:
    """Fewer answers than events, or none that can be read: all is sent again, a 409 then means it was there."""
    server = Server(whole(200, body=body), items(line_0=(409, "version_conflict_engine_exception")))
    _, tally = deliver(server)
    assert tally.events == {"indexed": 4}
    assert len(server.sent) == 2


def test_a_413_is_split_and_a_single_one_buried() -> None:
    """Halves as often as needed; one event that is alone too large is a dead letter."""

    def limited(messages: list[str]) -> Reply:
        return whole(413)(messages) if "line 2" in messages else items()(messages)

    server = Server(*[limited] * 20)
    bench, tally = deliver(server, 5)
    assert tally.events == {"indexed": 4, "dead_letter": 1}
    assert [letter.reason for letter in bench.letters.stored] == ["too_large"]


@pytest.mark.parametrize("as_a_whole", [False, True])
def test_an_event_larger_than_the_node_ever_takes_is_buried(as_a_whole: bool) -> None:
    """Waiting would be for ever: it is sent without company, and refused even then it is a dead letter; its company is indexed."""
    pressure = "rejected execution of primary operation [x=1, primary_operation_bytes=67, max_primary_bytes=51]"

    def small(messages: list[str]) -> Reply:
        if "line 2" not in messages:
            return items()(messages)
        error = {"type": "es_rejected_execution_exception", "reason": pressure}
        if as_a_whole:
            return Reply(429, json.dumps({"error": error}).encode())
        rows = [{"create": {"_index": INDEX, "status": 429, "error": error}} for _ in messages]
        return Reply(200, json.dumps({"errors": True, "items": rows}, separators=(",", ":")).encode())

    server = Server(*[small] * 20)
    bench, tally = deliver(server, 5)
    assert tally.events == {"indexed": 4, "dead_letter": 1}
    assert [letter.reason for letter in bench.letters.stored] == ["too_large"]


def test_a_request_that_is_always_refused_buries_nothing() -> None:
    """When no event of a bulk is taken, it is not the events: a proxy or a setting is wrong, and all wait."""
    refused = whole(400, "illegal_argument_exception")
    server = Server(*[refused] * 50)
    bench, tally = deliver(server)
    assert bench.letters.stored == []
    assert tally.events == {"indexed": 4}


def test_an_event_that_breaks_the_server_is_found() -> None:
    """The same 500 again and again for one item, or for every request that holds it."""
    server = Server(*[items(line_1=(500, "null_pointer_exception"))] * 30)
    bench, tally = deliver(server)
    assert tally.events == {"indexed": 3, "dead_letter": 1}
    assert [letter.reason for letter in bench.letters.stored] == ["rejected"]

    def broken(messages: list[str]) -> Reply:
        return whole(500)(messages) if "line 1" in messages else items()(messages)

    bench, tally = deliver(Server(*[broken] * 60))
    assert tally.events == {"indexed": 3, "dead_letter": 1}


def test_a_repair_is_sent_at_once_and_counted_as_such() -> None:
    """The repaired event takes the place of the refused one."""

    def refuse(messages: list[str]) -> Reply:
        answer = json.loads(items(line_1=(400, "document_parsing_exception"))(messages).body)
        answer["items"][1]["create"]["error"]["reason"] = (
            "[1:1] failed to parse field [stream] of type [keyword] in document"
        )
        return Reply(200, json.dumps(answer).encode())

    server = Server(refuse)
    _, tally = deliver(server)
    assert server.sent[1] == ["line 1"]
    assert tally.events == {"indexed": 3, "repaired": 1}


def test_what_cannot_be_repaired_is_buried_after_a_bounded_number_of_tries() -> None:
    """Four rounds by name, two without."""
    server = Server(*[items(line_0=(400, "document_parsing_exception"))] * 30)
    bench, tally = deliver(server, 1)
    assert tally.events == {"indexed": 0, "dead_letter": 1}
    assert [letter.reason for letter in bench.letters.stored] == ["mapping"]
    assert len(server.sent) == 3


def test_bytes_are_those_of_the_values() -> None:
    """Whatever was done to them on the way."""
    values = [len(encode(event("a", n))) for n in range(4)]
    _, tally = deliver(Server(items(line_1=(409, "x"))))
    assert tally.bytes == {"duplicate": values[1], "indexed": sum(values) - values[1]}


def test_a_stop_abandons_a_wait() -> None:
    """Nothing of the bulk counts as done."""

    def stopping(messages: list[str]) -> Reply:
        bench.stop.set()
        return whole(503)(messages)

    server: Any = Server(stopping)
    bench = Bench("http://127.0.0.1:9")
    bench.api = bench.registry._api = server
    bench.tools = bench._tools()
    with pytest.raises(Abandoned):
        Delivery(bench.assemble(encode(event("a", 1))), bench.tools).run()
