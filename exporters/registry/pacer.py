"""When the next request may go, and which is next in a round: evenly spread, never above the most per second."""

from __future__ import annotations

import bisect
from collections import deque
from collections.abc import Iterable, Sequence

# How far a round that was held up may hurry afterwards, in seconds of its plan.
CATCH_UP = 60.0
# The margin keeps rounding from putting one more into a second.
SECOND = 1 + 1e-6


class Pacer:
    """Times are monotonic seconds. No second, wherever it begins, ever holds more than `most`, a whole number.

    Within that a request that was a little late does not make those after it late: they may be twice as close.
    """

    def __init__(self, most: int) -> None:
        self._gap = 0.5 / most
        self._sent: deque[float] = deque(maxlen=most)
        self._held = float("-inf")
        self._plan: float | None = None

    def wait(self, now: float) -> float:
        """Seconds until any request may go."""
        wait = max(0.0, self._held - now)
        if self._sent:
            wait = max(wait, self._sent[-1] + self._gap - now)
        if len(self._sent) == self._sent.maxlen:
            wait = max(wait, self._sent[0] + SECOND - now)
        return wait

    def turn(self, now: float, rate: float) -> float:
        """Seconds until the round's next request at `rate` a second."""
        planned = now if self._plan is None else self._plan + 1 / rate
        return max(self.wait(now), planned - now)

    def spend(self, now: float, rate: float = 0.0) -> None:
        """A request goes now; with a rate it was the round's turn, without one it is beside the round."""
        self._sent.append(now)
        if rate:
            self._plan = now if self._plan is None else max(self._plan + 1 / rate, now - CATCH_UP)

    def held(self, now: float) -> bool:
        """A hold is on."""
        return self._held > now

    def hold(self, until: float) -> None:
        """Nothing goes before that."""
        self._held = max(self._held, until)


class Cursor:
    """Goes round through sorted names that may change meanwhile: a new one is met in this round or the next."""

    def __init__(self) -> None:
        self._at = self._before = ""
        self._rest: deque[tuple[str, str]] = deque()

    def begin(self) -> None:
        """A new round."""
        self._at = ""

    def next_name(self, names: Sequence[str]) -> str | None:
        """The first name after the last one; None at the end of the round."""
        index = bisect.bisect_right(names, self._at)
        if index == len(names):
            return None
        self._before, self._at = self._at, names[index]
        return self._at

    def back(self) -> None:
        """Give the last name once more."""
        self._at = self._before

    def put(self, repository: str, tags: Iterable[str]) -> None:
        """The tags that are next."""
        self._rest.extend((repository, tag) for tag in tags)

    def next_tag(self) -> tuple[str, str] | None:
        """The next of them; None when the repository is through."""
        return self._rest.popleft() if self._rest else None
