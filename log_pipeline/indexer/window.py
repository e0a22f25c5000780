"""How many bulk requests may be under way: one more after a streak of successes, half after a refusal."""

from __future__ import annotations

import threading


class Window:
    """Additive increase, multiplicative decrease between `minimum` and `maximum`; safe to share between threads."""

    def __init__(self, minimum: int, maximum: int) -> None:
        self._minimum, self._maximum = minimum, maximum
        self._changed = threading.Condition()
        self._under_way = 0
        self._streak = 0
        self._halvings = 0
        self.limit = maximum

    def enter(self, timeout: float) -> int | None:
        """A ticket when a request may go out within `timeout` s, else None."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._under_way < self.limit, timeout):
                return None
            self._under_way += 1
            return self._halvings

    def leave(self, ticket: int, *, refused: bool) -> None:
        """The request of this ticket was answered, or will not be."""
        with self._changed:
            self._under_way -= 1
            if not refused:
                self._streak += 1
                if self._streak >= self.limit and self.limit < self._maximum:
                    self.limit, self._streak = self.limit + 1, 0
            elif ticket == self._halvings:
                # Requests that were under way at the same time are refused for the same reason: one of them counts.
                self._halve()
            else:
                self._streak = 0
            self._changed.notify_all()

    def shrink(self, ticket: int) -> None:
        """The request of this ticket was answered, but some of its events were refused for lack of room."""
        with self._changed:
            if ticket == self._halvings:
                self._halve()

    def _halve(self) -> None:
        self._halvings += 1
        self.limit, self._streak = max(self._minimum, self.limit // 2), 0
