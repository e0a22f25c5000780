"""What promtool would say of a declaration, and our own rules on names, units and labels."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kunobs.catalogue.types import MetricSpec

# Base units of https://prometheus.io/docs/practices/naming/ that we use; a count has none.
UNITS = frozenset({"seconds", "bytes", "ratio", "celsius", "volts", "amperes", "joules", "grams", "meters"})
# promlint's lists (prometheus/client_golang, testutil/promlint/validations/units.go).
NOT_BASE_UNITS = frozenset(
    {"milliseconds", "microseconds", "nanoseconds", "minutes", "hours", "days", "weeks", "bits", "percent"}
    | {"kilobytes", "megabytes", "gigabytes", "kibibytes", "mebibytes", "gibibytes", "fahrenheit", "kelvin"}
)
ABBREVIATED = frozenset({"s", "ms", "us", "ns", "sec", "b", "kb", "mb", "gb", "tb", "pb", "m", "h", "d"})
TYPE_WORDS = frozenset({"counter", "gauge", "histogram", "summary", "info"})
# `type` says nothing; the others clash with labels that a scrape configuration attaches to targets.
BAD_LABELS = frozenset(
    {"type", "region", "zone", "cluster", "az", "dc", "owner", "service", "env", "job", "instance"} | {"le", "quantile"}
)
# Levels of aggregation: kunobs_kafka_partition_end_offset stands beside the same per topic, as in other exporters.
REPEATABLE_LABELS = frozenset({"namespace", "topic", "partition", "group", "log_dir", "exporter", "collector"})
_NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")


def lint(spec: MetricSpec) -> list[str]:
    """What is wrong with a declaration, a sentence each; empty when nothing is."""
    rules = (*_name(spec), *_unit(spec), *_labels(spec), *_origin(spec))
    return [f"{spec.name}: {problem}" for problem in (*rules, *_help(spec))]


def _name(spec: MetricSpec) -> Iterator[str]:
    words = spec.name.split("_")
    if not _NAME.fullmatch(spec.name):
        yield "the name is not snake_case"
    if spec.origin != "third_party" and not spec.name.startswith("kunobs_"):
        yield "the name does not begin with kunobs_"
    if (spec.type == "counter") != spec.name.endswith("_total"):
        yield "_total belongs to counters and to nothing else"
    if (spec.type == "info") != spec.name.endswith("_info"):
        yield "_info belongs to info metrics and to nothing else"
    if words[-1] in ("sum", "count", "bucket", "created"):
        yield f"_{words[-1]} is what a histogram's own series end with"
    if TYPE_WORDS.intersection(words[:-1] if spec.type == "info" else words):
        yield "the name holds the name of a metric type"
    for label in spec.labels:
        if f"_{label.name}_" in f"_{spec.name}_" and label.name not in REPEATABLE_LABELS:
            yield f"the name repeats its label {label.name}"


def _unit(spec: MetricSpec) -> Iterator[str]:
    words = spec.name.removesuffix("_total").split("_")
    if spec.unit and spec.unit not in UNITS:
        yield f"{spec.unit} is not a base unit"
    if spec.unit and words[-1] != spec.unit:
        yield f"the name does not end with its unit {spec.unit}"
    if not spec.unit and words[-1] in UNITS:
        yield f"the name ends with {words[-1]} but no unit is declared"
    for word in (NOT_BASE_UNITS | ABBREVIATED).intersection(words):
        yield f"{word} is not a base unit"
    if spec.name.endswith("timestamp"):
        yield "a timestamp is in seconds and its name says so: …_timestamp_seconds"


def _labels(spec: MetricSpec) -> Iterator[str]:
    names = spec.label_names
    if len(set(names)) != len(names):
        yield "a label is declared twice"
    for label in spec.labels:
        if not _NAME.fullmatch(label.name):
            yield f"label {label.name} is not snake_case"
        if label.name in BAD_LABELS:
            yield f"label {label.name} says nothing or clashes with a target label"
        if label.values is not None and (not label.values or len(set(label.values)) != len(label.values)):
            yield f"label {label.name} has no values, or one twice"


def _help(spec: MetricSpec) -> Iterator[str]:
    if not spec.help.endswith(".") or "\n" in spec.help or len(spec.help) < 15:
        yield "the help is not one sentence that ends with a period"


def _origin(spec: MetricSpec) -> Iterator[str]:
    if (spec.origin == "third_party") != bool(spec.evidence):
        yield "a third-party metric, and no other, names its evidence"
    if (spec.type == "histogram" and spec.origin == "own") != bool(spec.buckets):
        yield "a histogram of ours, and nothing else, has buckets"
    if list(spec.buckets) != sorted(set(spec.buckets)):
        yield "buckets are not ascending"
