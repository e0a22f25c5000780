"""Where the demo's records come from: the seeded generator for a while, or a file's lines byte for byte."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path
from typing import IO, NamedTuple, Protocol

from kunobs.clock import Clock
from kunobs.errors import UsageError
from kunobs.local.demo.oracle import container_of
from kunobs.testing.events import EventGenerator

SEED = 1
NAMESPACES = 36
# The broker takes 16 MiB for a batch; the rest is room for its framing, the key, and the headers of a dead letter.
LARGEST_LINE = 16 * 1024 * 1024 - 8 * 1024
_GZIP_MAGIC = b"\x1f\x8b"


class Record(NamedTuple):
    """What becomes one record on the public Kafka; `origin` says where it comes from, for errors."""

    value: bytes
    key: bytes | None
    origin: str


class RecordSource(Protocol):
    """`total` is None where it is not known; the first `opening` records come before the measuring begins."""

    total: int | None
    opening: int

    def __iter__(self) -> Iterator[Record]:
        """The records, once."""


class GeneratedSource:
    """`rate * seconds` lines of the seeded generator after an opening; timestamps are from now on."""

    def __init__(self, *, rate: float, seconds: float, clock: Clock) -> None:
        self.opening = len(EventGenerator(SEED, NAMESPACES).opening())
        self._count = max(1, round(rate * seconds))
        self.total: int | None = self.opening + self._count
        self._step = 1 / rate
        self._clock = clock

    def __iter__(self) -> Iterator[Record]:
        start = datetime.fromtimestamp(self._clock.now(), UTC)
        generator = EventGenerator(SEED, NAMESPACES, start=start, step=self._step)
        for number, line in enumerate(chain(generator.opening(), islice(generator, self._count))):
            yield Record(line.value, line.key, f"generated line {number + 1} ({line.expected.kind})")


class FileSource:
    """The lines of an NDJSON file, gzip or not; blank ones are skipped, all others are records as they are.

    The whole file is read once before anything is started, so `total` is known and a damaged file is refused early.
    Raises UsageError naming the file and the line.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.opening = 0
        self.total: int | None = sum(1 for _ in self._lines())
        if self.total == 0:
            raise UsageError(f"{path} holds no events", hint="one JSON event a line, as Filebeat writes them to Kafka")

    def __iter__(self) -> Iterator[Record]:
        for number, value in self._lines():
            yield Record(value, key_of(value), f"{self._path} line {number}")

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        number = 0
        try:
            with self._open() as file:
                while line := file.readline(LARGEST_LINE + 2):
                    number += 1
                    value = line.removesuffix(b"\n")
                    if len(value) > LARGEST_LINE:
                        raise UsageError(
                            f"{self._path} line {number} is larger than {LARGEST_LINE} bytes, which is what the local "
                            "Kafka takes",
                            hint=f"awk 'length <= {LARGEST_LINE}' {self._path} > smaller.ndjson   # without them",
                        )
                    if value.strip():
                        yield number, value
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise UsageError(
                f"{self._path} is damaged after line {number}: {error}",
                hint=f"gzip --test {self._path}   # shows it; to use what is before it: "
                f"gzip -dc {self._path} > whole.ndjson",
            ) from error
        except OSError as error:
            raise UsageError(f"{self._path} cannot be read: {error.strerror or error}") from error

    @contextmanager
    def _open(self) -> Iterator[IO[bytes]]:
        """By its first bytes, not by its name. A pipe could not be read twice, so only regular files are taken."""
        if not self._path.exists():
            raise UsageError(f"{self._path} does not exist", hint=f"ls -l {self._path.parent}")
        if not self._path.is_file():
            raise UsageError(
                f"{self._path} is not a regular file",
                hint="kunobs demo --input EVENTS.ndjson   # or EVENTS.ndjson.gz",
            )
        with self._path.open("rb") as raw:
            zipped = raw.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
            raw.seek(0)
            if not zipped:
                yield raw
                return
            with gzip.GzipFile(fileobj=raw) as unzipped:
                yield io.BufferedReader(unzipped)


def key_of(value: bytes) -> bytes | None:
    """What Filebeat would be told to use: the container's id, by its metadata or its log file's name; else none."""
    try:
        event = json.loads(value)
    except (ValueError, RecursionError):
        return None
    found = container_of(event) if isinstance(event, dict) else None
    return found.encode("utf-8", "surrogatepass") if found else None
