"""Rule files read with the lines that things stand on: Prometheus' own form, and the PrometheusRule of the operator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from alert_rules.lint.finding import Finding

LARGEST = 16 << 20
_KEYS = {"record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations"}
_SUFFIXES = (".yaml", ".yml", ".rules", ".json")


@dataclass(frozen=True)
class Source:
    """A file's name and lines."""

    name: str
    lines: Sequence[str]

    def finding(self, line: int, column: int, width: int, rule: str, check: str, problem: str, fix: str) -> Finding:
        """A finding at this place, all from 1."""
        excerpt = self.lines[line - 1] if 0 < line <= len(self.lines) else ""
        return Finding(self.name, line, column, width, excerpt, rule, check, problem, fix)


@dataclass(frozen=True)
class LintRule:
    """A rule as it stands in a file."""

    source: Source
    group: str
    position: int
    """Its number in the group, from 0."""
    name: str
    alerting: bool
    expr: str
    line: int
    expr_line: int
    expr_column: int
    wait: str = ""
    keep: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)
    """Where labels and annotations stand: `labels.severity` -> line."""

    def at(self, check: str, problem: str, fix: str, text: str = "", nth: int = 0) -> Finding:
        """A finding in the query, at `text` where that is in it, `nth` from 0."""
        offset = -1
        for _ in range(nth + 1):
            offset = self.expr.find(text, offset + 1) if text else -1
        if offset < 0:
            first = self.expr.strip().split("\n")[0]
            return self.source.finding(
                self.expr_line, self.expr_column, max(1, len(first)), self.name, check, problem, fix
            )
        before = self.expr[:offset]
        line = self.expr_line + before.count("\n")
        start = before.rfind("\n") + 1
        own = self.source.lines[line - 1] if line <= len(self.source.lines) else ""
        # A literal block is indented, a quoted string escapes: the text itself is looked for in the file's line.
        found = own.find(text, self.expr_column - 1 if line == self.expr_line else 0)
        column = found + 1 if found >= 0 else (self.expr_column + offset - start if line == self.expr_line else 1)
        return self.source.finding(line, column, len(text), self.name, check, problem, fix)

    def on(self, key: str, check: str, problem: str, fix: str) -> Finding:
        """A finding at a key of the rule: `for`, `labels.severity`; at the rule where it has no such key."""
        line = self.lines.get(key, self.line)
        own = self.source.lines[line - 1] if line <= len(self.source.lines) else ""
        width = len(own.strip()) or 1
        return self.source.finding(line, len(own) - len(own.lstrip()) + 1, width, self.name, check, problem, fix)


def files(paths: Sequence[Path]) -> Iterator[Path]:
    """The files themselves, and below folders those that look like rule files."""
    for path in paths:
        if path.is_dir():
            yield from (one for one in sorted(path.rglob("*")) if one.suffix in _SUFFIXES and one.is_file())
        else:
            yield path


def read(path: Path) -> tuple[list[LintRule], list[Finding]]:
    """The rules of a file, and why what is no rule is none."""
    try:
        data = path.read_bytes()
        if len(data) > LARGEST:
            return [], [_broken(str(path), f"larger than {LARGEST >> 20} MiB")]
        text = data.decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        return [], [_broken(str(path), f"cannot be read: {reason}")]
    return parse(str(path), text)


def parse(name: str, text: str) -> tuple[list[LintRule], list[Finding]]:
    """The same of a text."""
    source = Source(name, text.splitlines())
    yaml = YAML()
    yaml.allow_duplicate_keys = False
    rules: list[LintRule] = []
    findings: list[Finding] = []
    try:
        documents = list(yaml.load_all(text))
    except (YAMLError, ValueError, RecursionError, AttributeError) as error:
        mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
        problem = error.problem if isinstance(error, MarkedYAMLError) else type(error).__name__
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        return [], [source.finding(line, column, 1, "-", "yaml", f"no YAML: {problem}", "mend the YAML")]
    for document in documents:
        _document(source, document, rules, findings)
    return rules, findings


def _broken(name: str, problem: str) -> Finding:
    return Source(name, ()).finding(1, 1, 1, "-", "yaml", problem, "give a readable file of rules")


def _document(source: Source, document: Any, rules: list[LintRule], findings: list[Finding]) -> None:
    if document is None:
        return
    top = document.get("spec") if isinstance(document, CommentedMap) and "spec" in document else document
    groups = top.get("groups") if isinstance(top, CommentedMap) else None
    if not isinstance(groups, list):
        findings.append(source.finding(1, 1, 1, "-", "yaml", "there are no groups", "see `groups:` of a rule file"))
        return
    for group in groups:
        if not isinstance(group, CommentedMap) or not isinstance(group.get("rules") or [], list):
            findings.append(
                source.finding(1, 1, 1, "-", "yaml", "a group is no mapping with rules", "name: …, rules: [ … ]")
            )
            continue
        for key in sorted({"labels", "query_offset"} & group.keys()):
            line = group.lc.key(key)[0] + 1
            findings.append(
                source.finding(
                    line, group.lc.key(key)[1] + 1, len(key), str(group.get("name")), "version",
                    f"a group's {key} is not known to Prometheus 2.42", "give it to each rule, or leave it out",
                )
            )  # fmt: skip
        for position, rule in enumerate(group.get("rules") or []):
            made = _rule(source, str(group.get("name", "")), position, rule, findings)
            if made is not None:
                rules.append(made)


def _rule(source: Source, group: str, position: int, rule: Any, findings: list[Finding]) -> LintRule | None:
    if not isinstance(rule, CommentedMap):
        findings.append(
            source.finding(
                1, 1, 1, group, "yaml", f"rule {position + 1} of the group is no mapping", "alert: …, expr: …"
            )
        )
        return None
    line = rule.lc.line + 1

    def wrong(problem: str, fix: str) -> None:
        findings.append(
            source.finding(line, 1, 1, str(rule.get("alert") or rule.get("record") or group), "yaml", problem, fix)
        )

    unknown = sorted(str(key) for key in rule if key not in _KEYS)
    if unknown:
        wrong(f"unknown key {unknown[0]}", f"known are {', '.join(sorted(_KEYS))}")
    alerting = "alert" in rule
    if alerting == ("record" in rule):
        wrong("it is neither an alert nor a recording rule, or both", "give it `alert:` or `record:`")
        return None
    if not isinstance(rule.get("expr"), (str, int, float)):
        wrong("it has no expr", "expr: a query")
        return None
    texts: dict[str, dict[str, str]] = {}
    lines: dict[str, int] = {key: rule.lc.key(key)[0] + 1 for key in rule if isinstance(key, str)}
    for part in ("labels", "annotations"):
        found = rule.get(part) or {}
        if not isinstance(found, CommentedMap) and found:
            wrong(f"its {part} are no mapping", f"{part}: {{name: text}}")
            found = {}
        texts[part] = {str(key): str(value) for key, value in found.items()}
        if isinstance(found, CommentedMap):
            lines |= {f"{part}.{key}": found.lc.key(key)[0] + 1 for key in found}
    at, column = rule.lc.value("expr")
    # The text of a literal block begins on the next line.
    block = source.lines[at][column : column + 1] in ("|", ">") if at < len(source.lines) else False
    return LintRule(
        source, group, position, str(rule["alert"] if alerting else rule["record"]), alerting, str(rule["expr"]), line,
        at + (2 if block else 1), 1 if block else column + 1, str(rule.get("for") or ""),
        str(rule.get("keep_firing_for") or ""), texts["labels"], texts["annotations"], lines,
    )  # fmt: skip
