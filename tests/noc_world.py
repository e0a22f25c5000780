"""Strict providers around a relay in a process of its own: what is posted until it is accepted, and what people received."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kunobs.testing.gateway import PhoneGateway, WebhookSink
from kunobs.testing.smtp import MailServer
from kunobs.testing.wechat import WechatServer
from kunobs.testing.wecom import WecomServer
from tests.support import REPOSITORY, wait_until

# A callee is called five times an hour at most: more callees than the 2,000 calls of a thousand kills need.
ROBOTS, PEOPLE, CALLEES = 10, 12, 500
VIAS = ("robot", "app", "wechat", "mail", "phone", "hook")
# The robot's API has no way to recognise a repeated request; all others have.
NO_DEDUPLICATION = ("robot",)


class World:
    """The providers. `pages` counts what people received, by (via, name of the alert)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._stack = contextlib.ExitStack()
        users = [f"u{n}" for n in range(PEOPLE)]
        self.wecom = self._stack.enter_context(WecomServer(users, {f"key{n}": f"group{n}" for n in range(ROBOTS)}))
        self.wechat = self._stack.enter_context(WechatServer())
        self.wechat.followers = {f"openid-{n}": 0 for n in range(PEOPLE)}
        self.mail = self._stack.enter_context(MailServer("none"))
        self.gateway = self._stack.enter_context(PhoneGateway("secret"))
        self.sink = self._stack.enter_context(WebhookSink("secret"))

    def close(self) -> None:
        """End the providers."""
        self._stack.close()

    def write_config(self, **noc: Any) -> Path:
        """kunobs.yaml: every way of reaching somebody is a route of its own."""
        path = self.folder / "kunobs.yaml"
        path.write_text(json.dumps({"version": 1, "noc": self._noc() | noc}))
        return path

    def _noc(self) -> dict[str, Any]:
        people: dict[str, Any] = {}
        targets: dict[str, str] = {f"robot{n}": f"channel:robot{n}" for n in range(ROBOTS)} | {"hook": "channel:hook"}
        for n in range(PEOPLE):
            people |= {
                f"app{n}": {"wecom": f"u{n}", "by": ["app"]},
                f"wechat{n}": {"openid": f"openid-{n}", "by": ["oa"]},
                f"mail{n}": {"mail": f"p{n}@example.com", "by": ["mail"]},
            }
        people |= {f"phone{n}": {"phone": f"+861390000{n:04d}", "by": ["phone"]} for n in range(CALLEES)}
        targets |= {name: f"person:{name}" for name in people}
        ladders = {
            name: {"steps": [{"to": [target], "wait": "6h"}], "repeat": 0, "remind": "6h"}
            for name, target in targets.items()
        }
        return {
            "data": str(self.folder / "data"),
            "listen": "127.0.0.1:0",
            "integrations": {"prod": {"token": "t0ken"}},
            "channels": self._channels(),
            "people": people,
            "ladders": ladders,
            "route": {
                "ladder": "robot0",
                "routes": [{"match": [f'via="{name}"'], "ladder": name} for name in targets],
            },
            "storm": {"incidents": 100_000},
        }

    def _channels(self) -> dict[str, Any]:
        api = self.wecom.url
        app = self.wecom.app
        return {
            "wecom_robot": {f"robot{n}": {"key": f"key{n}", "api": api} for n in range(ROBOTS)},
            "wecom_app": {"app": {"corp_id": app.corp_id, "agent_id": app.agent_id, "secret": app.secret, "api": api}},
            "wechat": {
                "oa": {
                    "app_id": self.wechat.app_id, "secret": self.wechat.secret, "template_id": "alert", "api": self.wechat.url,
                    "fields": {"thing1": "title", "time2": "time", "const3": "severity", "character_string4": "incident"},
                }
            },
            "mail": {
                "mail": {
                    "sender": "noc@example.com", "per_minute": 100000,
                    "smarthosts": [{"host": "127.0.0.1", "port": self.mail.port, "tls": "none"}],
                }
            },
            "phone": {"phone": {"url": self.gateway.url + "/call", "hmac_secret": "secret"}},
            "webhook": {"hook": {"url": self.sink.url + "/hook", "hmac_secret": "secret", "per_minute": 100000}},
        }  # fmt: skip

    def requests(self) -> int:
        """How many requests the providers that speak HTTP have got."""
        return len(self.wecom.calls) + len(self.wechat.asked) + len(self.gateway.asked) + len(self.sink.asked)

    def more_than(self, count: int) -> bool:
        """Whether they have got more."""
        return self.requests() > count

    def pages(self) -> Counter[tuple[str, str]]:
        """(via, alert) -> how many messages a human saw. Mails count by Message-ID, as a mail program shows them."""
        seen: Counter[tuple[str, str]] = Counter()
        for each in list(self.wecom.received):
            seen["robot" if each.to.startswith("group") else "app", _name(each.text)] += 1
        for message in list(self.wechat.received):
            seen["wechat", _name(str(message.values))] += 1
        for mail in {str(mail.message["Message-ID"]): mail for mail in list(self.mail.received)}.values():
            seen["mail", _name(str(mail.message["Subject"]))] += 1
        for call in list(self.gateway.received):
            seen["phone", _name(call.text)] += 1
        for posted in list(self.sink.received):
            seen["hook", _name(json.dumps(posted))] += 1
        return seen


def _name(text: str) -> str:
    found = re.search(r"Alert(\d+)", text)
    assert found, f"a message that names no alert: {text!r}"
    return found[1]


class RelayProcess:
    """One life of `kunobs noc`; `url` once it is ready."""

    def __init__(self, config: Path, **environ: str) -> None:
        self.errors = (config.parent / "relay.log").open("ab")
        self._log = config.parent / f"life-{time.monotonic_ns()}.log"
        self._out = self._log.open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "kunobs", "noc", "-c", str(config)],
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)} | environ,
            stdout=self._out,
            stderr=self._out,
            cwd=config.parent,
        )
        self.url = ""

    def ready(self) -> RelayProcess:
        """Wait until it serves."""
        address = wait_until(self._address, 60, "the relay's address")
        self.url = f"http://{address}"
        wait_until(lambda: status_of(self.url + "/-/ready") == 200 or self.ended, 60, "the relay to be ready")
        return self

    @property
    def ended(self) -> bool:
        """Whether the process is gone."""
        return self.process.poll() is not None

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Signal it, and wait for the end."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)
        self.process.wait(60)
        self._out.close()
        self.errors.close()

    def log(self) -> str:
        """What it said."""
        return self._log.read_text(errors="replace")

    def _address(self) -> str:
        assert not self.ended, self.log()
        found = re.search(r'"address": "([^"]+)"', self.log())
        return found[1] if found else ""


class Poster:
    """Posts alerts as Alertmanager does: again after every refused connection and every 5xx, until a 2xx."""

    def __init__(self) -> None:
        self.accepted: dict[str, str] = {}
        self.codes: Counter[str] = Counter()
        self._url = ""
        self._waiting: list[tuple[str, str]] = []
        self._lock = threading.Condition()
        self._ended = False
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(6)]
        for thread in self._threads:
            thread.start()

    def to(self, url: str) -> None:
        """Where the relay is now; empty while it is dead."""
        with self._lock:
            self._url = url
            self._lock.notify_all()

    def post(self, name: str, via: str) -> None:
        """An alert that is to reach somebody that way."""
        with self._lock:
            self._waiting.append((name, via))
            self._lock.notify()

    @property
    def left(self) -> int:
        """How many are not accepted yet."""
        with self._lock:
            return len(self._waiting)

    def end(self) -> None:
        """Stop the threads."""
        with self._lock:
            self._ended = True
            self._lock.notify_all()
        for thread in self._threads:
            thread.join(30)

    def _run(self) -> None:
        while True:
            with self._lock:
                self._lock.wait_for(lambda: self._ended or (self._url and self._waiting))
                if self._ended:
                    return
                url, (name, via) = self._url, self._waiting.pop()
            code = post_alert(url, name, via)
            with self._lock:
                self.codes[code] += 1
                if code == "200":
                    self.accepted[name] = via
                else:
                    self._waiting.insert(0, (name, via))
                    if self._url == url and code != "503":
                        # It is dead: wait for its next life.
                        self._url = ""


def post_alert(url: str, name: str, via: str, padding: int = 0) -> str:
    """The status, or the error's name."""
    alert = {
        "status": "firing",
        "labels": {"alertname": f"Alert{name}", "via": via, "severity": "critical"},
        "annotations": {"summary": f"Alert{name}", "padding": "x" * padding},
        "startsAt": "2026-01-01T00:00:00Z",
    }
    body = json.dumps({"version": "4", "externalURL": "http://am-0:9093", "alerts": [alert]}).encode()
    request = urllib.request.Request(  # noqa: S310  it is our own
        f"{url}/v1/alertmanager/prod", body, {"authorization": "Bearer t0ken", "content-type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
            answer.read()
            return str(answer.status)
    except urllib.error.HTTPError as error:
        return str(error.code)
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__


def sending(folder: Path) -> Counter[str]:
    """What a dead relay was sending, by channel: read beside it, before its next life."""
    connection = sqlite3.connect(f"file:{folder / 'data' / 'relay.db'}?mode=ro", uri=True)
    try:
        return Counter(row[0] for row in connection.execute("SELECT channel FROM outbox WHERE state = 'sending'"))
    finally:
        connection.close()


def waiting(folder: Path) -> int:
    """How many messages are not sent yet."""
    connection = sqlite3.connect(f"file:{folder / 'data' / 'relay.db'}?mode=ro", uri=True)
    try:
        return int(connection.execute("SELECT count(*) FROM outbox WHERE state IN ('due', 'sending')").fetchone()[0])
    finally:
        connection.close()


def status_of(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


@contextlib.contextmanager
def world(folder: Path) -> Iterator[World]:
    """Providers for a block."""
    made = World(folder)
    try:
        yield made
    finally:
        made.close()
