"""`MemoryIndex`: an Elasticsearch in memory that answers over HTTP; enough of it to index, look up and roll over data streams."""

from __future__ import annotations

import contextlib
import fnmatch
import gzip
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from kunobs.testing.elastic_mapping import Mapping, Misfit, timestamp_ms

Answer = tuple[int, Any]
_LONGEST_ID = 512


class _Refusal(Exception):
    """A whole request is answered with an error."""

    def __init__(self, status: int, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.answer: Answer = (status, {"error": {"type": kind, "reason": reason}, "status": status})


@dataclass
class _Index:
    name: str
    created_ms: int
    mapping: Mapping
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)


class MemoryIndex:
    """Use it as a context manager, and `url` as `elasticsearch.urls`.

    It keeps documents for as long as it lives and forgets what it was told about analysis, shards and replicas. It has no
    ILM, like a server without x-pack. Unlike the real one it shows a document to a search at once.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._indices: dict[str, _Index] = {}
        self._streams: dict[str, list[str]] = {}
        self._templates: dict[str, dict[str, Any]] = {}
        self.requests: list[tuple[str, str]] = []
        """(method, path) of everything that was asked."""
        handler = type("Handler", (_Handler,), {"owner": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> MemoryIndex:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def documents(self, expression: str) -> list[tuple[str, str, dict[str, Any]]]:
        """(index, id, source) of everything in these indices or streams; `*` matches."""
        with self._lock:
            return [
                (index.name, name, source)
                for index in self._find(expression)
                for name, source in index.documents.items()
            ]

    # Requests

    def answer(self, method: str, path: str, body: bytes) -> Answer:
        """What Elasticsearch would say."""
        parts = [unquote(part) for part in path.strip("/").split("/")]
        with self._lock:
            self.requests.append((method, path))
            try:
                return self._dispatch(method, parts, body)
            except _Refusal as refusal:
                return refusal.answer

    def _dispatch(self, method: str, parts: list[str], body: bytes) -> Answer:
        match method, parts:
            case "POST", ["_bulk"]:
                return 200, self._bulk(body)
            case _, ["_msearch"]:
                return 200, self._msearch(body)
            case "GET", ["_index_template", *name]:
                return self._list_templates(name)
            case "PUT", ["_index_template", name]:
                return self._put_template(name, json.loads(body))
            case "DELETE", ["_index_template", name]:
                return 200, {"acknowledged": self._templates.pop(name, None) is not None}
            case "GET", ["_resolve", "index", expression]:
                return self._resolve(expression)
            case "POST", [expression, "_refresh"]:
                return 200, {"_shards": {"total": len(self._find(expression)), "failed": 0}}
            case _, [expression, "_count"]:
                return 200, {"count": sum(len(index.documents) for index in self._find(expression))}
            case _, [expression, "_search"]:
                return 200, self._search(self._find(expression), json.loads(body or b"{}"))
            case "GET", [expression, "_settings", *_]:
                return 200, {
                    index.name: {"settings": {"index": {"creation_date": str(index.created_ms)}}}
                    for index in self._find(expression)
                }
            case "GET", [expression, "_stats", *_]:
                return 200, {"indices": {index.name: {"primaries": _sizes(index)} for index in self._find(expression)}}
            case "POST", [stream, "_rollover"]:
                return self._rollover(stream, json.loads(body or b"{}").get("conditions", {}))
            case "DELETE", [name] if not name.startswith("_"):
                return self._delete(name)
        reason = f"no handler found for uri [/{'/'.join(parts)}] and method [{method}]"
        return 400, {"error": reason}

    # Bulk

    def _bulk(self, body: bytes) -> dict[str, Any]:
        if not body:
            raise _Refusal(400, "parse_exception", "request body is required")
        if not body.endswith(b"\n"):
            raise _Refusal(400, "illegal_argument_exception", "The bulk request must be terminated by a newline [\\n]")
        items = [self._act(*action) for action in _actions(body)]
        return {"errors": any("error" in next(iter(item.values())) for item in items), "took": 0, "items": items}

    def _act(self, kind: str, target: str, name: str, source: bytes | None) -> dict[str, Any]:
        if kind == "delete":
            index = self._indices.get(target)
            gone = index is not None and index.documents.pop(name, None) is not None
            return {kind: {"_index": target, "_id": name, "status": 200 if gone else 404}}
        index = self._write_index(target)
        try:
            event = index.mapping.fit(source or b"", name)
        except Misfit as misfit:
            return {kind: {"_index": target, "_id": name, "status": 400, "error": misfit.error}}
        if name in index.documents:
            error = {
                "type": "version_conflict_engine_exception",
                "index": index.name,
                "reason": f"[{name}]: version conflict, document already exists",
            }
            return {kind: {"_index": target, "_id": name, "status": 409, "error": error}}
        index.documents[name] = event
        return {kind: {"_index": index.name, "_id": name, "_version": 1, "result": "created", "status": 201}}

    def _write_index(self, target: str) -> _Index:
        if target in self._streams:
            return self._indices[self._streams[target][-1]]
        if target in self._indices:
            return self._indices[target]
        template = self._template_for(target)
        if template is None or "data_stream" not in template:
            return self._make(target, template, needs_timestamp=False)
        self._streams[target] = []
        return self._new_generation(target, template)

    def _template_for(self, target: str) -> dict[str, Any] | None:
        matching = [
            t for t in self._templates.values() if any(fnmatch.fnmatchcase(target, p) for p in t["index_patterns"])
        ]
        return max(matching, key=lambda template: template.get("priority", 0), default=None)

    def _new_generation(self, stream: str, template: dict[str, Any] | None) -> _Index:
        backing = self._streams[stream]
        number = int(backing[-1].rpartition("-")[2]) + 1 if backing else 1
        day = datetime.fromtimestamp(self._clock(), UTC).strftime("%Y.%m.%d")
        index = self._make(f".ds-{stream}-{day}-{number:06d}", template, needs_timestamp=True)
        backing.append(index.name)
        return index

    def _make(self, name: str, template: dict[str, Any] | None, *, needs_timestamp: bool) -> _Index:
        inner = (template or {}).get("template", {})
        mapping = Mapping.of(inner.get("mappings", {}), inner.get("settings", {}))
        mapping.needs_timestamp = needs_timestamp
        index = self._indices[name] = _Index(name, int(self._clock() * 1000), mapping)
        return index

    # Search

    def _msearch(self, body: bytes) -> dict[str, Any]:
        lines = [json.loads(line) for line in body.splitlines() if line]
        responses = []
        for head, query in zip(lines[::2], lines[1::2], strict=True):
            wanted = head["index"] if isinstance(head["index"], list) else [head["index"]]
            responses.append({**self._search(self._find(",".join(wanted)), query), "status": 200})
        return {"responses": responses}

    def _search(self, indices: list[_Index], request: dict[str, Any]) -> dict[str, Any]:
        query = request.get("query", {"match_all": {}})
        if "ids" in query:
            wanted = set(query["ids"]["values"])
        elif "match_all" in query:
            wanted = None
        else:
            raise _Refusal(400, "parsing_exception", f"MemoryIndex knows ids and match_all, not {', '.join(query)}")
        found = [
            (index.name, name, source)
            for index in indices
            for name, source in index.documents.items()
            if wanted is None or name in wanted
        ]
        hits = [{"_index": index, "_id": name, "_source": source} for index, name, source in found]
        answer: dict[str, Any] = {"hits": {"total": {"value": len(hits)}, "hits": hits[: request.get("size", 10)]}}
        for name, aggregation in request.get("aggs", {}).items():
            if aggregation != {"max": {"field": "@timestamp"}}:
                raise _Refusal(400, "parsing_exception", "MemoryIndex knows the maximum of @timestamp only")
            newest = max((timestamp_ms(source) for _, _, source in found), default=None)
            answer.setdefault("aggregations", {})[name] = {"value": newest}
        return answer

    def _find(self, expression: str) -> list[_Index]:
        found: dict[str, _Index] = {}
        for pattern in expression.split(","):
            names = [b for s, backing in self._streams.items() if fnmatch.fnmatchcase(s, pattern) for b in backing]
            names += [name for name in self._indices if fnmatch.fnmatchcase(name, pattern)]
            found |= {name: self._indices[name] for name in names}
        return list(found.values())

    # Administration

    def _list_templates(self, name: list[str]) -> Answer:
        if name and name[0] not in self._templates:
            return 404, {
                "error": {"type": "resource_not_found_exception", "reason": f"index template matching {name} not found"}
            }
        shown = {key: value for key, value in self._templates.items() if not name or key == name[0]}
        return 200, {"index_templates": [{"name": key, "index_template": value} for key, value in shown.items()]}

    def _put_template(self, name: str, template: dict[str, Any]) -> Answer:
        message = template.get("template", {}).get("mappings", {}).get("properties", {}).get("message", {})
        if message.get("type") == "match_only_text":
            reason = "The mapper type [match_only_text] declared on field [message] does not exist."
            raise _Refusal(400, "mapper_parsing_exception", reason)
        for other, rival in self._templates.items():
            same = rival.get("priority", 0) == template.get("priority", 0)
            if other != name and same and set(rival["index_patterns"]) & set(template["index_patterns"]):
                reason = (
                    f"index template [{name}] has index patterns matching patterns from existing templates [{other}]"
                )
                raise _Refusal(400, "illegal_argument_exception", reason)
        self._templates[name] = template
        return 200, {"acknowledged": True}

    def _resolve(self, expression: str) -> Answer:
        found = [s for s in self._streams for pattern in expression.split(",") if fnmatch.fnmatchcase(s, pattern)]
        missing = next((name for name in expression.split(",") if "*" not in name and name not in found), None)
        if missing is not None:
            raise _Refusal(404, "index_not_found_exception", f"no such index [{missing}]")
        return 200, {"data_streams": [{"name": name, "backing_indices": self._streams[name]} for name in found]}

    def _rollover(self, stream: str, conditions: dict[str, Any]) -> Answer:
        if stream not in self._streams:
            raise _Refusal(404, "index_not_found_exception", f"no such index [{stream}]")
        current = self._indices[self._streams[stream][-1]]
        age = self._clock() - current.created_ms / 1000
        due = not conditions or ("max_age" in conditions and age >= int(conditions["max_age"].removesuffix("s")))
        if due:
            self._new_generation(stream, self._template_for(stream))
        return 200, {
            "acknowledged": due,
            "rolled_over": due,
            "old_index": current.name,
            "new_index": self._streams[stream][-1],
        }

    def _delete(self, name: str) -> Answer:
        stream = next((s for s, backing in self._streams.items() if name in backing), None)
        if stream is not None and self._streams[stream][-1] == name:
            reason = f"index [{name}] is the write index for data stream [{stream}] and cannot be deleted"
            raise _Refusal(400, "illegal_argument_exception", reason)
        if name not in self._indices:
            raise _Refusal(404, "index_not_found_exception", f"no such index [{name}]")
        if stream is not None:
            self._streams[stream].remove(name)
        del self._indices[name]
        return 200, {"acknowledged": True}


def _sizes(index: _Index) -> dict[str, Any]:
    size = sum(len(json.dumps(source)) for source in index.documents.values())
    return {"docs": {"count": len(index.documents)}, "store": {"size_in_bytes": size}}


def _actions(body: bytes) -> list[tuple[str, str, str, bytes | None]]:
    """(kind, index, id, source) of every action; a body with one malformed line is refused as a whole."""
    found: list[tuple[str, str, str, bytes | None]] = []
    lines = body.split(b"\n")[:-1]
    at = 0
    while at < len(lines):
        try:
            action = json.loads(lines[at])
        except ValueError:
            action = None
        if not isinstance(action, dict):
            reason = f"Malformed action/metadata line [{at + 1}], expected START_OBJECT but found [VALUE_STRING]"
            raise _Refusal(400, "illegal_argument_exception", reason)
        kind, target = next(iter(action.items()), ("", None))
        if kind not in ("create", "index", "delete") or not isinstance(target, dict):
            reason = f"Malformed action/metadata line [{at + 1}], expected field [create], [delete], [index] or [update] but found [{kind}]"
            raise _Refusal(400, "illegal_argument_exception", reason)
        name = str(target.get("_id", len(found)))
        if len(name.encode()) > _LONGEST_ID:
            reason = (
                f"Validation Failed: 1: id [{name}] is too long, must be no longer than 512 bytes but was: {len(name)};"
            )
            raise _Refusal(400, "action_request_validation_exception", reason)
        source = None
        if kind != "delete":
            at += 1
            source = lines[at] if at < len(lines) else b""
        found.append((kind, target["_index"], name, source))
        at += 1
    return found


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: MemoryIndex

    def _respond(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        status, answer = self.owner.answer(self.command, urlsplit(self.path).path, body)
        content = json.dumps(answer, separators=(",", ":")).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("x-elastic-product", "Elasticsearch")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def handle(self) -> None:
        # A client that is killed is no news.
        with contextlib.suppress(ConnectionError):
            super().handle()

    do_GET = do_POST = do_PUT = do_DELETE = _respond

    def log_message(self, *_: object) -> None:
        """Quiet."""
