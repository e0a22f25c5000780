"""What WeCom posts to an application's callback: signed and encrypted, written from document 90968 and with no part of a client."""

from __future__ import annotations

import base64
import hashlib
import os
from xml.sax.saxutils import escape

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from kunobs.clock import Clock

_BLOCK = 32


class Callback:
    """Makes requests that only an owner of `token` and `aes_key` (43 characters) can make."""

    def __init__(self, token: str, aes_key: str, corp_id: str, clock: Clock) -> None:
        self.token, self.aes_key, self.corp_id = token, aes_key, corp_id
        self._clock = clock

    def verification(self, echo: str) -> dict[str, str]:
        """The parameters of the GET by which WeCom checks the address; `echo` is the right answer."""
        sealed = self.seal(echo)
        return self._signed(sealed) | {"echostr": sealed}

    def post(self, xml: str) -> tuple[dict[str, str], bytes]:
        """The parameters and the body of the POST that brings `xml`."""
        sealed = self.seal(xml)
        body = f"<xml><ToUserName><![CDATA[{self.corp_id}]]></ToUserName><Encrypt><![CDATA[{sealed}]]></Encrypt></xml>"
        return self._signed(sealed), body.encode()

    def pressed(self, task_id: str, userid: str, key: str, code: str, agent_id: int) -> str:
        """The event of a button, as document 90240 has it."""
        fields = {
            "ToUserName": self.corp_id,
            "FromUserName": userid,
            "CreateTime": str(int(self._clock.now())),
            "MsgType": "event",
            "Event": "template_card_event",
            "EventKey": key,
            "TaskId": task_id,
            "CardType": "button_interaction",
            "ResponseCode": code,
            "AgentID": str(agent_id),
        }
        return f"<xml>{''.join(f'<{name}>{escape(text)}</{name}>' for name, text in fields.items())}</xml>"

    def seal(self, text: str) -> str:
        """AES-256-CBC over 16 random bytes, the length, the text and the company; padded to 32; in base64."""
        key = base64.b64decode(self.aes_key + "=")
        content = text.encode()
        plain = os.urandom(16) + len(content).to_bytes(4, "big") + content + self.corp_id.encode()
        padding = _BLOCK - len(plain) % _BLOCK
        encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
        return base64.b64encode(encryptor.update(plain + bytes([padding]) * padding) + encryptor.finalize()).decode()

    def _signed(self, sealed: str) -> dict[str, str]:
        timestamp, nonce = str(int(self._clock.now())), "1372623149"
        joined = "".join(sorted((self.token, timestamp, nonce, sealed)))
        signature = hashlib.sha1(joined.encode(), usedforsecurity=False).hexdigest()
        return {"msg_signature": signature, "timestamp": timestamp, "nonce": nonce}
