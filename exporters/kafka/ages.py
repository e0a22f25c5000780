"""When was an offset written that is older than the ring: asked of the broker by time, and remembered as long as it is asked about."""

from __future__ import annotations

from collections.abc import Mapping

from exporters.kafka.cluster import Key
from exporters.kafka.questions import Questions

# Each halves what is unknown: 1/64 of the retention is left.
ROUNDS = 6
# Partitions that are asked about in one collection; the rest in the next ones.
AT_ONCE = 1000
# Where time deletes nothing the search must begin somewhere.
UNLIMITED = 30 * 86400.0


class Ages:
    """The times of single offsets of one cluster. Not safe between threads."""

    def __init__(self) -> None:
        self._found: dict[tuple[Key, int], float] = {}

    def written_at(
        self, asked: Questions, offsets: Mapping[tuple[Key, int], float | None], newest: float, now: float
    ) -> dict[tuple[Key, int], float]:
        """(partition, offset) -> when it was written, seconds since the epoch, rather too early than too late.

        `offsets` has the retention in seconds of each, None for none; all were written before `newest`. What is not
        found in this collection is left out.
        """
        self._found = {one: time for one, time in self._found.items() if one in offsets}
        # One question for a partition at a time, for the answer has no more than the partition's name.
        wanted: dict[Key, int] = {}
        for key, offset in offsets:
            if (key, offset) not in self._found and len(wanted) < AT_ONCE:
                wanted.setdefault(key, offset)
        early = {key: now - (offsets[key, offset] or UNLIMITED) for key, offset in wanted.items()}
        late = dict.fromkeys(wanted, newest)
        for _ in range(ROUNDS if wanted else 0):
            middle = {key: (early[key] + late[key]) / 2 for key in wanted}
            for key, first in asked.at(middle).items():
                if first < 0 or first > wanted[key]:
                    late[key] = middle[key]
                else:
                    early[key] = middle[key]
        self._found |= {(key, offset): early[key] for key, offset in wanted.items()}
        return dict(self._found)
