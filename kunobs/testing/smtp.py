"""`MailServer`: a mail server for tests that keeps to the letter of SMTP, remembers who received what, and fails when told to.

    with MailServer() as server:
        host = Smarthost(host=server.host, port=server.port, ca_file=server.ca_file)
        server.fail("greylist")
        ...
        assert [mail.recipient for mail in server.received] == ["li@example.com"]

Needs `pip install aiosmtpd cryptography`. As SMTP does, it delivers a mail that comes again a second time: `copies` counts them.
"""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import re
import socket
import ssl
import tempfile
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Literal

from kunobs.errors import UsageError

Fault = Literal[
    "4xx_rcpt",
    "5xx_rcpt",
    "4xx_data",
    "5xx_data",
    "cut_before_dot",
    "cut_after_dot",
    "no_tls",
    "bad_cert",
    "auth_refused",
    "greylist",
]
"""Of one connection. `cut_after_dot` delivers the mail and answers nothing; `greylist` refuses whom it has not seen, and lets them in the
next time; `4xx_data` and `5xx_data` are the answer to the whole mail."""


@dataclass(frozen=True)
class ReceivedMail:
    """What is in one person's mailbox; `content` are the bytes after the last hop's dots were taken away."""

    sender: str
    recipient: str
    content: bytes

    @property
    def message(self) -> EmailMessage:
        """As a mail program reads it."""
        return message_from_bytes(self.content, policy=policy.default)


class MailServer:
    """Listens on a loopback port of its own, as a context manager.

    `tls` as a smarthost has it. With a `user` nobody else may send. `unknown` are recipients that do not exist. `server.fail(...)` takes
    one fault for each of the next connections.
    """

    host = "127.0.0.1"

    def __init__(
        self, tls: Literal["starttls", "tls", "none"] = "starttls", user: str = "", password: str = "", name: str = "mx"
    ) -> None:
        self.tls, self.user, self.password, self.name = tls, user, password, name
        self.received: list[ReceivedMail] = []
        self.copies: Counter[tuple[str, str]] = Counter()
        """By recipient and Message-ID."""
        self.unknown: set[str] = set()
        self.connections = 0
        self.fault: Fault | None = None
        """Of the connection that came last."""
        self._faults: list[Fault] = []
        self._folder = tempfile.TemporaryDirectory()
        self.ca_file = self_signed(Path(self._folder.name) / "server.pem")
        self._context = _context(self.ca_file)
        self._other = _context(self_signed(Path(self._folder.name) / "other.pem"))
        self._context.sni_callback = self._choose
        self.port = 0
        """Known once it listens."""

    def __enter__(self) -> MailServer:
        protocol = _protocol(self)
        encrypted = self._context if self.tls == "tls" else None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        # asyncio turns Nagle's algorithm off only where it is told that this is TCP, or each EHLO takes 40 ms.
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.bind((self.host, 0))
        self.port = listening.getsockname()[1]
        starting = self._loop.create_server(protocol, sock=listening, ssl=encrypted)
        self._server = asyncio.run_coroutine_threadsafe(starting, self._loop).result()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._folder.cleanup()

    def fail(self, *faults: Fault) -> None:
        """The next connections, one fault each."""
        self._faults += faults

    def next_connection(self) -> Fault | None:
        """Count a connection; what is to happen to it."""
        self.connections += 1
        self.fault = self._faults.pop(0) if self._faults else None
        return self.fault

    def context(self, fault: Fault | None) -> ssl.SSLContext | None:
        """For STARTTLS; None where it is not offered."""
        if self.tls != "starttls" or fault == "no_tls":
            return None
        return self._other if fault == "bad_cert" else self._context

    def deliver(self, sender: str, recipients: Sequence[str], content: bytes) -> None:
        """Into each recipient's mailbox."""
        for recipient in recipients:
            mail = ReceivedMail(sender, recipient, content)
            self.received.append(mail)
            self.copies[recipient, str(mail.message["Message-ID"])] += 1

    def _choose(self, handshake: ssl.SSLObject, *_: object) -> None:
        if self.fault == "bad_cert":
            handshake.context = self._other

    async def _stop(self) -> None:
        self._server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


def _protocol(owner: MailServer) -> Callable[[], asyncio.Protocol]:
    """What makes an SMTP session for each connection. Raises UsageError without aiosmtpd."""
    try:
        from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
    except ImportError:
        raise UsageError("MailServer needs aiosmtpd", hint="pip install aiosmtpd") from None

    class Session(SMTP):
        fault: Fault | None = None

        async def smtp_DATA(self, arg: str) -> None:
            if self.fault != "cut_before_dot":
                await super().smtp_DATA(arg)
                return
            await self.push("354 End data with <CR><LF>.<CR><LF>")
            await self._reader.readuntil(b"\r\n")
            self._writer.transport.abort()

    def authenticate(server: Any, session: object, envelope: object, mechanism: str, data: Any) -> AuthResult:
        known = isinstance(data, LoginPassword) and data == (owner.user.encode(), owner.password.encode())
        return AuthResult(success=known and server.fault != "auth_refused", handled=False)

    def make() -> asyncio.Protocol:
        fault = owner.next_connection()
        context = owner.context(fault)
        with warnings.catch_warnings():
            # aiosmtpd does not know of TLS that was there before it.
            warnings.simplefilter("ignore", UserWarning)
            made = Session(
                _Handler(owner, fault),
                hostname=owner.name,
                ident="ESMTP",
                tls_context=context,
                require_starttls=context is not None,
                auth_required=bool(owner.user),
                auth_require_tls=context is not None,
                authenticator=authenticate,
                loop=asyncio.get_running_loop(),
            )
        made.fault = fault
        return made

    return make


class _Handler:
    def __init__(self, owner: MailServer, fault: Fault | None) -> None:
        self._owner = owner
        self._fault = fault

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if self._fault == "greylist":
            return "450 4.2.0 Greylisted, try again later"
        if self._fault == "4xx_rcpt":
            return "452 4.2.2 Mailbox full"
        if self._fault == "5xx_rcpt" or address in self._owner.unknown:
            return f"550 5.1.1 <{address}>: no such user"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self._fault == "4xx_data":
            return "451 4.3.0 Local error in processing"
        problem = "550 5.7.1 Refused by policy" if self._fault == "5xx_data" else _wrong(envelope)
        if problem:
            return problem
        self._owner.deliver(envelope.mail_from, envelope.rcpt_tos, envelope.content)
        if self._fault == "cut_after_dot":
            server.transport.abort()
            await asyncio.sleep(3600)
        return f"250 2.0.0 queued as {len(self._owner.received)}"


def _wrong(envelope: Any) -> str:
    """What is wrong with a mail by RFC 5321 and 5322."""
    content: bytes = envelope.content
    if max(map(len, content.split(b"\r\n"))) > 998:
        return "500 5.6.0 Line too long"
    if re.search(rb"(?<!\r)\n|\r(?!\n)|\0", content):
        return "550 5.6.0 Bare CR, bare LF or NUL"
    if not content.isascii() and "BODY=8BITMIME" not in envelope.mail_options:
        return "554 5.6.3 8-bit content was not announced"
    message = message_from_bytes(content, policy=policy.default)
    for name in ("From", "Date", "Message-ID"):
        if len(message.get_all(name, [])) != 1:
            return f"550 5.6.0 There must be one {name}"
    return "" if message["Date"].datetime else "550 5.6.0 Date is no date"


def self_signed(path: Path, host: str = "127.0.0.1") -> str:
    """Writes a certificate for a host and itself as its authority, with the key beside it (`.key`); the path as text."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"kunobs test {path.stem}")])
    try:
        place: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        place = x509.DNSName(host)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))
        .not_valid_after(datetime.datetime(2099, 1, 1, tzinfo=datetime.UTC))
        .add_extension(x509.SubjectAlternativeName([place]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    path.with_suffix(".key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    )
    return str(path)


def _context(certificate: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, Path(certificate).with_suffix(".key"))
    return context
