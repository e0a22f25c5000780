"""`kunobs tail` on a topic in memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Any

import pytest
import typer
from confluent_kafka import KafkaError, KafkaException
from typer.testing import CliRunner

from kunobs.client import commands
from kunobs.client.access import Access
from kunobs.client.event import Event
from kunobs.client.selection import Selection, compile_pattern
from kunobs.client.tail import Tail
from kunobs.errors import DeniedError, KunobsError, UnavailableError, UsageError
from kunobs.testing import MemoryConsumer, MemoryTopic, log_event


def _topic(*messages: str, partitions: int = 1) -> MemoryTopic:
    topic = MemoryTopic("team-pay", partitions)
    for number, message in enumerate(messages):
        topic.append(log_event(message, pod=f"api-{number % 2}"), partition=number % partitions)
    return topic


def _tail(topic: MemoryTopic, **arguments: Any) -> Tail:
    defaults = {"since": 600.0, "follow": False}
    return Tail(topic.access, topic.name, clock=topic.clock, connect=topic.connect, **(defaults | arguments))


def _messages(tail: Tail) -> list[str]:
    return [event.message for chunk in tail.chunks() for event in chunk]


def test_no_follow_ends_with_the_last_line() -> None:
    """Of every partition, also where a transaction's marker follows it, where nothing is, and where all is old."""
    topic = _topic("a", "b", "c", partitions=3)
    topic.append_marker(1)
    topic.delete_before(1, 2)
    assert sorted(_messages(_tail(topic))) == ["a", "b"]
    assert _messages(_tail(_topic())) == []


def test_no_follow_shows_nothing_that_came_later() -> None:
    """It ends where the topic ended when it began, even while lines keep coming so that the end is never reached."""
    topic = _topic("a", "b")
    original = MemoryConsumer.poll

    def poll(self: MemoryConsumer, timeout: float = -1) -> Any:
        topic.append(*[log_event("late")] * 3)
        return original(self, timeout)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MemoryConsumer, "poll", poll)
        patch.setattr(MemoryConsumer, "_error", lambda *_: None)  # no word of the end of a partition
        chunks = list(islice(_tail(topic).chunks(), 50))
    assert [event.message for chunk in chunks for event in chunk] == ["a", "b"]
    assert len(chunks) < 50


def test_since() -> None:
    """By the time the line was appended; 0 shows new lines only."""
    topic = _topic("old")
    topic.clock.advance(1000)
    topic.append(log_event("new"))
    assert _messages(_tail(topic)) == ["new"]
    assert _messages(_tail(topic, since=5000.0)) == ["old", "new"]
    chunks = _tail(topic, since=0.0, follow=True).chunks()
    assert next(chunks) == []
    topic.append(log_event("newest"))
    assert [event.message for event in next(chunks)] == ["newest"]


def test_follow_picks_up_new_partitions() -> None:
    """From their first line on, at the next look."""
    topic = _topic("a")
    chunks = _tail(topic, follow=True, refresh=30.0).chunks()
    assert [event.message for event in next(chunks)] == ["a"]
    topic.add_partition()
    topic.append(log_event("b"), log_event("c"), partition=1)
    seen = [event.message for chunk in islice(chunks, 200) for event in chunk]
    assert seen == ["b", "c"]


def test_a_look_for_partitions_that_fails_is_no_matter() -> None:
    """The lines go on while the broker does not answer about metadata."""
    topic = _topic("a")
    chunks = _tail(topic, follow=True, refresh=0.1).chunks()
    next(chunks)

    def away(*_: Any, **__: Any) -> Any:
        raise KafkaException(KafkaError(KafkaError._TRANSPORT))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MemoryConsumer, "list_topics", away)
        topic.append(log_event("b"))
        assert [event.message for chunk in islice(chunks, 5) for event in chunk] == ["b"]


def test_lines_that_retention_took_are_passed() -> None:
    """A terminal that was held for a day goes on with the oldest line there is."""
    topic = _topic("a")
    chunks = _tail(topic, follow=True).chunks()
    next(chunks)
    topic.append(*(log_event(f"m{number}") for number in range(5)))
    topic.delete_before(4)
    assert [event.message for chunk in islice(chunks, 3) for event in chunk] == ["m3", "m4"]


def test_nothing_is_committed_and_no_group_is_joined() -> None:
    """Other readers of the namespace are not affected."""
    topic = _topic("a", "b")
    _messages(_tail(topic))
    assert topic.offsets == {}
    assert topic.members == {}


@pytest.mark.parametrize(
    ("code", "error"),
    [(KafkaError.TOPIC_AUTHORIZATION_FAILED, DeniedError), (KafkaError._FATAL, KunobsError)],
)
def test_lost_rights_end_it(code: int, error: type[Exception]) -> None:
    """With an error for a person."""
    topic = _topic("a")
    chunks = _tail(topic, follow=True).chunks()
    next(chunks)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(error):
        patch.setattr(MemoryConsumer, "poll", lambda self, timeout=-1: self._error(0, 0, code))
        next(chunks)


def test_a_topic_that_is_gone_ends_it() -> None:
    """The broker says so for a moment while a leader moves, so it is asked once more."""
    topic = _topic("a")
    chunks = _tail(topic, follow=True).chunks()
    next(chunks)

    def poll(self: MemoryConsumer, timeout: float = -1) -> Any:
        return self._error(0, 0, KafkaError.UNKNOWN_TOPIC_OR_PART)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MemoryConsumer, "poll", poll)
        assert next(chunks) == []
        topic.name = "another"
        with pytest.raises(UnavailableError, match="there is no topic"):
            next(chunks)


def _kept(selection: Selection, *events: bytes) -> list[str]:
    return [event.message for event in map(Event, events) if selection.chooser()(event)]


def test_selection() -> None:
    """Every condition that is given must hold; globs match the whole name, the expression is searched for."""
    events = [
        log_event("paid 7", pod="api-1", container="app"),
        log_event("paid 8", pod="api-2", container="envoy"),
        log_event("refund", pod="web-1", container="app"),
    ]
    assert _kept(Selection(), *events) == ["paid 7", "paid 8", "refund"]
    assert _kept(Selection(pod="api-*"), *events) == ["paid 7", "paid 8"]
    assert _kept(Selection(pod="api"), *events) == []
    assert _kept(Selection(pod="*-[2-9]"), *events) == ["paid 8"]
    assert _kept(Selection(container="app", grep=compile_pattern("paid|refund")), *events) == ["paid 7", "refund"]
    assert _kept(Selection(grep=compile_pattern("PAID", ignore_case=True)), *events) == ["paid 7", "paid 8"]


@pytest.mark.parametrize(
    ("pattern", "place"),
    [("订单(", "\n  订单(\n      ^"), ("a**", "\n  a**\n    ^"), ("\x1b(", "'\\x1b('"), ("(" * 5000, "(((")],
)
def test_a_bad_expression_is_pointed_at(pattern: str, place: str) -> None:
    """The caret stands under the sign, also behind wide letters; the hint escapes the text."""
    with pytest.raises(UsageError) as caught:
        compile_pattern(pattern)
    assert place in str(caught.value)
    assert "--grep '" in caught.value.hint


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `tail` on a topic in memory: (exit code, stdout, stderr)."""

    def go(topic: MemoryTopic, *arguments: str) -> tuple[int, str, str]:
        def access(*_: Any, **__: Any) -> Access:
            return topic.access

        monkeypatch.setattr(commands, "find_access", access)
        monkeypatch.setattr(commands, "Tail", partial(Tail, connect=topic.connect, clock=topic.clock))
        app = typer.Typer(pretty_exceptions_enable=False)
        app.command()(commands.tail)
        result = CliRunner().invoke(app, ["team-pay", *arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.stdout, result.stderr

    return go


def test_the_command_prints_plain_lines(run: Run) -> None:
    """No colour where there is no terminal; multi-line messages, Chinese text and JSON as promised."""
    topic = _topic("订单已支付", "boom\n\tat x", '{"level":"warn","msg":"slow","ms":12}')
    code, out, err = run(topic, "--no-follow")
    assert (code, err) == (0, "")
    assert out == "api-0 app │ 订单已支付\napi-1 app │ boom\napi-1 app ┆ \tat x\napi-0 app │ WARN slow ms=12\n"


def test_the_commands_options(run: Run) -> None:
    """Selection, JSON, raw messages and times reach what they are for."""
    topic = _topic('{"msg":"a"}', "b", "c")
    assert run(topic, "-F", "--pod", "api-1")[1] == "api-1 app │ b\n"
    assert run(topic, "-F", "-g", "^C$", "-i")[1] == "api-0 app │ c\n"
    assert run(topic, "-F", "--container", "x*")[1] == ""
    assert run(topic, "-F", "--raw", "-g", "msg")[1] == 'api-0 app │ {"msg":"a"}\n'
    assert run(topic, "-F", "-t", "-g", "^c")[1].endswith(" api-0 app │ c\n")
    lines = [json.loads(line) for line in run(topic, "-F", "--json")[1].splitlines()]
    assert [line["message"] for line in lines] == ['{"msg":"a"}', "b", "c"]


def test_ctrl_c_is_130(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """And silent."""
    topic = _topic("a")

    def interrupted(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(MemoryConsumer, "poll", interrupted)
    assert run(topic) == (130, "", "")


def test_a_reader_that_leaves_is_no_failure(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in `kunobs tail … | head`."""

    def broken(*_: Any) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(commands, "write_lines", broken)
    monkeypatch.setattr(commands, "abandon", lambda stream: None)
    assert run(_topic("a"))[0] == 0


@pytest.mark.parametrize("arguments", [("--since", "3"), ("--since", "tomorrow"), ("-g", "(")])
def test_wrong_options(run: Run, arguments: tuple[str, str]) -> None:
    """Are told before anything is connected."""
    with pytest.raises(UsageError):
        run(_topic("a"), *arguments)


def test_dead_letters_are_another_topic(run: Run) -> None:
    """`--dead-letters` reads what could not be delivered."""
    with pytest.raises(UnavailableError, match=r"kun\.dlq\.team-pay"):
        run(_topic("a"), "--dead-letters")
