"""`kunobs noc` as a process: its command line, reload, drain, and what the machine may do to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.noc_world import Poster, RelayProcess, World, post_alert, status_of, waiting, world
from tests.support import run_python, wait_until


@pytest.fixture
def around(tmp_path: Path) -> Iterator[World]:
    """Strict providers, and a folder for the relay."""
    with world(tmp_path) as made:
        yield made


@pytest.fixture
def relay(around: World) -> Iterator[RelayProcess]:
    """A relay that is ready."""
    process = RelayProcess(around.write_config()).ready()
    yield process
    process.kill()


def noc(around: World, *arguments: str) -> tuple[int, str]:
    """Run `kunobs noc …`; (exit code, what it printed)."""
    done = run_python(
        "-m", "kunobs", "noc", *arguments, "-c", str(around.folder / "kunobs.yaml"), environ={"USER": "li"}
    )
    return done.returncode, done.stdout + done.stderr


def test_from_a_post_to_its_proof(around: World, relay: RelayProcess) -> None:
    """Posted, told, taken on the command line, told again, and all of it can be read and checked."""
    assert post_alert(relay.url, "1", "robot3") == "200"
    wait_until(lambda: around.wecom.seen_by("group3"), what="the robot's message")
    assert noc(around, "ack", "1", "--by", "wang") == (0, "incident 1 was firing; wang has it now\n")
    wait_until(lambda: len(around.wecom.seen_by("group3")) == 2, what="the news that somebody has it")
    code, text = noc(around, "prove", "1")
    assert code == 0
    for words in (
        "http://am-0:9093 posted it: opened",
        "attempt 1 to reach robot3: accepted",
        "wang takes it, by command line",
    ):
        assert words in text
    assert "each fits to the one before" in noc(around, "verify")[1]
    lines = [json.loads(line) for line in noc(around, "export")[1].splitlines()]
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    assert noc(around, "prove", "77")[0] == 1


def test_silences_and_tokens(around: World, relay: RelayProcess) -> None:
    """Through the running relay; mistakes are explained."""
    code, text = noc(around, "silence", "add", 'alertname="Alert5"', "--for", "2h", "--comment", "a drill")
    assert (code, text) == (0, "silence 1; end it: kunobs noc silence end 1\n")
    assert 'alertname="Alert5"  by li: a drill' in noc(around, "silence", "list")[1]
    assert post_alert(relay.url, "5", "robot1") == "200"
    assert post_alert(relay.url, "6", "robot1") == "200"
    wait_until(lambda: around.wecom.seen_by("group1"), what="the other alert")
    assert [("Alert5" in each.text) for each in around.wecom.seen_by("group1")] == [False]
    assert noc(around, "silence", "end", "1")[0] == 0
    wait_until(lambda: len(around.wecom.seen_by("group1")) == 2, what="what was silenced and still fires")
    assert noc(around, "silence", "end", "1")[0] == 1
    code, text = noc(around, "silence", "add", "alertname", "--for", "2h", "--comment", "x")
    assert code == 1
    assert "is no matcher" in text
    code, text = noc(around, "tokens", "add", "pay")
    token = text.split()[0]
    assert token.startswith("kn_")
    assert token not in noc(around, "tokens", "list")[1]
    assert token.encode() not in (around.folder / "data" / "relay.db").read_bytes()


def test_a_drill(around: World, relay: RelayProcess) -> None:
    """Everybody and every group gets a test page; the report says who has not answered."""
    assert noc(around, "drill", "app1", "mail2")[0] == 0
    wait_until(lambda: around.wecom.seen_by("u1") and around.mail.received, what="the test pages")
    wait_until(lambda: waiting(around.folder) == 0, what="their record")
    code, text = noc(around, "drill-report", "1")
    assert code == 1
    assert "0 of 2 answered" in text
    assert noc(around, "drill", "nobody")[0] == 1


def test_reload(around: World, relay: RelayProcess) -> None:
    """A new route counts at once; a wrong file changes nothing and is explained."""
    config = around.folder / "kunobs.yaml"
    data: dict[str, Any] = json.loads(config.read_text())
    data["noc"]["route"]["routes"].insert(0, {"match": ['alertname="Alert9"'], "ladder": "robot7"})
    config.write_text(json.dumps(data))
    assert noc(around, "reload") == (0, "loaded\n")
    assert post_alert(relay.url, "9", "robot1") == "200"
    wait_until(lambda: around.wecom.seen_by("group7"), what="the message by the new route")
    data["noc"]["route"]["ladder"] = "robt7"
    config.write_text(json.dumps(data))
    relay.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "did you mean robot7?" in relay.log(), what="the explanation in the log")
    assert post_alert(relay.url, "10", "robot2") == "200"
    wait_until(lambda: around.wecom.seen_by("group2"), what="the message by the old configuration")


def test_one_relay_at_a_time(around: World, relay: RelayProcess) -> None:
    """A second one on the same folder says why it cannot."""
    second = subprocess.run(
        [sys.executable, "-m", "kunobs", "noc", "-c", str(around.folder / "kunobs.yaml")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert second.returncode == 1
    assert "another process has" in second.stderr
    assert post_alert(relay.url, "1", "hook") == "200"


def test_draining_loses_nothing(around: World, relay: RelayProcess) -> None:
    """SIGTERM within a burst: what was accepted is sent by the next life, nothing twice."""
    poster = Poster()
    poster.to(relay.url)
    for number in range(60):
        poster.post(str(number), f"app{number % 12}")
    wait_until(lambda: len(poster.accepted) > 10, what="some posts")
    relay.kill(signal.SIGTERM)
    assert relay.process.returncode == 0, relay.log()
    again = RelayProcess(around.folder / "kunobs.yaml").ready()
    poster.to(again.url)
    wait_until(lambda: not poster.left and len(poster.accepted) == 60, what="all posts")
    wait_until(lambda: waiting(around.folder) == 0, what="all messages")
    again.kill(signal.SIGTERM)
    poster.end()
    assert sorted(around.pages().values()) == [1] * 60


def test_stopped_for_a_minute(around: World) -> None:
    """SIGSTOP until every lease is over: whoever posted posts again, and each is told once."""
    relay = RelayProcess(around.write_config(lease="20s")).ready()
    poster = Poster()
    poster.to(relay.url)
    for number in range(20):
        poster.post(str(number), f"app{number % 12}")
    wait_until(lambda: len(poster.accepted) > 5, what="some posts")
    relay.process.send_signal(signal.SIGSTOP)
    stopped = time.monotonic()
    for number in range(20, 30):
        poster.post(str(number), f"app{number % 12}")
    # A stopped process answers nothing; posts wait in the kernel, and those who posted give up after 20 s.
    wait_until(lambda: time.monotonic() - stopped > 60, 70, "the minute")
    assert len(poster.accepted) < 30
    relay.process.send_signal(signal.SIGCONT)
    poster.to(relay.url)
    wait_until(lambda: poster.to(relay.url) or len(poster.accepted) == 30, 60, "all posts")
    wait_until(lambda: waiting(around.folder) == 0, 60, "all messages")
    poster.end()
    relay.kill(signal.SIGTERM)
    assert sorted(around.pages().values()) == [1] * 30


def test_a_disk_that_keeps_nothing(around: World, tmp_path: Path) -> None:
    """While fsync fails nothing is accepted; then, and after kill -9, every accepted alert was told once, and no other."""
    library, flag = tmp_path / "failing_fsync.so", tmp_path / "fsync-fails"
    source = Path(__file__).with_name("failing_fsync.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
    environ = {"LD_PRELOAD": str(library), "FSYNC_FAILS": str(flag)}
    relay = RelayProcess(around.write_config(), **environ).ready()
    assert post_alert(relay.url, "1", "hook") == "200"
    flag.touch()
    for name in ("2", "3", "2"):
        assert post_alert(relay.url, name, "hook") == "503"
    assert "look at dmesg and the disk" in relay.log()
    flag.unlink()
    assert post_alert(relay.url, "4", "hook") == "200"
    # Alertmanager posts again what was not accepted.
    assert post_alert(relay.url, "2", "hook") == "200"
    wait_until(lambda: len(around.sink.received) >= 3, what="the accepted alerts")
    flag.touch()
    assert post_alert(relay.url, "5", "hook") == "503"
    relay.kill()
    flag.unlink()
    again = RelayProcess(around.folder / "kunobs.yaml").ready()
    assert post_alert(again.url, "5", "hook") == "200"
    wait_until(lambda: around.pages()["hook", "5"], what="the last alert")
    wait_until(lambda: waiting(around.folder) == 0, what="all messages")
    again.kill(signal.SIGTERM)
    pages = around.pages()
    assert all(pages["hook", name] == 1 for name in ("1", "2", "4", "5")), pages
    # What was refused may be there all the same: its transaction may have reached the disk before the error.
    assert pages["hook", "3"] <= 1
    assert noc(around, "verify")[0] == 0


def test_a_full_disk(around: World, tmp_path: Path) -> None:
    """503 while it is full, and nothing is lost: the same posts are accepted once there is room."""
    if os.geteuid() != 0 and os.environ.get("CI") != "true":
        pytest.skip("mounting a small file system needs root")
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", small], check=True)
    try:
        relay = RelayProcess(around.write_config(data=str(small))).ready()
        codes: list[str] = []
        accepted: list[str] = []
        while "503" not in codes:
            name = str(len(codes))
            codes.append(post_alert(relay.url, name, "hook", padding=40_000))
            accepted += [name] * (codes[-1] == "200")
            assert len(codes) < 500
        assert set(codes) == {"200", "503"}
        subprocess.run(["mount", "-o", "remount,size=30m", small], check=True)
        wait_until(lambda: post_alert(relay.url, "9999", "hook") == "200", what="an accepted post")
        wait_until(lambda: len(around.sink.received) == len(accepted) + 1, what="every accepted alert")
        wait_until(lambda: status_of(relay.url + "/-/ready") == 200, what="readiness")
        relay.kill(signal.SIGTERM)
        assert max(around.pages().values()) == 1
    finally:
        subprocess.run(["umount", "-l", small], check=True)
