"""The alert of the demo: posted as Alertmanager does, told by a stand-in of WeCom, seen and taken on the board.

The relay is a process of its own; WeCom is `kunobs.testing.wecom`, which refuses whatever the real one would.
"""

from __future__ import annotations

import http.cookiejar
import json
import re
import secrets
import shutil
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyotp

from kunobs.clock import Clock
from kunobs.errors import LocalStackError
from kunobs.local.demo.legs import Leg
from kunobs.local.ports import HOST, choose
from kunobs.noc.admin.socket import ask
from kunobs.testing.wecom import WecomServer

_KEY, _WAIT_S = "demo-robot", 30.0
_PAYLOAD = {
    "version": "4",
    "externalURL": "http://alertmanager-0:9093",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "KunFanoutLag", "namespace": "pay-prod", "severity": "critical"},
            "annotations": {"summary": "pay-prod's logs are 12 minutes late"},
            "startsAt": "2026-01-01T00:00:00Z",
        }
    ],
}


@dataclass(frozen=True)
class AlertOutcome:
    """What became of it: the group's messages in order, how long the first took from the post, and the relay's own story."""

    messages: tuple[str, ...]
    seconds: float
    on_the_board: bool
    story: str


class AlertDemo:
    """A relay in `folder`; `run` leaves nothing running."""

    def __init__(self, folder: Path, environ: Mapping[str, str], clock: Clock) -> None:
        self._folder = folder / "noc"
        self._environ = environ
        self._clock = clock
        self._relay = Leg("noc", folder, clock)

    def run(self) -> AlertOutcome:
        """Raises LocalStackError when a step does not happen within half a minute."""
        self._relay.kill()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        with WecomServer([], {_KEY: "ops"}) as wecom:
            try:
                return self._steps(wecom)
            finally:
                self._relay.kill()

    def _steps(self, wecom: WecomServer) -> AlertOutcome:
        port, token = choose(()), secrets.token_hex(16)
        config = self._write_config(wecom.url, port, token)
        self._relay.start(config, port, self._environ)
        url = f"http://{HOST}:{port}"
        self._until("the relay to be ready", lambda: _get(f"{url}/-/ready") == "ready")
        board = _Board(url)
        board.log_in(self._folder / "admin.sock", self._clock)
        began = self._clock.monotonic()
        _post(f"{url}/v1/alertmanager/demo", json.dumps(_PAYLOAD).encode(), {"authorization": f"Bearer {token}"})
        self._until("the message in the group", lambda: len(wecom.seen_by("ops")) >= 1)
        seconds = wecom.seen_by("ops")[0].at - (self._clock.now() - (self._clock.monotonic() - began))
        seen = "12 minutes late" in board.page("/board")
        board.take(1)
        self._until("the news that somebody has it", lambda: len(wecom.seen_by("ops")) >= 2)
        story = str(ask(self._folder / "admin.sock", "story", incident=1))
        return AlertOutcome(tuple(each.text for each in wecom.seen_by("ops")), seconds, seen, story)

    def _write_config(self, wecom: str, port: int, token: str) -> Path:
        noc = {
            "data": str(self._folder),
            "public_url": f"http://{HOST}:{port}",
            "language": "en",
            "integrations": {"demo": {"token": token}},
            "channels": {"wecom_robot": {"ops": {"key": _KEY, "api": wecom}}},
            "ladders": {"standard": {"steps": [{"to": ["channel:ops"], "wait": "10m"}]}},
            "route": {"ladder": "standard"},
        }
        path = self._folder / "kunobs.yaml"
        path.write_text(json.dumps({"version": 1, "noc": noc}, indent=2))
        return path

    def _until(self, what: str, condition: object) -> None:
        deadline = self._clock.monotonic() + _WAIT_S
        while not condition():  # type: ignore[operator]
            self._relay.require_alive()
            if self._clock.monotonic() > deadline:
                raise LocalStackError(f"not within {_WAIT_S:.0f} s: {what}", hint=f"less {self._relay.log_file}")
            self._clock.sleep(0.02)


class _Board:
    """The board as a browser uses it."""

    def __init__(self, url: str) -> None:
        self._url = url
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(cookies)

    def log_in(self, admin: Path, clock: Clock) -> None:
        """With an account that is made for it."""
        password = secrets.token_urlsafe(16)
        made = ask(admin, "account.add", name="demo", password=password)
        secret = urllib.parse.parse_qs(urllib.parse.urlsplit(made).query)["secret"][0]
        code = pyotp.TOTP(secret).at(int(clock.now()))
        self._send("/board/login", self.page("/board/login"), name="demo", password=password, code=code)

    def page(self, path: str) -> str:
        """The HTML."""
        with self._opener.open(self._url + path, timeout=_WAIT_S) as answer:
            return str(answer.read().decode())

    def take(self, incident: int) -> None:
        """Press Take."""
        self._send(f"/board/incidents/{incident}/ack", self.page(f"/board/incidents/{incident}"))

    def _send(self, path: str, page: str, **fields: str) -> None:
        token = re.search(r'name="csrf" value="([^"]+)"', page)
        form = urllib.parse.urlencode(fields | {"csrf": token[1] if token else ""}).encode()
        request = urllib.request.Request(self._url + path, form, {"origin": self._url})  # noqa: S310  our own relay
        self._opener.open(request, timeout=_WAIT_S).close()


def _get(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310  our own relay
            return str(answer.read().decode().strip())
    except OSError:
        return ""


def _post(url: str, body: bytes, headers: Mapping[str, str]) -> None:
    with urllib.request.urlopen(urllib.request.Request(url, body, dict(headers)), timeout=_WAIT_S):  # noqa: S310
        pass
