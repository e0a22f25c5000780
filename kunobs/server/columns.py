"""A family as rows of label values and a number: made into text in blocks, looked at value by value only where it must be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, islice
from math import isfinite
from operator import itemgetter
from typing import Any

from kunobs.catalogue.types import MetricSpec
from kunobs.errors import KunobsError
from kunobs.server.negotiate import OPENMETRICS, Format

# (label, …, value) in the order of the declaration; the value of a histogram is a Distribution.
Row = tuple[Any, ...]
ROWS = 2000
_TYPES = frozenset({str, int})
_NUMBERS = frozenset({int, float})
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


class BadRowError(KunobsError):
    """A row does not fit the declaration of its family."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """A histogram's row: observations per bucket, one more than there are buckets for those above the last, and their sum."""

    counts: Sequence[int]
    sum: float


@dataclass(frozen=True, slots=True)
class Columns:
    """A family ready to be sent: its declaration, its lines in UTF-8, and how many series they are."""

    spec: MetricSpec
    blocks: tuple[bytes, ...] = field(repr=False)
    series: int

    def text(self, wanted: Format) -> Iterator[bytes]:
        """The family with its HELP and TYPE."""
        yield head(self.spec, wanted)
        yield from self.blocks


@dataclass(frozen=True, slots=True)
class Comment:
    """Lines for people above the families; OpenMetrics has no room for them."""

    lines: tuple[str, ...]

    def text(self, wanted: Format) -> Iterator[bytes]:
        """Each line as a comment that no parser takes for HELP or TYPE."""
        if wanted is not OPENMETRICS:
            for line in self.lines:
                yield f"## | {' '.join(line.splitlines())}\n".encode("utf-8", "replace")


def merged(families: Iterable[Columns]) -> Iterator[Columns]:
    """Families of one name as one, for all lines of a family must be one group; in the order of their first."""
    found: dict[str, list[Columns]] = {}
    for family in families:
        found.setdefault(family.spec.name, []).append(family)
    for same in found.values():
        yield Columns(same[0].spec, tuple(b for f in same for b in f.blocks), sum(f.series for f in same))


def head(spec: MetricSpec, wanted: Format) -> bytes:
    """HELP and TYPE, and UNIT in OpenMetrics, where counters and infos are named without their suffix."""
    name, kind = spec.name, spec.type
    if wanted is OPENMETRICS:
        name = name.removesuffix("_total" if kind == "counter" else "_info" if kind == "info" else "")
    elif kind == "info":
        kind = "gauge"
    help_text = spec.help.replace("\\", r"\\").replace("\n", r"\n")
    unit = f"# UNIT {name} {spec.unit}\n" if spec.unit and wanted is OPENMETRICS else ""
    return f"# HELP {name} {help_text}\n# TYPE {name} {kind}\n{unit}".encode()


def series_of(spec: MetricSpec) -> int:
    """Series that one row is: a histogram's buckets, +Inf, sum and count."""
    return len(spec.buckets) + 3 if spec.type == "histogram" else 1


def blocks(spec: MetricSpec, rows: Iterable[Row]) -> Iterator[tuple[int, bytes]]:
    """(rows, their lines) of 2,000 rows at a time; BadRowError names the row that does not fit."""
    source = iter(rows)
    text_of = _histogram if spec.type == "histogram" else _lines
    while chunk := list(islice(source, ROWS)):
        yield len(chunk), text_of(spec, chunk).encode("utf-8", "replace")


def _lines(spec: MetricSpec, chunk: list[Row]) -> str:
    """All at once where nothing has to be escaped, else row by row."""
    template = spec.name + _braces(spec.label_names) + " %s\n"
    if _plain(chunk, len(spec.labels)):
        try:
            return "".join([template % row for row in chunk])
        except TypeError:
            # A row is too long; the careful way says which.
            pass
    return _with_care(spec, template, chunk)


def _braces(names: Sequence[str]) -> str:
    return "{" + ",".join(f'{name}="%s"' for name in names) + "}" if names else ""


def _plain(chunk: list[Row], labels: int) -> bool:
    """Every row is a tuple of texts that need no escape, of whole numbers, and at last a finite number."""
    if set(map(type, chunk)) != {tuple}:
        return False
    try:
        if not all(_unescaped(chunk, itemgetter(place)) for place in range(labels)):
            return False
        last = itemgetter(labels)
        # Prometheus writes inf and nan in its own way, and a sum shows that there is one.
        return set(map(type, map(last, chunk))) <= _NUMBERS and isfinite(sum(map(last, chunk)))
    except (IndexError, OverflowError, TypeError):
        return False


def _unescaped(chunk: list[Row], column: itemgetter[int]) -> bool:
    """Few values are different ones, so only these are looked at; but True is equal to 1, so numbers are looked at one by one."""
    values = set(map(column, chunk))
    if set(map(type, values)) != {str}:
        return set(map(type, map(column, chunk))) <= _TYPES and _clean("".join(map(str, values)))
    return _clean("".join(values))


def _clean(text: str) -> bool:
    return '"' not in text and "\\" not in text and "\n" not in text


def _with_care(spec: MetricSpec, template: str, chunk: Iterable[Row]) -> str:
    memo: dict[Any, str] = {}
    return "".join([template % (*_labels(spec, row, memo), number(row[-1])) for row in chunk])


def _labels(spec: MetricSpec, row: Row, memo: dict[Any, str]) -> tuple[str, ...]:
    """The label values of a row, escaped; what was escaped once is looked up."""
    if not isinstance(row, tuple) or len(row) != len(spec.labels) + 1:
        wanted = ", ".join((*spec.label_names, "value"))
        raise BadRowError(f"{spec.name}: {row!r:.200} is no row", hint=f"emit tuples of ({wanted})")
    if spec.type != "histogram" and (type(row[-1]) is bool or not isinstance(row[-1], (int, float))):
        raise BadRowError(f"{spec.name}: {row!r:.200} has no number at its end", hint="int or float; leave unknown out")
    values = []
    for label, value in zip(spec.label_names, row, strict=False):
        text = memo.get(value) if type(value) is str else None
        if text is None:
            if type(value) is bool or not isinstance(value, (str, int)):
                raise BadRowError(f"{spec.name}: {label}={value!r:.100} is no label value", hint="str or int")
            text = memo[value] = str(value).translate(_ESCAPES)
        values.append(text)
    return tuple(values)


def number(value: float) -> str:
    """A sample value as Prometheus writes it."""
    text = str(value)
    return {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}.get(text, text)


def _histogram(spec: MetricSpec, chunk: list[Row]) -> str:
    memo: dict[Any, str] = {}
    out: list[str] = []
    bounds = [*(number(float(bound)) for bound in spec.buckets), "+Inf"]
    plain = _braces(spec.label_names)
    bucket = "{" + ",".join([*(f'{name}="%s"' for name in spec.label_names), 'le="%s"']) + "} %s\n"
    for row in chunk:
        labels, value = _labels(spec, row, memo), row[-1]
        if not isinstance(value, Distribution) or len(value.counts) != len(bounds):
            raise BadRowError(
                f"{spec.name}: {row!r:.200} has no Distribution of {len(bounds)} counts",
                hint="one count per bucket, and one for what is above the last",
            )
        running = list(accumulate(value.counts))
        out += [f"{spec.name}_bucket" + bucket % (*labels, *pair) for pair in zip(bounds, running, strict=True)]
        out.append(f"{spec.name}_sum" + plain % labels + f" {number(value.sum)}\n")
        out.append(f"{spec.name}_count" + plain % labels + f" {running[-1]}\n")
    return "".join(out)
