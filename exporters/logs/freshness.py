"""Freshness from Elasticsearch: three collectors, each one request whose answer holds a few numbers per index or stream."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

import msgspec

from exporters.kit import Collector, Context
from exporters.logs.asking import Asker, UnknownHandlerError
from kunobs.catalogue import logs
from kunobs.errors import UnavailableError
from kunobs.names import DATA_STREAM_PREFIX, namespace_of_data_stream, namespace_of_index

_ALL = f"{DATA_STREAM_PREFIX}*"
# An error of our own says more than a collection that ran out of time.
_SHARE = 0.9
MOST_INDICES = 65_535
Index = TypeVar("Index")


class _Shards(msgspec.Struct, gc=False):
    failed: int = 0


class _Stream(msgspec.Struct, gc=False):
    data_stream: str
    maximum_timestamp: int = 0


class _Streams(msgspec.Struct, gc=False):
    data_streams: list[_Stream] = []
    shards: _Shards = msgspec.field(name="_shards", default_factory=_Shards)


class _Value(msgspec.Struct, gc=False):
    value: float | None = None


class _Bucket(msgspec.Struct, gc=False):
    key: str
    latest: _Value


class _Buckets(msgspec.Struct, gc=False):
    buckets: list[_Bucket] = []


class _Aggregations(msgspec.Struct, gc=False):
    indices: _Buckets = msgspec.field(default_factory=_Buckets)


class _Search(msgspec.Struct, gc=False):
    aggregations: _Aggregations = msgspec.field(default_factory=_Aggregations)
    shards: _Shards = msgspec.field(name="_shards", default_factory=_Shards)


class _Docs(msgspec.Struct, gc=False):
    count: int = 0


class _Store(msgspec.Struct, gc=False):
    size_in_bytes: int = 0


class _Indexing(msgspec.Struct, gc=False):
    index_failed: int = 0
    index_failed_due_to_version_conflict: int | None = None


class _Primaries(msgspec.Struct, gc=False):
    docs: _Docs = msgspec.field(default_factory=_Docs)
    indexing: _Indexing = msgspec.field(default_factory=_Indexing)


class _Total(msgspec.Struct, gc=False):
    store: _Store = msgspec.field(default_factory=_Store)


class _Index(msgspec.Struct, gc=False):
    primaries: _Primaries = msgspec.field(default_factory=_Primaries)
    total: _Total = msgspec.field(default_factory=_Total)


class _Stats(msgspec.Struct, gc=False):
    indices: dict[str, _Index] = {}
    shards: _Shards = msgspec.field(name="_shards", default_factory=_Shards)


class _Explained(msgspec.Struct, gc=False):
    indices: dict[str, dict[str, object]] = {}


class Freshness:
    """The collectors; remembers which APIs the server does not have."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self._has_stream_stats = True

    @property
    def collectors(self) -> tuple[Collector, ...]:
        """The last event, the documents, the lifecycle."""
        counts = (logs.DOCUMENTS, logs.STORE, logs.INDICES, logs.REFUSED)
        return (
            Collector("streams", (logs.LAST_EVENT,), self.streams),
            Collector("documents", counts, self.documents),
            Collector("lifecycle", (logs.LIFECYCLE_ERRORS,), self.lifecycle),
        )

    def streams(self, ctx: Context) -> None:
        """When the latest event of each namespace was."""
        if self._has_stream_stats:
            try:
                self._by_stream(ctx)
                return
            except UnknownHandlerError as error:
                # The open server has data streams without their API; `kunobs local` is one.
                ctx.log("no _data_stream/_stats, searching instead", problem=str(error))
                self._has_stream_stats = False
        self._by_search(ctx)

    def documents(self, ctx: Context) -> None:
        """What each namespace has, and what was refused."""
        fields = (
            "primaries.docs.count",
            "total.store.size_in_bytes",
            "primaries.indexing.index_failed",
            "primaries.indexing.index_failed_due_to_version_conflict",
        )
        found = self._asker.ask(
            "GET",
            f"/{_ALL}/_stats/docs,store,indexing",
            _Stats,
            timeout=ctx.remaining * _SHARE,
            params={
                "level": "indices",
                "filter_path": ",".join(("_shards.failed", *(f"indices.*.{f}" for f in fields))),
            },
        )
        spaces = _by_namespace(ctx, found.indices)
        ctx.emit(logs.DOCUMENTS, _sums(spaces, lambda index: index.primaries.docs.count))
        ctx.emit(logs.STORE, _sums(spaces, lambda index: index.total.store.size_in_bytes))
        ctx.emit(logs.INDICES, _sums(spaces, lambda index: 1))
        ctx.emit(logs.REFUSED, _refused(spaces))
        _whole(found.shards)

    def lifecycle(self, ctx: Context) -> None:
        """Which namespaces' indices ILM cannot go on with."""
        try:
            found = self._asker.ask(
                "GET",
                f"/{_ALL}/_ilm/explain",
                _Explained,
                timeout=ctx.remaining * _SHARE,
                params={"only_errors": "true", "filter_path": "indices.*.index"},
            )
        except UnknownHandlerError as error:
            ctx.log("this server has no ILM", problem=str(error))
            return
        ctx.emit(logs.LIFECYCLE_ERRORS, _sums(_by_namespace(ctx, found.indices), lambda index: 1))

    def _by_stream(self, ctx: Context) -> None:
        found = self._asker.ask(
            "GET",
            f"/_data_stream/{_ALL}/_stats",
            _Streams,
            timeout=ctx.remaining * _SHARE,
            params={"filter_path": "data_streams.data_stream,data_streams.maximum_timestamp,_shards.failed"},
        )
        spaces = ((namespace_of_data_stream(one.data_stream), one.maximum_timestamp) for one in found.data_streams)
        ctx.emit(logs.LAST_EVENT, [(name, latest / 1000) for name, latest in spaces if name is not None and latest > 0])
        _whole(found.shards)

    def _by_search(self, ctx: Context) -> None:
        bucket = "aggregations.indices.buckets"
        latest = {"latest": {"max": {"field": "@timestamp"}}}
        found = self._asker.ask(
            "POST",
            f"/{_ALL}/_search",
            _Search,
            timeout=ctx.remaining * _SHARE,
            params={"filter_path": f"{bucket}.key,{bucket}.latest.value,_shards.failed"},
            body={"size": 0, "aggs": {"indices": {"terms": {"field": "_index", "size": MOST_INDICES}, "aggs": latest}}},
        )
        newest: dict[str, float] = {}
        for one in found.aggregations.indices.buckets:
            namespace = namespace_of_index(one.key)
            if namespace is not None and one.latest.value is not None:
                newest[namespace] = max(newest.get(namespace, 0.0), one.latest.value / 1000)
        ctx.emit(logs.LAST_EVENT, list(newest.items()))
        _whole(found.shards)


def _by_namespace(ctx: Context, indices: Mapping[str, Index]) -> dict[str, list[Index]]:
    spaces: dict[str, list[Index]] = defaultdict(list)
    strange = 0
    for name, index in indices.items():
        namespace = namespace_of_index(name)
        if namespace is None:
            strange += 1
        else:
            spaces[namespace].append(index)
    if strange:
        ctx.log("indices that are no namespace's", count=strange)
    return spaces


def _whole(shards: _Shards) -> None:
    """UnavailableError when a part of the cluster did not answer: what is shown then is too little."""
    if shards.failed:
        raise UnavailableError(f"{shards.failed} shards did not answer", hint="curl -sS URL/_cat/shards/logs-k8s-*")


def _sums(spaces: Mapping[str, Iterable[Index]], value: Callable[[Index], int]) -> list[tuple[str, int]]:
    return [(namespace, sum(map(value, indices))) for namespace, indices in spaces.items()]


def _refused(spaces: Mapping[str, Iterable[_Index]]) -> Iterator[tuple[str, str, int]]:
    for namespace, indices in spaces.items():
        found = [index.primaries.indexing for index in indices]
        conflicts = [one.index_failed_due_to_version_conflict for one in found]
        known = [count for count in conflicts if count is not None]
        if len(known) == len(found):
            yield namespace, "version_conflict", sum(known)
            yield namespace, "other", max(0, sum(one.index_failed for one in found) - sum(known))
