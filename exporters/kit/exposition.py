"""Reads an exposition line by line, text 0.0.4 and OpenMetrics 1.0, and says of each line what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*", re.ASCII)
_LABEL = re.compile(r'\s*(?:([a-zA-Z_][a-zA-Z0-9_]*)|"((?:[^"\\]|\\.)+)")\s*=\s*"((?:[^"\\]|\\.)*)"\s*(,|\})', re.ASCII)
_QUOTED = re.compile(r'\s*"((?:[^"\\]|\\.)+)"\s*(,|\})')
_ESCAPE = re.compile(r"\\(.)")
TYPES = frozenset(
    {"counter", "gauge", "histogram", "summary", "untyped", "unknown", "info", "stateset", "gaugehistogram"}
)
# What the samples of a family may have behind its name.
SUFFIXES = {
    "counter": ("", "_total", "_created"),
    "histogram": ("_bucket", "_sum", "_count", "_created"),
    "gaugehistogram": ("_bucket", "_gsum", "_gcount"),
    "summary": ("", "_sum", "_count", "_created"),
    "info": ("_info", ""),
}
MAX_LINE = 1024 * 1024


@dataclass(frozen=True)
class Finding:
    """A problem: its line, counted from 1, and whether the exposition cannot be read at all because of it."""

    line: int
    text: str
    fatal: bool = False


@dataclass(frozen=True)
class Sample:
    """A series and its value; labels in the order of the line."""

    line: int
    name: str
    labels: tuple[tuple[str, str], ...]
    value: float

    @property
    def series(self) -> tuple[str, tuple[tuple[str, str], ...]]:
        """What makes it one series."""
        return self.name, tuple(sorted(self.labels))


@dataclass
class Family:
    """The lines that belong together."""

    name: str
    line: int
    type: str = ""
    help: str = ""
    samples: list[Sample] = field(default_factory=list)

    def owns(self, sample: str) -> bool:
        """True when a sample of this name is one of the family's."""
        return any(sample == self.name + suffix for suffix in SUFFIXES.get(self.type, ("",)))


@dataclass
class Exposition:
    """The families in their order, and what was wrong with the lines."""

    families: list[Family] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def samples(self) -> Iterator[Sample]:
        """Every sample."""
        for family in self.families:
            yield from family.samples


def read(content: bytes) -> Exposition:
    """The exposition; never raises. A line that cannot be read is a finding, and the others are read all the same."""
    reader = _Reader()
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        reader.bad(line, f"is not UTF-8: {error.reason}")
        text = content.decode("utf-8", "replace")
    if not content:
        reader.bad(1, "is empty")
    elif not content.endswith(b"\n"):
        reader.bad(text.count("\n") + 1, "the last line has no newline: was the answer cut off?")
    for number, one in enumerate(text.split("\n"), start=1):
        reader.line(number, one.removesuffix("\r"))
    return reader.found


class _Reader:
    def __init__(self) -> None:
        self.found = Exposition()
        self._by_name: dict[str, Family] = {}
        self._now: Family | None = None
        self._ended = False

    def bad(self, line: int, text: str) -> None:
        self.found.findings.append(Finding(line, text, fatal=True))

    def line(self, number: int, text: str) -> None:
        if not text.strip():
            return
        if self._ended:
            self.bad(number, "stands behind # EOF")
        elif len(text) > MAX_LINE:
            self.bad(number, f"is longer than {MAX_LINE} characters")
        elif text.startswith("#"):
            self._comment(number, text)
        else:
            self._sample(number, text)

    def _comment(self, number: int, text: str) -> None:
        words = text.split(" ", 3)
        if text == "# EOF":
            self._ended = True
        elif words[0] == "#" and len(words) >= 3 and words[1] in ("HELP", "TYPE"):
            family = self._family(number, words[2].strip('"'))
            rest = words[3] if len(words) > 3 else ""
            kind = words[1].lower()
            if getattr(family, kind):
                self.bad(number, f"{family.name} has a second {words[1]}; the first stands at line {family.line}")
            elif kind == "type" and rest not in TYPES:
                self.bad(number, f"{rest!r:.40} is no type; one of {', '.join(sorted(TYPES))}")
            elif kind == "type" and family.samples:
                self.bad(number, f"the TYPE of {family.name} stands behind its samples")
            else:
                setattr(family, kind, rest)

    def _family(self, number: int, name: str) -> Family:
        known = self._by_name.get(name)
        if known is None:
            known = self._by_name[name] = Family(name, number)
            self.found.families.append(known)
        elif known is not self._now:
            self.bad(number, f"{name} goes on here, apart from its lines at {known.line}: a family must be one group")
        self._now = known
        return known

    def _sample(self, number: int, text: str) -> None:
        try:
            sample = _parse(number, text)
        except ValueError as problem:
            self.bad(number, str(problem))
            return
        family = self._now
        if family is None or not family.owns(sample.name):
            owner = next((known for known in self._by_name.values() if known.owns(sample.name)), None)
            family = self._family(number, owner.name if owner else sample.name)
        family.samples.append(sample)


def _parse(number: int, text: str) -> Sample:
    """A sample's line; ValueError says what it lacks."""
    found = _NAME.match(text)
    name, place = (found.group(), found.end()) if found else ("", 0)
    labels: list[tuple[str, str]] = []
    if text[place : place + 1] == "{":
        place += 1
        quoted = _QUOTED.match(text, place) if not name else None
        if quoted:
            name, place = _unescape(quoted[1]), quoted.end()
        closed = bool(quoted and quoted[2] == "}")
        while not closed:
            if text[place : place + 1] == "}":
                place, closed = place + 1, True
                break
            label = _LABEL.match(text, place)
            if label is None:
                raise ValueError(f'column {place + 1}: wanted label="value", got {text[place : place + 30]!r}')
            labels.append((label[1] or _unescape(label[2]), _unescape(label[3])))
            place, closed = label.end(), label[4] == "}"
    if not name:
        raise ValueError(f"begins with no metric name: {text[:40]!r}")
    names = [label for label, _ in labels]
    twice = next((label for label in names if names.count(label) > 1), None)
    if twice:
        raise ValueError(f"{name} has the label {twice} twice")
    rest = text[place:].split(" # ", 1)[0].split()
    if len(rest) not in (1, 2):
        raise ValueError(f"{name}: wanted one value behind the name, got {text[place:][:40]!r}")
    if len(rest) == 2:
        _number(rest[1], f"{name}: timestamp")
    return Sample(number, name, tuple(labels), _number(rest[0], f"{name}: value"))


def _number(text: str, what: str) -> float:
    if "_" in text:
        raise ValueError(f"{what} {text!r:.40} is no number")
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{what} {text!r:.40} is no number") from None


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda m: "\n" if m[1] == "n" else m[1], text) if "\\" in text else text
