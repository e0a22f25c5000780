"""No event twice across a rollover: look up before sending, and again where a rollover shows only in the answer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

import msgspec

from kunobs import crash
from log_pipeline.indexer.api import Api
from log_pipeline.indexer.document import stamp_of
from log_pipeline.indexer.generations import Refused, Registry, Stream, expect, generation, is_surely_newer
from log_pipeline.indexer.outcome import BulkReply, Cause

_IDS = 5000
_FOUND = "responses.hits.hits._index,responses.hits.hits._id,responses.error,responses.status"

Key = tuple[Stream, str]
Copies = dict[Key, list[str]]


class Lookup:
    """Finds and removes second copies. Every method raises NoAnswer or Refused when Elasticsearch does not do its part.

    `counted(result)` is called for every search with `clean` or `found`.
    """

    def __init__(self, api: Api, registry: Registry, counted: Callable[[str], None] = lambda result: None) -> None:
        self._api = api
        self._registry = registry
        self._counted = counted

    def before_sending(self, events: Iterable[tuple[Stream, str, bytes]]) -> set[Key]:
        """Which of these (stream, id, document) an older index already holds; of more copies the oldest is kept."""
        wanted: dict[Stream, list[str]] = {}
        bounds: dict[Stream, str] = {}
        for stream, name, document in events:
            if stream not in bounds:
                bounds[stream] = self._registry.settle(stream)
            if not is_surely_newer(stamp_of(document), bounds[stream]):
                wanted.setdefault(stream, []).append(name)
        self._registry.refresh_young(wanted)
        older = {stream: stream.generations.indices[:-1] for stream in wanted}
        found = self._search(wanted, older)
        self._keep_oldest(found, {stream: stream.generations.writing for stream in older})
        return set(found)

    def after_sending(self, written: Mapping[str, list[tuple[Stream, str]]]) -> set[Key]:
        """Of the events just written to these indices, those an older index holds too; the new copies are deleted."""
        self._registry.learn({stream for events in written.values() for stream, _ in events})
        doubled: set[Key] = set()
        for index, events in written.items():
            stream = events[0][0]
            older = stream.generations.before(index)
            if not older:
                continue
            self._registry.refresh(older)
            found = self._search({stream: [name for _, name in events]}, {stream: older})
            self._keep_oldest(found, {stream: index})
            doubled |= set(found)
        return doubled

    def _search(self, wanted: Mapping[Stream, list[str]], where: Mapping[Stream, Collection[str]]) -> Copies:
        asked: list[Stream] = []
        lines: list[bytes] = []
        for stream, ids in wanted.items():
            for at in range(0, len(ids) if where[stream] else 0, _IDS):
                part = ids[at : at + _IDS]
                asked.append(stream)
                lines.append(
                    msgspec.json.encode(
                        {
                            "index": list(where[stream]),
                            "ignore_unavailable": True,
                            "allow_partial_search_results": False,
                        }
                    )
                )
                query = {"ids": {"values": part}}
                size = len(part) * len(where[stream])
                lines.append(
                    msgspec.json.encode(
                        {"size": min(size, 10_000), "_source": False, "track_total_hits": False, "query": query}
                    )
                )
        copies: Copies = {}
        if asked:
            body = b"\n".join([*lines, b""])
            reply = expect("look-up", self._api.call("POST", "/_msearch", body, filter_path=_FOUND))
            answers = msgspec.json.decode(reply, type=_Answers).responses
            if len(answers) != len(asked):
                raise Refused("look-up", 200, Cause(reason=f"{len(answers)} answers to {len(asked)} searches"))
            for stream, answer in zip(asked, answers, strict=True):
                self._collect(stream, answer, copies)
        return copies

    def _collect(self, stream: Stream, answer: _Answer, copies: Copies) -> None:
        if answer.status != 200:
            error = answer.error if isinstance(answer.error, Cause) else Cause(reason=answer.error)
            raise Refused("look-up", answer.status, error)
        self._counted("found" if answer.hits.hits else "clean")
        for hit in answer.hits.hits:
            copies.setdefault((stream, hit.id), []).append(hit.index)

    def _keep_oldest(self, found: Copies, newest: Mapping[Stream, str]) -> None:
        """Delete every copy but the oldest: one in `newest`, and those that attempts between two rollovers have left."""
        surplus = [(newest[stream], name) for stream, name in found]
        surplus += [(index, name) for (_, name), old in found.items() for index in sorted(old, key=generation)[1:]]
        self._delete(surplus)

    def _delete(self, copies: Collection[tuple[str, str]]) -> None:
        if not copies:
            return
        crash.reach("indexer.before_second_copies_deleted")
        lines = [msgspec.json.encode({"delete": {"_index": index, "_id": name}}) for index, name in copies]
        body = b"\n".join([*lines, b""])
        reply = expect(
            "delete second copies", self._api.call("POST", "/_bulk", body, filter_path="items.*.status,items.*.error")
        )
        items = [item for row in msgspec.json.decode(reply, type=BulkReply).items for item in row.values()]
        failed = next((item for item in items if item.status not in (200, 404)), None)
        if failed is not None or len(items) != len(lines):
            error = failed.error if failed is not None and isinstance(failed.error, Cause) else Cause()
            raise Refused("delete second copies", failed.status if failed else 200, error)


class _Hit(msgspec.Struct, rename={"index": "_index", "id": "_id"}, gc=False):
    index: str
    id: str


class _Hits(msgspec.Struct, gc=False):
    hits: list[_Hit] = []


class _Answer(msgspec.Struct, gc=False):
    status: int = 200
    error: Cause | str | None = None
    hits: _Hits = msgspec.field(default_factory=_Hits)


class _Answers(msgspec.Struct, gc=False):
    responses: list[_Answer] = []
