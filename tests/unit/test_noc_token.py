"""One access token for all threads, and no hurry after a failure."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from kunobs.noc.channels.token import MARGIN, PAUSE, Fetched, Token
from kunobs.noc.notify.contract import Permanent, Retry
from kunobs.testing.clock import FakeClock


class Provider:
    """Gives out what stands in `answers`, the last for ever; `asked` counts."""

    def __init__(self, *answers: Fetched | Retry | Permanent) -> None:
        self.answers = list(answers)
        self.asked = 0

    def __call__(self) -> Fetched | Retry | Permanent:
        """One fetch."""
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def test_a_token_is_kept_until_its_end() -> None:
    """A minute before its end a new one is fetched, not earlier."""
    clock, provider = FakeClock(), Provider(Fetched("a", 7200), Fetched("b", 7200))
    token = Token(provider, clock)
    assert token.get() == token.get() == "a"
    clock.advance(7200 - MARGIN - 1)
    assert token.get() == "a"
    assert provider.asked == 1
    clock.advance(1)
    assert token.get() == "b"
    assert provider.asked == 2


def test_the_wall_clock_does_not_matter() -> None:
    """NTP sets it back a day."""
    clock, provider = FakeClock(), Provider(Fetched("a", 7200), Fetched("b", 7200))
    token = Token(provider, clock)
    token.get()
    clock.jump(-86400)
    clock.advance(7200)
    assert token.get() == "b"


def test_the_rest_of_a_life_is_used() -> None:
    """A provider that says how much is left of the same token is not asked again for each message."""
    clock, provider = FakeClock(), Provider(Fetched("a", 50))
    token = Token(provider, clock)
    assert [token.get() for _ in range(20)] == ["a"] * 20
    assert provider.asked == 1


def test_ten_threads_fetch_once() -> None:
    """All ten ask while the first fetch is under way."""
    ready, started, go = threading.Barrier(10), threading.Event(), threading.Event()
    asked: list[str] = []

    def fetch() -> Fetched:
        asked.append("once")
        started.set()
        assert go.wait(10)
        return Fetched(f"token-{len(asked)}", 7200)

    token = Token(fetch, FakeClock())

    def ask() -> object:
        ready.wait(10)
        return token.get()

    with ThreadPoolExecutor(10) as pool:
        waiting = [pool.submit(ask) for _ in range(10)]
        assert started.wait(10)
        go.set()
        assert [each.result() for each in waiting] == ["token-1"] * 10
    assert asked == ["once"]


def test_ten_refusals_make_one_new_fetch() -> None:
    """Those that come late are about a token that is gone already."""
    provider = Provider(Fetched("a", 7200), Fetched("b", 7200), Fetched("c", 7200))
    token = Token(provider, FakeClock())
    assert token.get() == "a"
    for _ in range(10):
        token.refuse("a")
        assert token.get() == "b"
    assert provider.asked == 2


def test_a_failure_is_repeated_until_the_pause_is_over() -> None:
    """With what is left to wait."""
    clock, provider = (
        FakeClock(),
        Provider(Retry("timeout", "no answer in time", delivered_maybe=True), Fetched("a", 7200)),
    )
    token = Token(provider, clock)
    # Whatever became of the fetch: no message was on the wire.
    assert token.get() == Retry("timeout", "no answer in time", after=PAUSE, delivered_maybe=False)
    clock.advance(2)
    assert token.get() == Retry("timeout", "no answer in time", after=PAUSE - 2)
    assert provider.asked == 1
    clock.advance(PAUSE - 2)
    assert token.get() == "a"


def test_the_provider_may_want_a_longer_pause() -> None:
    """45009 is for a minute."""
    clock, provider = FakeClock(), Provider(Retry("45009", "api freq out of limit", after=60.0))
    token = Token(provider, clock)
    token.get()
    clock.advance(59)
    assert token.get() == Retry("45009", "api freq out of limit", after=1.0)
    assert provider.asked == 1


def test_a_wrong_secret_is_asked_about_now_and_then() -> None:
    """An hour of messages stays far below 2,000 wrong logins, even from two relays; and a secret that is put right is found."""
    clock, provider = FakeClock(), Provider(Permanent("40001", "invalid secret", dead="channel"))
    token = Token(provider, clock)
    for _ in range(36_000):
        assert isinstance(token.get(), Permanent)
        clock.advance(0.1)
    assert provider.asked * 2 < 2000
    provider.answers = [Fetched("a", 7200)]
    clock.advance(PAUSE)
    assert token.get() == "a"


def test_the_same_token_again_is_no_loop() -> None:
    """A refusal by mistake is healed at once; a provider that goes on refusing what it gives out is asked every 5 s."""
    clock, provider = FakeClock(), Provider(Fetched("a", 7200))
    token = Token(provider, clock)
    assert token.get() == "a"
    token.refuse("a")
    assert token.get() == "a"
    assert provider.asked == 2
    for _ in range(100):
        token.refuse("a")
        failed = token.get()
        assert isinstance(failed, Retry)
        assert failed.after == PAUSE
    assert provider.asked == 2
    clock.advance(PAUSE)
    assert token.get() == "a"


def test_the_token_is_not_printed() -> None:
    """Not even by what was fetched."""
    assert "s3cret" not in repr(Fetched("s3cret", 7200))
