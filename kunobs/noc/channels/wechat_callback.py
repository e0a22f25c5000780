"""What a WeChat account posts to us: whether a template message reached the phone.

Plain messages carry a signature over a time and a number only, which stand in the URL, so that whoever reads a log could post anything
with them: they are good for five minutes. With an EncodingAESKey the signature is over the message, and plain ones are refused.
"""

from __future__ import annotations

import binascii
import hmac
import struct
from collections.abc import Mapping
from hashlib import sha1
from typing import Any
from xml.parsers import expat

from wechatpy.crypto import PrpCrypto
from wechatpy.exceptions import InvalidAppIdException

from kunobs.config.noc.channels import WechatConfig
from kunobs.noc.accept.refusal import Refusal
from kunobs.noc.notify.contract import Event

LARGEST = 64 * 1024
"""Bytes of a post."""
LONGEST_AGE = 300
"""Seconds, in both directions."""


class WechatCallback:
    """Reads the posts of one account; `params` are those of the URL, decoded."""

    def __init__(self, config: WechatConfig) -> None:
        self._config = config

    def verify(self, params: Mapping[str, str], now: float) -> str:
        """What to answer to the GET by which WeChat tries the address. Raises Refusal 403."""
        self._check(params, "signature", now)
        return params.get("echostr", "")

    def read(self, params: Mapping[str, str], body: bytes, now: float) -> Event | None:
        """The receipt in a POST, None where it is about something else; the answer is `success` for both. Raises Refusal."""
        if len(body) > LARGEST:
            raise Refusal(413, f"a message has at most {LARGEST} bytes")
        if self._config.callback_aes_key:
            sealed = _xml(body).get("Encrypt", "")
            self._check(params, "msg_signature", now, sealed)
            fields = _xml(self._open(sealed))
        else:
            self._check(params, "signature", now)
            fields = _xml(body)
        return _event(fields)

    def _check(self, params: Mapping[str, str], name: str, now: float, *more: str) -> None:
        token = self._config.callback_token.reveal()
        at, nonce = params.get("timestamp", ""), params.get("nonce", "")
        text = "".join(sorted((token, at, nonce, *more)))
        # WeChat's own choice of a hash.
        expected = sha1(text.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()
        if not token or not hmac.compare_digest(expected.encode(), params.get(name, "").encode("utf-8", "replace")):
            hint = "compare callback_token with the Token of the account's server configuration"
            raise Refusal(403, f"{name} is not that of the account's token", hint=hint)
        if not (at.isascii() and at.isdigit() and len(at) <= 12 and abs(now - int(at)) <= LONGEST_AGE):
            raise Refusal(403, f"timestamp is more than {LONGEST_AGE} s from our clock", hint="check the clock")

    def _open(self, sealed: str) -> bytes:
        try:
            key = binascii.a2b_base64(self._config.callback_aes_key.reveal() + "=")
            opened: str = PrpCrypto(key).decrypt(sealed, self._config.app_id)
        except (ValueError, IndexError, struct.error, InvalidAppIdException):
            hint = "compare callback_aes_key and app_id with the account's server configuration"
            raise Refusal(403, "the message cannot be decrypted", hint=hint) from None
        return opened.encode()


def _event(fields: Mapping[str, str]) -> Event | None:
    if fields.get("MsgType") != "event" or fields.get("Event") != "TEMPLATESENDJOBFINISH":
        return None
    number, status = fields.get("MsgID", ""), fields.get("Status", "")
    if not (number.isascii() and number.isdigit()) or not status:
        raise Refusal(400, "the receipt has no MsgID or no Status")
    event_id = f"{number}/{fields.get('CreateTime', '')}"[:100]
    who = fields.get("FromUserName", "")[:128]
    if status == "success":
        return Event(event_id, provider_id=number, receipt="delivered", who=who)
    words = "".join(c if c.isprintable() else "?" for c in status.removeprefix("failed:"))
    return Event(event_id, provider_id=number, failed=words.strip()[:100] or "failed", who=who)


def _xml(text: bytes) -> dict[str, str]:
    """The fields of `<xml>`; those within fields are of messages that are not read here. Raises Refusal, for a DTD too."""
    found: dict[str, str] = {}
    path: list[str] = []

    def start(name: str, _: Any) -> None:
        path.append(name)
        if len(path) == 2:
            found[name] = ""

    def characters(data: str) -> None:
        if len(path) == 2:
            found[path[1]] += data

    def refuse(*_: Any) -> None:
        raise Refusal(400, "the message has a DTD")

    parser = expat.ParserCreate("utf-8")
    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: path.pop()
    parser.CharacterDataHandler = characters
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(text, True)
    except (expat.ExpatError, ValueError):
        raise Refusal(400, "the body is no XML message") from None
    return found
