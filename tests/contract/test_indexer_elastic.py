"""The indexer against an Elasticsearch: the same cases on `MemoryIndex` and on a real node."""

from __future__ import annotations

import json
import os
import random
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import requests

from kunobs.errors import ConfigError, DownloadError
from kunobs.testing.clock import FakeClock
from kunobs.testing.elastic import MemoryIndex
from kunobs.testing.odd_events import HOSTILE
from log_pipeline.indexer import lifecycle, template
from log_pipeline.indexer.api import NoAnswer
from log_pipeline.indexer.delivery import Delivery, NoDataStream
from log_pipeline.indexer.outcome import BulkReply, of_item
from tests.indexer_support import START, Bench, encode, event, index_config, stamp


@pytest.fixture(scope="module")
def real_url() -> Iterator[str]:
    """A real node of this module's own; KUNOBS_TEST_ES chooses the version."""
    pytest.importorskip("jpype", reason="pip install 'kunobs[local]'")
    from kunobs.local import LocalStack

    root = Path(tempfile.gettempdir()) / f"kunobs-contract-{os.getpid()}"
    stack = LocalStack("contract", root=root, elasticsearch_version=os.environ.get("KUNOBS_TEST_ES", ""))
    try:
        stack.up(only=("elasticsearch",))
    except DownloadError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no jars: {error}")
    yield stack.elasticsearch_url
    stack.down(wipe=True)
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(params=["memory", "real"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """An Elasticsearch with our template."""
    if request.param == "real":
        yield request.getfixturevalue("real_url")
    else:
        with MemoryIndex() as index:
            yield index.url


@pytest.fixture
def bench(url: str) -> Bench:
    """The indexer without Kafka."""
    bench = Bench(url)
    template.ensure(bench.api, index_config(), "")
    return bench


@pytest.fixture
def namespace() -> str:
    """A namespace of this test's own."""
    return f"team-{uuid.uuid4().hex[:10]}"


def deep(levels: int) -> Any:
    """An object that deep."""
    value: Any = {"x": 1}
    for level in range(levels):
        value = {f"l{level}": value}
    return value


# name -> (changes of a good event or its bytes, reason word, what stays searchable under kunobs.repaired or "" for nothing)
REPAIRED: dict[str, tuple[Callable[[dict[str, Any]], dict[str, Any] | bytes], str, str]] = {
    "pod is text": (
        lambda e: e | {"kubernetes": e["kubernetes"] | {"pod": "app-1"}},
        "object_conflict",
        "kubernetes.pod",
    ),
    "stream is an object": (lambda e: e | {"stream": {"name": "stdout"}}, "value_conflict", "stream"),
    "labels are text": (
        lambda e: e | {"kubernetes": e["kubernetes"] | {"labels": "app=web"}},
        "value_conflict",
        "kubernetes.labels",
    ),
    "labels are a list": (
        lambda e: e | {"kubernetes": e["kubernetes"] | {"labels": ["a"]}},
        "value_conflict",
        "kubernetes.labels",
    ),
    "labels are a number": (
        lambda e: e | {"kubernetes": e["kubernetes"] | {"labels": 5}},
        "value_conflict",
        "kubernetes.labels",
    ),
    "json too deep": (lambda e: e | {"json": deep(30)}, "value_conflict", "json"),
    "fields too deep": (lambda e: e | {"x": deep(30)}, "too_deep", ""),
    "message is an object": (lambda e: e | {"message": {"a": 1}}, "value_conflict", "message"),
    "an empty key": (lambda e: e | {"": 1}, "bad_key", ""),
    "a blank key": (lambda e: e | {" ": 1}, "bad_key", ""),
    "a key of dots": (lambda e: e | {"..": 1, ".a": 2}, "bad_key", ""),
    "an empty key inside": (lambda e: e | {"a": {"": {"b": 1}}}, "bad_key", ""),
    "a metadata field": (lambda e: e | {"_id": "mine"}, "metadata_field", "_id"),
    "kunobs is text": (lambda e: e | {"kunobs": "mine"}, "object_conflict", "kunobs"),
    "equal keys": (lambda e: b'{"message":"first",' + encode(e)[1:], "duplicate_key", ""),
    "host is text": (lambda e: e | {"host": "node-1"}, "object_conflict", "host"),
    "several conflicts": (lambda e: e | {"stream": {"a": 1}, "host": "n", "agent": "x"}, "", "stream"),
}
DEAD: dict[str, tuple[Callable[[dict[str, Any]], dict[str, Any] | bytes], str]] = {
    "no time": (lambda e: {k: v for k, v in e.items() if k != "@timestamp"}, "no_timestamp"),
    "time is null": (lambda e: e | {"@timestamp": None}, "no_timestamp"),
    "time is a word": (lambda e: e | {"@timestamp": "yesterday"}, "no_timestamp"),
    "time is empty": (lambda e: e | {"@timestamp": ""}, "no_timestamp"),
    "two times": (lambda e: e | {"@timestamp": [e["@timestamp"], e["@timestamp"]]}, "no_timestamp"),
}


def _bytes(value: dict[str, Any] | bytes) -> bytes:
    return value if isinstance(value, bytes) else encode(value)


@pytest.mark.parametrize("name", REPAIRED)
def test_a_misfit_is_indexed_repaired(bench: Bench, namespace: str, name: str) -> None:
    """It is searchable, with what did not fit in `kunobs.repaired`, and a good event beside it is untouched."""
    change, reason, moved = REPAIRED[name]
    good, odd = event(namespace, 1), _bytes(change(event(namespace, 2)))
    tally = bench.deliver(encode(good), odd)
    assert tally.events == {"indexed": 1, "repaired": 1}
    sources = {hit["_source"]["log"]["offset"]: hit["_source"] for hit in bench.sources(namespace)}
    assert sources[100] == good
    repaired = sources[200]["kunobs"]
    assert repaired["repair_reason"] in ([reason] if reason else ["object_conflict", "value_conflict"])
    assert moved in repaired["repaired"] or not moved
    assert bench.letters.stored == []


@pytest.mark.parametrize("name", DEAD)
def test_an_event_without_a_time_is_a_dead_letter(bench: Bench, namespace: str, name: str) -> None:
    """It has a reason, and the rest of its bulk is indexed."""
    change, reason = DEAD[name]
    tally = bench.deliver(encode(event(namespace, 1)), _bytes(change(event(namespace, 2))), encode(event(namespace, 3)))
    assert tally.events == {"indexed": 2, "dead_letter": 1}
    assert bench.messages(namespace) == ["line 1", "line 3"]
    assert [(letter.namespace, letter.reason) for letter in bench.letters.stored] == [(namespace, reason)]
    assert bench.letters.stored[0].error


@pytest.mark.parametrize("kind", [kind for kind in HOSTILE if kind != "kubernetes_string"])
def test_every_hostile_kind_ends_well(bench: Bench, namespace: str, kind: str) -> None:
    """Indexed, if need be repaired; a dead letter only where there is no time. Twice in one stream, so that mappings have grown."""
    makers = [HOSTILE[kind], HOSTILE["thousands_of_fields"], HOSTILE[kind]]
    values = [make(random.Random(1), event(namespace, number)).value for number, make in enumerate(makers)]
    tally = bench.deliver(*values)
    without_time = kind.startswith("timestamp_") and kind != "timestamp_number"
    assert tally.events["dead_letter"] == (2 if without_time else 0), bench.letters.stored
    assert tally.events["duplicate"] == 0 or kind in ("huge_offset", "negative_offset", "timestamp_number")
    assert tally.events["indexed"] + tally.events["repaired"] == len(bench.sources(namespace))


def test_an_event_is_indexed_as_it_came(bench: Bench, namespace: str) -> None:
    """Same source, an id that is the line's, in a backing index of the namespace's stream."""
    good = event(namespace, 1, text='日志 \u2028 \\ " 👩‍👩')
    bench.deliver(encode(good))
    (hit,) = bench.sources(namespace)
    assert hit["_source"] == good
    assert hit["_index"].startswith(f".ds-logs-k8s-{namespace.replace('-', '_')}-")
    assert len(hit["_id"]) == 22


def test_the_same_line_again_is_a_duplicate(bench: Bench, namespace: str) -> None:
    """However its keys are ordered, in the same bulk or in another."""
    line = event(namespace, 1)
    other_order = dict(reversed(line.items()))
    assert bench.deliver(encode(line), encode(other_order)).events == {"indexed": 1, "duplicate": 1}
    assert bench.deliver(encode(other_order)).events == {"indexed": 0, "duplicate": 1}
    assert len(bench.sources(namespace)) == 1


def test_raw_newlines_cannot_inject_an_action(bench: Bench, namespace: str) -> None:
    """An event that spells out a bulk action between its tokens changes nothing but itself."""
    bench.deliver(encode(event(namespace, 1)))
    (before,) = bench.sources(namespace)
    action = {"delete": {"_index": before["_index"], "_id": before["_id"]}}
    attack = b'{"x":\n' + encode(action) + b"\n," + encode(event(namespace, 2))[1:]
    tally = bench.deliver(encode(event(namespace, 3)), attack, encode(event(namespace, 4)))
    assert tally.events == {"indexed": 3}
    assert bench.messages(namespace) == ["line 1", "line 2", "line 3", "line 4"]


def test_many_streams_in_one_bulk(bench: Bench, namespace: str) -> None:
    """New streams are made as they are met, without a look-up."""
    spaces = [f"{namespace}-{n}" for n in range(5)]
    tally = bench.deliver(*(encode(event(spaces[n % 5], n)) for n in range(25)))
    assert tally.events == {"indexed": 25}
    assert [len(bench.sources(space)) for space in spaces] == [5] * 5


def test_one_poison_event_is_found_and_the_rest_passes(bench: Bench, namespace: str) -> None:
    """A whole request refused for one action's sake is taken apart."""
    bulk = bench.assemble(*(encode(event(namespace, n)) for n in range(9)))
    bulk.parts[2 * 5] = b'{"create":{"_index":"%b","_id":"%b"}}' % (bulk.streams[5].name.encode(), b"x" * 513)
    tally = Delivery(bulk, bench.tools).run()
    assert tally.events == {"indexed": 8, "dead_letter": 1}
    assert [letter.reason for letter in bench.letters.stored] == ["rejected"]
    assert "line 5" not in bench.messages(namespace)


class TestRollovers:
    """No event twice, whenever a rollover comes and whoever knows of it."""

    def test_read_again_after_a_rollover_that_was_noticed(self, bench: Bench, namespace: str) -> None:
        """A crash before the commit, a rollover, a restart: what is read again is found in the older index."""
        lines = [encode(event(namespace, n)) for n in range(10)]
        bench.deliver(*lines)
        bench.roll_over(namespace)
        bench.restart()
        tally = bench.deliver(*lines, encode(event(namespace, 10)))
        assert tally.events == {"indexed": 1, "duplicate": 10}
        assert bench.messages(namespace) == sorted(f"line {n}" for n in range(11))

    def test_read_again_after_a_rollover_nobody_noticed(self, bench: Bench, namespace: str) -> None:
        """The answer names an unknown index: the new copies are deleted again."""
        lines = [encode(event(namespace, n)) for n in range(10)]
        bench.deliver(*lines)
        bench.roll_over(namespace)
        tally = bench.deliver(*lines[5:], encode(event(namespace, 10)))
        assert tally.events == {"indexed": 1, "duplicate": 5}
        assert bench.messages(namespace) == sorted(f"line {n}" for n in range(11))

    def test_a_crash_between_the_second_copy_and_its_deletion(
        self, bench: Bench, namespace: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The surplus copy that was left is deleted when the event is read again."""
        lines = [encode(event(namespace, n)) for n in range(4)]
        bench.deliver(*lines)
        bench.roll_over(namespace)

        def crash(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr("log_pipeline.indexer.lookup.Lookup._delete", crash)
            with pytest.raises(KeyboardInterrupt):
                bench.deliver(*lines)
        assert len(bench.sources(namespace)) == 8
        bench.restart()
        assert bench.deliver(*lines).events == {"indexed": 0, "duplicate": 4}
        assert bench.messages(namespace) == sorted(f"line {n}" for n in range(4))

    def test_two_rollovers_and_a_bulk_begun_before_them(self, bench: Bench, namespace: str) -> None:
        """A bulk that was assembled, and whose answer was lost, before two rollovers that others noticed meanwhile."""
        lines = [encode(event(namespace, n)) for n in range(6)]
        bench.deliver(encode(event(namespace, 100)))
        bulk = bench.assemble(*lines)
        bench.deliver(*lines)
        bench.roll_over(namespace)
        bench.roll_over(namespace)
        bench.deliver(encode(event(namespace, 101)))
        assert Delivery(bulk, bench.tools).run().events == {"indexed": 0, "duplicate": 6}
        assert len(bench.sources(namespace)) == 8

    def test_two_attempts_whose_answers_were_lost(self, bench: Bench, namespace: str) -> None:
        """One wrote before the rollover, one after it: the third attempt's conflict names the new index, the old has a copy."""
        lines = [encode(event(namespace, n)) for n in range(6)]
        bench.deliver(encode(event(namespace, 100)))
        bulk = bench.assemble(*lines)
        bench.deliver(*lines[:4])
        bench.roll_over(namespace)
        bench.api.call("POST", "/_bulk", bulk.body([2, 3, 4]))
        assert len(bench.sources(namespace)) == 8
        assert Delivery(bulk, bench.tools).run().events == {"indexed": 1, "duplicate": 5}
        assert bench.messages(namespace) == sorted(f"line {n}" for n in (*range(6), 100))

    def test_a_copy_in_each_of_three_indices(self, bench: Bench, namespace: str) -> None:
        """Two answers were lost, each before a rollover: the third attempt finds both copies, and the oldest is kept."""
        bench.deliver(encode(event(namespace, 100)))
        bulk = bench.assemble(encode(event(namespace, 1)))
        for _ in range(2):
            bench.api.call("POST", "/_bulk", bulk.body([0]))
            bench.roll_over(namespace)
        assert len(bench.sources(namespace)) == 3
        assert Delivery(bulk, bench.tools).run().events == {"indexed": 0, "duplicate": 1}
        assert bench.messages(namespace) == ["line 1", "line 100"]

    def test_new_events_are_not_looked_up(self, bench: Bench, namespace: str) -> None:
        """Once the older indices' newest time is known, an event that is later costs nothing."""
        bench.deliver(encode(event(namespace, 1)))
        bench.roll_over(namespace)
        bench.restart()
        later = datetime.now(UTC) + timedelta(minutes=5)
        bulk = bench.assemble(encode(event(namespace, 2, later)))
        assert bulk.suspects == [0]
        bench.deliver(encode(event(namespace, 2, later)))
        bulk = bench.assemble(encode(event(namespace, 3, later)), encode(event(namespace, 4, START)))
        assert bulk.suspects == [1]

    def test_a_stream_with_one_index_needs_no_look_up(self, bench: Bench, namespace: str) -> None:
        """The usual case before the first rollover, however old the events are."""
        bench.deliver(encode(event(namespace, 1)))
        assert bench.assemble(encode(event(namespace, 2, START - timedelta(days=900)))).suspects == []

    def test_a_time_in_the_future_in_an_older_index_is_found_again(self, bench: Bench, namespace: str) -> None:
        """The bound is the newest time any older index holds, so a clock that is wrong cannot hide an event."""
        ahead = datetime.now(UTC) + timedelta(days=400)
        lines = [encode(event(namespace, 1, ahead)), encode(event(namespace, 2))]
        bench.deliver(*lines)
        bench.roll_over(namespace)
        bench.restart()
        assert bench.deliver(*lines).events == {"indexed": 0, "duplicate": 2}

    def test_two_copies_in_older_indices_become_one(self, bench: Bench, namespace: str) -> None:
        """The oldest is kept."""
        line = encode(event(namespace, 1))
        bench.deliver(line)
        (first,) = bench.sources(namespace)
        bench.roll_over(namespace)
        target = {"create": {"_index": f"logs-k8s-{namespace.replace('-', '_')}", "_id": first["_id"]}}
        requests.post(
            f"{bench.url}/_bulk",
            data=encode(target) + b"\n" + line + b"\n",
            headers={"content-type": "application/json"},
            timeout=30,
        )
        bench.roll_over(namespace)
        assert len(bench.sources(namespace)) == 2
        bench.restart()
        assert bench.deliver(line).events == {"indexed": 0, "duplicate": 1}
        assert [hit["_index"] for hit in bench.sources(namespace)] == [first["_index"]]


class TestTemplate:
    """The template is written once, kept when it is the same, and never at the cost of somebody else's."""

    def test_writing_it_twice_changes_nothing(self, bench: Bench) -> None:
        """The second time it is only read."""
        before = requests.get(f"{bench.url}/_index_template/{template.NAME}", timeout=30).json()
        template.ensure(bench.api, index_config(), "")
        assert requests.get(f"{bench.url}/_index_template/{template.NAME}", timeout=30).json() == before

    def test_another_setting_writes_it_again(self, bench: Bench) -> None:
        """A new limit reaches the server."""
        template.ensure(bench.api, index_config(fields_limit=1234), "")
        assert "1234" in requests.get(f"{bench.url}/_index_template/{template.NAME}", timeout=30).text
        template.ensure(bench.api, index_config(), "")

    def test_a_foreign_template_before_ours_is_an_error(self, bench: Bench) -> None:
        """It is named, and left alone."""
        body = {"index_patterns": ["logs-*"], "priority": 900, "data_stream": {}}
        requests.put(f"{bench.url}/_index_template/foreign", json=body, timeout=30).raise_for_status()
        try:
            with pytest.raises(ConfigError, match=r"foreign \(priority 900\)") as raised:
                template.ensure(bench.api, index_config(), "")
            assert "DELETE /_index_template/foreign" in raised.value.hint
            template.ensure(bench.api, index_config(manage_template=False), "")
        finally:
            requests.delete(f"{bench.url}/_index_template/foreign", timeout=30).raise_for_status()

    def test_without_a_template_nothing_starts(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where kunobs may not write one and nobody else's matches, events would go into plain indices."""
        monkeypatch.setattr(template, "NAME", "absent")
        monkeypatch.setattr(template, "_PROBE", "no-such-stream")
        with pytest.raises(ConfigError, match="no index template"):
            template.ensure(bench.api, index_config(manage_template=False), "")

    def test_a_plain_index_stops_the_leg(self, bench: Bench, namespace: str) -> None:
        """Without a template Elasticsearch says 201 and makes one; what it wrote there is not counted as done."""
        bulk = bench.assemble(encode(event(namespace, 1)))
        bulk.parts[0] = encode({"create": {"_index": f"plain-{namespace}", "_id": "x"}})
        with pytest.raises(NoDataStream, match="no backing index"):
            Delivery(bulk, bench.tools).run()


class TestOwnLifecycle:
    """Rollover and retention where Elasticsearch has no ILM."""

    def test_ilm_is_found_missing(self, bench: Bench) -> None:
        """`auto` becomes `own`, asking for `ilm` is a mistake."""
        assert lifecycle.choose(bench.api, "auto") == "own"
        with pytest.raises(ConfigError):
            lifecycle.choose(bench.api, "ilm")

    def test_an_old_index_is_rolled_over_and_later_deleted(self, bench: Bench, namespace: str) -> None:
        """By age, then by retention; a write index is never deleted, an empty one never rolled over."""
        bench.deliver(encode(event(namespace, 1)))
        before = {hit["_index"] for hit in bench.sources(namespace)}
        done: list[str] = []
        clock = FakeClock()
        config = index_config(rollover_age=60.0, retention=3600.0)
        rounds = lifecycle.OwnLifecycle(bench.api, config, done.append, clock)
        self._at(clock, datetime.now(UTC))
        stream = bench.registry.get(namespace)
        requests.post(f"{bench.url}/{stream.name}/_refresh", timeout=30)
        rounds.round()
        bench.registry.learn([stream])
        assert set(stream.generations.indices) == before
        bench.roll_over(namespace)
        bench.registry.learn([stream])
        assert len(stream.generations.indices) == 2
        rounds.round()
        self._at(clock, datetime.now(UTC) + timedelta(seconds=3700))
        rounds.round()
        bench.registry.learn([stream])
        assert set(stream.generations.indices).isdisjoint(before)
        assert len(stream.generations.indices) == 1

    @staticmethod
    def _at(clock: FakeClock, moment: datetime) -> None:
        clock.advance(moment.timestamp() - clock.now())


def test_the_outcome_of_every_kind_is_the_same_everywhere(bench: Bench, namespace: str) -> None:
    """Item by item, fake and real give a verdict that names the same field."""
    bulk = bench.assemble(*(_bytes(change(event(namespace, n))) for n, (change, _, _) in enumerate(REPAIRED.values())))
    reply = bench.api.call("POST", "/_bulk", bulk.body(range(len(bulk))))
    rows = [row["create"] for row in msgspec.json.decode(reply.body, type=BulkReply).items]
    found = {name: of_item(row)[1:3] for name, row in zip(REPAIRED, rows, strict=True)}
    for name, (_, reason, moved) in REPAIRED.items():
        if reason and moved:
            assert found[name] == (reason, moved), name


def test_a_closed_port_is_no_answer() -> None:
    """Nothing is known of what became of the request."""
    with pytest.raises(NoAnswer) as raised:
        Bench("http://127.0.0.1:9").api.call("GET", "/")
    assert raised.value.kind == "connection"


def test_events_come_back_as_json(bench: Bench, namespace: str) -> None:
    """The stamp helper of this suite writes what Elasticsearch reads as a date."""
    bench.deliver(encode(event(namespace, 1)))
    assert json.dumps(bench.sources(namespace)[0]["_source"]["@timestamp"]) == json.dumps(
        stamp(START + timedelta(milliseconds=1))
    )
