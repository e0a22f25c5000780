"""`python -m tests.noc_apprise`: the same faults against apprise, a library that many send alerts with; docs/proof/noc-faults-apprise.json.

It gets the most that it offers for this: three retries (`?retry=3`). A cell says what its caller knows at the end: `arrived`, `said no` (the
caller has to do the rest), or `silent` (it said yes, and nobody got anything). apprise promises no more than that one answer; what a
failure means, whom else to tell and when to try again is not its part. Installed by `bash benchmarks/noc/install-peers.sh`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import urlsplit

from kunobs.testing.clock import FakeClock
from kunobs.testing.gateway import WebhookSink
from kunobs.testing.smtp import MailServer
from kunobs.testing.wecom import WecomServer
from tests.integration import test_noc_faults as ours
from tests.integration.test_noc_faults import Provider
from tests.support import REPOSITORY

PROOF = REPOSITORY / "docs" / "proof" / "noc-faults-apprise.json"
PYTHON = (
    Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kunobs" / "peers" / "apprise" / "bin" / "python"
)
# Its plugins know one address each; a class attribute is all that is changed.
CHILD = """
import json, sys
import apprise
from apprise.plugins.wechat import NotifyWeChat
from apprise.plugins.wecombot import NotifyWeComBot
url, api = sys.argv[1:]
if api:
    NotifyWeComBot.notify_url = api + "/cgi-bin/webhook/send?key={key}"
    NotifyWeChat.token_url = api + "/cgi-bin/gettoken"
    NotifyWeChat.notify_url = api + "/cgi-bin/message/send"
a = apprise.Apprise()
assert a.add(url), "apprise does not take " + url
print(json.dumps({"version": apprise.__version__, "said": bool(a.notify(title="DiskFull", body="the disk is full"))}))
"""
LOST = {"refused": "http://127.0.0.1:9", "dns": "http://no-such-host.invalid"}


def robot(server: WecomServer) -> tuple[Provider, str, str]:
    """A group robot."""
    return ours.wecom_robot(server), "wecombot://robot-key/?retry=3", server.url


def app(server: WecomServer) -> tuple[Provider, str, str]:
    """An application of WeCom."""
    one = server.app
    return ours.wecom_app(server), f"wechat://{one.corp_id}:{one.secret}@{one.agent_id}/@lilei?retry=3", server.url


def hook(sink: WebhookSink) -> tuple[Provider, str, str]:
    """JSON by POST."""
    return ours.webhook(sink), f"json://{urlsplit(sink.url).netloc}/hook?retry=3&+Idempotency-Key=a1", ""


def mail(server: MailServer) -> tuple[Provider, str, str]:
    """A mail over STARTTLS."""
    url = (
        f"mailtos://{server.user}:{server.password}@{server.host}:{server.port}/?from=noc@example.com&to=li@example.com"
    )
    os.environ["SSL_CERT_FILE"] = server.ca_file
    return ours.mail(server), f"{url}&mode=starttls&retry=3", ""


KINDS: dict[str, Callable[[], tuple[AbstractContextManager[object], Callable[..., tuple[Provider, str, str]]]]] = {
    "wecom_robot": lambda: (WecomServer(["lilei"], {"robot-key": "ops"}, clock=FakeClock()), robot),
    "wecom_app": lambda: (WecomServer(["lilei"], {"robot-key": "ops"}, clock=FakeClock()), app),
    "webhook": lambda: (WebhookSink("", FakeClock()), hook),
    "mail": lambda: (MailServer("starttls", "noc", "password"), mail),
}


def astray(fault: str, url: str, api: str) -> tuple[str, str]:
    """Where the fault is in the network, the same message to nowhere."""
    if fault == "tls":
        return url.replace("json://", "jsons://"), api.replace("http://", "https://")
    if fault in LOST:
        place = LOST[fault]
        at = urlsplit(url).netloc.rpartition("@")[2]
        return (url, place) if api else (url.replace(at, urlsplit(place).netloc), "")
    return url, api


def cell(kind: str, fault: str) -> tuple[str, str]:
    """The verdict, and apprise's version."""
    making, tell = KINDS[kind]()
    with making as server:
        provider, url, api = tell(server)
        url, api = astray(fault, url, api)
        if fault not in ("", "refused", "dns", "tls"):
            provider.fail(fault)
        done = subprocess.run([PYTHON, "-c", CHILD, url, api], capture_output=True, text=True, timeout=300, check=False)
        if done.returncode:
            raise RuntimeError(f"{kind} {fault}: {done.stderr[-500:]}")
        found = json.loads(done.stdout.splitlines()[-1])
        verdict = "arrived" if provider.received() else "silent" if found["said"] else "said no"
        return verdict, found["version"]


def main() -> int:
    """Run the matrix."""
    if not PYTHON.exists():
        print("apprise is not installed: bash benchmarks/noc/install-peers.sh", file=sys.stderr)
        return 1
    matrix: dict[str, dict[str, str]] = {}
    version = ""
    for kind in KINDS:
        verdict, version = cell(kind, "")
        if verdict != "arrived":
            print(f"{kind}: nothing arrives without any fault ({verdict}): the comparison is wrong", file=sys.stderr)
            return 1
        matrix[kind] = {}
        for fault in sorted(set(ours.FAULTS[kind]) - {"template"}):
            matrix[kind][fault], _ = cell(kind, fault)
            print(kind, fault, matrix[kind][fault], flush=True)
    found = [verdict for row in matrix.values() for verdict in row.values()]
    counts = {name: found.count(name) for name in ("arrived", "said no", "silent")}
    missing = sorted(set(ours.FAULTS) - set(KINDS))
    told = {"apprise": version, "cells": len(found), **counts, "no_plugin": missing, "matrix": matrix}
    PROOF.write_text(json.dumps(told, indent=2) + "\n")
    print(counts)
    return 0


if __name__ == "__main__":
    sys.exit(main())
