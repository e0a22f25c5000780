"""How fanout's progress is written on the tenant Kafka: `offset/<group>/<cluster>/<topic>/<partition>` -> `{"offset": next}`."""

from __future__ import annotations

import json
from typing import NamedTuple


class Place(NamedTuple):
    """One source partition of one consumer group; `cluster` is `public` or `tenant`."""

    group: str
    cluster: str
    topic: str
    partition: int


def offset_key(place: Place) -> bytes:
    """Key of the record that holds the next offset of a source partition."""
    return f"offset/{place.group}/{place.cluster}/{place.topic}/{place.partition}".encode()


def read_key(key: bytes | None) -> Place | None:
    """The place in a record's key, None for a record of another kind."""
    parts = (key or b"").decode("utf-8", "replace").split("/")
    if len(parts) != 5 or parts[0] != "offset" or not (parts[4].isascii() and parts[4].isdigit()):
        return None
    return Place(parts[1], parts[2], parts[3], int(parts[4]))


def offset_value(offset: int) -> bytes:
    """Value of an offset record."""
    return b'{"offset":%d}' % offset


def read_offset(value: bytes | None) -> int | None:
    """The offset in a record's value, None where there is none."""
    try:
        offset = json.loads(value)["offset"] if value else None
    except (ValueError, TypeError, KeyError):
        return None
    return offset if isinstance(offset, int) else None
