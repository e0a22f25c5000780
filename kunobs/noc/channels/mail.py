"""Mail by SMTP: one server, or the next where it does not take the mail; an answer for each recipient.

A mail is frozen without `Date`, which `send` puts before it. RFC 5322 asks for one, and a submission server only *may* add it (RFC 6409,
8.2): Postfix does so for its own networks, others refuse the mail. So it cannot be left to them, and in the frozen bytes it would say
when a mail was decided instead of when it was sent. Nobody recognises a mail by its Date: that is what the Message-ID is for, which is
`<key@domain of the sender>` at every attempt.

Mails about one incident refer to `<incident-N.tenant's hash@domain>`, which is no mail's own: not everybody was sent the first one, and
readers group what has the same reference. The subject stays the same for as long as severity and title do, as Gmail wants it.
"""

from __future__ import annotations

import contextlib
import html
import re
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from email import policy
from email.header import Header
from email.message import EmailMessage
from email.utils import format_datetime
from hashlib import sha256
from typing import ClassVar, Literal

from kunobs.clock import SYSTEM_CLOCK, Clock
from kunobs.config.noc.channels import MailConfig, Smarthost
from kunobs.noc.notify.contract import Frozen, Limit, Message, Ok, Outcome, Partial, Permanent, Retry

LONGEST_TEXT, LONGEST_LINE = 100_000, 200
"""Characters; what is longer is cut, with a mark: servers refuse mails of a size of their own choice, mostly 10 MB."""
TIMEOUT = (10.0, 60.0)
"""Seconds for each answer, and for the one to a whole mail, which the server may scan before (RFC 5321, 4.5.3.2.6)."""
_ADDRESS = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*@[a-zA-Z0-9.-]{1,190}", re.ASCII)
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_NO_ADDRESS = (553, b"not an address that mail can be sent to")
_BOUNDARY = "=_kunobs"
"""Can be in no part: quoted-printable has no `=_`, base64 no `_`."""
_WORDS = {"zh": ("确认", "详情"), "en": ("Acknowledge", "Details")}
_STYLE = "white-space: pre-wrap; font-family: inherit"


class Mail:
    """Mail to one address, or to several with commas between them; every attempt is a connection of its own."""

    kind: ClassVar[str] = "mail"
    markup: ClassVar[Literal["markdown", "text"]] = "text"

    def __init__(
        self, name: str, config: MailConfig, clock: Clock = SYSTEM_CLOCK, timeout: tuple[float, float] = TIMEOUT
    ) -> None:
        self.name = name
        self._config = config
        self._clock = clock
        self._timeout = timeout
        self._domain = config.sender.rpartition("@")[2]

    def pack(self, message: Message, address: str) -> list[bytes]:
        """A whole mail but for its Date; ASCII, lines of at most 998 bytes, whatever the text."""
        # The standard library tears encoded words and long Message-IDs when it folds headers: these are written here.
        head = "".join(f"{name}: {value}\r\n" for name, value in self._headers(message, address))
        return [head.encode("ascii", "replace") + _content(message)]

    def send(self, frozen: Frozen) -> Outcome:
        """By the first smarthost that takes it; where none does, the first failure that may pass."""
        if not _ADDRESS.fullmatch(self._config.sender):
            return Permanent("sender", "the sender is not an address that mail can be sent from", dead="channel")
        date = format_datetime(datetime.fromtimestamp(self._clock.now(), UTC))
        mail = b"Date: %s\r\n%s" % (date.encode(), frozen.body)
        return self._by_one(lambda smtp: self._transaction(smtp, _recipients(frozen.address), mail))

    def limits(self, address: str) -> Sequence[Limit]:
        """One budget over all recipients, as servers count a user's mails."""
        return [Limit(f"{self.name}/minute", self._config.per_minute, 60)]

    def check(self) -> Outcome:
        """Log in and out again; Ok where one smarthost lets us in."""
        return self._by_one(_nothing)

    def close(self) -> None:
        """Nothing is kept open."""

    def _headers(self, message: Message, address: str) -> Iterator[tuple[str, str]]:
        to = [each for each in _recipients(address) if _ADDRESS.fullmatch(each)]
        yield "From", self._config.sender
        yield "To", ",\r\n ".join(to) or "undisclosed-recipients:;"
        subject = _line(f"[{message.severity}] {f'#{message.incident} ' if message.incident else ''}{message.title}")
        charset = "us-ascii" if subject.isascii() and "=?" not in subject else "utf-8"
        yield "Subject", Header(subject, charset, header_name="Subject").encode(linesep="\r\n")
        yield "Message-ID", f"<{message.key}@{self._domain}>"
        if message.incident:
            tenant = sha256(message.tenant.encode("utf-8", "replace")).hexdigest()[:12]
            thread = f"<incident-{message.incident}.{tenant}@{self._domain}>"
            yield "In-Reply-To", thread
            yield "References", thread
        yield "Auto-Submitted", "auto-generated"

    def _by_one(self, do: Callable[[smtplib.SMTP], Outcome]) -> Outcome:
        failures: list[Outcome] = []
        for host in self._config.smarthosts:
            outcome = self._by(host, do)
            again = isinstance(outcome, Retry) and not outcome.delivered_maybe
            if not again and not (isinstance(outcome, Permanent) and outcome.dead == "channel"):
                return outcome
            failures.append(outcome)
        return next((each for each in failures if isinstance(each, Retry)), failures[0])

    def _by(self, host: Smarthost, do: Callable[[smtplib.SMTP], Outcome]) -> Outcome:
        try:
            smtp = self._connect(host)
        except (OSError, ValueError) as error:
            return _failure(error)
        try:
            refused = _log_in(smtp, host)
            return do(smtp) if refused is None else refused
        except (OSError, ValueError) as error:
            return _failure(error)
        finally:
            # The server has answered for the mail already, whatever becomes of the farewell.
            with contextlib.suppress(OSError, ValueError):
                if smtp.sock is not None:
                    smtp.sock.settimeout(self._timeout[0])
                smtp.quit()
            smtp.close()

    def _connect(self, host: Smarthost) -> smtplib.SMTP:
        # Without a name of its own, smtplib asks the DNS for one.
        if host.tls != "tls":
            return smtplib.SMTP(host.host, host.port, self._domain, self._timeout[0])
        trust = ssl.create_default_context(cafile=host.ca_file or None)
        return smtplib.SMTP_SSL(host.host, host.port, self._domain, timeout=self._timeout[0], context=trust)

    def _transaction(self, smtp: smtplib.SMTP, recipients: Sequence[str], mail: bytes) -> Outcome:
        size = [f"size={len(mail)}"] if smtp.has_extn("size") else []
        code, words = smtp.mail(self._config.sender, size)
        if code != 250:
            return _refusal(code, words, "message" if code == 552 else "channel")
        answers = {each: smtp.rcpt(each) if _ADDRESS.fullmatch(each) else _NO_ADDRESS for each in recipients}
        refused = {each: answer for each, answer in answers.items() if answer[0] not in (250, 251)}
        if len(refused) == len(answers):
            # One that may be taken later is worth another attempt for all.
            return _refusal(*min(refused.values()), "address")
        final = self._data(smtp, mail)
        if isinstance(final, Ok) and refused:
            failed = [(each, f"{code} {_line(words)}") for each, (code, words) in refused.items()]
            return Partial(failed, provider_id=final.provider_id)
        return final

    def _data(self, smtp: smtplib.SMTP, mail: bytes) -> Ok | Retry | Permanent:
        if smtp.sock is None:
            return Retry("reset", "the connection was cut")
        smtp.sock.settimeout(self._timeout[1])
        try:
            code, words = smtp.data(mail)
        except smtplib.SMTPDataError as error:
            return _refusal(error.smtp_code, error.smtp_error, "message")
        except (OSError, ValueError) as error:
            # Whether the last dot has arrived cannot be known here.
            return replace(_failure(error), delivered_maybe=True)
        return Ok(_line(words)) if code == 250 else _refusal(code, words, "message", maybe=True)


def _log_in(smtp: smtplib.SMTP, host: Smarthost) -> Retry | Permanent | None:
    smtp.ehlo_or_helo_if_needed()
    if host.tls == "starttls":
        if not smtp.has_extn("starttls"):
            return Retry("no_tls", "the server offers no STARTTLS")
        smtp.starttls(context=ssl.create_default_context(cafile=host.ca_file or None))
        smtp.ehlo_or_helo_if_needed()
    if not host.username:
        return None
    password = host.password.reveal()
    if not smtp.has_extn("auth"):
        return Permanent("no_auth", "the server takes no logins", dead="channel")
    if not (host.username + password).isascii():
        return Permanent("login", "the user or the password has characters beyond ASCII", dead="channel")
    try:
        smtp.login(host.username, password)
    except smtplib.SMTPAuthenticationError as error:
        # The server's words may repeat what it was sent.
        return _refusal(error.smtp_code, b"the user or the password is not taken", "channel")
    return None


def _refusal(
    code: int, words: bytes | str, dead: Literal["message", "address", "channel"], *, maybe: bool = False
) -> Retry | Permanent:
    """`maybe` is for the answer to a whole mail: one that is neither 4yz nor 5yz does not say that it was refused."""
    if 500 <= code < 600:
        return Permanent(f"smtp_{code}", _line(f"{code} {_line(words)}"), dead)
    known = 400 <= code < 500
    return Retry(
        f"smtp_{code}" if known else "smtp", _line(f"{code} {_line(words)}"), delivered_maybe=maybe and not known
    )


def _failure(error: Exception) -> Retry:
    # Errors of smtplib are errors of the operating system too, so the order matters.
    if isinstance(error, smtplib.SMTPResponseException):
        return Retry("smtp", f"{error.smtp_code} {_line(error.smtp_error)}")
    if isinstance(error, smtplib.SMTPServerDisconnected) and isinstance(error.__context__, OSError):
        # What it was that ended the connection.
        error = error.__context__
    for kind, code, reason in (
        (ssl.SSLError, "tls", "the certificate or the handshake is wrong"),
        (socket.gaierror, "dns", "the server's name cannot be resolved"),
        (TimeoutError, "timeout", "no answer in time"),
        (ConnectionRefusedError, "refused", "the connection was refused"),
        (smtplib.SMTPServerDisconnected, "reset", "the connection was cut"),
        (ConnectionError, "reset", "the connection was cut"),
    ):
        if isinstance(error, kind):
            return Retry(code, reason)
    return Retry("broken", f"the server cannot be spoken to: {type(error).__name__}")


def _recipients(address: str) -> list[str]:
    return [each.strip() for each in address.split(",")]


def _line(words: bytes | str) -> str:
    """What may be hostile, as one line of printable characters, cut at LONGEST_LINE."""
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    line = " ".join("".join(c if c.isprintable() else " " for c in text[:10_000]).split())
    return line if len(line) <= LONGEST_LINE else line[: LONGEST_LINE - 1] + "…"


def _content(message: Message) -> bytes:
    """The two forms of the text, encoded so that no server has to change a byte."""
    text = _UNPRINTABLE.sub("�", message.text.replace("\r\n", "\n").replace("\r", "\n"))
    text = text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"
    links = [
        (word, _UNPRINTABLE.sub("�", url))
        for word, url in zip(_WORDS[message.language], (message.ack_url, message.detail_url), strict=True)
        if url
    ]
    plain = "\n\n".join([text, *(f"{word}: {url}" for word, url in links)])
    shown = [f"<pre style='{_STYLE}'>{html.escape(text)}</pre>", *(_link(word, url) for word, url in links)]
    page = f"<!doctype html><html lang='{message.language}'><body>\n{chr(10).join(shown)}\n</body></html>"
    mail = EmailMessage(policy=policy.SMTP)
    mail.set_content(plain, cte=_encoding(plain))
    mail.add_alternative(page, subtype="html", cte=_encoding(page))
    mail.set_boundary(_BOUNDARY)
    return mail.as_bytes()


def _link(word: str, url: str) -> str:
    if not url.startswith(("https://", "http://")):
        return f"<p>{word}: {html.escape(url)}</p>"
    return f"<p><a href='{html.escape(url)}'>{word}</a></p>"


def _encoding(text: str) -> str:
    return "quoted-printable" if text.isascii() else "base64"


def _nothing(smtp: smtplib.SMTP) -> Outcome:
    code, words = smtp.noop()
    return Ok() if code == 250 else _refusal(code, words, "channel")
