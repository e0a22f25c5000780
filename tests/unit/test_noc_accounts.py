"""Accounts of the board: who may enter, each code once, no names to be learned, sessions that end."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import bcrypt
import pyotp
import pytest

from kunobs.noc.accept.refusal import Refusal
from kunobs.noc.board import accounts, sessions
from kunobs.noc.board.throttle import Throttle
from kunobs.noc.relay import Relay
from kunobs.testing.clock import FakeClock
from kunobs.testing.noc import NocBench

PASSWORD = "correct horse battery"


@pytest.fixture
def noc(monkeypatch: pytest.MonkeyPatch) -> Iterator[NocBench]:
    """A relay; passwords are hashed as fast as bcrypt can."""
    monkeypatch.setattr(accounts, "ROUNDS", 4)
    with NocBench("public_url: https://noc.example.com/") as bench:
        yield bench


@pytest.fixture
def relay(noc: NocBench) -> Relay:
    """Its relay."""
    return noc.relay


def authenticator(url: str) -> pyotp.TOTP:
    """What a phone makes of the URL."""
    found = pyotp.parse_uri(url)
    assert isinstance(found, pyotp.TOTP)
    return found


def test_in_with_password_and_code(noc: NocBench, relay: Relay) -> None:
    """The URL is what authenticators read; its code of now, before or after lets in."""
    phone = authenticator(accounts.add_account(relay, "li", PASSWORD))
    assert (phone.name, phone.issuer, phone.digits, phone.interval) == ("li", "kunobs", 6, 30)
    now = noc.clock.now()
    assert not accounts.may_enter(relay, "li", PASSWORD, phone.at(now - 90))
    assert accounts.may_enter(relay, "li", PASSWORD, phone.at(now - 30))
    assert accounts.may_enter(relay, "li", PASSWORD, phone.at(now))
    assert accounts.may_enter(relay, "li", PASSWORD, phone.at(now + 30))
    assert not accounts.may_enter(relay, "li", PASSWORD, phone.at(now + 60))


def test_a_code_is_taken_once(noc: NocBench, relay: Relay) -> None:
    """Nor is an older one after it; who looked over a shoulder has nothing."""
    phone = authenticator(accounts.add_account(relay, "li", PASSWORD))
    code = phone.at(noc.clock.now())
    older = phone.at(noc.clock.now() - 30)
    assert accounts.may_enter(relay, "li", PASSWORD, f"{code[:3]} {code[3:]}")
    assert not accounts.may_enter(relay, "li", PASSWORD, code)
    assert not accounts.may_enter(relay, "li", PASSWORD, older)
    noc.clock.advance(30)
    assert accounts.may_enter(relay, "li", PASSWORD, phone.at(noc.clock.now()))


def test_a_code_is_taken_once_at_the_same_time(noc: NocBench, relay: Relay) -> None:
    """Of many who come with it together one gets in."""
    phone = authenticator(accounts.add_account(relay, "li", PASSWORD))
    code = phone.at(noc.clock.now())
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: accounts.may_enter(relay, "li", PASSWORD, code), range(8)))
    assert results.count(True) == 1


def test_the_code_is_that_of_the_standard() -> None:
    """The last six digits of a test value of RFC 6238, appendix B."""
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    assert accounts.totp_step(secret, "287082", 59.0) == 1
    assert accounts.totp_step(secret, "287083", 59.0) is None


def test_a_wrong_password_uses_no_code(noc: NocBench, relay: Relay) -> None:
    """Or a stranger could spoil the code that its owner is about to type."""
    phone = authenticator(accounts.add_account(relay, "li", PASSWORD))
    code = phone.at(noc.clock.now())
    assert not accounts.may_enter(relay, "li", PASSWORD + "x", code)
    assert not accounts.may_enter(relay, "wang", PASSWORD, code)
    assert not accounts.may_enter(relay, "li", "", "")
    assert not accounts.may_enter(relay, "li", PASSWORD, "①②③④⑤⑥")
    assert accounts.may_enter(relay, "li", PASSWORD, code)


def test_an_unknown_name_costs_the_same(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    """One comparison of bcrypt, of the same cost, and one of the code, whatever the name is."""
    accounts.add_account(relay, "li", PASSWORD)
    compared: list[bytes] = []
    real = bcrypt.checkpw
    monkeypatch.setattr(bcrypt, "checkpw", lambda word, hashed: compared.append(hashed[:7]) or real(word, hashed))
    steps: list[str] = []
    monkeypatch.setattr(accounts, "totp_step", lambda secret, code, now: steps.append(secret))
    names = ("li", "nobody", "", "a\0b", "x" * 5000, "' OR 1=1 --", "李雷")
    for count, name in enumerate(names, start=1):
        assert not accounts.may_enter(relay, name, "wrong", "000000")
        assert compared == [b"$2b$04$"] * count
        assert len(steps) == count


def test_names_that_cannot_be(relay: Relay) -> None:
    """They would stand in the journal as who did it."""
    for name in ("", ".li", "a b", "李雷", "x" * 64, "li\n", "<b>", "a/b"):
        with pytest.raises(Refusal):
            accounts.add_account(relay, name, PASSWORD)
    assert accounts.list_accounts(relay) == []


def test_passwords_that_cannot_be(relay: Relay) -> None:
    """Too short to keep anybody out, or longer than bcrypt reads; the reason does not repeat them."""
    for password in ("123456789", "x" * 73, "密" * 25):
        with pytest.raises(Refusal) as caught:
            accounts.add_account(relay, "li", password)
        assert password not in str(caught.value) + caught.value.hint
    assert accounts.list_accounts(relay) == []


def test_accounts_come_and_go(noc: NocBench, relay: Relay) -> None:
    """A name is given once; whoever is removed is out at once."""
    accounts.add_account(relay, "li", PASSWORD)
    cookie = sessions.begin(relay, "li")
    with pytest.raises(Refusal) as caught:
        accounts.add_account(relay, "li", PASSWORD)
    assert caught.value.status == 409
    assert accounts.list_accounts(relay) == [
        {"name": "li", "created_ms": relay.now_ms(), "language": "", "sessions": 1}
    ]
    assert accounts.remove_account(relay, "li")
    assert sessions.find(relay, cookie) is None
    assert not accounts.remove_account(relay, "li")
    assert accounts.list_accounts(relay) == []


def test_a_new_authenticator(noc: NocBench, relay: Relay) -> None:
    """The old one's codes end, and all sessions; a person's own change keeps the session it was made in."""
    old = authenticator(accounts.add_account(relay, "li", PASSWORD))
    cookie = sessions.begin(relay, "li")
    new = authenticator(accounts.reset_totp(relay, "li"))
    assert sessions.find(relay, cookie) is None
    assert not accounts.may_enter(relay, "li", PASSWORD, old.at(noc.clock.now()))
    assert accounts.may_enter(relay, "li", PASSWORD, new.at(noc.clock.now()))
    kept, other = sessions.begin(relay, "li"), sessions.begin(relay, "li")
    mine = sessions.find(relay, kept)
    assert mine is not None
    own = pyotp.random_base32()
    with pytest.raises(Refusal):
        accounts.renew_totp(relay, "li", own, new.at(noc.clock.now()), mine.hash)
    with pytest.raises(Refusal):
        accounts.renew_totp(relay, "li", "AAAA", "000000", mine.hash)
    accounts.renew_totp(relay, "li", own, pyotp.TOTP(own).at(noc.clock.now()), mine.hash)
    assert sessions.find(relay, kept) is not None
    assert sessions.find(relay, other) is None
    with pytest.raises(Refusal):
        accounts.reset_totp(relay, "nobody")


def test_nothing_secret_is_told(noc: NocBench, relay: Relay) -> None:
    """Neither the journal nor the list has a password, a secret or a cookie; the store has no cookie either."""
    secret = authenticator(accounts.add_account(relay, "li", PASSWORD)).secret
    cookie = sessions.begin(relay, "li")
    told = str(noc.rows("SELECT kind, data FROM journal")) + str(accounts.list_accounts(relay))
    assert "account added" in told
    assert "logged in" in told
    for word in (PASSWORD, secret, cookie):
        assert word not in told
    assert cookie not in str(noc.rows("SELECT hash, account, csrf FROM session"))
    assert PASSWORD not in str(noc.rows("SELECT password FROM account"))


def test_a_session_lasts_twelve_hours(noc: NocBench, relay: Relay) -> None:
    """And not a second longer; a forged cookie is none."""
    accounts.add_account(relay, "li", PASSWORD)
    cookie = sessions.begin(relay, "li")
    for forged in ("", "x", cookie[:-1], cookie + "x", "\ud800"):
        assert sessions.find(relay, forged) is None
    noc.clock.advance(12 * 3600 - 1)
    found = sessions.find(relay, cookie)
    assert found is not None
    assert found.account == "li"
    noc.clock.advance(1)
    assert sessions.find(relay, cookie) is None


def test_a_session_that_was_ended(relay: Relay) -> None:
    """Only that one."""
    accounts.add_account(relay, "li", PASSWORD)
    one, other = sessions.begin(relay, "li"), sessions.begin(relay, "li")
    found = sessions.find(relay, one)
    assert found is not None
    sessions.end(relay, found)
    assert sessions.find(relay, one) is None
    assert sessions.find(relay, other) is not None


def test_where_forms_may_come_from(relay: Relay) -> None:
    """The address that was asked, or the public one that a proxy answers for."""
    for origin, allowed in {
        "": True,
        "https://noc.example.com": True,
        "http://10.0.0.1:9510": True,
        "http://noc.example.com": False,
        "https://noc.example.com.evil.com": False,
        "https://10.0.0.1": False,
        "null": False,
        "https://evil.com": False,
    }.items():
        assert sessions.same_origin(relay, origin, "10.0.0.1:9510") is allowed, origin


def test_guesses_are_few() -> None:
    """A burst, then one in a while, for each key alone; whoever gets in begins anew."""
    clock = FakeClock()
    throttle = Throttle(clock, 3, 10.0)
    assert [throttle.allows("li") for _ in range(5)] == [True] * 3 + [False] * 2
    assert throttle.allows("wang")
    clock.advance(10.0)
    assert [throttle.allows("li") for _ in range(2)] == [True, False]
    throttle.forgive("li")
    assert [throttle.allows("li") for _ in range(4)] == [True] * 3 + [False]
    throttle.forgive("nobody")


def test_guesses_take_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many names are tried and however long they are; the oldest are forgotten."""
    monkeypatch.setattr("kunobs.noc.board.throttle._KEYS", 10)
    throttle = Throttle(FakeClock(), 1, 10.0)
    for number in range(1000):
        throttle.allows(f"{number}-" + "x" * 10_000)
    buckets = throttle._buckets
    assert len(buckets) == 10
    assert max(map(len, buckets)) <= 200
