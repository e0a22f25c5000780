"""Real processes, real signals: every way to end has its exit code, and no end takes longer than it may."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.support import REPOSITORY, wait_until

# The child says `up` when main has begun; SIGTERM and SIGINT are then the parent's to send.
PROGRAM = """
import os, sys, threading, time
from prometheus_client import CollectorRegistry
from kunobs import log, service
from kunobs.errors import ConfigError
log.setup("info")

def up():
    print("up", flush=True)

{body}

sys.exit(service.run("demo", main, drain_timeout={drain}, serve={serve}))
"""
FOLLOWS = """
def main(life):
    life.ready()
    up()
    while not life.wait(3600):
        pass
    print("draining", flush=True)
"""
DEAF = """
def main(life):
    up()
    while True:
        life.wait(3600) if not life.stopping else time.sleep(3600)
"""
SERVED = 'service.Serve("127.0.0.1:0", CollectorRegistry())'


class Child:
    """A running process with its output."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def line(self) -> str:
        """The next line of stdout."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def end(self, input: str | None = None) -> tuple[int, list[dict[str, Any]], list[str]]:
        """Wait for the end: exit code, the log's lines, and the rest of stderr."""
        _, err = self.process.communicate(input, timeout=60)
        text = err.splitlines()
        logged = [json.loads(line) for line in text if line.startswith("{")]
        return self.process.returncode, logged, [line for line in text if not line.startswith("{")]


@contextlib.contextmanager
def child(body: str, *, drain: float = 3600, serve: str = "None") -> Iterator[Child]:
    """A process that runs `body`, killed when the test is over."""
    code = PROGRAM.format(body=body, drain=drain, serve=serve)
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    )
    try:
        yield Child(process)
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_first_signal_drains(number: signal.Signals) -> None:
    """Either signal lets main finish, and the process leaves with 0."""
    with child(FOLLOWS) as demo:
        assert demo.line() == "up"
        demo.send(number)
        assert demo.line() == "draining"
        code, logged, plain = demo.end()
    assert code == 0
    assert plain == []
    events = [(line["event"], line["part"]) for line in logged]
    assert events == [("started", "demo"), ("draining", "demo"), ("drained", "demo")]
    assert logged[1]["signal"] == number.name


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_second_signal_leaves_at_once(second: signal.Signals) -> None:
    """A process that drains for an hour is gone on the second signal, with 4."""
    with child(DEAF) as demo:
        assert demo.line() == "up"
        demo.send(signal.SIGTERM)
        wait_for_log(demo, "draining")
        demo.send(second)
        code, logged, _ = demo.end()
    assert code == 4
    assert (logged[-1]["event"], logged[-1]["signal"]) == ("second signal, leaving without draining", second.name)


def wait_for_log(demo: Child, event: str) -> None:
    """Read stderr until a line of the log has the event."""
    assert demo.process.stderr is not None
    while json.loads(demo.process.stderr.readline())["event"] != event:
        pass


def test_deadline_ends_a_drain_that_hangs() -> None:
    """When main does not return in time the process leaves with 3 and says where main was."""
    with child(DEAF, drain=0.2) as demo:
        assert demo.line() == "up"
        demo.send(signal.SIGTERM)
        code, logged, _ = demo.end()
    assert code == 3
    assert logged[-1]["event"] == "the drain took too long, leaving"
    assert "in main" in logged[-1]["main"]


def test_signals_work_while_main_is_in_c() -> None:
    """Signals and deadline do not need main to come back from a C call that starts again by itself."""
    body = """
def main(life):
    lock = threading.Lock()
    lock.acquire()
    up()
    lock.acquire()
"""
    with child(body, drain=0.2) as demo:
        assert demo.line() == "up"
        demo.send(signal.SIGINT)
        code, logged, _ = demo.end()
    assert code == 3
    assert [line["event"] for line in logged][1] == "draining"


def test_c_calls_with_a_timeout_see_the_drain() -> None:
    """A main that polls a C client in short steps drains as it should."""
    body = """
from confluent_kafka import Producer
def main(life):
    producer = Producer({"bootstrap.servers": "127.0.0.1:1", "log_level": 0})
    producer.produce("t", b"x")
    up()
    while not life.stopping:
        producer.flush(0.05)
"""
    with child(body) as demo:
        assert demo.line() == "up"
        demo.send(signal.SIGTERM)
        code, logged, _ = demo.end()
    assert code == 0
    assert logged[-1]["event"] == "drained"


def test_thread_that_is_left_does_not_outlive_the_deadline() -> None:
    """main has drained but a thread of it hangs: the interpreter would wait for ever, the deadline does not."""
    body = """
def main(life):
    threading.Thread(target=lambda: time.sleep(3600), name="stuck").start()
    up()
    life.wait(3600)
"""
    with child(body, drain=0.3) as demo:
        assert demo.line() == "up"
        demo.send(signal.SIGTERM)
        code, logged, _ = demo.end()
    assert code == 3
    assert [line["threads"] for line in logged if line["event"] == "threads still run after the drain"] == [["stuck"]]


def test_blocked_stderr_does_not_keep_the_process() -> None:
    """When nobody reads stderr and main hangs in a log line, the deadline still comes."""
    body = """
def main(life):
    up()
    logger = log.get_logger("demo")
    while True:
        logger.info("x" * 10000)
"""
    with child(body, drain=0.2) as demo:
        assert demo.line() == "up"
        demo.send(signal.SIGTERM)
        wait_until(lambda: demo.process.poll() is not None, what="the process to leave")
        assert demo.process.returncode == 3


def test_failure_while_draining_is_a_failure() -> None:
    """A drain that raises is 1, not 0."""
    body = """
def main(life):
    up()
    life.wait(3600)
    raise RuntimeError("the last commit failed")
"""
    with child(body) as demo:
        assert demo.line() == "up"
        demo.send(signal.SIGTERM)
        code, logged, _ = demo.end()
    assert code == 1
    assert "the last commit failed" in logged[-1]["exception"]


def test_configuration_error_is_2() -> None:
    """The code reaches the shell, with text for a person."""
    body = """
def main(life):
    raise ConfigError("kafka.public.brokers is empty", hint="kunobs check")
"""
    with child(body) as demo:
        code, _, plain = demo.end()
    assert code == 2
    assert plain == ["kunobs demo: kafka.public.brokers is empty", "hint: kunobs check"]


def test_signal_before_main_is_not_lost() -> None:
    """A signal that comes while the server starts makes main stop at once."""
    body = """
def main(life):
    life.wait(3600)
_start = service._start_server
def slow(*arguments):
    up()
    while not arguments[1].stopping:
        time.sleep(0.01)
    return _start(*arguments)
service._start_server = slow
"""
    with child(body, serve=SERVED) as demo:
        assert demo.line() == "up"
        demo.send(signal.SIGTERM)
        code, logged, _ = demo.end()
    assert code == 0
    assert logged[-1]["event"] == "drained"


def test_server_serves_until_the_drain_is_over() -> None:
    """Ready is 200, then 503 while draining, with metrics all the time; afterwards the port is closed."""
    body = """
def main(life):
    life.ready()
    up()
    life.wait(3600)
    sys.stdin.readline()
"""
    with child(body, serve=SERVED) as demo:
        assert demo.line() == "up"
        url = f"http://{listening(demo)}"
        assert requests.get(f"{url}/-/ready", timeout=30).text == "ready\n"
        assert "kunobs_process_ready 1.0" in requests.get(f"{url}/metrics", timeout=30).text
        demo.send(signal.SIGTERM)
        wait_for_log(demo, "draining")
        wait_until(lambda: requests.get(f"{url}/-/ready", timeout=30).text == "draining\n", what="the drain")
        assert requests.get(f"{url}/-/ready", timeout=30).status_code == 503
        assert requests.get(f"{url}/-/healthy", timeout=30).status_code == 200
        assert "kunobs_process_ready 0.0" in requests.get(f"{url}/metrics", timeout=30).text
        code, _, _ = demo.end(input="drained\n")
        assert code == 0
        with pytest.raises(requests.ConnectionError):
            requests.get(f"{url}/-/ready", timeout=30)


def listening(demo: Child) -> str:
    """The address in the first line of the log."""
    assert demo.process.stderr is not None
    return str(json.loads(demo.process.stderr.readline())["address"])


def test_port_in_use_is_explained() -> None:
    """Two processes on one port: the second says who to ask and leaves with 1; main never runs."""
    with child(FOLLOWS, serve=SERVED) as first:
        assert first.line() == "up"
        address = listening(first)
        taken = f'service.Serve("{address}", CollectorRegistry())'
        with child(FOLLOWS, serve=taken) as second:
            code, _, plain = second.end()
    port = address.rpartition(":")[2]
    assert code == 1
    assert plain == [
        f"kunobs demo: cannot listen on {address}: the port is in use",
        f"hint: see who holds it: ss -ltnp 'sport = :{port}'",
    ]


def test_hanging_scrape_does_not_keep_the_process() -> None:
    """A collector that never returns is left behind: the process drains and leaves with 0."""
    body = """
registry = CollectorRegistry()
class Hangs:
    def describe(self):
        return []
    def collect(self):
        print("scraped", flush=True)
        threading.Event().wait()
        return []
registry.register(Hangs())
def main(life):
    up()
    life.wait(3600)
"""
    with child(body, serve='service.Serve("127.0.0.1:0", registry)') as demo:
        assert demo.line() == "up"
        url = f"http://{listening(demo)}"
        with requests.Session() as session, pytest.raises(requests.exceptions.Timeout):
            session.get(f"{url}/metrics", timeout=(30, 0.2))
        assert demo.line() == "scraped"
        demo.send(signal.SIGTERM)
        code, _, _ = demo.end()
    assert code == 0


def test_many_signals_at_once_are_two() -> None:
    """A burst of signals is a first and a second one: the process leaves, whatever the burst's length."""
    with child(DEAF) as demo:
        assert demo.line() == "up"
        for _ in range(50):
            demo.send(signal.SIGTERM)
        wait_for_log(demo, "draining")
        # The kernel may have merged all fifty into one.
        demo.send(signal.SIGINT)
        code, _, _ = demo.end()
    assert code == 4
