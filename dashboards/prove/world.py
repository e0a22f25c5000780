"""Two hours of every known metric, every 30 s: labels from its evidence, else from its declaration; values that move.

The same on every run. Label values that queries ask for are added where a set is open: a page that was scraped from a
well program has no errors on it. That a program says such a value is then its source's word, which the catalogue names.
"""

from __future__ import annotations

import itertools
import math
import re
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources

from prometheus_client.parser import text_string_to_metric_families

from dashboards.prove.wanted import Wanted
from kunobs.catalogue.types import MetricSpec

STEP = 30
SPAN = 2 * 3600
MOST = 40
FEW = 4
_POOL: Mapping[str, tuple[str, ...]] = {
    "namespace": ("shop", "pay"),
    "severity": ("critical", "warning", "info"),
    "alertstate": ("firing", "pending"),
    "owner": ("platform", "tenant"),
    "service": ("cart", "ledger"),
    "pod": ("cart-7d9f-x2x", "ledger-5c4b-q8q"),
    "node": ("node-1", "node-2"),
    "topic": ("kun.logs.shop", "kun.logs.pay"),
    "group": ("shop.reader", "pay.reader"),
    "partition": ("0", "1"),
    "le": ("0.1", "1.0", "10.0", "+Inf"),
    "quantile": ("0.5", "0.99"),
}
_LE = ("0.005", "0.05", "0.5", "1.0", "5.0", "10.0", "30.0", "60.0", "300.0", "+Inf")
# `0 when all is well, 1 with warnings, 2 with errors`: the states of a number.
_NUMBERED = re.compile(r"(?:^|, )(\d) \w")
_STATE_NAMES = ("_up", "_success", "_ok", "_ready", "up", "_successful", "_failing", "_paused", "_brain", "_healthy")
Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Series:
    """One series: how it looks at a moment is `value`."""

    name: str
    labels: Labels
    spec: MetricSpec
    seed: int

    def samples(self, end: int) -> Iterator[tuple[int, float]]:
        """(seconds since the epoch, value) up to `end`; every third series begins half-way, so that counts move too."""
        start = end - SPAN
        if self.seed % 3 == 2:
            start = end - SPAN // 2
        total = float(self.seed % 1000) if self._grows else 0.0
        for at in range(start, end + 1, STEP):
            wave = _wave(at - end, self.seed)
            if self._away(at - end):
                continue
            if self._grows:
                total += (0.5 + self.seed % 7) * (1 + 0.6 * wave) * STEP * self._share(wave) * self._scale
                yield at, round(total, 3)
            else:
                yield at, self._level(wave, at)

    def _level(self, wave: float, now: int) -> float:
        spec = self.spec
        if spec.name.endswith(("_timestamp_seconds", "_time_seconds")):
            # Every other one stands still for most of its time.
            own = [label for label in self.labels if label[0] not in ("job", "instance")]
            return now - (60 + 50 * wave if zlib.crc32(repr(own).encode()) % 2 else 1500 + 1400 * wave)
        if spec.type == "info" or spec.name.endswith("_metadata"):
            return 1.0
        if spec.help.endswith("expires."):
            return now + 86_400 * (15 + self.seed % 60 + 14 * wave)
        if spec.help.startswith("1 for the") and len(spec.closed) == 1:
            # One of the states that a label lists, each for twenty minutes.
            ((label, states),) = spec.closed.items()
            return float(sorted(states)[now // 1200 % len(states)] == dict(self.labels)[label])
        numbered = _NUMBERED.findall(spec.help)
        if len(numbered) > 2:
            return float(numbered[now // 1200 % len(numbered)])
        if spec.name.endswith(_STATE_NAMES) or spec.help.startswith(("1 when", "1 while", "1, with", "Whether")):
            return float(self._well(now))
        if spec.unit == "ratio" or "from 0 to 1" in spec.help:
            return round(0.55 + 0.4 * wave, 4)
        if spec.unit == "bytes":
            return round((2 + self.seed % 5 + wave) * 1e9)
        if spec.unit == "seconds":
            return round(20 + self.seed % 30 + 15 * wave, 3)
        return float(round(6 + self.seed % 5 + 5 * wave))

    def _well(self, now: int) -> bool:
        """A state: bad by itself at times, with all that has one of its labels, with its whole family; and some flap."""
        if self.seed % 5 == 3 and now % SPAN < 2400:
            return now // 120 % 2 == 0
        together = (self.spec.name, *(f"{self.spec.name} {label}" for label in self.labels))
        waves = [_wave(now, self.seed), *(_wave(now, zlib.crc32(one.encode())) for one in together)]
        return min(waves) > -0.95

    def _away(self, since: int) -> bool:
        """The target cannot be scraped for ten minutes: `up` is 0, and there is nothing else of it."""
        job = dict(self.labels).get("job", "")
        began = -SPAN + 2400 + zlib.crc32(job.encode()) % 3600
        return self.spec.name not in ("up", "ALERTS") and began <= since < began + 600

    @property
    def _grows(self) -> bool:
        return self.spec.type == "counter" or (
            self.spec.type in ("histogram", "summary")
            and not (self.spec.type == "summary" and self.name == self.spec.name)
        )

    @property
    def _scale(self) -> float:
        """Of what is counted in billionths, so that a panel in seconds shows some 50 ms and no line at 0."""
        return 5e7 if self.spec.help.startswith("Nanoseconds") else 1.0

    def _share(self, wave: float) -> float:
        """Of the observations, those up to this bucket: a log-logistic distribution whose median moves."""
        bound = next((float(value) for name, value in self.labels if name == "le"), math.inf)
        return 1.0 if math.isinf(bound) else 1 / (1 + ((0.6 + 0.4 * wave) / bound) ** 2)


def _wave(at: int, seed: int) -> float:
    """From -1 to 1 within 40 minutes."""
    return math.sin(2 * math.pi * (at / 2400 + (seed % 97) / 97))


def world(known: Mapping[str, MetricSpec], jobs: Mapping[str, str], wanted: Wanted) -> Iterator[Series]:
    """All series; `jobs` says which job a metric comes from."""
    seen: set[tuple[str, Labels]] = set()
    evidence = _evidence({spec.evidence for spec in known.values() if spec.evidence.endswith(".prom")})
    for spec in known.values():
        asked = _asked(spec, wanted)
        found = _scraped(spec, evidence.get((spec.evidence, spec.name), []), asked) or list(_combinations(spec, asked))
        # All of a program's series are one target's, so that they meet; a second one has some of them.
        every = [(labels, 1) for labels in found[:MOST]] + [(labels, 2) for labels in found[:FEW]]
        for labels, number in every:
            target = {"job": jobs.get(spec.name, "kunobs"), "instance": f"10.0.0.{number}:9100"}
            target |= {label: _POOL[label][number % 2] for label in spec.attached}
            for job in sorted(asked.get("job", ())) or [target["job"]]:
                for name, own in _members(spec, {**target, "job": job, **dict(labels)}):
                    key = tuple(sorted(own.items()))
                    if (name, key) in seen:
                        continue
                    seen.add((name, key))
                    # The parts of one histogram move together.
                    seed = zlib.crc32(repr((spec.name, tuple(item for item in key if item[0] != "le"))).encode())
                    yield Series(name, key, spec, seed)


def _scraped(spec: MetricSpec, found: list[Labels], asked: Mapping[str, set[str]]) -> list[Labels]:
    """What was scraped, and the same with the values that are asked for: a well program's page has no errors on it."""
    if not found:
        return []
    first = dict(found[0])
    wished = [{label: value} for label in spec.label_names for value in sorted(asked.get(label, ()))]
    more = [tuple(sorted((first | wish).items())) for wish in wished]
    # Several wishes of one query must be met by one series.
    together = {label: sorted(asked[label]) for label in spec.label_names if asked.get(label)}
    if len(together) > 1 and math.prod(map(len, together.values())) <= MOST:
        every = itertools.product(*together.values())
        more += [tuple(sorted((first | dict(zip(together, values, strict=True))).items())) for values in every]
    return list(dict.fromkeys([*more, *found]))


def _asked(spec: MetricSpec, wanted: Wanted) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for suffix in ("", "_bucket", "_sum", "_count"):
        for label, values in wanted.get(spec.name + suffix, {}).items():
            found[label] |= values
    return found


def _combinations(spec: MetricSpec, asked: Mapping[str, set[str]]) -> Iterator[Labels]:
    """Every combination of what labels can be, and where those are too many, all that is asked for and some of the others."""
    choices: dict[str, tuple[str, ...]] = {}
    for label in spec.labels:
        wished = sorted(asked.get(label.name, ()))
        own = label.values or (*wished, *_POOL.get(label.name, (f"{label.name}-1", f"{label.name}-2")))
        choices[label.name] = tuple(dict.fromkeys(own))
    if spec.type == "info" or spec.name.endswith("_metadata"):
        # What describes things has one series for each.
        rows = range(max(map(len, choices.values()), default=1))
        yield from (tuple((label, values[row % len(values)]) for label, values in choices.items()) for row in rows)
        return
    if math.prod(map(len, choices.values())) <= MOST:
        yield from (tuple(zip(choices, row, strict=True)) for row in itertools.product(*choices.values()))
        return
    wishes = {label: sorted(asked[label]) for label in choices if asked.get(label)}
    named = itertools.islice(itertools.product(*wishes.values()), MOST // 2) if wishes else iter(())
    for row, wish in enumerate(itertools.islice(itertools.chain(named, itertools.repeat(())), MOST)):
        picked = {
            label: values[zlib.crc32(f"{label} {row}".encode()) % len(values)] for label, values in choices.items()
        }
        yield tuple((picked | dict(zip(wishes, wish, strict=False))).items())


def _members(spec: MetricSpec, labels: dict[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
    """The series of a family: a histogram's are its buckets, sum and count."""
    if spec.type == "histogram":
        for bound in sorted({*_LE, *(f"{float(bound)}" for bound in spec.buckets)}, key=float):
            yield f"{spec.name}_bucket", {**labels, "le": bound}
        yield f"{spec.name}_sum", labels
        yield f"{spec.name}_count", labels
    elif spec.type == "summary":
        for quantile in _POOL["quantile"]:
            yield spec.name, {**labels, "quantile": quantile}
        yield f"{spec.name}_sum", labels
        yield f"{spec.name}_count", labels
    else:
        yield spec.name, labels


def _evidence(files: Iterable[str]) -> dict[tuple[str, str], list[Labels]]:
    """(file, family) -> the label sets that were scraped."""
    found: dict[tuple[str, str], dict[Labels, None]] = defaultdict(dict)
    folder = resources.files("kunobs.catalogue") / "evidence"
    for file in sorted(files):
        for family in text_string_to_metric_families((folder / file).read_text()):
            for sample in family.samples:
                name = family.name
                if family.type == "counter" and sample.name.endswith("_total"):
                    name += "_total"
                labels = tuple(sorted((k, v) for k, v in sample.labels.items() if k not in ("le", "quantile")))
                found[file, name][labels] = None
    return {key: list(labels) for key, labels in found.items()}
