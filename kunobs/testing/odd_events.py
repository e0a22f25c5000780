"""Lines that go wrong in the field or are made to do harm: each maker turns a good event into one."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

Event = dict[str, Any]
# Brokers measure a record batch after compression, so only noise is surely too large for a tenant topic.
_INCOMPRESSIBLE = base64.b64encode(random.Random(0).randbytes(1_000_000)).decode()


class Odd(NamedTuple):
    """The line, its fate (see `Expected.outcome`) and its key."""

    value: bytes
    outcome: str
    key: bytes | None


Maker = Callable[[random.Random, Event], Odd]


def dump(event: object, **options: Any) -> bytes:
    """JSON as Filebeat writes it, except that lone surrogates are escaped and not replaced."""
    try:
        return json.dumps(event, ensure_ascii=False, **({"separators": (",", ":")} | options)).encode()
    except UnicodeEncodeError:
        return json.dumps(event, **({"separators": (",", ":")} | options)).encode()


def _key(event: Event) -> bytes | None:
    container = event.get("container")
    return str(container["id"]).encode() if isinstance(container, dict) and "id" in container else None


def _edit(change: Callable[[Event], object], outcome: str = "delivered") -> Maker:
    """A maker that changes the object."""

    def make(rng: random.Random, event: Event) -> Odd:
        key = _key(event)
        change(event)
        return Odd(dump(event), outcome, key)

    return make


def _raw(change: Callable[[random.Random, bytes], bytes], outcome: str = "delivered") -> Maker:
    """A maker that changes the bytes."""

    def make(rng: random.Random, event: Event) -> Odd:
        return Odd(change(rng, dump(event)), outcome, _key(event))

    return make


def _set(path: str, value: Any, outcome: str = "delivered") -> Maker:
    *parents, leaf = path.split("/")

    def change(event: Event) -> None:
        node = event
        for name in parents:
            node = node[name]
        node[leaf] = value

    return _edit(change, outcome)


def _nested(depth: int) -> Any:
    value: Any = "bottom"
    for _ in range(depth):
        value = {"a": value}
    return value


def _prefix(text: bytes) -> Callable[[random.Random, bytes], bytes]:
    return lambda rng, value: b"{" + text + b"," + value[1:]


def _injection(rng: random.Random, value: bytes) -> bytes:
    """One physical line is a bulk action of its own, if the event reaches a bulk body as it is."""
    return b'{"x":\n{"delete":{"_index":"logs-k8s-victim","_id":"1"}}\n,' + value[1:]


def _pretty(rng: random.Random, event: Event) -> Odd:
    value = dump(event, indent="\t", separators=(" ,", " : ")).replace(b"\n", b"\r\n")
    return Odd(value, "delivered", _key(event))


def _nowhere(path: str | None) -> Maker:
    """Neither metadata nor a path that names a namespace."""

    def change(event: Event) -> None:
        del event["kubernetes"]
        if path is None:
            del event["log"]
        else:
            event["log"]["file"]["path"] = path

    return _edit(change, "unrouted")


_NAMESPACES: Mapping[str, Any] = {
    "upper_case": "Team-Pay",
    "underscore": "team_pay",
    "leading_dash": "-pay",
    "too_long": "x" * 64,
    "empty": "",
    "dots": "pay.prod",
    "climbing": "../../etc/passwd",
    "newline": "kube-system\n",
    "nul": "pay\0",
    "chinese": "支付",
    "surrogate": "pay\ud800",
    "number": 7,
    "true": True,
    "list": ["pay-prod"],
    "object": {"name": "pay-prod"},
}
BAD_NAMESPACE: Mapping[str, Maker] = {
    name: _set("kubernetes/namespace", value, "unrouted") for name, value in _NAMESPACES.items()
}

NO_NAMESPACE: Mapping[str, Maker] = {
    "syslog": _nowhere("/var/log/syslog"),
    "odd_container_path": _nowhere("/var/log/containers/web.log"),
    "climbing_path": _nowhere("/var/log/containers/../a_kube-system_b-c.log"),
    "no_path": _nowhere(None),
}

BROKEN: Mapping[str, Maker] = {
    "truncated": _raw(lambda rng, value: value[: rng.randrange(1, len(value) - 1)], "unrouted"),
    "plain_text": _raw(lambda rng, value: b"panic: runtime error: index out of range [3]", "unrouted"),
    "array": _raw(lambda rng, value: b"[" + value + b"]", "unrouted"),
    "string": _raw(lambda rng, value: b'"kubernetes"', "unrouted"),
    "number": _raw(lambda rng, value: b"12", "unrouted"),
    "null": _raw(lambda rng, value: b"null", "unrouted"),
    "two_objects": _raw(lambda rng, value: value + value, "unrouted"),
    "not_utf8": _raw(lambda rng, value: value[:-1] + b',"x":"\xff\xfe"}', "unrouted"),
    "byte_order_mark": _raw(lambda rng, value: b"\xef\xbb\xbf" + value, "unrouted"),
    "not_a_number": _raw(_prefix(b'"x":NaN'), "unrouted"),
    "raw_control": _raw(_prefix(b'"x":"\x01"'), "unrouted"),
    "too_deep": _raw(_prefix(b'"x":' + b"[" * 200_000 + b"]" * 200_000), "unrouted"),
    "empty": _raw(lambda rng, value: b"", "unrouted"),
}

HOSTILE: Mapping[str, Maker] = {
    "labels_string": _set("kubernetes/labels", "app=web"),
    "labels_list": _set("kubernetes/labels", ["app", "web"]),
    "pod_string": _set("kubernetes/pod", "web-1"),
    "kubernetes_string": _set("kubernetes", "forged"),
    "namespace_null": _set("kubernetes/namespace", None),
    "container_string": _set("container", "web"),
    "host_string": _set("host", "node-1"),
    "stream_object": _set("stream", {"name": "stdout"}),
    "message_object": _set("message", {"level": "info", "text": "hello"}),
    "message_number": _set("message", 10**30),
    "message_null": _set("message", None),
    "dotted_keys": _edit(lambda e: e.update({"kubernetes.namespace": "kube-system", "log.offset": "x"})),
    "only_dots": _edit(lambda e: e.update({"..": 1, ".a": 2})),
    "empty_key": _edit(lambda e: e.update({"": 1})),
    "deep": _edit(lambda e: e.update({"x": _nested(100)})),
    "thousands_of_fields": _edit(lambda e: e.update({f"field_{n}": n for n in range(3000)})),
    "long_name": _edit(lambda e: e.update({"n" * 40_000: 1})),
    "duplicate_message": _raw(_prefix(b'"message":"first"')),
    "duplicate_kubernetes": _raw(_prefix(b'"kubernetes":{"namespace":"kube-system"}')),
    "huge_number": _raw(_prefix(b'"x":1' + b"0" * 400 + b',"y":1e999,"z":-0.0')),
    "huge_offset": _set("log/offset", 2**70),
    "negative_offset": _set("log/offset", -1),
    "offset_text": _set("log/offset", "12"),
    "offset_fraction": _set("log/offset", 12.5),
    "no_offset": _edit(lambda e: e["log"].pop("offset")),
    "raw_newlines": _pretty,
    "bulk_injection": _raw(_injection),
    "large_message": _set("message", "日志 log " * 25_000),
    "huge_message": _set("message", _INCOMPRESSIBLE, "dead_letter"),
    "one_long_word": _set("message", "x" * 40_000),
    "nul": _set("message", "before\0after"),
    "lone_surrogate": _set("message", "before\ud83dafter"),
    "emoji_and_rtl": _set("message", "👩‍👩‍👧‍👦 \u202eabc\u202c שלום مرحبا \u2028\u2029 z̷̢a̴l̵g̶o"),
    "timestamp_missing": _edit(lambda e: e.pop("@timestamp")),
    "timestamp_null": _set("@timestamp", None),
    "timestamp_word": _set("@timestamp", "yesterday"),
    "timestamp_number": _set("@timestamp", 1793503107470),
    "timestamp_object": _set("@timestamp", {"seconds": 1}),
}

ODD = {"bad_namespace": BAD_NAMESPACE, "no_namespace": NO_NAMESPACE, "broken": BROKEN, "hostile": HOSTILE}
NOT_A_LINE = {"empty", "raw_newlines", "bulk_injection"}
