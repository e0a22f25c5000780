"""Links in messages: one that says who took an incident, signed, for one incident and one person; and the incident's page."""

from __future__ import annotations

from dataclasses import dataclass

from itsdangerous import BadData, URLSafeSerializer

from kunobs.noc.accept.refusal import Refusal

VALID_MS = 7 * 86400 * 1000


@dataclass(frozen=True)
class Claim:
    """What a link stands for; `person` is empty where a whole group got it."""

    incident: int
    person: str


class Links:
    """Makes and reads them; `secret` is the store's own."""

    def __init__(self, public_url: str, secret: str) -> None:
        self._url = public_url
        self._signer = URLSafeSerializer(secret, salt="ack")

    def ack(self, incident: int, person: str, now_ms: int) -> str:
        """A page that asks for one press, so that a preview of the link takes nothing."""
        token = self._signer.dumps([incident, person, now_ms + VALID_MS])
        return f"{self._url}/a/{token if isinstance(token, str) else token.decode()}"

    def detail(self, incident: int) -> str:
        """The incident on the board."""
        return f"{self._url}/board/incidents/{incident}"

    def board(self) -> str:
        """The board."""
        return f"{self._url}/board"

    def read(self, token: str, now_ms: int) -> Claim:
        """Raises Refusal where it is forged, broken or too old."""
        try:
            incident, person, ends_ms = self._signer.loads(token[:1000])
        except (BadData, ValueError, TypeError) as error:
            raise Refusal(403, "this link is not one of ours", hint="open the one in the message again") from error
        if now_ms > ends_ms:
            raise Refusal(410, "this link is too old", hint="open the incident on the board")
        return Claim(incident, person)
