"""`kunobs tail` as a person runs it: a process on a terminal, logged in as a tenant, on the real tenant Kafka."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import signal
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from confluent_kafka.admin import NewPartitions

from kunobs.client import find_access
from kunobs.client.tail import Tail
from kunobs.client.terminal import colour_of
from kunobs.config import KafkaCluster
from kunobs.kafka import admin, producer
from kunobs.local import LocalStack
from kunobs.local.tenant import add_tenant
from kunobs.testing import EventGenerator, log_event
from tests.support import REPOSITORY, run_python, wait_until

_TIMEOUT = 30.0


@dataclass
class Tenant:
    """A namespace on the tenant Kafka and its credentials file."""

    cluster: KafkaCluster
    namespace: str
    credentials: Path

    def write(self, *values: bytes, partition: int = 0) -> None:
        """Append in one transaction."""
        client = producer(self.cluster, **{"transactional.id": f"test-{self.namespace}"})
        client.init_transactions(_TIMEOUT)
        client.begin_transaction()
        for value in values:
            client.produce(f"kun.logs.{self.namespace}", value, partition=partition)
        client.commit_transaction(_TIMEOUT)

    def environ(self, **more: str) -> dict[str, str]:
        """What a tenant's shell has set."""
        own = {"KUNOBS_CREDENTIALS": str(self.credentials), "PYTHONPATH": str(REPOSITORY)}
        plain = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
        return plain | {"TERM": "xterm-256color", "PYTHONUNBUFFERED": ""} | own | more

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `kunobs tail` to its end, without a terminal."""
        return run_python("-m", "kunobs", "tail", self.namespace, *arguments, environ=self.environ())


@pytest.fixture
def shop(stack: LocalStack, tenant: KafkaCluster, unique: Callable[[str], str]) -> Tenant:
    """A new tenant."""
    name = unique("shop")
    return Tenant(tenant, name, add_tenant(stack, name).credentials_file)


@dataclass
class Terminal:
    """A program on a pseudo terminal, and what it has shown so far."""

    process: subprocess.Popen[bytes]
    master: int
    shown: bytearray = field(default_factory=bytearray)

    def read(self) -> None:
        """Collect what it shows until it ends."""
        while True:
            try:
                data = os.read(self.master, 65536)
            except OSError:
                return
            if not data:
                return
            self.shown += data

    @property
    def text(self) -> str:
        """What is on the screen, line ends as programs write them."""
        return self.shown.decode(errors="replace").replace("\r\n", "\n")

    def wait_for(self, text: str) -> None:
        """Until `text` is on the screen."""
        wait_until(lambda: text in self.text, 60, f"{text!r} in {self.text[-500:]!r}")


def _take_terminal() -> None:
    """Make standard input the controlling terminal, so that ^C typed there is a SIGINT."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def open_terminal() -> Iterator[Callable[..., Terminal]]:
    """Start `kunobs` on a terminal of its own; killed at the end of the test."""
    started: list[tuple[Terminal, threading.Thread]] = []

    def go(environ: dict[str, str], *arguments: str) -> Terminal:
        master, slave = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "kunobs", *arguments],
            stdin=slave, stdout=slave, stderr=slave, env=environ, start_new_session=True,
            preexec_fn=_take_terminal,
        )  # fmt: skip
        os.close(slave)
        terminal = Terminal(process, master)
        thread = threading.Thread(target=terminal.read, daemon=True)
        thread.start()
        started.append((terminal, thread))
        return terminal

    yield go
    for terminal, thread in started:
        terminal.process.kill()
        terminal.process.wait(_TIMEOUT)
        thread.join(_TIMEOUT)
        os.close(terminal.master)


def test_following_on_a_terminal(shop: Tenant, open_terminal: Callable[..., Terminal]) -> None:
    """Colours, old and new lines, hostile lines made harmless, and Ctrl-C: exit code 130 and no traceback."""
    shop.write(log_event("before 订单", pod="api-1"))
    terminal = open_terminal(shop.environ(), "tail", shop.namespace)
    terminal.wait_for("before 订单")
    assert terminal.text == f"\x1b[{colour_of('api-1')}mapi-1 app │\x1b[0m before 订单\n"
    shop.write(log_event("boom\n\tat a.B", pod="api-2"), log_event("\x1b]0;owned\x07\x1b[2Jx", pod="api-2"))
    shop.write(b"no json \x1b[2J", log_event('{"level":"error","msg":"last"}', pod="api-2"))
    terminal.wait_for("last")
    prefix = f"\x1b[{colour_of('api-2')}mapi-2 app"
    assert f"{prefix} │\x1b[0m boom\n{prefix} ┆\x1b[0m \tat a.B\n" in terminal.text
    assert "\\x1b]0;owned\\x07\\x1b[2Jx" in terminal.text
    assert "[broken: not_json]\x1b[0m no json \\x1b[2J" in terminal.text
    assert set(re.findall(r"\x1b[^m]*m", terminal.text)) <= {
        f"\x1b[{code}m" for code in (0, 31, *map(colour_of, ("api-1", "api-2", "-")))
    }
    os.write(terminal.master, b"\x03")
    assert terminal.process.wait(_TIMEOUT) == 130
    assert "Traceback" not in terminal.text


def test_no_color(shop: Tenant, open_terminal: Callable[..., Terminal]) -> None:
    """NO_COLOR makes a terminal's output plain."""
    shop.write(log_event("x", pod="api-1"))
    terminal = open_terminal(shop.environ(NO_COLOR="1"), "tail", shop.namespace, "--no-follow")
    assert terminal.process.wait(60) == 0
    terminal.wait_for("api-1 app │ x\n")
    assert "\x1b" not in terminal.text


def test_every_line_of_a_day(shop: Tenant) -> None:
    """Through a pipe: each line of a generated day exactly once and in order, JSON for programs, selections."""
    print("seed 3")
    lines = [line.value for line in EventGenerator(3, 4).lines(3000)]
    shop.write(*lines)
    done = shop.run("--no-follow", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    shown = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["offset"] for line in shown] == list(range(len(lines)))
    for line, value in zip(shown, lines, strict=True):
        assert ("broken" in line) or line["event"] == json.loads(value.decode("utf-8-sig"))
    pod = next(line["pod"] for line in shown if line["pod"])
    some = shop.run("--no-follow", "--pod", f"{pod[:-2]}*", "--json").stdout.splitlines()
    assert [json.loads(line)["offset"] for line in some] == [
        line["offset"] for line in shown if line["pod"].startswith(pod[:-2])
    ]
    found = shop.run("--no-follow", "-g", "支付(成功|失败)").stdout
    assert found.count(" │ ") == sum(bool(re.search("支付(成功|失败)", line["message"])) for line in shown) > 0


def test_a_reader_that_has_seen_enough(shop: Tenant) -> None:
    """`| head -1` ends it quietly, also while it follows."""
    shop.write(*(log_event(f"line {number}" + "x" * 200) for number in range(5000)))
    command = f"{sys.executable} -m kunobs tail {shop.namespace} | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command], env=shop.environ(), capture_output=True, text=True, timeout=60, check=False
    )
    first, code = done.stdout.splitlines()
    assert first.endswith("line 0" + "x" * 200)
    assert (code, done.stderr) == ("0", "")


def test_new_partitions_are_picked_up(shop: Tenant) -> None:
    """While following, lines of a partition that is added are shown from its first on."""
    access = find_access(shop.namespace, shop.credentials)
    shop.write(log_event("a"))
    chunks = Tail(access, access.topic, since=600.0, follow=True, refresh=0.2).chunks()
    seen: list[str] = []

    def have(*messages: str) -> bool:
        seen.extend(event.message for event in next(chunks))
        return seen == list(messages)

    wait_until(lambda: have("a"), what="the first line")
    client = admin(shop.cluster)
    client.create_partitions([NewPartitions(access.topic, 2)])[access.topic].result(_TIMEOUT)
    shop.write(log_event("b"), log_event("c"), partition=1)
    wait_until(lambda: have("a", "b", "c"), 60, "the lines of the new partition")
    chunks.close()


def test_what_can_be_wrong(shop: Tenant, tmp_path: Path) -> None:
    """Each mistake has its own sentence, a hint, an exit code, and no traceback."""
    changed = tmp_path / "changed.yaml"

    def failing(old: str, new: str, *arguments: str) -> tuple[int, str]:
        text = shop.credentials.read_text()
        assert re.search(old, text)
        changed.write_text(re.sub(old, new, text))
        done = shop.run("--no-follow", "--credentials", str(changed), *arguments)
        assert done.stdout == ""
        assert "Traceback" not in done.stderr
        return done.returncode, done.stderr

    code, text = failing("topic: .*", "topic: kun.logs.somebody-else")
    assert (code, "may not read topic kun.logs.somebody-else" in text) == (1, True)
    code, text = failing("password: .*", "password: wrong")
    assert (code, "login of" in text, "hint: compare username, password" in text) == (1, True, True)
    code, text = failing(r"127\.0\.0\.1:\d+", "127.0.0.1:1")
    assert (code, "no answer from 127.0.0.1:1" in text, "nc -vz 127.0.0.1 1" in text) == (1, True, True)
    code, text = failing("namespace: .*", "namespace: team-ad")
    assert (code, "is for namespace team-ad" in text) == (2, True)
    code, text = failing("x?", "", "-g", "(")
    assert (code, "no regular expression" in text) == (2, True)


def test_the_platform_engineer_needs_only_kunobs_yaml(shop: Tenant, stack: LocalStack, tmp_path: Path) -> None:
    """With the configuration's tenant cluster any namespace can be read."""
    shop.write(log_event("for the engineer"))
    done = run_python(
        "-m", "kunobs", "tail", shop.namespace, "-F", cwd=tmp_path, environ={"KUNOBS_CONFIG": str(stack.config_path)}
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "for the engineer" in done.stdout
    missing = run_python(
        "-m", "kunobs", "tail", "nobody-logs-here", cwd=tmp_path, environ={"KUNOBS_CONFIG": str(stack.config_path)}
    )
    assert missing.returncode == 1
    assert "there is no topic kun.logs.nobody-logs-here" in missing.stderr
