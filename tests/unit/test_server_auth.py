"""Basic auth: who gets in, how little it costs, and what a guesser can learn or break."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from pathlib import Path

import bcrypt
import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from kunobs.server import Server
from kunobs.server.auth import CACHED, MAX_WAITING, Authenticator, Busy
from kunobs.server.rate import RateLimit
from kunobs.testing.clock import FakeClock
from tests.unit.server_support import exchange, serving


def hashed(password: str | bytes, cost: int = 4) -> bytes:
    """A bcrypt hash."""
    content = password.encode() if isinstance(password, str) else password
    return bcrypt.hashpw(content[:72], bcrypt.gensalt(cost))


def basic(user: str | bytes, password: str | bytes) -> bytes:
    """The header's value."""
    pair = b":".join(part.encode() if isinstance(part, str) else part for part in (user, password))
    return b"Basic " + base64.b64encode(pair)


USERS = {b"prometheus": hashed("correct horse"), "jürgen".encode(): hashed("päss:wörd"), b"costly": hashed("x", 5)}
LONG = "x" * 100
USERS[b"long"] = hashed(LONG)


class Checks:
    """Counts the bcrypt work that is really done, as (password, cost)."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done: list[tuple[bytes, int]] = []
        real = bcrypt.checkpw

        def counted(password: bytes, against: bytes) -> bool:
            self.done.append((password, int(against[4:6])))
            return real(password, against)

        monkeypatch.setattr(bcrypt, "checkpw", counted)


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> Checks:
    """Watches bcrypt."""
    return Checks(monkeypatch)


def allowed(header: bytes | None, authenticator: Authenticator | None = None) -> bool:
    """Whether the header gets in."""
    return asyncio.run((authenticator or Authenticator()).allows(header, USERS))


@pytest.mark.parametrize(
    ("user", "password"),
    [("prometheus", "correct horse"), ("jürgen", "päss:wörd"), ("long", LONG), ("long", LONG[:72] + "ignored")],
)
def test_right_password(user: str, password: str) -> None:
    """The user's password gets in: with a colon, in UTF-8, over bcrypt's 72 bytes."""
    assert allowed(basic(user, password))


@pytest.mark.parametrize(
    "header",
    [
        None,
        b"",
        b"Basic",
        b"Basic ",
        b"Basic !!!",
        b"Basic \xff\xfe",
        b"Basic " + base64.b64encode(b"prometheus"),
        b"Basic " + base64.b64encode(b"prometheus:correct horse") + b"!",
        b"Basic " + base64.b64encode(b"prometheus:correct horse")[:-1],
        b"Bearer " + base64.b64encode(b"prometheus:correct horse"),
        base64.b64encode(b"prometheus:correct horse"),
        basic("prometheus", "correct horse") + b"," + basic("prometheus", "correct horse"),
        basic("prometheus", ""),
        basic("prometheus", "correct horsE"),
        basic("prometheus", "correct horse\x00"),
        basic("prometheus", b"\xff\xfe\x00"),
        basic("Prometheus", "correct horse"),
        basic("", "correct horse"),
        basic("", ""),
        basic("nobody", "correct horse"),
        basic("prometheus", USERS[b"prometheus"]),
        basic(b"\xff", b"\xff"),
    ],
)
def test_anything_else_stays_outside(header: bytes | None) -> None:
    """No, malformed or wrong credentials do not get in, whichever of the two is wrong."""
    assert not allowed(header)


@pytest.mark.parametrize("scheme", [b"basic", b"BASIC", b"Basic  "])
def test_scheme_is_case_insensitive(scheme: bytes) -> None:
    """RFC 7617: the scheme's case does not matter."""
    assert allowed(scheme + basic("prometheus", "correct horse").removeprefix(b"Basic"))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60))
def test_any_header_has_an_answer(header: bytes) -> None:
    """No bytes make the check fail in another way, or get in."""
    assert allowed(header) is False
    assert allowed(b"Basic " + header) is False


def test_a_password_is_checked_once(checks: Checks) -> None:
    """The second scrape with the same password costs no bcrypt; nor does the second wrong guess."""
    authenticator = Authenticator()
    for _ in range(3):
        assert allowed(basic("prometheus", "correct horse"), authenticator)
        assert not allowed(basic("prometheus", "guess"), authenticator)
    assert checks.done == [(b"correct horse", 4), (b"guess", 4)]


def test_a_changed_hash_is_a_new_check() -> None:
    """What was right for the old hash is asked again for the new one."""
    authenticator = Authenticator()
    header = basic("prometheus", "correct horse")
    assert asyncio.run(authenticator.allows(header, USERS))
    assert not asyncio.run(authenticator.allows(header, {b"prometheus": hashed("other")}))


def test_unknown_user_costs_what_a_known_one_does(checks: Checks) -> None:
    """A name that does not exist is refused after the same work as the most expensive that does."""
    assert not allowed(basic("nobody", "x"))
    assert checks.done == [(b"x", 5)]


def test_the_password_of_an_unknown_user_does_not_exist() -> None:
    """The hash that unknown users are checked against lets nobody in, even if a password fitted it."""
    authenticator = Authenticator()
    assert not any(allowed(basic("nobody", guess), authenticator) for guess in ("", "x", "fakepassword", "." * 53))


def test_an_unknown_user_stays_out_whatever_bcrypt_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """A match decides only for users who exist."""
    monkeypatch.setattr(bcrypt, "checkpw", lambda *_: True)
    authenticator = Authenticator()
    assert allowed(basic("prometheus", "anything"), authenticator)
    assert not allowed(basic("nobody", "anything"), authenticator)


def test_guesses_do_not_push_out_the_good_password(checks: Checks) -> None:
    """After a thousand wrong guesses the scraper's password still costs nothing, and memory is bounded."""
    authenticator = Authenticator()
    assert allowed(basic("prometheus", "correct horse"), authenticator)

    async def guess() -> None:
        for number in range(2 * CACHED):
            assert not await authenticator.allows(basic("prometheus", f"guess {number}"), USERS)

    asyncio.run(guess())
    done = len(checks.done)
    assert allowed(basic("prometheus", "correct horse"), authenticator)
    assert len(checks.done) == done
    assert len(authenticator._bad) == CACHED


def test_many_at_once_are_checked_in_turn_and_bounded(checks: Checks) -> None:
    """One check at a time; who would wait behind too many is told Busy; the same password is checked once."""

    async def rush(headers: list[bytes]) -> list[bool | BaseException]:
        authenticator = Authenticator()
        calls = (authenticator.allows(header, USERS) for header in headers)
        return await asyncio.gather(*calls, return_exceptions=True)

    same = asyncio.run(rush([basic("prometheus", "correct horse")] * 20))
    assert same == [True] * 20
    assert len(checks.done) == 1
    results = asyncio.run(rush([basic("prometheus", f"guess {number}") for number in range(MAX_WAITING + 10)]))
    assert [type(result) for result in results].count(Busy) == 10
    assert results.count(False) == MAX_WAITING


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, CollectorRegistry]]:
    """A server with one user."""
    path = tmp_path_factory.mktemp("auth") / "web.yml"
    path.write_text(f"basic_auth_users: {{prometheus: {USERS[b'prometheus'].decode()}}}")
    registry = CollectorRegistry()
    with serving(registry, web_config_file=str(path)) as server:
        yield server, registry


@pytest.mark.parametrize("page", ["/", "/metrics", "/-/healthy", "/-/ready", "/nothing"])
def test_every_page_is_guarded(guarded: tuple[Server, CollectorRegistry], page: str) -> None:
    """401 with a challenge without the password, and a count of it; the page with it."""
    server, registry = guarded
    before = registry.get_sample_value("kunobs_server_auth_failures_total") or 0
    refused = requests.get(server.url + page, timeout=30)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Basic ")
    assert registry.get_sample_value("kunobs_server_auth_failures_total") == before + 1
    assert requests.get(server.url + page, auth=("prometheus", "correct horse"), timeout=30).status_code in (200, 404)


def test_refusal_shows_nothing(guarded: tuple[Server, CollectorRegistry]) -> None:
    """The answer to a stranger names neither users nor what runs here."""
    server, _ = guarded
    answer = exchange(server, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Basic \xff\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"prometheus" not in answer
    assert b"test" not in answer


def test_rate_limit_over_http(tmp_path: Path) -> None:
    """After the burst, 429; before the password is looked at."""
    path = tmp_path / "web.yml"
    user = f"basic_auth_users: {{prometheus: {USERS[b'prometheus'].decode()}}}"
    path.write_text(f"rate_limit: {{interval: 1h, burst: 3}}\n{user}")
    with serving(web_config_file=str(path)) as server:
        statuses = [requests.get(f"{server.url}/-/ready", timeout=30).status_code for _ in range(5)]
    assert statuses == [401, 401, 401, 429, 429]


def test_rate_limit_fills_again() -> None:
    """One token an interval, never more than the burst, and a new setting starts full."""
    clock = FakeClock()
    limit = RateLimit(clock)
    assert [limit.allows(0.5, 2) for _ in range(3)] == [True, True, False]
    clock.advance(0.5)
    assert [limit.allows(0.5, 2) for _ in range(2)] == [True, False]
    clock.advance(100)
    assert [limit.allows(0.5, 2) for _ in range(3)] == [True, True, False]
    assert [limit.allows(0.5, 1) for _ in range(2)] == [True, False]
    assert all(limit.allows(0, 0) for _ in range(100))
