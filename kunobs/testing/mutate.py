"""A seeded mutator: hurts an event's bytes or structure, to find what a parser or an index cannot take."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 12.5, 1e300, 2**63, 2**64, -(2**64), 10**30,
    "", "x", "kube-system", "team-pay", "Team", "a_b", "-", "\0", "\ud800", "支付", "😀", "x" * 300,
    "/var/log/containers/p_kube-system_c-0123.log", "/var/log/pods/kube-system_p_u/c/0.log",
    "2026-11-01T00:00:00Z",
    [], {}, [[]], [1, "a"], {"": 1}, {"namespace": "kube-system"}, {"a.b": {"c": []}},
)  # fmt: skip
_KEYS = (
    "namespace", "kubernetes", "kubernetes.namespace", "log", "file", "path", "offset", "@timestamp",
    "stream", "container", "id", "agent", "host", "", ".", "a", "\0", "message",
)  # fmt: skip
_TOKENS = (
    b"{", b"}", b"[", b"]", b'"', b",", b":", b"\\", b"\n", b"\r", b"\t", b" ", b"\0", b"//",
    b"'", b"[[[[[[[[", b"null", b"true", b"NaN", b"Infinity", b"-", b"1e999", b"0", b"9" * 25,
    b"\\u0000", b"\\ud800", b"\\u", b"\xff", b"\xc3", b"\xef\xbb\xbf", b"\xed\xa0\x80",
    b'"namespace":"kube-system"', b'{"kubernetes":{"namespace":"kube-system"}}',
    b'\n{"delete":{"_index":"x","_id":"1"}}\n',
)  # fmt: skip


class Mutator:
    """Gives hurt copies of events; the same seed and the same calls give the same bytes."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(f"{seed}/mutator")
        self._last = b"{}"

    def mutate(self, value: bytes) -> bytes:
        """One to four changes of one kind: to the JSON's structure, or else to the bytes."""
        changes = 1 + int(self._rng.random() ** 2 * 4)
        hurt = self._structure(value, changes) if self._rng.random() < 0.6 else None
        if hurt is None:
            hurt = value
            for _ in range(changes):
                hurt = self._bytes(hurt)
        self._last = value
        return hurt

    def _place(self, value: bytes) -> int:
        return int(self._rng.random() * (len(value) + 1))

    def _bytes(self, value: bytes) -> bytes:
        rng, at = self._rng, self._place(value)
        kind = int(rng.random() * 8)
        if kind == 0:
            return value[:at] + bytes((int(rng.random() * 256),)) + value[at + 1 :]
        if kind == 1:
            return value[:at] + value[at + 1 + int(rng.random() * 16) :]
        if kind <= 3:
            return value[:at] + rng.choice(_TOKENS) + value[at:]
        if kind == 4:
            return value[:at] + value[at : at + 40] * 2 + value[at + 40 :]
        if kind == 5:
            return value[:at] if rng.random() < 0.3 else value
        if kind == 6:
            return value[:at] + self._last[self._place(self._last) :]
        if at == len(value):
            return value
        return value[:at] + bytes((value[at] ^ (1 << int(rng.random() * 8)),)) + value[at + 1 :]

    def _structure(self, value: bytes, changes: int) -> bytes | None:
        try:
            event = json.loads(value)
        except (ValueError, RecursionError):
            return None
        if not isinstance(event, dict):
            return None
        for _ in range(changes):
            self._change(event)
        escape = self._rng.random() < 0.3
        try:
            text = json.dumps(event, ensure_ascii=escape)
            hurt = text.encode()
        except UnicodeEncodeError:
            hurt = json.dumps(event).encode()
        return self._twice(hurt) if self._rng.random() < 0.1 else hurt

    def _twice(self, value: bytes) -> bytes:
        """A second occurrence of a key in front, where a JSON reader has to choose."""
        key, extra = self._rng.choice(_KEYS), self._value()
        return b"{" + json.dumps({key: extra})[1:-1].encode() + b"," + value.lstrip()[1:]

    def _value(self) -> Any:
        """A copy: a later change may go inside it."""
        return copy.deepcopy(self._rng.choice(_VALUES))

    def _change(self, event: dict[str, Any]) -> None:
        rng, node = self._rng, event
        while True:
            inner = [child for child in node.values() if isinstance(child, dict) and child]
            if not inner or rng.random() < 0.4:
                break
            node = rng.choice(inner)
        key = rng.choice(list(node)) if node else ""
        kind = int(rng.random() * 6)
        if kind <= 1:
            node[key] = self._value()
        elif kind == 2:
            node.pop(key, None)
        elif kind == 3:
            node[rng.choice(_KEYS)] = self._value()
        elif kind == 4:
            node[rng.choice(_KEYS)] = node.pop(key, None)
        else:
            node[key] = rng.choice(([node.get(key)], {"x": node.get(key)}, str(node.get(key))))
