"""The mail server that tests use, by Python's own SMTP client."""

from __future__ import annotations

import smtplib
import socket
import ssl
import sys
from collections.abc import Iterator

import pytest

from kunobs.errors import UsageError
from kunobs.testing.smtp import MailServer

MAIL = b"From: noc@example.com\r\nDate: Tue, 14 Nov 2023 22:13:20 +0000\r\nMessage-ID: <1@example.com>\r\n\r\nhello\r\n.dot\r\n"


@pytest.fixture
def server() -> Iterator[MailServer]:
    """STARTTLS, and a user."""
    with MailServer(user="noc", password="s3cret") as made:
        yield made


def client(server: MailServer, *, login: bool = True) -> smtplib.SMTP:
    """Logged in, over TLS."""
    made = smtplib.SMTP(server.host, server.port, "client.example.com", timeout=10)
    made.starttls(context=ssl.create_default_context(cafile=server.ca_file))
    if login:
        made.login("noc", "s3cret")
    return made


def test_a_mail_reaches_each_mailbox(server: MailServer) -> None:
    """To the byte, dots at the beginning of lines too; a second copy is delivered, and counted."""
    with client(server) as smtp:
        for _ in range(2):
            assert smtp.sendmail("noc@example.com", ["li@example.com", "wang@example.com"], MAIL) == {}
    assert [(mail.sender, mail.recipient, mail.content) for mail in server.received[:2]] == [
        ("noc@example.com", "li@example.com", MAIL),
        ("noc@example.com", "wang@example.com", MAIL),
    ]
    assert server.received[0].message["Date"].datetime.year == 2023
    assert server.copies == {("li@example.com", "<1@example.com>"): 2, ("wang@example.com", "<1@example.com>"): 2}


def test_nothing_without_tls_and_login(server: MailServer) -> None:
    """530 for both, 535 for a wrong password."""
    with smtplib.SMTP(server.host, server.port, "client.example.com", timeout=10) as smtp:
        smtp.ehlo()
        assert not smtp.has_extn("auth")
        assert smtp.mail("noc@example.com")[0] == 530
    with client(server, login=False) as smtp:
        smtp.ehlo()
        assert smtp.mail("noc@example.com")[0] == 530
        with pytest.raises(smtplib.SMTPAuthenticationError, match="535"):
            smtp.login("noc", "wrong")


@pytest.mark.parametrize("tls", ["tls", "none"])
def test_tls_from_the_start_and_none(tls: str) -> None:
    """As smarthosts have them."""
    with MailServer(tls=tls, user="noc", password="s3cret") as server:  # type: ignore[arg-type]
        context = ssl.create_default_context(cafile=server.ca_file)
        smtp = (
            smtplib.SMTP_SSL(server.host, server.port, "client.example.com", context=context, timeout=10)
            if tls == "tls"
            else smtplib.SMTP(server.host, server.port, "client.example.com", timeout=10)
        )
        with smtp:
            smtp.login("noc", "s3cret")
            smtp.sendmail("noc@example.com", ["li@example.com"], MAIL)
        assert len(server.received) == 1


@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_a_wrong_certificate(tls: str) -> None:
    """For one connection."""
    with MailServer(tls=tls) as server:  # type: ignore[arg-type]
        context = ssl.create_default_context(cafile=server.ca_file)

        def connect() -> None:
            if tls == "tls":
                smtplib.SMTP_SSL(server.host, server.port, "client", context=context, timeout=10).quit()
            else:
                smtp = smtplib.SMTP(server.host, server.port, "client", timeout=10)
                smtp.starttls(context=context)
                smtp.quit()

        server.fail("bad_cert")
        with pytest.raises(ssl.SSLCertVerificationError):
            connect()
        connect()


@pytest.mark.parametrize(
    ("fault", "expected"),
    [("4xx_rcpt", 452), ("5xx_rcpt", 550), ("greylist", 450), ("4xx_data", 451), ("5xx_data", 550)],
)
def test_refusals(server: MailServer, fault: str, expected: int) -> None:
    """For one connection, with the code of the real ones; nobody receives anything."""
    server.fail(fault)  # type: ignore[arg-type]
    with client(server) as smtp, pytest.raises(smtplib.SMTPException) as caught:
        smtp.sendmail("noc@example.com", ["li@example.com"], MAIL)
    found = caught.value
    code = (
        found.recipients["li@example.com"][0] if isinstance(found, smtplib.SMTPRecipientsRefused) else found.smtp_code
    )  # type: ignore[attr-defined]
    assert code == expected
    assert server.received == []
    with client(server) as smtp:
        smtp.sendmail("noc@example.com", ["li@example.com"], MAIL)
    assert len(server.received) == 1


@pytest.mark.parametrize(("fault", "received"), [("cut_before_dot", 0), ("cut_after_dot", 1)])
def test_cuts(server: MailServer, fault: str, received: int) -> None:
    """Both look alike to the client, and only one delivered the mail."""
    server.fail(fault)  # type: ignore[arg-type]
    smtp = client(server)
    with pytest.raises((smtplib.SMTPServerDisconnected, OSError)):
        smtp.sendmail("noc@example.com", ["li@example.com"], MAIL)
    smtp.close()
    assert len(server.received) == received


def test_other_faults(server: MailServer) -> None:
    """No STARTTLS, no login, no such person."""
    server.fail("no_tls", "auth_refused")
    with smtplib.SMTP(server.host, server.port, "client", timeout=10) as smtp:
        smtp.ehlo()
        assert not smtp.has_extn("starttls")
    with client(server, login=False) as smtp, pytest.raises(smtplib.SMTPAuthenticationError, match="535"):
        smtp.login("noc", "s3cret")
    server.unknown.add("gone@example.com")
    with client(server) as smtp:
        refused = smtp.sendmail("noc@example.com", ["gone@example.com", "li@example.com"], MAIL)
    assert refused["gone@example.com"][0] == 550
    assert [mail.recipient for mail in server.received] == ["li@example.com"]


@pytest.mark.parametrize(
    ("mail", "code"),
    [
        (MAIL.replace(b"hello", b"x" * 998), 250),
        (MAIL.replace(b"hello", b"x" * 999), 500),
        (MAIL.replace(b"hello", b"hel\nlo"), 550),
        (MAIL.replace(b"hello", b"hel\rlo"), 550),
        (MAIL.replace(b"hello", b"hel\0lo"), 550),
        (MAIL.replace(b"hello", "你好".encode()), 554),
        (MAIL.replace(b"Date:", b"X-Date:"), 550),
        (MAIL.replace(b"Tue, 14 Nov", b"yesterday"), 550),
        (MAIL.replace(b"Message-ID:", b"X-ID:"), 550),
        (b"From: somebody@example.com\r\n" + MAIL, 550),
    ],
)
def test_what_is_no_mail(server: MailServer, mail: bytes, code: int) -> None:
    """RFC 5321 and 5322 to the letter."""
    with client(server) as smtp:
        smtp.ehlo()
        smtp.mail("noc@example.com")
        smtp.rcpt("li@example.com")
        assert smtp.data(mail)[0] == code
    assert len(server.received) == (code == 250)


def test_without_aiosmtpd(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what to install."""
    monkeypatch.setitem(sys.modules, "aiosmtpd.smtp", None)
    with pytest.raises(UsageError, match="needs aiosmtpd"):
        MailServer().__enter__()


def test_it_lets_go_of_its_port() -> None:
    """Though a client is still connected."""
    with MailServer(tls="none") as server:
        idle = socket.create_connection((server.host, server.port), timeout=10)
        assert idle.recv(100).startswith(b"220 mx ESMTP")
    assert idle.recv(100) == b""
    idle.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((server.host, server.port), timeout=10)
