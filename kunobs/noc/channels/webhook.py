"""Any other system: the message as a JSON object by POST, which it recognises by its `Idempotency-Key`.

The object, version 1; fields may be added to it, none is taken away or changes its meaning:

    version, key, kind, tenant, incident (a number, 0 for none), severity, title, text, step, reminder, language,
    ack_url, detail_url, mention (a list), address (whom it is for; empty for the system as a whole)

Any 2xx says it was taken; what else is in the answer is not looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import msgspec

from kunobs.clock import SYSTEM_CLOCK, Clock
from kunobs.config.noc.channels import WebhookConfig
from kunobs.noc.channels.signing import HEADER, sign
from kunobs.noc.notify.contract import Frozen, Limit, Message, Ok, Outcome, Permanent, Retry
from kunobs.noc.notify.http import Answer, Http, by_status

LONGEST_TEXT = 100_000
"""Characters of `text`; what is longer is cut, with a mark, since a refused page reaches nobody."""


class Webhook:
    """Posts to one URL; the clock is only for the signature's time."""

    kind: ClassVar[str] = "webhook"
    markup: ClassVar[Literal["markdown", "text"]] = "markdown"

    def __init__(self, name: str, config: WebhookConfig, http: Http, clock: Clock = SYSTEM_CLOCK) -> None:
        self.name = name
        self._config = config
        self._http = http
        self._clock = clock

    def pack(self, message: Message, address: str) -> list[bytes]:
        """One body, whatever the text."""
        fields = {name: _sound(getattr(message, name)) for name in message.__dataclass_fields__}
        return [msgspec.json.encode({"version": 1, **fields, "address": _sound(address)})]

    def send(self, frozen: Frozen) -> Outcome:
        """One POST; a status that says "not this one" is told from one that says "not you"."""
        headers = {"Idempotency-Key": frozen.key}
        if self._config.hmac_secret:
            headers[HEADER] = sign(self._config.hmac_secret, frozen.body, self._clock.now())
        answer = self._http.ask("POST", self._config.url, frozen.body, headers)
        return answer if isinstance(answer, Retry | Permanent) else _outcome(answer)

    def limits(self, address: str) -> Sequence[Limit]:
        """One budget for everything that is posted."""
        return [Limit(f"{self.name}/minute", self._config.per_minute, 60)]

    def check(self) -> Outcome:
        """Ok: nothing can be posted there that is not a message."""
        return Ok()

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()


def _outcome(answer: Answer) -> Outcome:
    if answer.status in (400, 413, 422):
        return Permanent(f"http_{answer.status}", f"HTTP {answer.status}", dead="message")
    taken = 200 <= answer.status < 300
    return Ok() if taken else by_status(answer) or Retry("status", "not a status that HTTP has")


def _sound(value: Any) -> Any:
    """Texts as UTF-8 can have them, and short enough; anything else as it is."""
    if isinstance(value, str):
        cut = value if len(value) <= LONGEST_TEXT else value[: LONGEST_TEXT - 1] + "…"
        return cut.encode("utf-8", "replace").decode()
    return [_sound(each) for each in value] if isinstance(value, list | tuple) else value
