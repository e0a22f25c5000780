"""The backing indices of each namespace's stream, and which events can only be new.

An `_id` is unique within one backing index. After a rollover an event that is read again would be written a second time, so
an event whose `@timestamp` is not above its stream's bound is looked up in the older indices first. The bound is exact: the
newest `@timestamp` that any older index holds. It is at least a minute above the rollover, because a bulk may still have been
on its way into the older index then.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from kunobs import names
from kunobs.clock import SYSTEM_CLOCK, Clock
from log_pipeline.indexer.api import Api, Reply
from log_pipeline.indexer.outcome import Cause

NOTHING_OLDER = ""
ANYTHING_MAY_BE_OLDER = "~"
_IN_FLIGHT = 60.0
# So long after a rollover was noticed, the older index may still take the end of a bulk and is refreshed before each look-up.
_YOUNG = 120.0
_AT_ONCE = 50
_GENERATION = re.compile(r"\.ds-(.+)-\d{4}\.\d\d\.\d\d-(\d{6,})")


class Refused(Exception):
    """Elasticsearch did not do what a look-up needs; it is tried again."""

    def __init__(self, what: str, status: int, error: Cause) -> None:
        super().__init__(f"{what}: {status} {error.text()[:300]}")
        self.status = status
        self.error = error


class Generations(NamedTuple):
    """A stream's backing indices from old to new."""

    indices: tuple[str, ...] = ()

    @property
    def writing(self) -> str:
        """The index that new events go to, "" while there is none."""
        return self.indices[-1] if self.indices else ""

    def before(self, index: str) -> tuple[str, ...]:
        """The indices older than this one."""
        return self.indices[: self.indices.index(index)] if index in self.indices else self.indices


class Stream:
    """One namespace as the hot loop sees it: `bound` and `head` are read for every event, `events` and `volume` counted."""

    __slots__ = ("bound", "events", "generations", "head", "name", "namespace", "volume")

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace
        self.name = names.data_stream(namespace)
        self.head = f'{{"create":{{"_index":"{self.name}","_id":"'
        self.generations = Generations()
        self.bound = NOTHING_OLDER
        self.events = 0
        self.volume = 0


def is_surely_newer(timestamp: object, bound: str) -> bool:
    """Whether an event with this `@timestamp` cannot be in an index whose newest is below `bound` (whole seconds, no zone).

    Only the one form of a timestamp that sorts as text is trusted: 2026-11-01T03:18:27Z, with or without a fraction.
    """
    if type(timestamp) is not str:
        return False
    return (
        timestamp > bound
        and len(timestamp) >= 20
        and timestamp[4] == timestamp[7] == "-"
        and timestamp[10] == "T"
        and timestamp[13] == timestamp[16] == ":"
        and timestamp[-1] == "Z"
    )


class Registry:
    """All streams. `get` is for the consuming thread; the rest asks Elasticsearch and is for the senders.

    `epoch` counts what was learnt: a bulk notes it when it is begun, so that an answer which names an index learnt of later
    shows that the bulk's events were not held against that index's bound.
    """

    def __init__(self, api: Api, clock: Clock = SYSTEM_CLOCK) -> None:
        self._api = api
        self._clock = clock
        self._lock = threading.Lock()
        self._learning = threading.Lock()
        self._young_until: dict[str, float] = {}
        self._streams: dict[str, Stream] = {}
        self._by_name: dict[str, Stream] = {}
        self._since: dict[str, int] = {}
        self.epoch = 0

    def get(self, namespace: str) -> Stream:
        """The namespace's stream; one not heard of has no index yet."""
        stream = self._streams.get(namespace)
        if stream is None:
            with self._lock:
                stream = self._streams.get(namespace) or Stream(namespace)
                self._streams[namespace] = self._by_name[stream.name] = stream
        return stream

    def streams(self) -> list[Stream]:
        """Every stream that was asked for or learnt of."""
        return list(self._streams.values())

    def covers(self, indices: Iterable[str], epoch: int) -> bool:
        """Whether all of these were known as write indices when the epoch was noted."""
        since = self._since
        return all(since.get(index, epoch + 1) <= epoch for index in indices)

    def stream_of(self, index: str) -> Stream | None:
        """The stream that a backing index belongs to, as far as known."""
        found = _GENERATION.fullmatch(index)
        return self._by_name.get(found[1]) if found else None

    def learn_all(self) -> None:
        """Read the backing indices of every stream there is. Raises NoAnswer or Refused."""
        self._learn(f"{names.DATA_STREAM_PREFIX}*")

    def learn(self, streams: Collection[Stream]) -> None:
        """Read them again for these. Raises NoAnswer or Refused."""
        wanted = sorted(stream.name for stream in streams)
        for at in range(0, len(wanted), _AT_ONCE):
            part = wanted[at : at + _AT_ONCE]
            # One that was deleted meanwhile makes the whole request fail.
            if not self._learn(",".join(part)) and len(part) > 1:
                for name in part:
                    self._learn(name)

    def _learn(self, expression: str) -> bool:
        # One at a time, or an answer that is older would be taken for news.
        with self._learning:
            return self._ask(expression)

    def _ask(self, expression: str) -> bool:
        reply = self._api.call("GET", f"/_resolve/index/{expression}", expand_wildcards="open,hidden")
        if reply.status == 404:
            return False
        found = msgspec.json.decode(expect("backing indices", reply), type=_Resolved)
        with self._lock:
            epoch = self.epoch + 1
            for known in found.data_streams:
                namespace = known.name.removeprefix(names.DATA_STREAM_PREFIX).replace("_", "-")
                stream = self._streams.setdefault(namespace, Stream(namespace))
                self._by_name[stream.name] = stream
                if known.backing_indices:
                    self._accept(stream, tuple(sorted(known.backing_indices, key=generation)), epoch)
            # The hot loop reads without the lock: bounds are raised before a bulk can note the new epoch.
            self.epoch = epoch
        return True

    def _accept(self, stream: Stream, indices: tuple[str, ...], epoch: int) -> None:
        if indices == stream.generations.indices:
            return
        rolled_over = indices[-1] != stream.generations.writing
        for gone in set(stream.generations.indices) - set(indices):
            self._since.pop(gone, None)
        stream.generations = Generations(indices)
        if len(indices) == 1:
            stream.bound = NOTHING_OLDER
        elif rolled_over:
            stream.bound = ANYTHING_MAY_BE_OLDER
        if rolled_over:
            self._since[indices[-1]] = epoch

    def settle(self, stream: Stream) -> str:
        """The stream's bound, computed where it is not known yet. Raises NoAnswer or Refused."""
        bound, generations = stream.bound, stream.generations
        if bound != ANYTHING_MAY_BE_OLDER:
            return bound
        older = generations.indices[:-1]
        self._young_until[stream.name] = self._clock.monotonic() + _YOUNG
        self.refresh(older)
        bound = above(max(self._newest(older), self._created(generations.writing) + _IN_FLIGHT))
        with self._lock:
            if stream.generations is generations:
                stream.bound = bound
        return bound

    def refresh_young(self, streams: Iterable[Stream]) -> None:
        """Make older indices visible to a search where something may have come in lately. Raises NoAnswer or Refused."""
        now = self._clock.monotonic()
        young = [stream for stream in streams if now < self._young_until.get(stream.name, 0.0)]
        self.refresh([index for stream in young for index in stream.generations.indices[:-1]])

    def refresh(self, indices: Collection[str]) -> None:
        """Make what these indices hold visible to a search. Raises NoAnswer or Refused."""
        for part in _in_parts(list(indices)):
            reply = self._api.call("POST", f"/{','.join(part)}/_refresh", ignore_unavailable="true")
            if msgspec.json.decode(expect("refresh", reply), type=_Refreshed).shards.failed:
                raise Refused("refresh", reply.status, Cause(reason="some shards failed"))

    def _newest(self, indices: Collection[str]) -> float:
        """The newest `@timestamp` in any of these, in seconds since the epoch."""
        newest = 0.0
        query = {"size": 0, "track_total_hits": False, "aggs": {"newest": {"max": {"field": "@timestamp"}}}}
        for part in _in_parts(list(indices)):
            reply = self._api.call(
                "POST",
                f"/{','.join(part)}/_search",
                query,
                ignore_unavailable="true",
                allow_partial_search_results="false",
            )
            value = msgspec.json.decode(expect("newest @timestamp", reply), type=_Aggregated).aggregations.newest.value
            newest = max(newest, (value or 0.0) / 1000)
        return newest

    def _created(self, index: str) -> float:
        reply = self._api.call("GET", f"/{index}/_settings/index.creation_date")
        settings = msgspec.json.decode(expect("creation date", reply), type=dict[str, _Settings])
        return max((int(each.settings.index.creation_date) for each in settings.values()), default=0) / 1000


def above(seconds: float) -> str:
    """The next whole second as a timestamp's text without zone: less than every timestamp that is later."""
    limit = min(seconds + 1, 253402300799)
    return datetime.fromtimestamp(limit, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def generation(index: str) -> tuple[int, str]:
    """What backing indices sort by: one whose name tells no generation (shrunk, restored) counts as old."""
    found = _GENERATION.fullmatch(index)
    return (int(found[2]), index) if found else (0, index)


def expect(what: str, reply: Reply, accepted: Callable[[int], bool] = lambda status: 200 <= status < 300) -> bytes:
    """The body of a success; raises Refused otherwise."""
    if not accepted(reply.status):
        raise Refused(what, reply.status, reply.error())
    return reply.body


def _in_parts(indices: list[str]) -> list[list[str]]:
    """A request's first line may hold 4,096 bytes."""
    return [indices[at : at + 30] for at in range(0, len(indices), 30)]


class _ResolvedStream(msgspec.Struct, gc=False):
    name: str
    backing_indices: list[str] = []


class _Resolved(msgspec.Struct, gc=False):
    data_streams: list[_ResolvedStream] = []


class _Shards(msgspec.Struct, gc=False):
    failed: int = 0


class _Refreshed(msgspec.Struct, rename={"shards": "_shards"}, gc=False):
    shards: _Shards = msgspec.field(default_factory=_Shards)


class _Value(msgspec.Struct, gc=False):
    value: float | None = None


class _Newest(msgspec.Struct, gc=False):
    newest: _Value = msgspec.field(default_factory=_Value)


class _Aggregated(msgspec.Struct, gc=False):
    aggregations: _Newest = msgspec.field(default_factory=_Newest)


class _IndexSettings(msgspec.Struct, gc=False):
    creation_date: str = "0"


class _Inner(msgspec.Struct, gc=False):
    index: _IndexSettings = msgspec.field(default_factory=_IndexSettings)


class _Settings(msgspec.Struct, gc=False):
    settings: _Inner = msgspec.field(default_factory=_Inner)
