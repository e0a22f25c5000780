"""Searches the namespace's data stream for the canary's lines."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import msgspec

from exporters.logs.asking import Asker
from exporters.logs.line import MARK, Line
from exporters.logs.tracker import Tracker
from kunobs.clock import SYSTEM_CLOCK, Clock
from kunobs.names import data_stream

# What one search may answer (index.max_result_window), twice as many as can be waited for.
MOST = 10_000
_CALL = 10.0


class _Hit(msgspec.Struct, rename={"index": "_index", "id": "_id", "source": "_source"}, gc=False):
    index: str
    id: str
    source: dict[str, Any] = {}


class _Hits(msgspec.Struct, gc=False):
    hits: list[_Hit] = []


class _Search(msgspec.Struct, gc=False):
    hits: _Hits = msgspec.field(default_factory=_Hits)


class ElasticHop:
    """One hop. Each `turn()` is one search for the lines of the last two `wait`: older ones cannot come even late.

    A line is known by its document, so that what one search showed the next does not count again.
    """

    def __init__(
        self, asker: Asker, namespace: str, line: Line, tracker: Tracker, *, wait: float, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._asker, self._line, self._tracker = asker, line, tracker
        self._path = f"/{data_stream(namespace)}/_search"
        self._wait, self._clock = wait, clock
        self._documents: dict[int, set[tuple[str, str]]] = defaultdict(set)

    def turn(self) -> None:
        """Search once. Raises KunobsError."""
        found = self._asker.ask(
            "POST",
            self._path,
            _Search,
            timeout=_CALL,
            params={
                "ignore_unavailable": "true",
                "filter_path": "hits.hits._index,hits.hits._id,hits.hits._source",
            },
            body=self._body(),
        )
        now = self._clock.monotonic()
        seen: dict[int, set[tuple[str, str]]] = defaultdict(set)
        for hit in found.hits.hits:
            number = self._line.number(msgspec.json.encode(hit.source))
            if number is not None:
                seen[number].add((hit.index, hit.id))
        for number in sorted(seen):
            for _ in seen[number] - self._documents[number]:
                self._tracker.seen(number, now)
            self._documents[number] |= seen[number]
        while len(self._documents) > MOST:
            del self._documents[min(self._documents)]

    def close(self) -> None:
        """Nothing to let go of: the client makes its connections anew."""

    def _body(self) -> dict[str, Any]:
        since = int((self._clock.now() - 2 * self._wait) * 1000)
        run = {"match_phrase": {"message": f"{MARK.decode()} {self._line.run}"}}
        recent = {"range": {"@timestamp": {"gte": since, "format": "epoch_millis"}}}
        return {
            "size": MOST,
            "_source": ["message"],
            "sort": [{"@timestamp": "desc"}],
            "track_total_hits": False,
            "query": {"bool": {"filter": [run, recent]}},
        }
