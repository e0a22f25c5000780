"""No bytes stop the pipeline's reading and routing or get a line to a namespace that the rules forbid."""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kunobs.local.demo.oracle import judge
from kunobs.testing.events import SHARES, EventGenerator, Mutator
from log_pipeline.event import EventReader, Fields, Unreadable
from log_pipeline.indexer.assemble import Assembler
from log_pipeline.indexer.generations import Registry
from log_pipeline.route import Router
from tests.indexer_support import Record

MUTATED = 100_000
READER, ROUTER = EventReader(), Router()
NO_API: Any = None
ASSEMBLER = Assembler(READER, Registry(NO_API), 1 << 30)
PASSED_OVER = {"quarantine": "quarantined", "unrouted": "unrouted"}
ALL_ODD = {kind: 1 / len(SHARES) for kind in SHARES}


READ = {"@timestamp", "log", "stream", "container", "agent", "host", "kubernetes"}


def seed() -> int:
    """`KUNOBS_SEED` or a fresh one, printed so that a failure can be repeated."""
    chosen = int(os.environ.get("KUNOBS_SEED") or random.SystemRandom().randrange(2**32))
    print(f"KUNOBS_SEED={chosen}")
    return chosen


def pipeline(value: bytes | None) -> tuple[str, str, str | None]:
    """(outcome, namespace, natural id) as the legs' own loops find them; they must agree on the route."""
    fanout = ROUTER.route(READER.route_fields(value))
    bulk = ASSEMBLER.begin(0.0)
    ASSEMBLER.add(bulk, [Record(value)], 0)  # type: ignore[list-item]
    if not bulk.messages:
        assert set(bulk.passed_over) == {(PASSED_OVER.get(fanout.outcome), fanout.reason)}, value
        return fanout.outcome, fanout.namespace, None
    assert ("deliver", bulk.streams[0].namespace) == (fanout.outcome, fanout.namespace), value
    # Without a log offset, the id is the record's place.
    return fanout.outcome, fanout.namespace, None if bulk.ids == ["filebeat/0/0"] else bulk.ids[0]


def check(value: bytes | None) -> str:
    """Assert that pipeline and oracle say the same of `value`; return the outcome."""
    verdict, found = judge(value), pipeline(value)
    if verdict.either and found[0] == "unrouted":
        return "unrouted"
    assert found == (verdict.outcome, verdict.namespace, verdict.id if found[0] == "deliver" else None), value
    return found[0]


def slim(value: bytes) -> bytes:
    """The event without what no rule reads, so that a change hits what matters."""
    try:
        event = json.loads(value)
        event["kubernetes"] = {"namespace": event["kubernetes"]["namespace"]}
        return json.dumps({key: event[key] for key in event if key in READ}).encode()
    except (ValueError, TypeError, KeyError, RecursionError):
        return value


def test_mutated_events_never_raise_and_go_where_the_oracle_says() -> None:
    """100,000 hurt events: each gets the outcome, namespace and id that a second implementation says."""
    chosen = seed()
    mutator, outcomes = Mutator(chosen), Counter[str]()
    lines = EventGenerator(chosen, shares=ALL_ODD).lines(1000)
    events = [slim(line.value) for line in lines if len(line.value) < 4000]
    for number in range(MUTATED):
        outcomes[check(mutator.mutate(events[number % len(events)]))] += 1
    assert min(outcomes[word] for word in ("deliver", "quarantine", "unrouted")) > MUTATED / 100, outcomes


def test_generated_lines_go_where_they_were_made_to_go() -> None:
    """The generator's own word for each odd kind is the pipeline's answer, also for lines of 1 MB."""
    words = {"delivered": "deliver", "dead_letter": "deliver", "quarantined": "quarantine"}
    for line in EventGenerator(seed(), shares=ALL_ODD).lines(1500):
        outcome, namespace, _ = pipeline(line.value)
        assert outcome == words.get(line.expected.outcome, "unrouted"), line.expected
        assert outcome == "unrouted" or namespace == line.expected.namespace, line.expected
        check(line.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(["team-pay", "a", "-a", "a" * 63, "a" * 64, "A", "a_b", ""]) | st.text(max_size=4)
IDS, FILES = st.text("0af-._", max_size=4), st.sampled_from(["0.log", "1.log.gz", "", "a/b"])
ENDS = st.sampled_from(["", ".1", ".log", "x"])
PATHS = st.builds("/var/log/containers/p_{}_c-{}.log{}".format, NAMES, IDS, ENDS)
PATHS |= st.builds("/var/log/pods/{}_p_u/c/{}".format, NAMES, FILES)
FILE = st.fixed_dictionaries({"path": PATHS | JSON})
EVENTS = st.fixed_dictionaries(
    {},
    optional={
        "@timestamp": st.just("2026-11-01T00:00:00.000Z") | JSON,
        "stream": st.just("stdout") | JSON,
        "kubernetes": st.fixed_dictionaries({}, optional={"namespace": NAMES | JSON, "pod": JSON}) | JSON,
        "log": st.fixed_dictionaries({}, optional={"offset": st.integers() | JSON, "file": FILE | JSON}),
        "container": st.fixed_dictionaries({"id": st.just("0af") | JSON}) | JSON,
        "agent": st.fixed_dictionaries({"id": st.just("agent-1") | JSON}) | JSON,
    },
)


@given(EVENTS, st.booleans(), st.sampled_from([None, 1]))
@settings(max_examples=200, deadline=None)
def test_any_object_agrees_with_the_oracle(event: dict[str, object], escape: bool, indent: int | None) -> None:
    """Objects whose fields are right, wrong or missing, compact or with whitespace, escaped or not."""
    text = json.dumps(event, ensure_ascii=escape, indent=indent)
    check(text.encode("utf-8", "surrogatepass"))


@given(st.binary(max_size=64))
@settings(max_examples=300, deadline=None)
def test_any_bytes_get_an_outcome(value: bytes) -> None:
    """Bytes that are no event at all are unrouted and nothing raises."""
    assert check(value) in {"deliver", "unrouted", "quarantine"}


@pytest.mark.parametrize("depth", [10, 249, 2001, 100_000])
def test_nesting_is_read_or_refused_but_never_fatal(depth: int) -> None:
    """Nesting far below the readers' limit is read, far above it is refused."""
    value = b'{"kubernetes":{"namespace":"a"},"x":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"
    assert check(value) == ("deliver" if depth < 2000 else "unrouted")


def test_a_null_value_is_unrouted() -> None:
    """A tombstone in the public topic is an event like any other broken one."""
    assert check(None) == "unrouted"
    assert isinstance(READER.fields(None), Unreadable)
    assert not isinstance(READER.fields(b"{}"), Unreadable)
    assert isinstance(READER.fields(b"{}"), Fields)
