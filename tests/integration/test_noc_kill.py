"""kill -9 with messages in flight: no page is lost, and none comes twice but what a robot's API cannot recognise.

`make chaos` runs a thousand kills and writes docs/proof/noc-kill.json; here are sixty. Oracle: what the providers' people received.
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
from functools import partial
from pathlib import Path

import pytest

from tests.noc_world import (
    CALLEES,
    NO_DEDUPLICATION,
    PEOPLE,
    ROBOTS,
    VIAS,
    Poster,
    RelayProcess,
    World,
    sending,
    waiting,
    world,
)
from tests.support import REPOSITORY, wait_until

PROOF = REPOSITORY / "docs" / "proof" / "noc-kill.json"
KILLS = int(os.environ.get("KILLS", "60"))
SEED = int(os.environ.get("SEED", "7"))


def via_of(number: int) -> str:
    """Each way in turn, and its people in turn."""
    kind = VIAS[number % len(VIAS)]
    turn = number // len(VIAS)
    people = {"robot": ROBOTS, "phone": CALLEES}.get(kind, PEOPLE)
    return kind if kind == "hook" else f"{kind}{turn % people}"


def kind_of(via: str) -> str:
    """robot3 -> robot."""
    return via.rstrip("0123456789")


class Books:
    """What was posted, and what may have come twice."""

    def __init__(self, around: World) -> None:
        self.around = around
        self.poster = Poster()
        self.posted = 0
        self.kills = 0
        self.allowed = 0

    def post(self, count: int, via: str = "") -> None:
        """So many more alerts, each another way, or all the same."""
        for _ in range(count):
            self.poster.post(str(self.posted), via or via_of(self.posted))
            self.posted += 1

    def killed(self) -> None:
        """A kill counts only when a message was in flight."""
        found = sending(self.around.folder)
        self.kills += bool(found)
        self.allowed += sum(count for channel, count in found.items() if kind_of(channel) in NO_DEDUPLICATION)

    def check(self) -> dict[str, int]:
        """The verdict; AssertionError for a lost page or one too many."""
        pages = self.around.pages()
        wanted = {(kind_of(via), name) for name, via in self.poster.accepted.items()}
        lost = sorted(wanted - set(pages))
        twice = {page: count - 1 for page, count in pages.items() if count > 1}
        assert not lost, f"lost: {lost}"
        assert not set(pages) - wanted, "somebody was paged for what was never accepted"
        assert not [page for page in twice if page[0] not in NO_DEDUPLICATION], f"twice: {twice}"
        duplicates = sum(twice.values())
        assert duplicates <= self.allowed, f"{duplicates} duplicates, {self.allowed} in flight: {twice}"
        return {
            "kills": self.kills,
            "pages_expected": len(wanted),
            "lost": len(lost),
            "duplicates": duplicates,
            "duplicates_allowed": self.allowed,
        }


def finish(books: Books, config: Path) -> None:
    """A last life, in which everything is sent."""
    relay = RelayProcess(config).ready()
    books.poster.to(relay.url)
    wait_until(
        lambda: not books.poster.left and len(books.poster.accepted) == books.posted, 120, "all posts to be accepted"
    )
    wait_until(lambda: waiting(books.around.folder) == 0, 150, "all messages to be sent")
    relay.kill(15)
    books.poster.end()


@pytest.mark.timeout(7200)
def test_killed_with_messages_in_flight(tmp_path: Path) -> None:
    """At random moments within the sending of a burst."""
    print(f"seed {SEED}, {KILLS} kills")
    rng = random.Random(SEED)
    with world(tmp_path) as around:
        config = around.write_config()
        books = Books(around)
        slowest = 0.0
        while books.kills < KILLS:
            began = time.monotonic()
            relay = RelayProcess(config).ready()
            slowest = max(slowest, time.monotonic() - began)
            books.poster.to(relay.url)
            calls = around.requests()
            books.post(12)
            # Something is on its way; then a moment that only the generator knows.
            wait_until(partial(around.more_than, calls), 30, "a request to a provider")
            pause = time.monotonic() + rng.random() * 0.05
            while time.monotonic() < pause:
                pass
            relay.kill()
            books.poster.to("")
            books.killed()
        finish(books, config)
        verdict = books.check()
        print(f"{verdict}, slowest start {slowest:.2f} s, answers {dict(books.poster.codes)}")
        if KILLS >= 1000:
            PROOF.write_text(json.dumps(verdict, indent=2) + "\n")


@pytest.mark.parametrize("point", ["noc.before_commit", "noc.after_commit", "noc.after_claim", "noc.before_record"])
def test_killed_at_a_named_point(tmp_path: Path, point: str) -> None:
    """In the middle of a commit, just after it, after the claim and before the result is kept, with each way of reaching people."""
    with world(tmp_path) as around:
        config = around.write_config()
        books = Books(around)
        for kind in VIAS:
            channel = {"wechat": "oa", "robot": "robot0"}.get(kind, kind)
            where = f"{point}.{channel}" if point == "noc.before_record" else point
            # The first commits are those of the start itself.
            relay = RelayProcess(config, KUNOBS_CRASH_AT=f"{where}:{5 if 'commit' in point else 1}").ready()
            books.poster.to(relay.url)
            for number in (0, 1, 2):
                books.post(1, {"hook": "hook", "robot": "robot0"}.get(kind, f"{kind}{number}"))
            assert relay.process.wait(60) == -signal.SIGKILL
            books.poster.to("")
            books.killed()
            # What is left would bring the next one to its point before it is ready.
            relay = RelayProcess(config).ready()
            books.poster.to(relay.url)
            wait_until(lambda: not books.poster.left and waiting(tmp_path) == 0, 60, "what is left to be sent")
            relay.kill(signal.SIGTERM)
            books.poster.to("")
        finish(books, config)
        print(books.check())
