"""Elasticsearch's answer -> what becomes of an event; pure. Whether to send again is decided here, when in sender.py.

Error texts were taken from Elasticsearch 8.19 and 9.5. They quote values, which tenants write, so what decides between
waiting and giving up is the error's type; a text is only matched from its beginning.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

INDEXED, DUPLICATE, RETRY, REPAIR, DEAD = "indexed", "duplicate", "retry", "repair", "dead_letter"
SPLIT = "split"


class Cause(msgspec.Struct, gc=False):
    """An error and what caused it; `index` is the backing index that a version conflict was found in."""

    type: str = ""
    reason: str | None = None
    caused_by: Cause | None = None
    index: str = ""

    def reasons(self) -> list[str]:
        """This error's text and those of its causes, without the `[line:column]` they may begin with."""
        found, at = [], self
        while True:
            found.append(_PLACE.sub("", at.reason or ""))
            if at.caused_by is None:
                return found
            at = at.caused_by

    def text(self) -> str:
        """Type and text on one line, for a header or a log."""
        return f"{self.type}: {' | '.join(reason for reason in self.reasons() if reason)}"


class Item(msgspec.Struct, gc=False):
    """What the answer says of one action."""

    status: int = 0
    index: str = msgspec.field(default="", name="_index")
    id: str = msgspec.field(default="", name="_id")
    error: Cause | str | None = None
    failure_store: str = ""


class BulkReply(msgspec.Struct, gc=False):
    """A bulk request's answer."""

    errors: bool = False
    items: list[dict[str, Item]] = []


class ErrorReply(msgspec.Struct, gc=False):
    """An answer that is no success."""

    error: Cause | str | None = None


class Verdict(NamedTuple):
    """What to do with an item, or with a whole request that was refused.

    `reason` is a bounded word: of a retry the metric's label, of a repair what goes into `kunobs.repair_reason`, of a dead
    letter what goes into its header. `field` names what has to move, "" where the answer does not say.
    """

    outcome: str
    reason: str = ""
    field: str = ""
    slow_down: bool = False
    hint: str = ""


_OK, _DUPLICATE = Verdict(INDEXED), Verdict(DUPLICATE)
_BUSY = Verdict(RETRY, "rejected_429", slow_down=True)
OVERSIZE = Verdict(
    RETRY,
    "rejected_429",
    hint="larger than the node takes at once: raise its heap or indexing_pressure.memory.limit; alone it becomes a dead letter",
)
_AWAY = Verdict(RETRY, "unavailable_503", slow_down=True)
_NO_TIMESTAMP = Verdict(DEAD, "no_timestamp")
_DISK_FULL = Verdict(
    RETRY,
    "disk_full",
    slow_down=True,
    hint="free disk or add nodes: GET /_cat/allocation?v; see `index.blocks` in GET /_all/_settings",
)
_SHARDS = Verdict(
    RETRY,
    "other",
    slow_down=True,
    hint="too many shards: delete old indices, or raise cluster.max_shards_per_node (PUT /_cluster/settings)",
)
_SECURITY = Verdict(
    RETRY, "other", slow_down=True,
    hint="grant the indexer's user create_doc, auto_configure, view_index_metadata, read, delete and maintenance on logs-k8s-*",
)  # fmt: skip
_CONFIG = Verdict(
    RETRY, "other", slow_down=True, hint="the cluster refuses to make or open the index: see the error and its settings"
)
BROKEN = Verdict(RETRY, "other", slow_down=True)

# Indexing pressure: what this operation needs, and what the node ever gives. Waiting does not help where the first is larger.
_PRESSURE = re.compile(r"_operation_bytes=(\d+), max_\w+_bytes=(\d+)")
_PLACE = re.compile(r"^\[-?\d+:-?\d+\] ")
_NAMED: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), word)
    for pattern, word in (
        (r"object mapping for \[(.+?)\] tried to parse field \[.*?\] as object", "object_conflict"),
        (
            r"Could not dynamically add mapping for field \[.*?\]\. Existing mapping for \[(.+?)\] must be",
            "object_conflict",
        ),
        (r"can't merge a non[- ]object mapping \[(.+?)\] with an object mapping", "object_conflict"),
        (r"mapper \[(.+?)\] cannot be changed from type", "value_conflict"),
        (r"Field \[(.+?)\] is a metadata field", "metadata_field"),
        (r"failed to parse field \[(_[a-z_]+)\] of type \[\1\]", "metadata_field"),
        (r"failed to parse field \[(.+?)\] of type \[", "value_conflict"),
        (r"Flattened field \[(.+?)\] contains one immense field", "too_long"),
        (r'Document contains at least one immense term in field="(.+?)"', "too_long"),
        (
            r"(?:failed to parse: )?Limit of mapping depth \[\d+\] has been exceeded due to object field \[(.+?)\]",
            "too_deep",
        ),
        (r"mapping set to strict, dynamic introduction of \[(.+?)\] within \[_doc\]", "strict_mapping"),
    )
)
_STRICT = re.compile(r"mapping set to strict, dynamic introduction of \[(.+?)\] within \[(.+?)\]")
_DUPLICATE_KEY = re.compile(r"(?:failed to parse: )?(?:\[\d+:\d+\] )?Duplicate field '")
_BAD_KEY = re.compile(
    r"(?:failed to parse: )?(?:field name cannot|Field name cannot|object field starting or ending with a \[\.\])"
)
_TIMESTAMP = re.compile(r"(?:failed to parse: )?data stream timestamp field \[@timestamp\]")
_PARSING = frozenset(
    {
        "document_parsing_exception", "mapper_parsing_exception", "strict_dynamic_mapping_exception", "mapper_exception",
        "x_content_parse_exception", "parsing_exception", "parse_exception", "json_parse_exception",
    }
)  # fmt: skip
# A whole request is refused with one of these because of one event. Another 400 (a proxy's, say) is nobody's fault in it.
_EVENTS_FAULT = frozenset({"illegal_argument_exception", "action_request_validation_exception", *_PARSING})
_REFUSED_ARGUMENT = re.compile(r"pipeline with id \[|no write index is defined|no matching index template")


def of_item(item: Item) -> Verdict:
    """What becomes of the event that this is the answer to."""
    status = item.status
    if item.error is None:
        if item.failure_store == "used" or item.index.startswith(".fs-"):
            return Verdict(REPAIR, "failure_store")
        if 200 <= status < 300:
            return _OK
    if status == 409:
        return _DUPLICATE
    error = item.error if isinstance(item.error, Cause) else Cause(type="", reason=item.error)
    if waiting := _wait(status, error):
        return waiting
    if status == 413:
        return Verdict(DEAD, "too_large")
    if status == 400 and error.type in _PARSING:
        return _parsing(error)
    if status == 400 and error.type == "illegal_argument_exception":
        named = _named(error.reasons())
        return named or Verdict(REPAIR, "other")
    return Verdict(DEAD, "rejected")


def of_request(status: int, error: Cause) -> Verdict:
    """What to do when a request as a whole was not answered with 200."""
    if status == 413:
        return Verdict(SPLIT, "too_large")
    if waiting := _wait(status, error):
        return Verdict(SPLIT, "too_large") if waiting is OVERSIZE else waiting
    if status == 400 and error.type in _EVENTS_FAULT:
        return Verdict(SPLIT, "rejected")
    return BROKEN


def _wait(status: int, error: Cause) -> Verdict | None:
    """Retry where the event is not to blame, None where it may be."""
    kind = error.type
    if kind in ("cluster_block_exception", "index_create_block_exception"):
        return _DISK_FULL
    if status == 429:
        needs = _PRESSURE.search(error.reason or "")
        return OVERSIZE if needs and int(needs[1]) > int(needs[2]) else _BUSY
    if status in (502, 503, 504):
        return _AWAY
    if status in (401, 403):
        return _SECURITY
    if kind == "validation_exception" and "shards" in (error.reason or ""):
        return _SHARDS
    if kind in ("index_not_found_exception", "index_closed_exception"):
        return _CONFIG
    if kind == "illegal_argument_exception" and _REFUSED_ARGUMENT.match(error.reason or ""):
        return _CONFIG
    if status >= 500 or status < 400:
        return BROKEN
    return None


def _parsing(error: Cause) -> Verdict:
    reasons = error.reasons()
    if any(_TIMESTAMP.match(reason) for reason in reasons):
        return _NO_TIMESTAMP
    if any(_DUPLICATE_KEY.match(reason) for reason in reasons):
        return Verdict(REPAIR, "duplicate_key")
    named = _named(reasons)
    if named is not None:
        return _NO_TIMESTAMP if named.field == "@timestamp" else named
    if any(_BAD_KEY.match(reason) for reason in reasons):
        return Verdict(REPAIR, "bad_key")
    return Verdict(REPAIR, "other")


def _named(reasons: list[str]) -> Verdict | None:
    for reason in reasons:
        for pattern, word in _NAMED:
            if found := pattern.match(reason):
                return Verdict(REPAIR, word, found[1])
        if found := _STRICT.match(reason):
            return Verdict(REPAIR, "strict_mapping", f"{found[2]}.{found[1]}")
    return None
