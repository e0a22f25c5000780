"""What WeCom posts to us when somebody presses a button of a card (documents 90238 and 90240): signed, encrypted XML.

Anybody can post to this address, so that everything before the signature is hostile. It must be answered in 5 seconds with 200 and an
empty body, or WeCom posts it again, up to 3 times; `Event.id` is the same then.
"""

from __future__ import annotations

import base64
import hmac
import re
import struct
from collections.abc import Mapping
from hashlib import blake2b, sha1
from typing import Any
from xml.parsers.expat import ExpatError

import msgspec
import xmltodict  # type: ignore[import-untyped]
from wechatpy.enterprise.crypto import PrpCrypto
from wechatpy.enterprise.exceptions import InvalidCorpIdException

from kunobs.config.secret import Secret
from kunobs.errors import ConfigError
from kunobs.noc.accept.refusal import Refusal
from kunobs.noc.notify.contract import Action, Event

LARGEST = 64 * 1024
_ACTIONS: dict[str, Action] = {"ack": "ack", "escalate": "escalate", "silence:1h": "silence"}
# Nothing may stand before the root: no DTD, and so no entity and nothing to fetch.
_START = re.compile(r"\s*(?:<\?xml[^<>]{0,100}\?>\s*)?<xml>")
_OURS = re.compile(r"([0-9a-z-]{1,64})@[0-9a-f]{12}")


class CallbackReader:
    """Reads what WeCom sends for one application. Raises ConfigError for a key that is none; never shows token or key."""

    def __init__(self, token: Secret, aes_key: Secret, corp_id: str) -> None:
        try:
            key = base64.b64decode(aes_key.reveal() + "=", validate=True)
        except ValueError:
            key = b""
        if len(key) != 32:
            raise ConfigError(
                "the callback's AES key is not 43 letters and digits",
                hint="copy EncodingAESKey from the application's page in WeCom's console",
            )
        self._token = token
        self._crypto = PrpCrypto(key)
        self._corp_id = corp_id

    def verify(self, params: Mapping[str, str]) -> str:
        """The answer to the GET by which WeCom checks the address. Raises Refusal."""
        return self._open(params, params.get("echostr", ""))

    def read(self, params: Mapping[str, str], body: bytes) -> Event | None:
        """What was pressed by whom; None for anything else that WeCom tells us. Raises Refusal: 400, 403 or 413."""
        if len(body) > LARGEST:
            raise Refusal(413, f"a callback has at most {LARGEST} bytes")
        sealed = _text(_xml(body), "Encrypt")
        if not sealed:
            raise Refusal(400, "the callback holds no Encrypt", hint="WeCom posts here, in safe mode")
        return _event(_xml(self._open(params, sealed).encode()))

    def _open(self, params: Mapping[str, str], sealed: str) -> str:
        given = [self._token.reveal(), params.get("timestamp", ""), params.get("nonce", ""), sealed]
        # SHA-1 of the sorted parts is WeCom's protocol.
        signature = sha1("".join(sorted(given)).encode(errors="replace"), usedforsecurity=False).hexdigest()
        if not hmac.compare_digest(signature.encode(), params.get("msg_signature", "").encode(errors="replace")):
            raise Refusal(403, "the signature is wrong", hint="compare callback_token with the console's Token")
        try:
            opened: str = self._crypto.decrypt(sealed, self._corp_id)
        except InvalidCorpIdException:
            raise Refusal(403, "the callback is for another company", hint="compare corp_id") from None
        except (ValueError, IndexError, struct.error):
            raise Refusal(400, "the callback cannot be decrypted", hint="compare callback_aes_key") from None
        return opened


def _xml(body: bytes) -> Mapping[str, Any]:
    try:
        text = body.decode()
        root = xmltodict.parse(text) if _START.match(text) else {}
    except (ExpatError, ValueError) as error:
        raise Refusal(400, f"the callback is no XML: {type(error).__name__}") from None
    fields = root.get("xml")
    if not isinstance(fields, Mapping):
        raise Refusal(400, "the callback is not XML with the root <xml> and fields in it")
    return fields


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _event(fields: Mapping[str, Any]) -> Event | None:
    task, pressed = _text(fields, "TaskId"), _text(fields, "EventKey")
    who, when = _text(fields, "FromUserName"), _text(fields, "CreateTime")
    ours, action = _OURS.fullmatch(task), _ACTIONS.get(pressed)
    if _text(fields, "Event") != "template_card_event" or ours is None or action is None or not who:
        return None
    parts = [_text(fields, "MsgId"), who, when, task, pressed]
    return Event(
        id=blake2b(msgspec.json.encode(parts), digest_size=16).hexdigest(),
        key=ours[1],
        receipt="acted",
        action=action,
        who=who,
    )
