"""Mail as people receive it, and what the channel says of everything that can become of one."""

from __future__ import annotations

import html
import re
import smtplib
import socket
import threading
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kunobs.config.noc.channels import MailConfig, Smarthost
from kunobs.config.secret import Secret
from kunobs.noc.channels.mail import LONGEST_TEXT, Mail
from kunobs.noc.notify.contract import Frozen, Limit, Message, Ok, Outcome, Partial, Permanent, Retry
from kunobs.testing.clock import FakeClock
from kunobs.testing.smtp import MailServer, self_signed

PASSWORD = "s3cret-Pa55word"
LI, WANG = "li@example.com", "wang@example.com"


def message(**changes: Any) -> Message:
    """A page about incident 42."""
    fields: dict[str, Any] = {
        "key": "42-1-0123456789ab",
        "kind": "page",
        "tenant": "pay",
        "incident": 42,
        "severity": "critical",
        "title": "支付延迟",
        "text": "p99 为 3 s\n见 order-api",
        "ack_url": "https://noc.example.com/a?i=42&s=x",
        "detail_url": "https://noc.example.com/i/42",
    }
    return Message(**(fields | changes))


def smarthost(server: MailServer, **changes: Any) -> Smarthost:
    """How to reach a server, with its user."""
    fields: dict[str, Any] = {
        "host": server.host,
        "port": server.port,
        "tls": server.tls,
        "ca_file": server.ca_file if server.tls != "none" else "",
        "username": server.user,
        "password": Secret(server.password),
    }
    return Smarthost(**(fields | changes))


def mail(*hosts: Smarthost, sender: str = "noc@example.com") -> Mail:
    """A channel by these servers."""
    return Mail("mail", MailConfig(sender=sender, smarthosts=hosts), FakeClock(), timeout=(10.0, 10.0))


PACK = mail(Smarthost(host="mx"))


def parsed(body: bytes) -> EmailMessage:
    """As a mail program reads it."""
    return message_from_bytes(body, policy=policy.default)


def shown(part: Any) -> str:
    """The text of a part; a mail's lines end with CR LF."""
    text: str = part.get_content()
    return text.replace("\r\n", "\n")


def frozen(channel: Mail, address: str = LI, **changes: Any) -> Frozen:
    """What the outbox holds."""
    packed = channel.pack(message(**changes), address)
    assert len(packed) == 1
    return Frozen("42-1-0123456789ab-1", address, packed[0])


@pytest.fixture
def server() -> Iterator[MailServer]:
    """STARTTLS, and a user."""
    with MailServer(user="noc", password=PASSWORD) as made:
        yield made


def test_what_a_person_receives(server: MailServer) -> None:
    """Subject, sender, texts in both forms, links; Date from our clock, at sending."""
    channel = mail(smarthost(server))
    assert channel.send(frozen(channel)) == Ok("2.0.0 queued as 1")
    (received,) = server.received
    assert (received.sender, received.recipient) == ("noc@example.com", LI)
    found = received.message
    assert found["Subject"] == "[critical] #42 支付延迟"
    assert (found["From"], found["To"]) == ("noc@example.com", LI)
    assert found["Date"] == "Tue, 14 Nov 2023 22:13:20 +0000"
    assert found["Auto-Submitted"] == "auto-generated"
    plain, page = found.iter_parts()
    assert plain.get_content_type() == "text/plain"
    assert shown(plain) == (
        "p99 为 3 s\n见 order-api\n\n确认: https://noc.example.com/a?i=42&s=x\n\n详情: https://noc.example.com/i/42\n"
    )
    assert page.get_content_type() == "text/html"
    assert "p99 为 3 s\n见 order-api</pre>" in shown(page)
    assert "<a href='https://noc.example.com/a?i=42&amp;s=x'>确认</a>" in shown(page)


def test_english() -> None:
    """The words beside the links; an ASCII mail is readable as it is."""
    body = PACK.pack(message(language="en", title="Latency", text="p99 is 3 s"), LI)[0]
    assert b"Subject: [critical] #42 Latency\r\n" in body
    assert b"p99 is 3 s\r\n" in body
    assert b"Acknowledge: https://" in body
    assert b"Details: https://" in body


def test_ids_and_threads() -> None:
    """The Message-ID is the key's; mails about an incident share a reference, other tenants' and other mails do not."""
    first = parsed(PACK.pack(message(), LI)[0])
    assert first["Message-ID"] == "<42-1-0123456789ab@example.com>"
    again = parsed(PACK.pack(message(key="42-2-0123456789ab", reminder=1), WANG)[0])
    assert again["Message-ID"] == "<42-2-0123456789ab@example.com>"
    assert re.fullmatch(r"<incident-42\.[0-9a-f]{12}@example\.com>", first["References"])
    assert first["References"] == first["In-Reply-To"] == again["References"] == again["In-Reply-To"]
    assert parsed(PACK.pack(message(tenant="lab"), LI)[0])["References"] != first["References"]
    digest = parsed(PACK.pack(message(incident=0, kind="digest"), LI)[0])
    assert digest["References"] is digest["In-Reply-To"] is None
    assert digest["Subject"] == "[critical] 支付延迟"


def test_the_same_bytes_every_time() -> None:
    """Nothing random and no time in what is stored."""
    assert PACK.pack(message(), LI) == PACK.pack(message(), LI)
    assert parsed(PACK.pack(message(), LI)[0])["Date"] is None


TITLES = st.one_of(
    st.text(st.characters(), max_size=300),
    st.text(alphabet='=? _utf8qb-"\\<>@,;:()aé中😀\r\n\t', max_size=120),
    st.text(alphabet="abc =?;,", max_size=300),
)
TEXTS = st.one_of(
    st.text(st.characters(), max_size=300),
    st.text(alphabet="\r\n .=-_ab\0\t", max_size=120),
    st.text(alphabet="\r\n .=_-ab中\x00\x85\u2028", max_size=120),
    st.builds(lambda text, times: text * times, st.text(min_size=1, max_size=3), st.integers(1, 1200)),
)


HEADERS = ["Auto-Submitted", "Content-Type", "From", "In-Reply-To", "MIME-Version", "Message-ID", "References"]
HEADERS += ["Subject", "To"]


def expected_line(text: str) -> str:
    """One line of what can be printed."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def expected_text(text: str) -> str:
    """Lines end alike; what no mail may hold is marked."""
    return "\n".join(map(visible, re.split("\r\n|\r|\n", text)))


def visible(line: str) -> str:
    """Control characters and halves of characters are no text."""
    return "".join("�" if (unicodedata.category(c) in ("Cc", "Cs") and c != "\t") else c for c in line)


@given(TITLES, TEXTS, st.text(max_size=20), st.sampled_from(["zh", "en"]))
@example("x\r\nBcc: everybody@example.com\r\n\r\nbody", ".\r\n--=_kunobs--\r\n", "critical\nTo: x", "en")
@example("=?utf-8?q?x?=", "From nobody\n.\n.. \n", "", "en")
@example("x" * 10_000, "x" * 2000 + "\n" + "中" * 2000, "critical", "zh")
@example("\ud800", "x" * 2000, "\udfff", "en")
def test_any_text_arrives(title: str, text: str, severity: str, language: str) -> None:
    """As an independent parser reads it; nothing in a title or text becomes a header, a part or the end of the mail."""
    body = PACK.pack(message(title=title, text=text, severity=severity, language=language), LI)[0]
    assert body.isascii()
    assert b"\0" not in body
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", body)
    assert all(len(line) <= 998 for line in body.split(b"\r\n"))
    found = parsed(body)
    assert sorted(found.keys()) == HEADERS
    wanted = expected_line(f"[{severity}] #42 {title}")
    assert found["Subject"] == (wanted if len(wanted) <= 200 else wanted[:199] + "…")
    # Python's older parser joins encoded words by rules of its own.
    old = message_from_bytes(body)["Subject"]
    assert str(make_header(decode_header(old))).replace("\r\n", "") == found["Subject"]
    plain, page = found.iter_parts()
    assert shown(plain).startswith(
        f"{expected_text(text)}\n\n{'确认' if language == 'zh' else 'Acknowledge'}: https://"
    )
    assert f">{html.escape(expected_text(text))}</pre>" in shown(page)


def test_markup_is_shown_and_not_followed() -> None:
    """No element and no link comes from an alert, even where a URL does."""
    hostile = "<script>alert(1)</script><img src=x onerror=y>'\""
    body = PACK.pack(message(text=hostile, detail_url="javascript:alert('x')"), LI)[0]
    page = shown(list(parsed(body).iter_parts())[1])
    assert "<script" not in page
    assert "<img" not in page
    assert "href='javascript" not in page
    assert set(re.findall(r"<(\w+)", page)) == {"html", "body", "pre", "p", "a"}


def test_a_text_as_long_as_a_body_of_alertmanager() -> None:
    """It is cut, with a mark, so that servers take the mail."""
    body = PACK.pack(message(text="y" * 16_000_000), LI)[0]
    assert len(body) < 1_000_000
    assert "y" * (LONGEST_TEXT - 1) + "…\n" in shown(next(parsed(body).iter_parts()))


def test_long_ids_are_not_torn() -> None:
    """A key of 64 characters at a domain of 190."""
    domain = ".".join(["a" * 37] * 5)
    channel = mail(Smarthost(host="mx"), sender=f"noc@{domain}")
    found = parsed(channel.pack(message(key="k" * 64), f"{LI},{WANG}")[0])
    assert found["Message-ID"] == f"<{'k' * 64}@{domain}>"
    assert found["References"].endswith(f"@{domain}>")
    assert [each.addr_spec for each in found["To"].addresses] == [LI, WANG]


@pytest.mark.parametrize(
    ("fault", "outcome", "received"),
    [
        ("4xx_rcpt", Retry("smtp_452", "452 4.2.2 Mailbox full"), 0),
        ("greylist", Retry("smtp_450", "450 4.2.0 Greylisted, try again later"), 0),
        ("5xx_rcpt", Permanent("smtp_550", f"550 5.1.1 <{LI}>: no such user", dead="address"), 0),
        ("4xx_data", Retry("smtp_451", "451 4.3.0 Local error in processing"), 0),
        ("5xx_data", Permanent("smtp_550", "550 5.7.1 Refused by policy"), 0),
        ("cut_before_dot", Retry("reset", "the connection was cut", delivered_maybe=True), 0),
        ("cut_after_dot", Retry("reset", "the connection was cut", delivered_maybe=True), 1),
        ("no_tls", Retry("no_tls", "the server offers no STARTTLS"), 0),
        ("bad_cert", Retry("tls", "the certificate or the handshake is wrong"), 0),
        (
            "auth_refused",
            Permanent("smtp_535", "535 the user or the password is not taken", dead="channel"),
            0,
        ),
    ],
)
def test_faults(server: MailServer, fault: Any, outcome: Outcome, received: int) -> None:
    """Each has its own outcome, none is Ok, and the next attempt delivers the same bytes."""
    channel = mail(smarthost(server))
    sent = frozen(channel)
    server.fail(fault)
    assert channel.send(sent) == outcome
    assert len(server.received) == received
    assert PASSWORD not in repr(outcome)
    assert isinstance(channel.send(sent), Ok)
    assert server.copies == {(LI, "<42-1-0123456789ab@example.com>"): received + 1}


@pytest.mark.parametrize(
    ("fault", "code"),
    [("4xx_rcpt", "smtp_452"), ("no_tls", "no_tls"), ("bad_cert", "tls"), ("auth_refused", "smtp_535")],
)
def test_the_second_server(server: MailServer, fault: Any, code: str) -> None:
    """It takes what the first does not, in the same attempt; the first one's failure is told only when both fail."""
    with MailServer(name="second") as second:
        channel = mail(smarthost(server), smarthost(second))
        server.fail(fault, fault)
        assert isinstance(channel.send(frozen(channel)), Ok)
        assert (len(server.received), len(second.received)) == (0, 1)
        second.unknown.add(LI)
        found = channel.send(frozen(channel))
        assert isinstance(found, Permanent)
        assert found.dead == "address"
        server.fail(fault)
        second.fail(fault)
        both = channel.send(frozen(channel))
    # The second one takes no logins in this test, and needs none.
    if fault == "auth_refused":
        assert isinstance(both, Permanent)
    else:
        assert isinstance(both, Retry)
        assert both.code == code


@pytest.mark.parametrize("fault", ["cut_after_dot", "cut_before_dot", "5xx_data", "5xx_rcpt"])
def test_no_second_server_where_the_first_may_have_it(server: MailServer, fault: Any) -> None:
    """A mail that may be on its way already, or that nobody will take, is not given to another server."""
    with MailServer() as second:
        channel = mail(smarthost(server), smarthost(second))
        server.fail(fault)
        assert not isinstance(channel.send(frozen(channel)), Ok)
        assert second.connections == 0


def test_servers_that_are_not_there(server: MailServer) -> None:
    """Refused, no such name: the next is asked; one that may come back is why another attempt is worth it."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    gone = Smarthost(host="127.0.0.1", port=port)
    unknown = Smarthost(host="mx.invalid")
    channel = mail(gone, unknown, smarthost(server))
    assert isinstance(channel.send(frozen(channel)), Ok)
    assert mail(gone, unknown).send(frozen(channel)) == Retry("refused", "the connection was refused")
    assert mail(unknown).send(frozen(channel)) == Retry("dns", "the server's name cannot be resolved")
    server.fail("auth_refused")
    assert mail(smarthost(server), gone).send(frozen(channel)) == Retry("refused", "the connection was refused")


def test_several_recipients(server: MailServer) -> None:
    """Those that exist receive it, the others are told with the server's reason each."""
    channel = mail(smarthost(server))
    server.unknown.add(WANG)
    outcome = channel.send(frozen(channel, f"{LI}, {WANG}, not an address"))
    assert outcome == Partial(
        [
            (WANG, f"550 5.1.1 <{WANG}>: no such user"),
            ("not an address", "553 not an address that mail can be sent to"),
        ],
        provider_id="2.0.0 queued as 1",
    )
    assert [each.recipient for each in server.received] == [LI]
    server.fail("5xx_data")
    assert channel.send(frozen(channel, f"{LI},{WANG}")) == Permanent("smtp_550", "550 5.7.1 Refused by policy")


@pytest.mark.parametrize(
    "address", ["", "li", "李@example.com", "li@example.com\r\nDATA", "<li@example.com>", "\ud800@x"]
)
def test_what_is_no_address(server: MailServer, address: str) -> None:
    """Nothing of it goes to the server or into a header."""
    channel = mail(smarthost(server))
    assert channel.send(frozen(channel, address)) == Permanent(
        "smtp_553", "553 not an address that mail can be sent to", dead="address"
    )
    assert parsed(frozen(channel, address).body)["To"] == "undisclosed-recipients:;"


def test_a_sender_that_is_none(server: MailServer) -> None:
    """The configuration refuses it; one that was made without it is a dead channel."""
    with pytest.raises(ValueError, match="is no mail address"):
        mail(smarthost(server), sender="值守@example.com")
    config = MailConfig.model_construct(sender="值守@example.com", smarthosts=(smarthost(server),), per_minute=60)
    channel = Mail("mail", config)
    assert channel.send(frozen(channel)) == Permanent(
        "sender", "the sender is not an address that mail can be sent from", dead="channel"
    )


@contextmanager
def scripted(talk: Callable[[Any], None]) -> Iterator[Smarthost]:
    """A server that says what it is told to, by one connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection, connection.makefile("rwb", buffering=0) as stream:
                talk(stream)

        thread = threading.Thread(target=serve)
        thread.start()
        yield Smarthost(host="127.0.0.1", port=listening.getsockname()[1], tls="none")
        thread.join()


def lines(*answers: bytes) -> Callable[[Any], None]:
    """Says one answer to each line, and the last but one after the dot."""

    def talk(stream: Any) -> None:
        stream.write(b"220 mx\r\n")
        for answer in answers:
            if answer.startswith(b"AFTER DOT "):
                while stream.readline() != b".\r\n":
                    pass
            else:
                stream.readline()
            stream.write(answer.removeprefix(b"AFTER DOT ") + b"\r\n" if answer else b"")

    return talk


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        ((b"250 mx", b"250 ok", b"250 ok", b"354 go", b"AFTER DOT 250 ok"), Ok("ok")),
        ((b"250 mx", b"250 ok", b"250 ok", b"354 go", b"AFTER DOT 250 ok", b"421 no"), Ok("ok")),
        (
            (b"250 mx", b"250 ok", b"250 ok", b"354 go", b"AFTER DOT 299 eh"),
            Retry("smtp", "299 eh", delivered_maybe=True),
        ),
        ((b"250 mx", b"250 ok", b"250 ok", b"354 go", b"AFTER DOT hm"), Retry("smtp", "-1", delivered_maybe=True)),
        ((b"250 mx", b"250 ok", b"250 ok", b"554 no"), Permanent("smtp_554", "554 no")),
        ((b"250 mx", b"250 ok", b"250 ok", b"451 no"), Retry("smtp_451", "451 no")),
        ((b"250 mx", b"250 ok", b"251 forwarded", b"354 go", b"AFTER DOT 250 ok"), Ok("ok")),
        ((b"250 mx", b"552 too large"), Permanent("smtp_552", "552 too large")),
        ((b"250 mx", b"530 5.7.0 log in"), Permanent("smtp_530", "530 5.7.0 log in", dead="channel")),
        ((b"250 mx", b"421 closing"), Retry("smtp_421", "421 closing")),
        ((b"250 mx", b"299 eh"), Retry("smtp", "299 eh")),
        ((b"250 mx", b"250 ok", b"299 eh"), Retry("smtp", "299 eh")),
        ((b"250 mx",), Retry("reset", "the connection was cut")),
        ((b"250 mx", b"250 ok"), Retry("reset", "the connection was cut")),
        ((b"550 who", b"550 are you"), Retry("smtp", "550 are you")),
    ],
)
def test_answers(answers: tuple[bytes, ...], outcome: Outcome) -> None:
    """Only 250 to the dot is success, whatever comes after; what is not understood is worth another attempt."""
    with scripted(lines(*answers)) as host:
        channel = mail(host)
        assert channel.send(frozen(channel)) == outcome


def test_a_greeting_that_refuses() -> None:
    """554 instead of 220: perhaps the next server, perhaps later."""
    with scripted(lambda stream: stream.write(b"554 no\r\n")) as host:
        assert mail(host).check() == Retry("smtp", "554 no")


@pytest.mark.parametrize(
    ("answers", "maybe"), [((b"250 mx",), False), ((b"250 mx", b"250 ok", b"250 ok", b"354 go"), True)]
)
def test_a_server_that_falls_silent(answers: tuple[bytes, ...], maybe: bool) -> None:
    """It is left after a while."""
    done = threading.Event()

    def talk(stream: Any) -> None:
        lines(*answers)(stream)
        done.wait()

    with scripted(talk) as host:
        channel = Mail(
            "mail",
            MailConfig(sender="noc@example.com", smarthosts=(host,)),
            FakeClock(),
            timeout=(10.0 if maybe else 0.2, 0.2),
        )
        outcome = channel.send(frozen(channel))
        done.set()
    assert outcome == Retry("timeout", "no answer in time", delivered_maybe=maybe)


def test_a_whole_mail_is_given_more_time(server: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server may scan it before it answers."""
    seen: list[float | None] = []

    def data(smtp: smtplib.SMTP, _: bytes) -> tuple[int, bytes]:
        seen.append(smtp.sock.gettimeout() if smtp.sock else None)
        return 250, b"ok"

    monkeypatch.setattr(smtplib.SMTP, "data", data)
    config = MailConfig(sender="noc@example.com", smarthosts=(smarthost(server),))
    channel = Mail("mail", config, FakeClock())
    assert channel.send(frozen(channel)) == Ok("ok")
    assert seen == [60.0]


def test_passwords_are_not_told() -> None:
    """Neither ours that cannot be sent nor one that the server repeats."""
    with MailServer(user="noc", password="密码") as server:
        channel = mail(smarthost(server))
        assert channel.send(frozen(channel)) == Permanent(
            "login", "the user or the password has characters beyond ASCII", dead="channel"
        )
    repeated = f"535 wrong: noc {PASSWORD}".encode()
    with scripted(lines(b"250-mx\r\n250 AUTH PLAIN", repeated, repeated)) as host:
        channel = mail(host.model_copy(update={"username": "noc", "password": Secret(PASSWORD)}))
        outcome = channel.send(frozen(channel))
    assert isinstance(outcome, Permanent)
    assert outcome.dead == "channel"
    assert PASSWORD not in repr(outcome)


def test_a_server_without_logins() -> None:
    """What was configured cannot be."""
    with MailServer(tls="starttls") as server, scripted(lines(b"250 mx")) as host:
        channel = mail(host.model_copy(update={"username": "noc", "password": Secret(PASSWORD)}))
        assert channel.send(frozen(channel)) == Permanent("no_auth", "the server takes no logins", dead="channel")
        assert server.connections == 0


def test_tls_from_the_start(tmp_path: Path) -> None:
    """Port 465; somebody else's certificate is refused."""
    with MailServer(tls="tls", user="noc", password=PASSWORD) as server:
        channel = mail(smarthost(server))
        assert isinstance(channel.send(frozen(channel)), Ok)
        other = mail(smarthost(server, ca_file=self_signed(tmp_path / "other.pem")))
        assert other.send(frozen(channel)) == Retry("tls", "the certificate or the handshake is wrong")
        assert mail(smarthost(server, ca_file="")).check() == Retry("tls", "the certificate or the handshake is wrong")
        assert mail(smarthost(server, ca_file=str(tmp_path / "missing.pem"))).check() == Retry(
            "broken", "the server cannot be spoken to: FileNotFoundError"
        )
        assert len(server.received) == 1


def test_check(server: MailServer) -> None:
    """It logs in and sends nothing; one server is enough."""
    channel = mail(smarthost(server))
    assert channel.check() == Ok()
    server.fail("auth_refused")
    assert channel.check() == Permanent("smtp_535", "535 the user or the password is not taken", dead="channel")
    server.fail("bad_cert")
    assert mail(smarthost(server), smarthost(server)).check() == Ok()
    assert server.received == []


def test_limits() -> None:
    """One budget, whoever it is for."""
    assert list(PACK.limits(LI)) == list(PACK.limits(WANG)) == [Limit("mail/minute", 60, 60)]
    PACK.close()


def test_smtplib_does_not_ask_the_dns(server: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relay must not need the cluster's."""

    def never(*_: object) -> str:
        raise AssertionError("asked for the name of this machine")

    monkeypatch.setattr(smtplib.socket, "getfqdn", never)
    assert mail(smarthost(server)).check() == Ok()
