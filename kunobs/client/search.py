"""The log search: a namespace's data stream by words, pod, container and time, oldest line first."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from elastic_transport import ConnectionTimeout, TransportError
from elasticsearch import ApiError, Elasticsearch

from kunobs.client.event import Event
from kunobs.client.profiles import Path, Profile
from kunobs.client.search_errors import explain_refusal, explain_silence

PAGE = 5000
_ONE_REQUEST = 10_000
_KEEP_ALIVE = "2m"

Query = dict[str, Any]


def glob_query(field: str, glob: str) -> Query:
    """`field` matches a shell glob: as `wildcard`, or as `regexp` for a [set], which wildcard does not know."""
    if "[" not in glob:
        return {"wildcard": {field: {"value": glob.replace("\\", "\\\\")}}}
    return {"regexp": {field: {"value": _lucene(glob)}}}


def _lucene(glob: str) -> str:
    found, at = "", 0
    while at < len(glob):
        sign = glob[at]
        closing = glob.find("]", at + (3 if glob[at + 1 : at + 2] == "!" else 2)) if sign == "[" else -1
        if closing > 0:
            found += _lucene_set(glob[at + 1 : closing])
            at = closing + 1
            continue
        found += {"*": ".*", "?": "."}.get(sign, _escaped(sign))
        at += 1
    return found


def _lucene_set(inside: str) -> str:
    """`!b-d_` -> `[^b-d\\_]`; a range that is upside down holds nothing, as for a shell; `#` matches nothing."""
    negated = inside.startswith("!")
    members, at = "", int(negated)
    while at < len(inside):
        if inside[at + 1 : at + 2] == "-" and at + 2 < len(inside):
            low, high = inside[at], inside[at + 2]
            members += f"{_escaped(low)}-{_escaped(high)}" if low <= high else ""
            at += 3
        else:
            members += _escaped(inside[at])
            at += 1
    if not members:
        return "." if negated else "#"
    return f"[{'^' if negated else ''}{members}]"


def _escaped(sign: str) -> str:
    return sign if sign.isalnum() else f"\\{sign}"


def build_query(
    text: str, profile: Profile, *, since: datetime | None = None, pod: str = "", container: str = ""
) -> Query:
    """The search's `query`: `text` in query_string's language over the message, all words must match."""
    filters: list[Query] = []
    if since is not None:
        filters.append({"range": {"@timestamp": {"gte": since.astimezone(UTC).isoformat()}}})
    for paths, glob in ((profile.pod, pod), (profile.container, container)):
        if glob:
            filters.append(_any([glob_query(_dotted(path), glob) for path in paths]))
    words = {
        "query": text,
        "fields": [_dotted(path) for path in profile.message],
        "default_operator": "AND",
    }
    must = [] if text.strip() in ("", "*") else [{"query_string": words}]
    return {"bool": {"must": must, "filter": filters}} if must or filters else {"match_all": {}}


def _any(queries: list[Query]) -> Query:
    return queries[0] if len(queries) == 1 else {"bool": {"should": queries, "minimum_should_match": 1}}


def _dotted(path: Path) -> str:
    return ".".join(path)


class Search:
    """Hits of one query. `total` (how many there are in all) and `silent_shards` are known when the first event is out."""

    def __init__(self, client: Elasticsearch, stream: str, profile: Profile, origin: str) -> None:
        self._client, self._stream, self._profile, self._origin = client, stream, profile, origin
        self.total = 0
        self.silent_shards = 0
        """Parts of the stream that did not answer: lines may be missing."""

    def events(self, query: Query, limit: int, *, query_text: str = "") -> Generator[Event, None, None]:
        """The newest `limit` hits, oldest first; more than 10,000 come in pages of one point in time.

        Raises UsageError for a query that the server does not understand, UnavailableError, DeniedError.
        """
        try:
            hits = self._newest(query, limit) if limit <= _ONE_REQUEST else self._paged(query, limit)
            for hit in hits:
                yield Event.from_fields(hit.get("_source") or {}, self._profile)
        except ApiError as error:
            raise explain_refusal(error, self._stream, query_text) from error
        except (TransportError, ConnectionTimeout) as error:
            raise explain_silence(error, self._origin) from error

    def _order(self, direction: str, *, tie: bool = False) -> list[dict[str, Any]]:
        missing = "_last" if direction == "asc" else "_first"
        by_offset = {"order": direction, "unmapped_type": "long", "missing": missing}
        order: list[dict[str, Any]] = [{"@timestamp": {"order": direction}}]
        order += [{_dotted(path): by_offset} for path in self._profile.offset]
        return [*order, {"_shard_doc": direction}] if tie else order

    def _newest(self, query: Query, limit: int) -> list[Mapping[str, Any]]:
        answer = self._client.search(
            index=self._stream, query=query, sort=self._order("desc"), size=limit, track_total_hits=True
        )
        self.silent_shards = answer["_shards"]["failed"]
        self.total = answer["hits"]["total"]["value"]
        return list(reversed(answer["hits"]["hits"]))

    def _paged(self, query: Query, limit: int) -> Iterator[Mapping[str, Any]]:
        opened = self._client.open_point_in_time(index=self._stream, keep_alive=_KEEP_ALIVE)
        pit: str = opened["id"]
        try:
            self.total = self._page(pit, query, self._order("asc"), 0, None, total=True)["hits"]["total"]["value"]
            after = self._before_newest(pit, query, limit) if self.total > limit else None
            left = limit
            while left > 0:
                page = self._page(pit, query, self._order("asc", tie=True), min(PAGE, left), after)
                hits = page["hits"]["hits"]
                yield from hits
                if len(hits) < min(PAGE, left):
                    return
                left -= len(hits)
                after = hits[-1]["sort"]
        finally:
            with suppress(ApiError, TransportError):  # it ends by itself after a while
                self._client.close_point_in_time(id=pit)

    def _before_newest(self, pit: str, query: Query, limit: int) -> list[Any] | None:
        """The sort values of the hit just before the newest `limit`: found backwards, without the documents."""
        after: list[Any] | None = None
        left = limit + 1
        while left > 0:
            hits = self._page(pit, query, self._order("desc", tie=True), min(_ONE_REQUEST, left), after, source=False)
            found = hits["hits"]["hits"]
            if not found:
                return None
            left -= len(found)
            after = found[-1]["sort"]
        return after

    def _page(
        self,
        pit: str,
        query: Query,
        sort: list[dict[str, Any]],
        size: int,
        after: list[Any] | None,
        *,
        source: bool = True,
        total: bool = False,
    ) -> Any:
        answer = self._client.search(
            pit={"id": pit, "keep_alive": _KEEP_ALIVE},
            query=query,
            sort=sort,
            size=size,
            search_after=after,
            source=source,
            track_total_hits=total,
        )
        self.silent_shards = max(self.silent_shards, answer["_shards"]["failed"])
        return answer


def since_moment(seconds: float | None, now: float) -> datetime | None:
    """The time `seconds` before `now` (seconds since the epoch); None when nothing is asked."""
    return None if seconds is None else datetime.fromtimestamp(max(now - seconds, 0), UTC)
