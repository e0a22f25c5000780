"""A record as a consumer hands it out. librdkafka's own types allow None everywhere; a consumed record without error has these."""

from __future__ import annotations

from typing import Protocol


class Message(Protocol):
    """What both legs use of a `confluent_kafka.Message`."""

    def topic(self) -> str:
        """Topic it was read from."""

    def partition(self) -> int:
        """Partition it was read from."""

    def offset(self) -> int:
        """Its offset there."""

    def key(self) -> bytes | None:
        """Its key."""

    def value(self) -> bytes | None:
        """Its value."""

    def headers(self) -> list[tuple[str, str | bytes | None]] | None:
        """Its headers."""

    def timestamp(self) -> tuple[int, int]:
        """(kind, milliseconds since the epoch)."""

    def __len__(self) -> int:
        """Bytes of its value."""
