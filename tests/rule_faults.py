"""Faults put into good rules by a seed: each is what somebody has shipped before, and lint must find it.

`seeded(rules, count, seed)` gives (what was done, the check that must find it, the rule as a document).
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

from kunobs.catalogue.types import MetricSpec

Rule = dict[str, Any]
Known = Mapping[str, MetricSpec]
Fault = Callable[[random.Random, Rule, Known], str | None]
_RANGE = re.compile(r"\[(\d+[smhd])\]")
_BY = re.compile(r"by \(([a-z_, ]+)\)")
_RATE = re.compile(r"(?:rate|increase)\((\w+(?:\{[^}]*\})?)\[\d+\w\]\)")


def _name(chance: random.Random, rule: Rule, known: Known) -> str | None:
    """A letter of a metric's name is missing."""
    names = [name for name in re.findall(r"[a-z_]{8,}", rule["expr"]) if name in known]
    if not names:
        return None
    name = chance.choice(names)
    place = chance.randrange(2, len(name) - 1)
    broken = name[:place] + name[place + 1 :]
    if broken in known:
        return None
    rule["expr"] = re.sub(rf"\b{name}\b", broken, rule["expr"])
    return "name"


def _label_in_by(chance: random.Random, rule: Rule, _: Known) -> str | None:
    """A label that the metric does not have."""
    found = _BY.search(rule["expr"])
    if found is None:
        return None
    rule["expr"] = rule["expr"].replace(
        found[0], f"by ({found[1]}, {chance.choice(('pod_name', 'tennant', 'hostname'))})"
    )
    return "name"


def _label_in_matcher(chance: random.Random, rule: Rule, known: Known) -> str | None:
    names = [name for name in re.findall(r"[a-z_]{8,}", rule["expr"]) if name in known]
    if not names or "{" in rule["expr"]:
        return None
    name = chance.choice(names)
    rule["expr"] = re.sub(rf"\b{name}\b", f'{name}{{enviroment="prod"}}', rule["expr"], count=1)
    return "name"


def _rate_of_gauge(chance: random.Random, rule: Rule, known: Known) -> str | None:
    gauges = [name for name in re.findall(r"[a-z_]{8,}", rule["expr"]) if name in known and known[name].type == "gauge"]
    gauges = [name for name in gauges if f"{name}[" not in rule["expr"] and f"{name}{{" not in rule["expr"]]
    if not gauges:
        return None
    name = chance.choice(gauges)
    rule["expr"] = re.sub(rf"\b{name}\b", f"{chance.choice(('rate', 'increase'))}({name}[5m])", rule["expr"], count=1)
    return "rate-gauge"


def _bare_counter(_: random.Random, rule: Rule, known: Known) -> str | None:
    found = _RATE.search(rule["expr"])
    if found is None:
        return None
    rule["expr"] = rule["expr"].replace(found[0], found[1])
    return "counter"


def _no_comparison(_: random.Random, rule: Rule, __: Known) -> str | None:
    if re.search(r"\b(unless|and|or|absent)\b", rule["expr"]):
        return None
    found = re.search(r" (?:[<>]=?|==|!=) \S+$", rule["expr"])
    if found is None:
        return None
    rule["expr"] = rule["expr"][: found.start()]
    return "comparison"


def _short_window(chance: random.Random, rule: Rule, _: Known) -> str | None:
    if not _RATE.search(rule["expr"]):
        return None
    rule["expr"] = _RANGE.sub(f"[{chance.choice(('30s', '45s', '1m'))}]", rule["expr"], count=1)
    return "window"


def _absent(chance: random.Random, rule: Rule, _: Known) -> str | None:
    rule["expr"] = f'absent(up{{job="{chance.choice(("kubelet", "etcd", "node"))}"}})'
    rule.pop("for", None)
    return "absent"


def _value_in_label(chance: random.Random, rule: Rule, _: Known) -> str | None:
    rule["labels"]["current"] = chance.choice(("{{ $value }}", "{{ .Value }}", '{{ printf "%.1f" $value }}'))
    return "label-value"


def _template(chance: random.Random, rule: Rule, _: Known) -> str | None:
    rule["annotations"]["summary"] = chance.choice(
        (
            "{{ $labels.instnce_name }} is down",
            "{{ $value | humanise }}",
            "{{ $labels.job is down",
            "{{ $lables.job }} is down",
        )
    )
    return "template" if "by (" in rule["expr"] or "instnce" not in rule["annotations"]["summary"] else None


def _no_annotation(chance: random.Random, rule: Rule, _: Known) -> str | None:
    rule["annotations"].pop(chance.choice(("summary", "description", "runbook_url")))
    return "annotation"


def _integer_bucket(chance: random.Random, rule: Rule, known: Known) -> str | None:
    histograms = [name for name, spec in known.items() if spec.type == "histogram"]
    rule["expr"] = f'sum(rate({chance.choice(histograms)}_bucket{{le="{chance.choice((1, 5, 10))}"}}[5m])) > 1'
    return "version"


def _old_or_new(chance: random.Random, rule: Rule, _: Known) -> str | None:
    inner = rule["expr"].rpartition(" > ")[0] or "up"
    rule["expr"] = chance.choice(
        (
            f"limitk(3, {inner}) > 1",
            "holt_winters(up[10m], 0.3, 0.3) > 2",
            "mad_over_time(up[10m]) > 1",
            f'sort_by_label({inner}, "job") > 1',
        )
    )
    return "version"


def _dead_regex(chance: random.Random, rule: Rule, known: Known) -> str | None:
    closed = [(name, label, values) for name, spec in known.items() for label, values in spec.closed.items()
              if spec.type == "gauge" and len(values) > 1]  # fmt: skip
    name, label, values = chance.choice(closed)
    wrong = chance.choice(sorted(values))[:-1] + "x"
    rule["expr"] = chance.choice(
        (
            f'max({name}{{{label}=~"{wrong}|{sorted(values)[0]}"}}) > 1',
            f'max({name}{{{label}=~"{sorted(values)[0]}"}}) > 1',
        )
    )
    return "matcher"


def _contradiction(chance: random.Random, rule: Rule, known: Known) -> str | None:
    gauges = [name for name, spec in known.items() if spec.type == "gauge" and spec.labels]
    name = chance.choice(gauges)
    label = known[name].labels[0].name
    rule["expr"] = chance.choice((f'{name}{{{label}="a", {label}="b"}} > 1', f"{name} > 5 and {name} < 2"))
    return "matcher" if "{" in rule["expr"] else "never"


def _never(chance: random.Random, rule: Rule, _: Known) -> str | None:
    rule["expr"] = chance.choice(
        (
            "count(up) == 0",
            "count by (job) (up) < 1",
            "absent(up) == 0",
            "absent(up) > 1",
            "sum(rate(process_cpu_seconds_total[5m])) < 0",
        )
    )
    return "never"


def _one_sided_labels(_: random.Random, rule: Rule, __: Known) -> str | None:
    """A ratio whose two sides are aggregated to different labels."""
    found = re.match(r"sum by \(([a-z_]+), ([a-z_]+)\) (\(.*\)) ([<>]=?) (\S+)$", rule["expr"])
    if found is None:
        return None
    rule["expr"] = f"sum by ({found[1]}, {found[2]}) {found[3]} / sum by ({found[1]}) {found[3]} {found[4]} {found[5]}"
    return "matching"


def _wrong_on(chance: random.Random, rule: Rule, known: Known) -> str | None:
    gauges = [spec for spec in known.values() if spec.type == "gauge" and len(spec.labels) > 1]
    one = chance.choice(gauges)
    first, second = one.label_names[:2]
    rule["expr"] = chance.choice(
        (
            f"sum by ({first}) ({one.name}) / on ({second}) sum by ({first}) ({one.name}) > 2",
            f"sum by ({first}, {second}) ({one.name}) / on ({first}) sum by ({first}, {second}) ({one.name}) > 2",
            f"sum by ({first}, {second}) ({one.name}) / on ({first}) sum by ({first}) ({one.name}) > 2",
            f"{one.name} * on ({one.name}) {one.name} > 2",
        )
    )
    return "matching"


def _duration(chance: random.Random, rule: Rule, _: Known) -> str | None:
    rule["for"] = chance.choice(("5 min", "5min", "1.5h", "ten minutes"))
    return "duration"


def _syntax(chance: random.Random, rule: Rule, _: Known) -> str | None:
    rule["expr"] = chance.choice(
        (rule["expr"] + ")", f"sum({rule['expr']}", rule["expr"].replace(" by ", " yb ") + " >", "{}")
    )
    return "syntax"


FAULTS: Sequence[Fault] = (
    _name, _label_in_by, _label_in_matcher, _rate_of_gauge, _bare_counter, _no_comparison, _short_window, _absent, _value_in_label,
    _template, _no_annotation, _integer_bucket, _old_or_new, _dead_regex, _contradiction, _never, _one_sided_labels, _wrong_on,
    _duration, _syntax,
)  # fmt: skip


def seeded(rules: Sequence[Rule], known: Known, count: int, seed: int) -> Iterator[tuple[str, str, Rule]]:
    """So many faults, of all kinds as evenly as the rules allow."""
    chance = random.Random(seed)
    made = 0
    while made < count:
        fault = FAULTS[made % len(FAULTS)]
        for _ in range(2000):
            rule = deepcopy(chance.choice(rules))
            before = str(rule)
            check = fault(chance, rule, known)
            if check is not None and str(rule) != before:
                made += 1
                yield fault.__name__.strip("_"), check, rule
                break
        else:
            raise ValueError(f"no rule is fit for {fault.__name__}")
