"""From metric families to the bytes of a scrape, one family after the other and never all in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from isal import isal_zlib
from prometheus_client import Metric, exposition
from prometheus_client.openmetrics import exposition as openmetrics

from kunobs.server.columns import Columns, Comment
from kunobs.server.negotiate import OPENMETRICS, Format

EOF = b"# EOF\n"
BLOCK = 256 * 1024
GZIP_BLOCK = 32 * 1024
GZIP_LEVEL = 1


class Families(Protocol):
    """What can be rendered: a registry, a restricted one, or an exporter's own collection."""

    def collect(self) -> Iterable[Metric | Columns | Comment]:
        """The families, each name once; may block, may raise."""


class _One:
    def __init__(self, family: Metric) -> None:
        self._family = family

    def collect(self) -> Iterable[Metric]:
        return (self._family,)


def render(families: Families, wanted: Format) -> Iterator[bytes]:
    """The text of each family; runs the collectors, so it may block and raises what they raise."""
    for family in families.collect():
        if isinstance(family, (Columns, Comment)):
            yield from family.text(wanted)
            continue
        _drop_created(family)
        if wanted is OPENMETRICS:
            text: bytes = openmetrics.generate_latest(_One(family))  # type: ignore[no-untyped-call]
            yield text.removesuffix(EOF)
        else:
            yield exposition.generate_latest(_One(family))
    if wanted is OPENMETRICS:
        yield EOF


def blocks(parts: Iterable[bytes], size: int = BLOCK) -> Iterator[bytes]:
    """The same bytes in pieces of `size`, the last one shorter; a small scrape is one piece."""
    waiting = bytearray()
    for part in parts:
        waiting += part
        while len(waiting) >= size:
            yield bytes(memoryview(waiting)[:size])
            del waiting[:size]
    if waiting:
        yield bytes(waiting)


def gzipped(parts: Iterable[bytes]) -> Iterator[bytes]:
    """A gzip stream of the bytes; at level 1 a fifth of zlib's time, and no larger."""
    compressor = isal_zlib.compressobj(GZIP_LEVEL, isal_zlib.DEFLATED, 16 + isal_zlib.MAX_WBITS)
    for part in parts:
        yield compressor.compress(part)
    yield compressor.flush()


def _drop_created(family: Metric) -> None:
    """Leave out `…_created`: one more series a counter, stored by Prometheus and declared by nobody."""
    if family.type in ("counter", "histogram", "summary"):
        created = family.name + "_created"
        family.samples = [sample for sample in family.samples if sample.name != created]
