"""`kunobs exporter check`: what Prometheus, promtool or an alert's author would stumble over in an exposition."""

from __future__ import annotations

import math
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import typer

from exporters.kit.exposition import Exposition, Family, Finding, Sample, read
from kunobs.catalogue import CATALOGUE
from kunobs.catalogue.lint import ABBREVIATED, NOT_BASE_UNITS, TYPE_WORDS
from kunobs.catalogue.types import MetricSpec
from kunobs.clock import SYSTEM_CLOCK
from kunobs.errors import KunobsError, UnavailableError

# As promtool check metrics: 1 cannot be read, 3 can be but should not be so.
UNREADABLE, FINDINGS = 1, 3
SHOWN = 100
LARGEST = 256 * 1024 * 1024
_ACCEPT = "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"


def check(content: bytes, catalogue: Mapping[str, MetricSpec] = CATALOGUE) -> list[Finding]:
    """Every problem, by line. Families that begin with kunobs_ must be as the catalogue declares them."""
    found = read(content)
    problems = list(found.findings)
    problems += _duplicates(found.samples())
    for family in found.families:
        problems += (*_values(family), *_lint(family), *_label_sets(family), *_declared(family, catalogue))
    return sorted(problems, key=lambda finding: finding.line)


def went_down(before: Exposition, after: Exposition) -> Iterator[Finding]:
    """Counters of `after` that are below what they were, unless the process has started anew meanwhile."""
    if _started(before) != _started(after):
        return
    earlier = {sample.series: sample.value for sample in _counting(before)}
    for sample in _counting(after):
        if sample.value < earlier.get(sample.series, -math.inf):
            yield Finding(
                sample.line, f"{_shown(sample)} went down from {earlier[sample.series]:g} to {sample.value:g}"
            )


def _counting(exposition: Exposition) -> Iterator[Sample]:
    for family in exposition.families:
        if family.type == "counter":
            yield from (s for s in family.samples if not s.name.endswith("_created"))
        elif family.type in ("histogram", "summary"):
            yield from (s for s in family.samples if s.name.endswith(("_bucket", "_count")))


def _started(exposition: Exposition) -> float | None:
    return next((s.value for s in exposition.samples() if s.name == "process_start_time_seconds"), None)


def _duplicates(samples: Iterable[Sample]) -> Iterator[Finding]:
    seen: dict[object, int] = {}
    for sample in samples:
        first = seen.setdefault(sample.series, sample.line)
        if first != sample.line:
            yield Finding(sample.line, f"{_shown(sample)} stands already at line {first}", fatal=True)


def _values(family: Family) -> Iterator[Finding]:
    for sample in family.samples:
        if family.type == "counter" and (math.isnan(sample.value) or sample.value < 0):
            yield Finding(sample.line, f"{_shown(sample)} is {sample.value:g}; a counter is 0 or more")
    if family.type == "histogram":
        yield from _buckets(family)


def _buckets(family: Family) -> Iterator[Finding]:
    """Buckets in order, cumulative, with +Inf, which is the count."""
    groups: dict[tuple[tuple[str, str], ...], list[tuple[float, float, int]]] = {}
    counts: dict[tuple[tuple[str, str], ...], Sample] = {}
    for sample in family.samples:
        others = tuple(sorted(pair for pair in sample.labels if pair[0] != "le"))
        if sample.name == family.name + "_bucket":
            try:
                bound = float(dict(sample.labels).get("le", "none"))
            except ValueError:
                yield Finding(sample.line, f"{_shown(sample)} has no number in its label le", fatal=True)
                continue
            groups.setdefault(others, []).append((bound, sample.value, sample.line))
        elif sample.name == family.name + "_count":
            counts[others] = sample
    for others, buckets in groups.items():
        line = buckets[0][2]
        values = [value for _, value, _ in sorted(buckets)]
        if values != sorted(values):
            yield Finding(line, f"{family.name}_bucket is not cumulative")
        if max(buckets)[0] != math.inf:
            yield Finding(line, f'{family.name}_bucket has no le="+Inf"', fatal=True)
        elif others not in counts or counts[others].value != max(buckets)[1]:
            yield Finding(line, f"{family.name}_count is not what its bucket +Inf holds")
    for others in counts.keys() - groups.keys():
        yield Finding(counts[others].line, f"{family.name} is a histogram without a bucket")


def _label_sets(family: Family) -> Iterator[Finding]:
    """Each sample name has one set of label names; the rarer one is reported."""
    sets = [(sample, (sample.name, frozenset(name for name, _ in sample.labels))) for sample in family.samples]
    often = Counter(key for _, key in sets)
    usual: dict[str, frozenset[str]] = {}
    for (name, labels), _ in often.most_common():
        usual.setdefault(name, labels)
    reported: set[object] = set()
    for sample, key in sets:
        if key[1] != usual[sample.name] and key not in reported:
            reported.add(key)
            others = ", ".join(sorted(usual[sample.name])) or "none"
            yield Finding(sample.line, f"{_shown(sample)} has other labels than the rest of the family: {others}")


def _lint(family: Family) -> Iterator[Finding]:
    """promlint's rules (prometheus/client_golang, testutil/promlint/validations) that need only the family."""
    name, words = family.name, family.name.split("_")
    line = family.line

    def says(text: str) -> Finding:
        return Finding(line, f"{name}: {text}")

    if not family.help:
        yield says("no help text")
    if not family.type:
        yield says("no TYPE")
    counted = any(sample.name.endswith("_total") for sample in family.samples) or name.endswith("_total")
    if family.type == "counter" and not counted:
        yield says('a counter\'s name ends with "_total"')
    if family.type not in ("counter", "untyped", "unknown", "") and name.endswith("_total"):
        yield says(f'"_total" is for counters, this is a {family.type}')
    if family.type not in ("histogram", "summary", "gaugehistogram") and words[-1] in ("count", "sum", "bucket"):
        yield says(f'"_{words[-1]}" is for histograms and summaries')
    inner = words[:-1] if words[-1] == "info" else words
    for word in sorted(TYPE_WORDS.intersection(inner)):
        yield says(f"holds the name of a type, {word}")
    for word in sorted((NOT_BASE_UNITS | ABBREVIATED).intersection(words)):
        yield says(f"{word} is no base unit: use seconds, bytes or ratio")
    if ":" in name:
        yield says("colons are for recording rules")
    if re.search(r"[a-z][A-Z]", name):
        yield says("use snake_case")
    for label in sorted({label for sample in family.samples for label, _ in sample.labels}):
        if label == "le" and family.type not in ("histogram", "gaugehistogram"):
            yield says("the label le is for histograms")
        if label == "quantile" and family.type != "summary":
            yield says("the label quantile is for summaries")


def _declared(family: Family, catalogue: Mapping[str, MetricSpec]) -> Iterator[Finding]:
    """Our own metrics are declared, and are what the declaration says."""
    if not family.name.startswith("kunobs_"):
        return
    forms = (family.name, family.name + "_total", family.name + "_info")
    spec = next((catalogue[form] for form in forms if form in catalogue), None)
    if spec is None:
        yield Finding(family.line, f"{family.name} is not declared in the catalogue")
        return
    if family.type and family.type != spec.type and (spec.type, family.type) != ("info", "gauge"):
        yield Finding(family.line, f"{family.name} is a {family.type}, declared as a {spec.type}")
    declared = frozenset(spec.label_names)
    for sample in family.samples:
        labels = frozenset(label for label, _ in sample.labels) - {"le"}
        if labels != declared:
            yield Finding(sample.line, f"{_shown(sample)} has not the declared labels: {', '.join(spec.label_names)}")
            return
        unknown = next(((n, v) for n, v in sample.labels if n in spec.closed and v not in spec.closed[n]), None)
        if unknown:
            yield Finding(sample.line, f"{_shown(sample)}: {unknown[0]}={unknown[1]!r} is no declared value")
            return


def _shown(sample: Sample) -> str:
    labels = ",".join(f'{name}="{value}"' for name, value in sample.labels)
    text = f"{sample.name}{{{labels}}}" if labels else sample.name
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."


def check_places(places: Sequence[str], again: float) -> int:
    """Check each place and print PLACE:LINE: problem; the exit code."""
    worst = 0
    for place in places:
        content = _fetch(place)
        findings = check(content)
        if again and place.startswith(("http://", "https://")):
            SYSTEM_CLOCK.sleep(again)
            findings += went_down(read(content), read(_fetch(place)))
        for finding in findings[:SHOWN]:
            typer.echo(f"{place}:{finding.line}: {finding.text}")
        if len(findings) > SHOWN:
            typer.echo(f"{place}: and {len(findings) - SHOWN} more")
        series = sum(1 for _ in read(content).samples())
        typer.echo(f"{place}: {series} series, {len(findings)} problems", err=True)
        if any(finding.fatal for finding in findings):
            worst = UNREADABLE
        elif findings and worst != UNREADABLE:
            worst = FINDINGS
    return worst


def _fetch(place: str) -> bytes:
    if place == "-":
        return sys.stdin.buffer.read(LARGEST)
    if place.startswith(("http://", "https://")):
        return _get(place)
    try:
        with Path(place).open("rb") as file:
            return file.read(LARGEST)
    except OSError as error:
        raise KunobsError(
            f"{place}: {error.strerror}", hint="give a file, - for stdin, or http://host:port/metrics"
        ) from None


def _get(url: str) -> bytes:
    import requests

    try:
        answer = requests.get(url, timeout=30, headers={"Accept": _ACCEPT})
    except requests.RequestException as error:
        raise UnavailableError(f"{url}: {error}", hint=f"curl -v {url}") from None
    if answer.status_code != 200:
        raise UnavailableError(
            f"{url} answers {answer.status_code}: {answer.text[:200].strip()}", hint=f"curl -v {url}"
        )
    return answer.content
