"""What the redis exporter makes of what it is told: split brain, lag, views, epochs, the declared file; and any bytes at all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.exceptions import ResponseError

from exporters.redis.declared import DeclaredFile
from exporters.redis.facts import Epochs, _overlap, shown
from exporters.redis.words import SentinelView, ServerView, WordError, sentinel_view, server_view
from kunobs.catalogue import redis as catalogue
from kunobs.config import load
from kunobs.errors import ConfigError
from tests.redis_fake import THIRDS, Fakes, FakeServer, Trio, cluster_info, cluster_nodes
from tests.redis_world import SUCCESS, observing, rows
from tests.support import REPOSITORY


@pytest.fixture
def fakes() -> Iterator[Fakes]:
    """Where fakes run."""
    with Fakes() as running:
        yield running


def of(trio: Trio) -> dict[str, Any]:
    """Its configuration: the sentinels."""
    return {"sentinels": [one.address for one in trio.sentinels]}


def test_two_masters_are_a_split_brain(fakes: Fakes) -> None:
    """A replica that was made master while the sentinels name the old one."""
    trio = fakes.trio()
    trio.nodes[1].role = "master"
    with observing({"a": of(trio)}) as seen:
        found = seen.rows("a")
    assert (found["masters",], found["split_brain",], found["sentinel_agreement_ratio",]) == (2, 1, 1)
    assert found["replicas", "up"] == 1


def test_lag_is_to_the_master_that_is_followed(fakes: Fakes) -> None:
    """By the history's id: of two masters, one that was promoted since, one ahead, one that follows nobody known, two new."""
    trio = fakes.trio()
    master, behind, ahead = trio.nodes
    behind.offset, behind.link, ahead.offset = 400, "down", 1003
    promoted = FakeServer(id="1a" * 20, replid="b" * 40, replid2="c" * 40, offset=50_000)
    follower = FakeServer(id="1b" * 20, role="slave", replid="c" * 40, offset=49_000)
    stranger = FakeServer(id="1c" * 20, role="slave", replid="d" * 40, offset=1)
    empty = FakeServer(id="1d" * 20, role="slave", offset=-1)
    nameless = FakeServer(id="1e" * 20, role="slave", replid="0" * 40, offset=5)
    others = (promoted, follower, stranger, empty, nameless)
    fakes.start(*others)
    more = [node.address for node in others]
    with observing({"a": of(trio) | {"nodes": more}}) as seen:
        found = seen.rows("a")
    lags = {key[1]: value for key, value in found.items() if key[0] == "replica_lag_bytes"}
    assert lags == {behind.address: 600, ahead.address: 0, follower.address: 1000}
    assert (found["replicas", "up"], found["replicas", "down"]) == (5, 1)
    assert master.offset == 1000


def test_a_cluster_whose_nodes_disagree(fakes: Fakes) -> None:
    """A partition: the third master is cut off and still believes itself master, its replica has taken over."""
    nodes = fakes.cluster()
    lonely, heir = nodes[2], nodes[5]
    heir.role = "master"
    moved = [*nodes[:2], heir, *nodes[3:5], lonely]
    for node in (node for node in nodes if node is not lonely):
        node.view = lambda node=node: (cluster_info(epoch=7), cluster_nodes(moved, node, flags={5: "fail"}))
    lonely.view = lambda: (
        cluster_info("fail", ok=5461, pfail=10923),
        cluster_nodes(nodes, lonely, flags=dict.fromkeys((0, 1, 3, 4, 5), "fail?")),
    )
    with observing({"a": {"mode": "cluster", "nodes": [nodes[0].address]}}) as seen:
        found = seen.rows("a")
    assert (found["cluster_agreement_ratio",], found["cluster_ok_ratio",]) == (0.8333, 0.8333)
    assert (found["masters",], found["split_brain",], found["failover_epochs_total",]) == (4, 1, 7)
    assert [found["cluster_slots", state] for state in catalogue.SLOT_STATES] == [5461, 10923, 0, 0]
    assert [found["cluster_nodes", state] for state in catalogue.NODE_STATES] == [5, 0, 1]


def test_slots_that_nobody_has(fakes: Fakes) -> None:
    """A hole in the map; a master without slots is no master of anything; a slot on its way is still its owner's."""
    nodes = fakes.cluster()
    slots = ("0-5460 [93->-" + nodes[1].id + "]", "5461 5463-10922", "")
    info = cluster_info("fail", assigned=10922, ok=10922)
    for node in nodes:
        node.view = lambda node=node: (info, cluster_nodes(nodes, node, slots))
    nodes[5].view = lambda: (cluster_info(), cluster_nodes(nodes, nodes[5], slots))
    with observing({"a": {"mode": "cluster", "nodes": [nodes[0].address]}}) as seen:
        found = seen.rows("a")
    assert (found["masters",], found["split_brain",], found["cluster_agreement_ratio",]) == (2, 0, 1)
    assert [found["cluster_slots", state] for state in catalogue.SLOT_STATES] == [10922, 0, 0, 5462]


def test_epochs_only_fall_where_all_are_heard(fakes: Fakes) -> None:
    """The one that knows the newest is silent: the counter stays. The installation is made anew: it falls."""
    trio = fakes.trio()
    trio.sentinels[0].epoch = 9
    for one in trio.sentinels[1:]:
        one.epoch = 4
    with observing({"a": of(trio)}, node_timeout=1) as seen:
        assert seen.rows("a")["failover_epochs_total",] == 9
        trio.sentinels[0].hang()
        assert seen.rows("a")["failover_epochs_total",] == 9
        trio.sentinels[1].epoch = 10
        assert seen.rows("a")["failover_epochs_total",] == 10
        trio.sentinels[0].instead = None
        for one in trio.sentinels:
            one.epoch = 0
        assert seen.rows("a")["failover_epochs_total",] == 0


def test_epochs_of_installations_are_apart() -> None:
    """Each by its name."""
    epochs = Epochs()
    assert [epochs.highest("a", 5, False), epochs.highest("b", 1, False), epochs.highest("a", 4, False)] == [5, 1, 5]


def test_declared_and_seen(fakes: Fakes, tmp_path: Path) -> None:
    """What differs and by how much, each key at will; the file is read anew, and a broken one costs only the comparison."""
    trio = fakes.trio()
    file = tmp_path / "declared.yaml"
    file.write_text("a: {masters: 1, replicas: 2, sentinels: 3, quorum: 2}\n")
    with observing({"a": of(trio)}, declared_file=str(file)) as seen:
        found = seen.rows("a")
        assert [found["declared_difference", aspect] for aspect in catalogue.ASPECTS] == [0, 0, 0, 0]
        file.write_text("a: {replicas: 3, sentinels: 1, quorum: 3}\nothers: {}\nmore: {masters: 1}\n")
        trio.sentinels[1].quorum = 1
        answer = seen.answer()
        found = rows(answer, "a")
        assert [found.get(("declared_difference", aspect)) for aspect in catalogue.ASPECTS] == [None, -1, 2, -2]
        assert answer.value("kunobs_redis_declared_unobserved") == 2
        for broken in BROKEN:
            file.write_bytes(broken)
            answer = seen.answer("/metrics?debug=true")
            assert answer.value(*SUCCESS) == 0
            assert rows(answer, "a").keys() == found.keys() - {("declared_difference", a) for a in catalogue.ASPECTS}
            assert f"failed: ConfigError: {file}" in answer.text
            assert "hint: " in answer.text
            assert len(answer.text) < 12_000
        file.unlink()
        assert "No such file" in seen.answer("/metrics?debug=true").text
        file.write_text("")
        assert seen.answer().value("kunobs_redis_declared_unobserved") == 0


_BOMB = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"b%d: &%c [%s]\n" % (n, 98 + n, b",".join([b"*%c" % (97 + n)] * 9)) for n in range(9)
)
BROKEN = [
    b"a: {masters: one}",
    b"a: {masters: -1}",
    b"a: {masters: true}",
    b"a: {masters: 1.5}",
    b"a: {masters: 1e400}",
    b"a: {mastres: 1}",
    b"a: {masters: 1}\na: {masters: 2}",
    b"a: [1",
    b"[1, 2]",
    b"text",
    b"1: {}",
    b"a: {masters: 99999999999999999999999}",
    b"\xff\xfe\x00",
    b"a: !!python/object/apply:os.system [id]",
    b"[" * 500,
    b"#" * 2_000_000,
    _BOMB,
]


words = st.one_of(
    st.binary(max_size=60),
    st.integers(),
    st.none(),
    st.just(ResponseError("ERR no")),
    st.sampled_from([b"run_id:x", b"role:master\r\nmaster_repl_offset:5", b"ip", b"port", b"1", b"OK"]),
)
replies = st.recursive(words, lambda inner: st.lists(inner, max_size=6), max_leaves=20)


@settings(max_examples=150, deadline=None)
@given(st.lists(replies, min_size=6, max_size=6))
def test_any_reply_is_a_view_or_no_reply_of_redis(six: list[Any]) -> None:
    """Nothing else comes of it."""
    for read, given_replies in ((sentinel_view, six), (server_view, six[:2]), (server_view, six[:4])):
        try:
            assert isinstance(read(given_replies), (SentinelView, ServerView))
        except WordError:
            continue


def _flip(text: bytes, places: list[tuple[int, int]]) -> bytes:
    data = bytearray(text)
    for place, byte in places:
        data[place % len(data)] = byte
    return bytes(data)


flips = st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=4)


@settings(max_examples=250, deadline=None)
@given(flips, flips, flips)
def test_a_damaged_reply_is_a_view_or_no_reply_of_redis(info: Any, cluster: Any, nodes: Any) -> None:
    """Bytes of good replies changed: labels stay printable, slots stay slots, numbers stay what a metric can be."""
    servers = [FakeServer(id=f"f{n:039x}", port=7000 + n) for n in range(6)]
    good = [
        b"run_id:abc\r\n",
        servers[0].answer(("INFO", "replication")).encode(),
        cluster_info().encode(),
        cluster_nodes(servers, servers[0]).encode(),
    ]
    damaged = [good[0], _flip(good[1], info), _flip(good[2], cluster), _flip(good[3], nodes)]
    try:
        view = server_view(damaged)
    except WordError:
        return
    assert view.cluster is not None
    assert all(0 <= low <= high < 16384 for _, ranges in view.cluster.owners for low, high in ranges)
    assert all(shown(peer.address).isascii() and shown(peer.address).isprintable() for peer in view.cluster.peers)
    assert -1 <= view.offset < 10**20
    assert all(0 <= count <= 16384 for count in view.cluster.slots.values())


@pytest.mark.parametrize("slots", ["0-16384", "16384", "5-4", "1-2-3", "-1", "x", "9" * 5000, "[", "\u0661"])
def test_slots_that_are_none(slots: str) -> None:
    """Refused, but for those in brackets, which are on their way."""
    servers = [FakeServer(id=f"f{n:039x}", port=7000 + n) for n in range(6)]
    good = [servers[0].answer(("INFO", part)).encode() for part in ("server", "replication")]
    nodes = cluster_nodes(servers, servers[0], (slots, "", ""))
    given_replies = [*good, cluster_info().encode(), nodes.encode()]
    if slots == "[":
        assert server_view(given_replies).cluster.owners == ()  # type: ignore[union-attr]
    else:
        with pytest.raises(WordError):
            server_view(given_replies)


@pytest.mark.parametrize("place", range(2, 5))
@pytest.mark.parametrize("reply", [1, None, b"text", ["ip"], [[1]], [None]])
def test_a_list_that_is_none(reply: Any, place: int) -> None:
    """Of a sentinel: master, replicas, sentinels."""
    pairs = [b"ip", b"::1", b"port", b"1", b"config-epoch", b"0", b"quorum", b"1"]
    six = [b"run_id:x", b"x", pairs, [pairs], [], b"OK"]
    assert isinstance(sentinel_view(six), SentinelView)
    six[place] = reply
    with pytest.raises(WordError):
        sentinel_view(six)


claims = st.lists(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 8)).map(lambda r: (r[0], r[0] + r[1])), max_size=4),
    max_size=5,
)


@settings(max_examples=250, deadline=None)
@given(claims)
def test_overlap_is_that_of_sets(several: list[list[tuple[int, int]]]) -> None:
    """Slot by slot, as somebody would who has time."""
    held = [[slot for low, high in claim for slot in range(low, high + 1)] for claim in several]
    everything = [slot for claim in held for slot in claim]
    assert _overlap(several) == (len(set(everything)) < len(everything))


def test_the_page_is_true(tmp_path: Path) -> None:
    """docs/exporters/redis.md: its configuration loads, its declared file is one, its metrics are declared."""
    page = (REPOSITORY / "docs" / "exporters" / "redis.md").read_text()
    config, declared = re.findall(r"(?ms)^```yaml\n(.*?)^```", page)[:2]
    for path, name in (("/etc/kunobs/redis.yaml", "declared.yaml"), ("/run/secrets/shop-cache", "secret")):
        assert path in config
        config = config.replace(path, name)
    (tmp_path / "secret").write_text("x\n")
    (tmp_path / "declared.yaml").write_text(declared)
    (tmp_path / "kunobs.yaml").write_text(config)
    loaded = load(tmp_path / "kunobs.yaml", sections=("exporters",), environ={}).exporters.redis
    assert DeclaredFile(loaded.declared_file).read().keys() == loaded.clusters.keys()
    named = set(re.findall(r"kunobs_redis_\w+", page))
    assert named < {spec.name for spec in catalogue.METRICS}
    assert len(named) == 13


def test_how_an_address_is_shown() -> None:
    """Brackets for IPv6."""
    assert [shown(("10.0.0.1", 1)), shown(("::1", 2)), shown(("a.b", 3))] == ["10.0.0.1:1", "[::1]:2", "a.b:3"]


def test_slots_of_the_fakes_are_thirds() -> None:
    """What the tests above rely on."""
    assert THIRDS == ("0-5460", "5461-10922", "10923-16383")


GOOD = "sentinels: ['s:26379']"


@pytest.mark.parametrize(
    ("cluster", "problem"),
    [
        ("{}", "sentinels: is empty"),
        ("{mode: cluster}", "nodes is empty"),
        ("{mode: cluster, nodes: ['a:1'], sentinels: ['s:1']}", "sentinels: has no effect"),
        ("{mode: standalone}", "mode: "),
        ("{sentinels: [s]}", "is not host:port"),
        ("{sentinels: ['s:0']}", "has no usable port"),
        ("{sentinels: ['redis://:hunter2@s:1']}", "is not host:port"),
        ("{sentinels: ['s:1', 's:1']}", "is listed twice"),
        (f"{{{GOOD}, namespace: Shop}}", "is not a namespace"),
        (f"{{{GOOD}, master: 'my master'}}", "is no name of a master"),
        (f"{{{GOOD}, master: ''}}", "is no name of a master"),
        (f"{{{GOOD}, username: kunobs}}", "username: has no password"),
        (f"{{{GOOD}, sentinel_username: kunobs}}", "sentinel_username: has no password"),
        (f"{{{GOOD}, password_file: /nowhere}}", "password_file"),
        (f"{{{GOOD}, ca_file: kunobs.yaml}}", "ca_file: has no effect without TLS"),
        (f"{{{GOOD}, tls: true, cert_file: kunobs.yaml}}", "cert_file: has no key"),
        (f"{{{GOOD}, tls: true, key_file: kunobs.yaml}}", "key_file: has no certificate"),
        (f"{{{GOOD}, sentinel: 1}}", "sentinel"),
    ],
)
def test_what_is_wrong_with_a_cluster_is_said(tmp_path: Path, cluster: str, problem: str) -> None:
    """With its place and without a secret."""
    file = tmp_path / "kunobs.yaml"
    file.write_text(f"version: 1\nexporters: {{redis: {{clusters: {{a: {cluster}}}}}}}\n")
    with pytest.raises(ConfigError) as caught:
        load(file, sections=("exporters",), environ={})
    assert problem in caught.value.render()
    assert "hunter2" not in caught.value.render()


@pytest.mark.parametrize("name", ["A", "a/b", "-a", "a b", "x" * 64, "''", '"a\\n"'])
def test_a_name_is_a_label_and_a_target(tmp_path: Path, name: str) -> None:
    """Lower case, short, and nothing that a URL would need to escape."""
    file = tmp_path / "kunobs.yaml"
    file.write_text(f"version: 1\nexporters: {{redis: {{clusters: {{{name}: {{{GOOD}}}}}}}}}\n")
    with pytest.raises(ConfigError, match="which is no name"):
        load(file, sections=("exporters",), environ={})


def test_a_certificate_that_is_none(tmp_path: Path) -> None:
    """Said when the exporter is built, with the file."""
    wrong = tmp_path / "ca.pem"
    wrong.write_text("no certificate")
    with (
        pytest.raises(ConfigError, match=r"ca\.pem") as caught,
        observing({"a": {"sentinels": ["s:1"], "tls": True, "ca_file": str(wrong)}}),
    ):
        pass
    assert caught.value.hint
