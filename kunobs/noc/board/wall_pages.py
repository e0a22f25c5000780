"""The wall's changing part, made once for all browsers: it is the same for everybody who reads the same language."""

from __future__ import annotations

import threading

from kunobs.noc.board.events import newest
from kunobs.noc.board.render import Renderer
from kunobs.noc.board.wall import read_wall
from kunobs.noc.notify.contract import Language
from kunobs.noc.relay import Relay

# Who is on call changes without an entry of the journal, and so does what a silence covers.
_FRESH_MS = 1000


class WallPages:
    """Keeps the last one of each language while it is true; safe between threads."""

    def __init__(self, relay: Relay, renderer: Renderer) -> None:
        self._relay, self._renderer = relay, renderer
        self._lock = threading.Lock()
        self._made: dict[Language, tuple[int, int, str]] = {}

    def html(self, language: Language) -> str:
        """As it is now."""
        with self._lock:
            now_ms, policy = self._relay.now_ms(), self._relay.policy
            seq, at_ms, made = self._made.get(language, (-1, 0, ""))
            if abs(now_ms - at_ms) >= _FRESH_MS or seq != self._relay.store.read(newest):
                wall = self._relay.store.read(lambda tx: read_wall(tx, policy, now_ms))
                made = self._renderer.render("_wall.html", language, wall=wall)
                self._made[language] = (wall.seq, now_ms, made)
            return made
