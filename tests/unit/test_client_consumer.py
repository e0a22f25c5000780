"""`LogConsumer` on a topic in memory: what counts as handled, what is committed, what is skipped, what ends the loop."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from kunobs.client import Event, LogConsumer
from kunobs.errors import DeniedError, GapError, UnavailableError, UsageError
from kunobs.testing import MemoryConsumer, MemoryTopic, log_event


def _topic(count: int, partitions: int = 1) -> MemoryTopic:
    """Lines m0, m1, …, each with its own source, dealt out over the partitions."""
    topic = MemoryTopic("team-pay", partitions)
    _more(topic, range(count))
    return topic


def _more(topic: MemoryTopic, numbers: range) -> None:
    for number in numbers:
        topic.append(log_event(f"m{number}"), partition=number % len(topic.logs), source=f"filebeat/0/{number}/9")


def _all(topic: MemoryTopic, **arguments: Any) -> list[str]:
    with topic.consumer(idle=1, **arguments) as events:
        return [event.message for event in events]


def test_reads_everything_once_and_resumes() -> None:
    """A second start begins behind what the first has handled."""
    topic = _topic(5)
    assert _all(topic) == ["m0", "m1", "m2", "m3", "m4"]
    assert topic.committed("test") == {0: 5}
    _more(topic, range(5, 7))
    assert _all(topic) == ["m5", "m6"]
    assert topic.committed("test") == {0: 7}


def test_the_group_belongs_to_the_namespace() -> None:
    """The group's full name begins with the namespace, also when the program wrote it out."""
    topic = _topic(0)
    assert topic.consumer("billing").group == "team-pay.billing"
    assert topic.consumer("team-pay.billing").group == "team-pay.billing"


def test_an_exception_leaves_the_current_event_unhandled() -> None:
    """It comes again at the next start, and none before it does."""
    topic = _topic(5)
    with pytest.raises(ZeroDivisionError), topic.consumer(idle=1) as events:
        for event in events:
            assert event.message != "m2" or 1 / 0
    assert topic.committed("test") == {0: 2}
    assert _all(topic) == ["m2", "m3", "m4"]


def test_a_break_leaves_the_current_event_unhandled() -> None:
    """Unless the program commits it."""
    topic = _topic(5)
    with topic.consumer(idle=1) as events:
        for event in events:
            if event.message == "m1":
                break
    assert topic.committed("test") == {0: 1}
    with topic.consumer(idle=1) as events:
        for event in events:
            if event.message == "m3":
                events.commit()
                break
    assert topic.committed("test") == {0: 4}


def test_stop_ends_the_loop_after_the_current_event() -> None:
    """What a signal handler does: the event in hand is handled, the next is not begun."""
    topic = _topic(5)
    seen = []
    with topic.consumer() as events:
        for event in events:
            seen.append(event.message)
            if event.message == "m2":
                events.stop()
    assert seen == ["m0", "m1", "m2"]
    assert topic.committed("test") == {0: 3}


def test_an_error_that_the_program_handles_is_handled() -> None:
    """A loop that goes on has decided that the event is done."""
    topic = _topic(3)
    with topic.consumer(idle=1) as events:
        while True:
            try:
                for event in events:
                    assert event.message != "m1", "bad"
                break
            except AssertionError:
                continue
    assert topic.committed("test") == {0: 3}


def test_commits_while_it_runs() -> None:
    """At most `commit_interval` seconds after the loop asked for the next event."""
    topic = _topic(4)
    with topic.consumer(idle=1, commit_interval=2.0) as events:
        for event in events:
            if event.message == "m0":
                topic.clock.advance(3)
            if event.message == "m1":
                committed_at_m1 = topic.committed("test")
    assert committed_at_m1 == {0: 1}


def test_a_commit_that_fails_is_sent_again(caplog: pytest.LogCaptureFixture) -> None:
    """While the loop runs a failed commit is a line in the log and the next one carries its offsets."""
    topic = _topic(1)
    topic.commits_fail = KafkaError(KafkaError._TRANSPORT)
    original, polls = MemoryConsumer.poll, iter(range(1000))

    def poll(self: MemoryConsumer, timeout: float = -1) -> Any:
        count = next(polls)
        topic.commits_fail = topic.commits_fail if count < 6 else None
        if count == 12:
            assert topic.committed("test") == {0: 1}
        return original(self, timeout)

    with pytest.MonkeyPatch.context() as patch, topic.consumer(idle=10, commit_interval=1.0) as events:
        patch.setattr(MemoryConsumer, "poll", poll)
        assert [event.message for event in events] == ["m0"]
    assert next(polls) > 12
    assert "could not commit" in caplog.text


def test_a_commit_that_the_program_waits_for_raises() -> None:
    """`commit()` and leaving the block say that the broker did not store it; another error is not hidden by that."""
    topic = _topic(4)
    with pytest.raises(UnavailableError), topic.consumer(idle=1) as events:
        next(events)
        topic.commits_fail = KafkaError(KafkaError._TRANSPORT)
        events.commit()
    with pytest.raises(UnavailableError), topic.consumer(idle=1) as events:
        next(events)
        next(events)
    with pytest.raises(ZeroDivisionError), topic.consumer(idle=1) as events:
        next(events)
        next(events)
        _ = 1 / 0


def test_a_line_delivered_twice_is_passed_over() -> None:
    """Two records with one `kunobs-source` are one line; records without the header are never taken for each other."""
    topic = _topic(3)
    _more(topic, range(1, 3))
    topic.append(log_event("same"), log_event("same"))
    with topic.consumer(idle=1) as events:
        assert [event.message for event in events] == ["m0", "m1", "m2", "same", "same"]
        assert events.duplicates == 2
    assert topic.committed("test") == {0: 7}


def test_a_resend_of_the_shipper_is_no_duplicate() -> None:
    """Filebeat sends the same line again: another source offset, so it is delivered (its natural id is the search's)."""
    topic = MemoryTopic()
    topic.append(log_event("x"), source="filebeat/0/1/9")
    topic.append(log_event("x"), source="filebeat/0/2/9")
    assert _all(topic) == ["x", "x"]


def test_a_lower_source_offset_alone_is_no_duplicate() -> None:
    """A dead letter that was repaired comes late, and a public topic made anew counts from 0: both must be delivered."""
    topic = MemoryTopic()
    topic.append(log_event("a"), source="filebeat/0/500/1000")
    topic.append(log_event("repaired"), source="filebeat/0/20/900")
    topic.append(log_event("anew"), source="filebeat/0/500/2000")
    assert _all(topic) == ["a", "repaired", "anew"]


def test_duplicates_are_known_after_a_restart() -> None:
    """The events before the committed offset are looked at again, so that a line is recognised that came before it."""
    topic = _topic(5)
    assert len(_all(topic)) == 5
    _more(topic, range(3, 7))
    assert _all(topic) == ["m5", "m6"]


def test_how_far_back_a_duplicate_is_known() -> None:
    """`remember` events per partition; 0 delivers every record."""
    topic = _topic(5)
    _all(topic)
    _more(topic, range(5))
    assert _all(topic, group="other", remember=2) == [f"m{n}" for n in (0, 1, 2, 3, 4, 0, 1, 2, 3, 4)]
    assert _all(topic, remember=2) == ["m0", "m1", "m2", "m3", "m4"]
    assert _all(topic, group="third", remember=0) == [f"m{n}" for n in (0, 1, 2, 3, 4, 0, 1, 2, 3, 4)]


def test_looking_back_gives_no_event_twice() -> None:
    """The look back ends exactly at the committed offset, wherever that is."""
    topic = _topic(30)
    for _ in range(30):
        with topic.consumer(idle=1, remember=7) as events:
            seen = next(events).message
            events.commit()
        assert seen == f"m{topic.committed('test')[0] - 1}"


def test_the_end_of_a_transaction_is_committed() -> None:
    """The marker behind the last event is passed, so that the group's lag becomes 0."""
    topic = _topic(2)
    topic.append_marker()
    assert len(_all(topic)) == 2
    assert topic.committed("test") == {0: 3}


def test_the_end_is_not_committed_before_the_last_event_is_handled() -> None:
    """The end of the partition is known while the program still works on its last event."""
    topic = _topic(2)
    topic.append_marker()
    with topic.consumer(idle=1) as events:
        assert [next(events).message for _ in range(2)] == ["m0", "m1"]
    assert topic.committed("test") == {0: 1}


def test_where_a_new_group_begins() -> None:
    """At the oldest event, behind the newest, or at a time; a group with an offset is not affected."""
    topic = _topic(2)
    topic.clock.advance(100)
    _more(topic, range(2, 4))
    moment = datetime.fromtimestamp(topic.clock.now() - 50, UTC)
    assert _all(topic, group="a") == ["m0", "m1", "m2", "m3"]
    assert _all(topic, group="b", start="latest") == []
    assert _all(topic, group="c", start=moment) == ["m2", "m3"]
    assert _all(topic, group="d", start=timedelta(seconds=50)) == ["m2", "m3"]
    assert _all(topic, group="e", start=timedelta(days=3650)) == ["m0", "m1", "m2", "m3"]
    assert _all(topic, group="f", start=timedelta(0) - timedelta(days=1)) == []
    assert _all(topic, group="a", start="latest") == []
    assert topic.committed("b") == {0: 4}


def test_latest_is_settled_by_the_first_start() -> None:
    """What arrives while the program is down after its first start is not skipped by its second."""
    topic = _topic(2)
    assert _all(topic, start="latest") == []
    _more(topic, range(2, 4))
    assert _all(topic, start="latest") == ["m2", "m3"]


def test_a_gap_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    """Retention was faster while the program was down: it goes on with the oldest event and says how many are gone."""
    topic = _topic(10)
    with topic.consumer(idle=1) as events:
        for event in events:
            if event.message == "m1":
                break
    topic.delete_before(6)
    with caplog.at_level(logging.WARNING), topic.consumer(idle=1) as events:
        assert [event.message for event in events] == ["m6", "m7", "m8", "m9"]
        assert events.missed == 5
    assert "up to 5 events from offset 1 on were deleted by retention" in caplog.text


def test_a_gap_while_it_runs_is_counted() -> None:
    """The same in the middle of the loop."""
    topic = _topic(3)
    with topic.consumer(idle=1) as events:
        seen = []
        for event in events:
            seen.append(event.message)
            if event.message == "m2":
                _more(topic, range(3, 10))
                topic.delete_before(6)
        assert seen == ["m0", "m1", "m2", "m6", "m7", "m8", "m9"]
        assert events.missed == 3


def test_a_gap_may_stop_the_program() -> None:
    """With `on_gap="stop"` a person decides; nothing is committed beyond the gap."""
    topic = _topic(10)
    with topic.consumer(idle=1) as events:
        next(events)
        events.commit()
    topic.delete_before(6)
    with pytest.raises(GapError, match="up to 5 events") as caught, topic.consumer(idle=1, on_gap="stop") as events:
        next(events)
    assert caught.value.hint
    assert topic.committed("test") == {0: 1}


def test_a_topic_made_anew_is_read_from_its_beginning() -> None:
    """A committed offset beyond the end belongs to a topic that is no more."""
    topic = _topic(5)
    _all(topic)
    topic.logs[0].records.clear()
    _more(topic, range(20, 22))
    assert _all(topic) == ["m20", "m21"]
    assert topic.committed("test") == {0: 2}


def test_two_members_share_the_partitions() -> None:
    """Each event goes to one of them; one that leaves hands over what it has not handled."""
    topic = _topic(8, partitions=2)
    with topic.consumer(idle=1) as first, topic.consumer(idle=1) as second:
        mine = [next(first).partition, next(second).partition, next(first).partition]
        assert sorted(set(mine)) == [0, 1]
        next(second)
    rest = _all(topic)
    assert len(rest) == 8 - 2  # of each member one event was settled by asking for its second


def test_partitions_taken_away_are_committed_first() -> None:
    """The new owner begins behind what the old one handled, and the old one gives out nothing more of them."""
    topic = _topic(20, partitions=2)
    seen: list[Event] = []
    with topic.consumer(idle=1, commit_interval=1000) as first:
        seen += [next(first) for _ in range(6)]
        with topic.consumer(idle=1) as second:
            topic.clock.advance(2)  # time for callbacks, which run between two events
            seen += list(first)
            seen += list(second)
    assert sorted(event.message for event in seen) == sorted(f"m{n}" for n in range(20))


def test_lost_partitions_are_read_again_by_somebody() -> None:
    """A member that was thrown out commits nothing; another handles its events again."""
    topic = _topic(4)
    with topic.consumer(idle=1, commit_interval=1000) as events:
        assert next(events).message == "m0"
        assert next(events).message == "m1"
        topic.members["team-pay.test"][0].lose_everything()
        assert topic.committed("test") == {}
        assert _all(topic) == []  # ours again, as the older member
        assert next(events).message == "m1"
    assert topic.committed("test") == {0: 1}
    assert _all(topic) == ["m1", "m2", "m3"]


def test_lost_partitions_that_come_back() -> None:
    """What this program has handled it does not handle again, what it had in hand or in a half-full batch it does."""
    topic = _topic(6)
    with topic.consumer(idle=1, commit_interval=1000) as events:
        assert [next(events).message for _ in range(3)] == ["m0", "m1", "m2"]
        topic.members["team-pay.test"][0].lose_everything()
        assert [event.message for event in events] == ["m2", "m3", "m4", "m5"]
    topic = _topic(3)
    with topic.consumer(idle=5, commit_interval=1000) as events:
        member, original = topic.members["team-pay.test"][0], MemoryConsumer.poll

        losses = iter(range(3))

        def poll(self: MemoryConsumer, timeout: float = -1) -> Any:
            if events._held and next(losses, None) is not None:
                member.lose_everything()
            return original(self, timeout)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(MemoryConsumer, "poll", poll)
            assert [event.message for event in next(events.batches(10, 5))] == ["m0", "m1", "m2"]


def test_batches_by_size_and_by_time() -> None:
    """A batch is handled when the next is asked for."""
    topic = _topic(5)
    with topic.consumer(idle=10) as events:
        sizes = []
        for batch in events.batches(2, seconds=3):
            sizes.append(len(batch))
            committed = topic.committed("test").get(0, 0)
            assert committed <= sum(sizes[:-1])
    assert sizes == [2, 2, 1]
    assert topic.committed("test") == {0: 5}


def test_a_batch_waits_no_longer_than_asked() -> None:
    """Its first event is given out `seconds` later, however few have come."""
    topic = _topic(1)
    with topic.consumer() as events:
        batches = events.batches(100, seconds=7)
        before = topic.clock.monotonic()
        assert len(next(batches)) == 1
        assert 7 <= topic.clock.monotonic() - before < 8


def test_a_batch_that_failed_comes_again() -> None:
    """All of it."""
    topic = _topic(5)
    with pytest.raises(ZeroDivisionError), topic.consumer(idle=1) as events:
        for number, _ in enumerate(events.batches(2, seconds=1)):
            assert number == 0 or 1 / 0
    assert topic.committed("test") == {0: 2}


def test_a_batch_loses_what_another_member_takes_over() -> None:
    """Events of a partition that went away while the batch filled are not given out here too."""
    topic = _topic(4, partitions=2)
    with topic.consumer(idle=5) as first:
        batches = first.batches(100, seconds=4)
        second = topic.consumer(idle=5)
        original = MemoryConsumer.poll

        def poll(self: MemoryConsumer, timeout: float = -1) -> Any:
            if len(topic.members["team-pay.test"]) == 1 and first._held:
                second.__enter__()
            return original(self, timeout)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(MemoryConsumer, "poll", poll)
            given = next(batches)
        assert {event.partition for event in given} == {0}
        assert {event.partition for event in second} == {1}
        second.__exit__(None, None, None)


def test_stop_leaves_a_half_full_batch_for_the_next_start() -> None:
    """It was never given out."""
    topic = _topic(3)
    events = topic.consumer()
    original = MemoryConsumer.poll

    def poll(self: MemoryConsumer, timeout: float = -1) -> Any:
        if events._held:
            events.stop()
        return original(self, timeout)

    with pytest.MonkeyPatch.context() as patch, events:
        patch.setattr(MemoryConsumer, "poll", poll)
        assert list(events.batches(100, seconds=50)) == []
    assert topic.committed("test").get(0, 0) == 0


def test_idle_counts_waiting_only() -> None:
    """A program that takes a minute over an event is not idle, and its next event is still given out."""
    topic = _topic(3)
    seen = []
    with topic.consumer(idle=5) as events:
        for event in events:
            seen.append(event.message)
            topic.clock.advance(60)
    assert seen == ["m0", "m1", "m2"]


def test_idle_begins_when_the_program_asks() -> None:
    """Work of two minutes on the last event is not taken for a partition that gives nothing."""
    topic = _topic(1)
    original, calls = MemoryConsumer._next_of, iter(range(100))

    def slow(self: MemoryConsumer, number: int) -> Any:
        return None if next(calls) < 4 else original(self, number)

    with topic.consumer(idle=5) as events:
        assert next(events).message == "m0"
        assert events._intake is not None
        events._intake._buffer.clear()  # the broker has not said yet that this is the end
        topic.members["team-pay.test"][0]._ended.clear()
        topic.clock.advance(120)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(MemoryConsumer, "_next_of", slow)
            assert next(events, None) is None
    assert topic.committed("test") == {0: 1}


def test_idle_does_not_trust_an_old_end() -> None:
    """A partition that was read out once and has more by now is not read out."""
    topic = _topic(1)
    with topic.consumer(idle=2) as events:
        assert next(events).message == "m0"
        assert next(events, None) is None
        _more(topic, range(1, 3))
        assert next(events).message == "m1"
        assert events._intake is not None
        events._intake._buffer.clear()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(MemoryConsumer, "_next_of", lambda *_: None)
            with pytest.raises(UnavailableError, match="not read to their end"):
                next(events)


def test_idle_waits_for_the_end_of_every_partition() -> None:
    """A partition that gives nothing but is not read out is no end: after a minute it is an error."""
    topic = _topic(3, partitions=3)
    original = MemoryConsumer._next_of

    def stuck(self: MemoryConsumer, number: int) -> Any:
        return None if number == 1 else original(self, number)

    with pytest.MonkeyPatch.context() as patch, topic.consumer(idle=2) as events:
        patch.setattr(MemoryConsumer, "_next_of", stuck)
        assert [next(events).message, next(events).message] == ["m0", "m2"]
        with pytest.raises(UnavailableError, match=r"partitions \[1\] gave nothing for 60 s"):
            next(events)


def test_a_member_without_partitions_ends_after_a_minute() -> None:
    """More members than partitions: the one left over does not wait for ever, nor give up while a group still forms."""
    topic = _topic(2)
    with topic.consumer(idle=2) as first:
        next(first)
        with topic.consumer(idle=2) as second:
            before = topic.clock.monotonic()
            assert list(second) == []
            assert topic.clock.monotonic() - before >= 60


def test_rebalances_are_served_while_the_program_works_through_what_was_fetched() -> None:
    """Callbacks run at least once a second of the loop's time, not only when everything fetched is handled."""
    topic = _topic(100, partitions=2)
    with topic.consumer(idle=1) as first:
        seen = [next(first)]
        with topic.consumer(idle=1) as second:
            for _ in range(5):
                topic.clock.advance(2)
                seen.append(next(first))
            assert {event.partition for event in second} == {1}
            assert {event.partition for event in seen[2:]} == {0}


def test_a_missing_topic_is_an_error_at_once() -> None:
    """With the topic's name and what to look at."""
    topic = _topic(0)
    events = topic.consumer(dead_letters=True)
    with pytest.raises(UnavailableError, match=r"there is no topic kun\.dlq\.team-pay") as caught, events:
        pass
    assert "kubectl logs -n team-pay" in caught.value.hint


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, DeniedError),
        (KafkaError.GROUP_AUTHORIZATION_FAILED, DeniedError),
    ],
)
def test_lost_rights_end_the_loop(code: int, error: type[Exception]) -> None:
    """An error that waiting does not cure reaches the program."""
    topic = _topic(1)

    def poll(self: MemoryConsumer, timeout: float = -1) -> Any:
        return self._error(0, 0, code)

    with pytest.MonkeyPatch.context() as patch, topic.consumer(idle=1) as events:
        patch.setattr(MemoryConsumer, "poll", poll)
        with pytest.raises(error):
            next(events)


def test_passing_trouble_does_not() -> None:
    """A broker that is away for a while is librdkafka's to wait for."""
    topic = _topic(1)
    troubles = iter([KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError.UNKNOWN_TOPIC_OR_PART])
    original = MemoryConsumer.poll

    def poll(self: MemoryConsumer, timeout: float = -1) -> Any:
        code = next(troubles, None)
        return original(self, timeout) if code is None else self._error(0, 0, code)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MemoryConsumer, "poll", poll)
        assert _all(topic) == ["m0"]


def test_a_failure_in_a_rebalance_reaches_the_program() -> None:
    """The broker does not say where the group is: nothing is read from a guess."""
    topic = _topic(3)

    def committed(*_: Any, **__: Any) -> Any:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT))

    with pytest.MonkeyPatch.context() as patch, pytest.raises(UnavailableError), topic.consumer(idle=1) as events:
        patch.setattr(MemoryConsumer, "committed", committed)
        next(events)


@pytest.mark.parametrize(
    "arguments",
    [
        {"group": "a b"},
        {"group": ""},
        {"start": "newest"},
        {"idle": 0},
        {"remember": -1},
        {"commit_interval": -0.1},
        {"handling_timeout": 1},
    ],
)
def test_wrong_arguments(arguments: dict[str, Any]) -> None:
    """Are refused before anything is connected."""
    with pytest.raises(UsageError):
        _topic(0).consumer(**arguments)


def test_an_access_is_for_one_namespace() -> None:
    """Another one's is refused."""
    with pytest.raises(UsageError, match="is for namespace team-pay, not team-ad"):
        LogConsumer("team-ad", "x", _topic(0).access)


def test_a_closed_consumer_says_so() -> None:
    """Before the block and after it there are no events."""
    events = _topic(1).consumer(idle=1)
    with pytest.raises(UsageError, match="not open"):
        next(events)
    with events:
        pass
    with pytest.raises(UsageError, match="not open"):
        events.commit()
    with pytest.raises(UsageError), events:
        next(events.batches(0))


def test_only_committed_lines_are_read() -> None:
    """Whatever the client library's default is."""
    topic = _topic(1)
    with topic.consumer(protocol="consumer", handling_timeout=60):
        options = topic.members["team-pay.test"][0].options
    assert options["isolation.level"] == "read_committed"
    assert (options["group.protocol"], options["max.poll.interval.ms"]) == ("consumer", 60_000)
    assert "session.timeout.ms" not in options  # librdkafka refuses it under KIP-848


def test_the_loop_is_typed() -> None:
    """`for event in events` gives an `Event`."""
    with _topic(1).consumer(idle=1) as events:
        assert isinstance(events, LogConsumer)
        assert isinstance(next(iter(events)), Event)
