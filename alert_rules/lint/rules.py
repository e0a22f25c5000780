"""Checks of a rule beside its query: names, labels, annotations, templates; and of rules beside each other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from alert_rules.lint.context import Context
from alert_rules.lint.finding import Finding
from alert_rules.lint.shapes import shape
from alert_rules.promql import selectors

_TEMPLATE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_LABEL = re.compile(r"\$(?:labels|externalLabels)\.([a-zA-Z_]\w*)")
_USES_VALUE = re.compile(r"\$value\b|\.Value\b|\bquery\b")
_VARIABLE = re.compile(r"\$([a-zA-Z_]\w*)")
_VARIABLES = frozenset({"labels", "externalLabels", "externalURL", "value"})
# template/template.go of Prometheus, text/template's own, and its keywords.
_WORDS = frozenset(
    [
        "query",
        "first",
        "label",
        "value",
        "sortByLabel",
        "strvalue",
        "args",
        "reReplaceAll",
        "safeHtml",
        "match",
        "title",
        "toUpper",
        "toLower",
        "graphLink",
        "tableLink",
        "stripPort",
        "stripDomain",
        "humanize",
        "humanize1024",
        "humanizeDuration",
        "humanizePercentage",
        "humanizeTimestamp",
        "toTime",
        "pathPrefix",
        "externalURL",
        "parseDuration",
        "tmpl",
        "and",
        "or",
        "not",
        "len",
        "index",
        "slice",
        "print",
        "printf",
        "println",
        "html",
        "js",
        "urlquery",
        "call",
        "eq",
        "ne",
        "lt",
        "le",
        "gt",
        "ge",
        "if",
        "else",
        "end",
        "range",
        "with",
        "define",
        "template",
        "block",
        "break",
        "continue",
        "true",
        "false",
        "nil",
        "urlQueryEscape",
        "toDuration",
        "now",
        "since",
    ]
)
_DURATION = re.compile(r"(?:0|(?:[0-9]+y)?(?:[0-9]+w)?(?:[0-9]+d)?(?:[0-9]+h)?(?:[0-9]+m)?(?:[0-9]+s)?(?:[0-9]+ms)?)")
_RECORD = re.compile(
    r"[a-zA-Z_]*:?[a-zA-Z_][a-zA-Z0-9_]*:[a-zA-Z0-9_:]+|[a-zA-Z_][a-zA-Z0-9_]*:[a-zA-Z_][a-zA-Z0-9_:]*"
)
_ALERT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def labels(context: Context) -> Iterator[Finding]:
    """`label-value`: a value in a label makes a new alert at every evaluation."""
    for name, text in context.rule.labels.items():
        for found in _TEMPLATE.findall(text):
            if _USES_VALUE.search(found):
                problem = f"label {name} holds the value: each evaluation is another alert, and `for` never ends"
                yield context.rule.on(f"labels.{name}", "label-value", problem, "put it into an annotation")


def told(context: Context) -> Iterator[Finding]:
    """`annotation`: what a person is told."""
    rule = context.rule
    if not rule.alerting:
        return
    wanted = context.settings.annotations
    for name in wanted:
        if not rule.annotations.get(name, "").strip():
            yield rule.on("annotations", "annotation", f"it has no annotation {name}", f"{name}: a sentence for people")
    if not wanted and not any(text.strip() for text in rule.annotations.values()):
        yield rule.on(
            "annotations", "annotation", "it says nothing to whom it wakes", "summary: what is wrong with what"
        )


def templates(context: Context) -> Iterator[Finding]:
    """`template`: text that Prometheus cannot fill in, or fills in with nothing."""
    rule = context.rule
    known = shape(context.query, context)
    for part, texts in (("labels", rule.labels), ("annotations", rule.annotations)):
        for name, text in texts.items():
            for problem, fix in _template(text, known.possible if known.exact else None, set(rule.labels)):
                yield rule.on(f"{part}.{name}", "template", f"{part[:-1]} {name}: {problem}", fix)


def _template(text: str, possible: frozenset[str] | None, own: set[str]) -> Iterator[tuple[str, str]]:
    if text.count("{{") != text.count("}}"):
        yield "{{ and }} do not pair", "close every {{ with }}"
        return
    for found in _TEMPLATE.findall(text):
        code = re.sub(r'"(?:[^"\\]|\\.)*"|`[^`]*`', '""', found)
        defined = set(re.findall(r"\$(\w+)\s*(?:,\s*\$(\w+)\s*)?:=", text))
        local = {name for pair in defined for name in pair if name}
        for variable in _VARIABLE.findall(code):
            if variable not in _VARIABLES and variable not in local:
                yield f"there is no ${variable}", "$labels.NAME, $value, $externalLabels.NAME"
        bare = re.sub(r"\$[\w.]+|(?<![\w)])\.[\w.]*", " ", code)
        for word in re.findall(r"[a-zA-Z_]\w*", bare):
            if word not in _WORDS:
                yield f"there is no function {word}", "see the template reference of Prometheus"
        for label in re.findall(r"\$labels\.([a-zA-Z_]\w*)", code):
            if possible is not None and label not in possible and label not in own and label != "alertname":
                yield (
                    f"the query leaves no label {label}",
                    f"it has {', '.join(sorted(possible)) or 'none'}: keep it in by (…)",
                )


def durations(context: Context) -> Iterator[Finding]:
    """`duration`: what `for` and `keep_firing_for` cannot be."""
    for key, text in (("for", context.rule.wait), ("keep_firing_for", context.rule.keep)):
        if text and (not _DURATION.fullmatch(text) or not text):
            yield context.rule.on(key, "duration", f"{text!r} is no duration", "30s, 5m, 1h30m")


def names(context: Context) -> Iterator[Finding]:
    """`rule-name`."""
    rule = context.rule
    if rule.alerting and not _ALERT.fullmatch(rule.name):
        yield rule.on("alert", "rule-name", "an alert's name is a word: letters, digits, _", "CamelCase")
    if not rule.alerting and not _RECORD.fullmatch(rule.name):
        yield rule.on("record", "rule-name", "a recording rule is named level:metric:operations", "job:requests:rate5m")


def duplicates(contexts: Sequence[Context]) -> Iterator[Finding]:
    """`duplicate`: the same rule twice, in all files."""
    seen: dict[tuple[object, ...], Context] = {}
    for one in contexts:
        rule = one.rule
        own = tuple(sorted(rule.labels.items()))
        key = (rule.name, rule.alerting, own, "" if not rule.alerting else one.query.prettify())
        first = seen.setdefault(key, one)
        if first is not one:
            where = f"{first.rule.source.name}:{first.rule.line}"
            kind = "alert" if rule.alerting else "recording rule"
            yield rule.on(
                "alert" if rule.alerting else "record", "duplicate", f"the same {kind} as in {where}", "leave one out"
            )


def order(contexts: Sequence[Context]) -> Iterator[Finding]:
    """`order`: a rule of a group reads what a later rule of the same group records, which is one interval old."""
    records = {
        (c.rule.source.name, c.rule.group, c.rule.name): c.rule.position for c in contexts if not c.rule.alerting
    }
    for one in contexts:
        rule = one.rule
        for name in {selector.name for selector in selectors(one.query) if selector.name}:
            at = records.get((rule.source.name, rule.group, name))
            if at is not None and at > rule.position:
                yield rule.at(
                    "order", f"{name} is recorded after this rule: it reads the one before", "move it up", name
                )
