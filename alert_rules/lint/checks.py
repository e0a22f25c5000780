"""All checks, in the order they are run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import promql_parser as promql

from alert_rules.lint import matching, names, queries, rules, versions
from alert_rules.lint.context import Context, Settings
from alert_rules.lint.finding import Finding
from alert_rules.lint.source import LintRule, files, read

OF_ONE: tuple[Callable[[Context], Iterator[Finding]], ...] = (
    names.check,
    matching.check,
    queries.windows,
    queries.gauges,
    queries.counters,
    queries.comparison,
    queries.absent,
    queries.never,
    queries.matchers,
    versions.check,
    rules.names,
    rules.durations,
    rules.labels,
    rules.told,
    rules.templates,
)
OF_ALL: tuple[Callable[[Sequence[Context]], Iterator[Finding]], ...] = (rules.duplicates, rules.order)


def lint_paths(paths: Sequence[Path], settings: Settings) -> tuple[int, list[Finding]]:
    """(rules read, findings) of files and of all files in folders."""
    found: list[LintRule] = []
    findings: list[Finding] = []
    for path in files(paths):
        rules_of, broken = read(path)
        found += rules_of
        findings += broken
    return len(found), findings + lint(found, settings)


def lint(found: Iterable[LintRule], settings: Settings) -> list[Finding]:
    """What is wrong with these rules, in the order of files and lines."""
    contexts: list[Context] = []
    findings: list[Finding] = []
    found = list(found)
    settings = replace(settings, recorded=settings.recorded | {rule.name for rule in found if not rule.alerting})
    for rule in found:
        try:
            query = promql.parse(rule.expr)
        except ValueError as error:
            findings.append(rule.at("syntax", f"no PromQL: {error}", "try it in Prometheus' own page"))
            continue
        contexts.append(Context(rule, query, settings))
    for context in contexts:
        for check in OF_ONE:
            findings += check(context)
    for check_all in OF_ALL:
        findings += check_all(contexts)
    # The same words at the same place are said once, whichever operator of the query they come from.
    return sorted(dict.fromkeys(findings), key=lambda one: (one.file, one.line, one.column, one.check))
