"""A signature over a body and the second it was made: what phone gateways and webhooks believe us by, and we the gateways.

`X-Kunobs-Signature: t=<seconds since the epoch>,v1=<hex of HMAC-SHA-256(secret, "<t>.<body>")>`; docs/phone.md has an example to check
an implementation by.
"""

from __future__ import annotations

import hmac
import re

from kunobs.config.secret import Secret
from kunobs.noc.accept.refusal import Refusal

HEADER = "X-Kunobs-Signature"
LONGEST_AGE = 300
"""Seconds, in both directions, since clocks differ: what is older may be a recording."""
_SHAPE = re.compile(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})", re.ASCII)


def sign(secret: Secret, body: bytes, now: float) -> str:
    """The header's value; `now` is in seconds since the epoch."""
    return f"t={int(now)},v1={_mac(secret, int(now), body)}"


def verify(secret: Secret, body: bytes, header: str, now: float) -> None:
    """Raises Refusal 403 for a body that was not signed with `secret` in the last five minutes; which of it is wrong is told."""
    found = _SHAPE.fullmatch(header)
    if not secret or not found:
        raise Refusal(403, f"{HEADER} is missing or has no t and v1", hint=f"send {HEADER}: t=<seconds>,v1=<64 hex>")
    if not hmac.compare_digest(found[2], _mac(secret, int(found[1]), body)):
        raise Refusal(403, "the signature is not that of this body and our secret", hint="sign the bytes that are sent")
    if abs(now - int(found[1])) > LONGEST_AGE:
        raise Refusal(403, f"the signature is more than {LONGEST_AGE} s old", hint="sign when sending; check the clock")


def _mac(secret: Secret, at: int, body: bytes) -> str:
    return hmac.new(secret.reveal().encode(), b"%d.%s" % (at, body), "sha256").hexdigest()
