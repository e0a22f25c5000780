"""The redis exporter before fakes: what a node does costs its own installation's rows and nothing else."""

from __future__ import annotations

import gc
import os
import socket
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.redis_contract import check_cluster, check_not_clustered, check_sentinel, check_server
from tests.redis_fake import FakeNode, Fakes, FakeSentinel, FakeServer, Refusal, Trio
from tests.redis_world import SUCCESS, Samples, observing, rows
from tests.support import wait_until

HEALTHY_TRIO: Samples = {
    ("up",): 1,
    ("nodes", "sentinel", "config", "answered"): 3,
    ("nodes", "server", "announced", "answered"): 3,
    ("masters",): 1,
    ("split_brain",): 0,
    ("replicas", "up"): 2,
    ("replicas", "down"): 0,
    ("replicas_attached",): 2,
    ("failover_epochs_total",): 0,
    ("sentinel_agreement_ratio",): 1,
    ("sentinel_quorum_ok",): 3,
}
HEALTHY_CLUSTER: Samples = {
    ("up",): 1,
    ("nodes", "server", "config", "answered"): 1,
    ("nodes", "server", "announced", "answered"): 5,
    ("masters",): 3,
    ("split_brain",): 0,
    ("replicas", "up"): 3,
    ("replicas", "down"): 0,
    ("replicas_attached",): 3,
    ("failover_epochs_total",): 3,
    ("cluster_agreement_ratio",): 1,
    ("cluster_ok_ratio",): 1,
    ("cluster_slots", "ok"): 16384,
    ("cluster_slots", "pfail"): 0,
    ("cluster_slots", "fail"): 0,
    ("cluster_slots", "unassigned"): 0,
    ("cluster_nodes", "ok"): 6,
    ("cluster_nodes", "pfail"): 0,
    ("cluster_nodes", "fail"): 0,
}


@pytest.fixture
def fakes() -> Iterator[Fakes]:
    """Where fakes run."""
    with Fakes() as running:
        yield running


def of(trio: Trio, **more: Any) -> dict[str, Any]:
    """Its configuration: the sentinels."""
    return {"namespace": "shop", "sentinels": [one.address for one in trio.sentinels], **more}


def healthy(trio: Trio) -> Samples:
    """What a trio of fakes has."""
    lags: Samples = {("replica_lag_bytes", node.address): 0 for node in trio.nodes[1:]}
    return HEALTHY_TRIO | lags | {("master_info", trio.nodes[0].address): 1}


def test_the_fakes_answer_as_redis_does(fakes: Fakes) -> None:
    """By redis-py's own client; tests/platform holds the real ones to the same."""
    trio, cluster = fakes.trio(), fakes.cluster()
    master, *replicas = (node.port for node in trio.nodes)
    ports = {one.port for one in trio.sentinels}
    for port in ports:
        check_sentinel(port, master, set(replicas), ports - {port}, quorum=2)
    check_server(master, "master", 2)
    check_server(replicas[0], "slave", 0)
    check_not_clustered(master)
    for node in cluster:
        check_cluster(node.port, {one.port for one in cluster})


def test_healthy_ones_are_exactly_so(fakes: Fakes) -> None:
    """Every row of a trio and of a cluster that is named by one node; a probe has its own alone."""
    trio, nodes = fakes.trio(), fakes.cluster()
    with observing({"a": of(trio), "b": {"mode": "cluster", "nodes": [nodes[0].address]}}) as seen:
        answer = seen.answer()
        lags: Samples = {("replica_lag_bytes", node.address): 0 for node in nodes[3:]}
        assert rows(answer, "a") == healthy(trio)
        assert rows(answer, "b") == HEALTHY_CLUSTER | lags
        assert 'kunobs_redis_up{namespace="shop",name="a"} 1' in answer.text
        # What docs/exporters/redis.md says.
        assert [answer.text.count(f'name="{name}"') for name in "ab"] == [32, 29]
        asked = [node.asked for node in nodes]
        assert seen.rows("a", path="/probe?target=a") == healthy(trio)
        assert [node.asked for node in nodes] == asked


def test_nothing_configured_is_nothing_seen() -> None:
    """All families, no rows, success."""
    with observing({}) as seen:
        answer = seen.answer()
    assert answer.value(*SUCCESS) == 1
    assert "\nkunobs_redis_" not in answer.text


def sending(data: bytes, pause: float = 0.0) -> Callable[[FakeNode], None]:
    """A node that sends this."""
    return lambda node: node.sends(data, pause)


def words(*errors: str) -> Callable[[FakeNode], None]:
    """A node that refuses every command with these words."""
    return lambda node: setattr(node, "answer", lambda command: Refusal(errors[0]))


def login(node: FakeNode) -> None:
    """A node that wants a password."""
    node.password = "right"


FAULTS: dict[str, tuple[Callable[[FakeNode], None], str]] = {
    "hangs": (FakeNode.hang, "timeout"),
    "drips": (sending(b"$100000\r\nx", 0.01), "timeout"),
    "drips a line": (sending(b"+x", 0.01), "timeout"),
    "resets": (FakeNode.resets, "unreachable"),
    "closes": (sending(b""), "unreachable"),
    "garbage": (sending(b"\x00\xff\x13garbage\r\n" * 100), "error"),
    "no line": (sending(b"\xff" * 300_000), "error"),
    "web server": (sending(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "error"),
    "huge": (sending(b"$99999999999\r\nx"), "error"),
    "below zero": (sending(b"$-5\r\nx"), "error"),
    "no length": (sending(b"$" + b"9" * 5000 + b"\r\n"), "error"),
    "deep": (sending(b"*1\r\n" * 100_000), "error"),
    "wide": (sending(b"*999999999\r\n" + b":1\r\n" * 2_000_000), "error"),
    "another command's": (sending(b":1\r\n" * 6), "error"),
    "empty": (sending(b"$0\r\n\r\n" * 6), "error"),
    "nothing": (sending(b"$-1\r\n" * 6), "error"),
    "loading": (words("LOADING Redis is loading the dataset in memory"), "error"),
    "no such": (words("ERR unknown command"), "error"),
    "no rights": (words("NOPERM this user has no permissions to run the 'info' command"), "denied"),
    "no password": (login, "denied"),
}


@pytest.mark.parametrize("kind", ["sentinel", "server"])
@pytest.mark.parametrize("fault", FAULTS)
def test_what_one_node_does_costs_its_own_installation(fakes: Fakes, fault: str, kind: str) -> None:
    """It is counted under its state, what the others say stays, the other installation is whole, success is 1."""
    bad, good = fakes.trio(), fakes.trio()
    break_it, state = FAULTS[fault]
    break_it(bad.sentinels[0] if kind == "sentinel" else bad.nodes[0])
    patience = 1 if state == "timeout" else 20
    with observing({"bad": of(bad), "good": of(good)}, node_timeout=patience) as seen:
        answer = seen.answer()
    assert answer.value(*SUCCESS) == 1
    assert rows(answer, "good") == healthy(good)
    found = rows(answer, "bad")
    source = "config" if kind == "sentinel" else "announced"
    assert found["nodes", kind, source, state] == 1
    assert (found["up",], found["masters",]) == (1, float(kind == "sentinel"))
    assert found["sentinel_quorum_ok",] == (2 if kind == "sentinel" else 3)


def test_packets_that_are_dropped(fakes: Fakes) -> None:
    """No answer even to the connection: a queue that is full, of a socket that nobody accepts from."""
    trio = fakes.trio()
    with ExitStack() as stack:
        deaf = stack.enter_context(socket.socket())
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for _ in range(8):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(deaf.getsockname())
        nodes = [f"127.0.0.1:{deaf.getsockname()[1]}"]
        with observing({"bad": of(trio, nodes=nodes)}, node_timeout=1) as seen:
            found = seen.rows("bad")
    assert found.pop(("nodes", "server", "config", "timeout")) == 1
    assert found == healthy(trio)


def test_of_one_that_nothing_answers_nothing_is_said(fakes: Fakes) -> None:
    """Up is 0, the nodes are counted, the rest is absent; the collector did its work."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with observing({"a": {"sentinels": [f"127.0.0.1:{port}"], "nodes": [f"[::1]:{port}"]}}) as seen:
        assert seen.rows("a") == {
            ("up",): 0,
            ("nodes", "sentinel", "config", "unreachable"): 1,
            ("nodes", "server", "config", "unreachable"): 1,
        }


def test_seventy_and_one_of_them_hangs(fakes: Fakes) -> None:
    """420 nodes in one scrape; of 69 installations every row is as before."""
    trios = {f"c{number}": fakes.trio() for number in range(70)}
    with observing({name: of(trio) for name, trio in trios.items()}, node_timeout=3) as seen:
        whole = seen.answer()
        for node in (*trios["c7"].nodes, *trios["c7"].sentinels):
            node.hang()
        hung = seen.answer()
    assert hung.value(*SUCCESS) == 1
    for name, trio in trios.items():
        assert rows(whole, name) == healthy(trio)
        assert rows(hung, name) == (healthy(trio) if name != "c7" else rows(hung, name))
    assert rows(hung, "c7") == {("up",): 0, ("nodes", "sentinel", "config", "timeout"): 3}


def test_the_scrapes_deadline_comes_before_a_nodes(fakes: Fakes) -> None:
    """A node_timeout longer than there is time is cut so that what hangs is still seen to hang."""
    bad, good = fakes.trio(), fakes.trio()
    bad.sentinels[0].hang()
    bad.nodes[0].hang()
    with observing({"bad": of(bad), "good": of(good)}, node_timeout=60, timeout=60) as seen:
        answer = seen.answer(timeout=3)
    assert answer.value(*SUCCESS) == 1
    assert rows(answer, "good") == healthy(good)
    assert rows(answer, "bad")["nodes", "sentinel", "config", "timeout"] == 1
    assert rows(answer, "bad")["nodes", "server", "announced", "timeout"] == 1


def test_what_was_not_looked_at_is_not_called_down(fakes: Fakes) -> None:
    """One at a time and hung ones before it: the last installation has no row at all, and success is 0."""
    hung, late = [fakes.trio() for _ in range(4)], fakes.trio()
    for trio in hung:
        for one in trio.sentinels:
            one.hang()
    clusters = {f"h{n}": of(trio) for n, trio in enumerate(hung)} | {"late": of(late)}
    with observing(clusters, node_timeout=60, max_connections=1) as seen:
        answer = seen.answer("/metrics?debug=true", timeout=3)
    assert answer.value(*SUCCESS) == 0
    assert rows(answer, "late") == {}
    assert "were not looked at to the end" in answer.text
    assert "hint: lower node_timeout or raise max_connections" in answer.text


def test_nothing_stays_open(fakes: Fakes) -> None:
    """After scrapes with a hung node among them every connection was closed, and by us: not when its object was collected."""
    trio, nodes = fakes.trio(), fakes.cluster()
    trio.nodes[1].hang()
    everybody: list[FakeNode] = [*trio.nodes, *trio.sentinels, *nodes]
    clusters = {"a": of(trio), "b": {"mode": "cluster", "nodes": [nodes[0].address]}}
    with observing(clusters, node_timeout=0.05) as seen, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", ResourceWarning)
        seen.answer()
        wait_until(lambda: not any(node.open for node in everybody))
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(20):
            seen.answer()
        gc.collect()
        wait_until(lambda: not any(node.open for node in everybody))
        assert len(os.listdir("/proc/self/fd")) <= before + 2
    assert [str(each.message) for each in warned] == []


def test_a_name_that_does_not_resolve_costs_its_own(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    """getaddrinfo hangs in a thread that nobody can stop: the scrape goes on, and the next one too."""
    trio = fakes.trio()
    let_go = threading.Event()
    resolve = socket.getaddrinfo

    def hanging(host: Any, *rest: Any, **more: Any) -> Any:
        if host == "hung.example":
            let_go.wait(60)
            raise socket.gaierror(socket.EAI_AGAIN, "no")
        return resolve(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    bad = {"sentinels": [f"hung.example:{port}" for port in range(1, 21)]}
    named = {"sentinels": [f"localhost:{one.port}" for one in trio.sentinels]}
    try:
        with observing({"bad": bad, "named": named}, node_timeout=2) as seen:
            for _ in range(2):
                answer = seen.answer()
                assert answer.value(*SUCCESS) == 1
                assert rows(answer, "bad") == {("up",): 0, ("nodes", "sentinel", "config", "timeout"): 20}
                assert rows(answer, "named") == healthy(trio)
    finally:
        let_go.set()


def test_announced_addresses_may_be_out_of_reach(fakes: Fakes) -> None:
    """As behind NAT: counted, and what the sentinels say is there; with discover off they are not even tried."""
    trio = fakes.trio()
    gone = FakeServer(id="e" * 40)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        gone.port = taken.getsockname()[1]
    for one in trio.sentinels:
        one.master, one.replicas = gone, []
    with observing({"a": of(trio)}) as seen:
        found = seen.rows("a")
        assert found["nodes", "server", "announced", "unreachable"] == 1
        assert (found["sentinel_agreement_ratio",], found["master_info", gone.address]) == (1, 1)
        assert ("masters",) not in found
    with observing({"a": of(trio)}, discover=False) as seen:
        assert ("nodes", "server", "announced", "unreachable") not in seen.rows("a")


def test_a_node_of_two_addresses_is_one_node(fakes: Fakes) -> None:
    """Named by host name and announced by address: it is asked once, and is no split brain."""
    trio, nodes = fakes.trio(), fakes.cluster()
    names = {"nodes": [f"localhost:{node.port}" for node in trio.nodes]}
    with observing({"a": of(trio, **names)}) as seen:
        found = seen.rows("a")
        assert (found["masters",], found["split_brain",], found["replicas", "up"]) == (1, 0, 2)
        assert found["nodes", "server", "config", "answered"] == 3
        assert [node.asked for node in trio.nodes] == [2, 2, 2]
    with observing({"a": {"mode": "cluster", "nodes": [f"localhost:{node.port}" for node in nodes]}}) as seen:
        assert seen.rows("a")["nodes", "server", "config", "answered"] == 6
        assert [node.asked for node in nodes] == [4] * 6
    # Sentinels that have not heard its id yet announce it as somebody new.
    for one in trio.sentinels:
        one.replicas = []
        one.master = FakeServer(id="", port=trio.nodes[0].port)
    with observing({"a": of(trio, **names)}) as seen:
        found = seen.rows("a")
        assert (found["masters",], found["nodes", "server", "announced", "answered"]) == (1, 1)


def test_announced_nodes_are_bounded(fakes: Fakes) -> None:
    """A sentinel that announces the whole world has 200 asked."""
    trio = fakes.trio()
    trio.sentinels[0].replicas = [FakeServer(id=f"{n:040}", port=n + 1) for n in range(1000)]
    with observing({"a": of(trio)}) as seen:
        found = seen.rows("a")
    assert sum(value for key, value in found.items() if key[0] == "nodes" and key[2] == "announced") == 200


def test_passwords_go_to_their_nodes_and_nowhere_else(fakes: Fakes, capfd: pytest.CaptureFixture[str]) -> None:
    """Sentinels and nodes have one each; neither is in an answer or a log, right or wrong."""
    trio = fakes.trio()
    for node in trio.nodes:
        node.password = "node-secret"
    for one in trio.sentinels:
        one.password = "sentinel-secret"
    right = of(trio, password="node-secret", sentinel_password="sentinel-secret")
    wrong = of(trio, password="sentinel-secret", sentinel_password="node-secret")
    with observing({"right": right, "wrong": wrong}) as seen:
        answer = seen.answer("/metrics?debug=true")
    assert rows(answer, "right") == healthy(trio)
    assert rows(answer, "wrong") == {("up",): 0, ("nodes", "sentinel", "config", "denied"): 3}
    assert "secret" not in answer.text + "".join(capfd.readouterr())


def test_a_port_that_is_somebody_elses(fakes: Fakes) -> None:
    """A sentinel configured as a node and a node as a sentinel: an error each, with the reason in the debug page."""
    trio = fakes.trio()
    swapped = {"sentinels": [trio.nodes[0].address], "nodes": [trio.sentinels[0].address]}
    with observing({"a": swapped}) as seen:
        answer = seen.answer("/metrics?debug=true")
    assert rows(answer, "a")["nodes", "sentinel", "config", "error"] == 1
    assert rows(answer, "a")["nodes", "server", "config", "error"] == 1
    assert f"config sentinel node='{trio.nodes[0].address}' state='error'" in answer.text


def test_a_sentinel_that_lost_its_master(fakes: Fakes) -> None:
    """Two name one master, one another, one none."""
    trio = fakes.trio()
    fourth = FakeSentinel(id="d" * 40)
    fakes.start(fourth)
    trio.sentinels[2].master = trio.nodes[1]
    trio.sentinels[2].quorum_ok = False
    four = {"sentinels": [one.address for one in (*trio.sentinels, fourth)]}
    with observing({"a": four}) as seen:
        found = seen.rows("a")
    assert (found["sentinel_agreement_ratio",], found["sentinel_quorum_ok",]) == (0.5, 2)
    assert found["master_info", trio.nodes[0].address] == 1
    assert [key for key in found if key[0] == "master_info"] == [("master_info", trio.nodes[0].address)]
