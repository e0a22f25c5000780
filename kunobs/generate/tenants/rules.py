"""A tenant's own rules and objectives → groups of rules that read its namespace only and speak of nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import promql_parser as promql

from alert_rules.enforce import Refused, enforced
from alert_rules.lint.checks import lint
from alert_rules.lint.context import Settings
from alert_rules.lint.source import LintRule
from alert_rules.model import Links, recording_of, rule_of
from alert_rules.texts import template
from kunobs.catalogue.links import NAMESPACE
from kunobs.catalogue.signal import Signal, Text
from kunobs.catalogue.slo import Objective
from kunobs.config.quantities import format_duration
from kunobs.config.tenant import SloConfig, WordsConfig
from kunobs.generate.tenants.read import Tenant, Wrong
from kunobs.names import tenant_dashboard

LABEL = "namespace"
SYSTEM = "tenant"


@dataclass(frozen=True)
class Wanted:
    """What is generated for: addresses of Grafana and of a log search with `{namespace}`, seconds between scrapes."""

    dashboards: str = ""
    logs: str = ""
    scrape_interval: float = 30.0


def groups(tenant: Tenant, wanted: Wanted) -> tuple[list[dict[str, Any]], list[Objective]]:
    """Groups as in a rule file, and the objectives among them. Wrong tells every mistake in the tenant's queries."""
    wrong: list[str] = []
    objectives = list(_objectives(tenant, wrong))
    own = list(_own(tenant, wanted, wrong))
    if wrong:
        raise Wrong(wrong)
    made = [_group(tenant.namespace, f"slo.{name}", _slo(tenant, one, wanted)) for name, one in objectives]
    if own:
        made.append(_group(tenant.namespace, "own", own))
    _distinct(tenant, made)
    return made, [one for _, one in objectives]


def _distinct(tenant: Tenant, made: list[dict[str, Any]]) -> None:
    """Objectives `a-1b` and `a1b` have the same alerts, and a rule of one's own may be called as one of them."""
    seen: set[str] = set()
    for rule in (rule for group in made for rule in group["rules"]):
        name = rule.get("alert") or rule["record"]
        if name in seen:
            raise Wrong([f"{tenant.source.name}: there are two rules {name}; rename an objective or a rule"])
        seen.add(name)


def _group(namespace: str, name: str, rules: list[dict[str, Any]]) -> dict[str, Any]:
    # A query that explodes is its group's failure, not Prometheus'.
    return {"name": f"kunobs.{namespace}.{name}", "limit": 1000, "rules": rules}


def _own(tenant: Tenant, wanted: Wanted, wrong: list[str]) -> Iterator[dict[str, Any]]:
    sources = [_source(tenant, place) for place in range(len(tenant.file.rules))]
    found = lint(sources, Settings(scrape_interval=wanted.scrape_interval))
    wrong += [one.render() for one in found]
    broken = {one.rule for one in found if one.check == "syntax"}
    for place, source in enumerate(sources):
        if source.name in broken:
            continue
        try:
            expr = enforced(source.expr, LABEL, tenant.namespace)
        except Refused as problem:
            wrong.append(source.at(LABEL, str(problem), problem.fix, problem.text).render())
            continue
        yield _rule(tenant, place, source, expr, wanted)


def _source(tenant: Tenant, place: int) -> LintRule:
    """The rule with the lines of the tenant's file, as the lint wants it."""
    rule: Any = tenant.file.rules[place]
    line = tenant.line(("rules", place, "expr"))
    text = tenant.source.lines[line - 1] if line <= len(tenant.source.lines) else ""
    after = text.partition("expr:")[2]
    # The text of a literal block begins on the next line.
    block = after.strip()[:1] in ("", "|", ">")
    column = 1 if block else len(text) - len(after.lstrip()) + 1
    lines = {
        key: tenant.line(("rules", place, key)) for key in ("for", "keep_firing_for", "alert", "record", "summary")
    }
    return LintRule(
        tenant.source, "own", place, rule.alert or rule.record, bool(rule.alert), rule.expr,
        tenant.line(("rules", place)), line + (1 if block else 0), column,
        format_duration(getattr(rule, "for")) if getattr(rule, "for") else "",
        format_duration(rule.keep_firing_for) if rule.keep_firing_for else "",
        {LABEL: tenant.namespace} | ({"severity": rule.severity} if rule.alert else {}),
        _annotations(rule), lines | {f"annotations.{name}": lines["summary"] for name in _annotations(rule)},
    )  # fmt: skip


def _annotations(rule: Any) -> dict[str, str]:
    made: dict[str, str] = {}
    for name in ("summary", "description", "impact"):
        words: WordsConfig | None = getattr(rule, name)
        if words is not None:
            made |= {name: template(words.en, ""), f"{name}_zh": template(words.zh, "")}
    return made


def _rule(tenant: Tenant, place: int, source: LintRule, expr: str, wanted: Wanted) -> dict[str, Any]:
    rule: Any = tenant.file.rules[place]
    if not source.alerting:
        return {"record": rule.record, "expr": expr, "labels": {LABEL: tenant.namespace}}
    made: dict[str, Any] = {"alert": rule.alert, "expr": expr}
    if source.wait:
        made["for"] = source.wait
    if source.keep:
        made["keep_firing_for"] = source.keep
    annotations = dict(source.annotations) | _links(tenant, wanted)
    if rule.runbook:
        annotations["runbook_url"] = rule.runbook
    return made | {"labels": _labels(tenant, rule.severity), "annotations": annotations}


def _labels(tenant: Tenant, severity: str) -> dict[str, str]:
    return {"severity": severity, "component": SYSTEM, "owner": "tenant", LABEL: tenant.namespace}


def _links(tenant: Tenant, wanted: Wanted) -> dict[str, str]:
    made: dict[str, str] = {}
    if wanted.dashboards:
        made["dashboard_url"] = f"{wanted.dashboards}/d/{tenant_dashboard(tenant.namespace, 'home')}"
    if wanted.logs:
        made["logs_url"] = wanted.logs.replace(NAMESPACE, tenant.namespace)
    return made


def objective(slo: SloConfig, namespace: str) -> Objective:
    """The objective of one namespace. ValueError for a target at which no alert can fire, Refused for what is no selector."""
    counts = {
        part: f"sum by ({LABEL}) (rate({_selector(getattr(slo, part), namespace)}[{{window}}]))"
        for part in ("errors", "total")
    }
    words = slo.words or WordsConfig(zh=f"{slo.name} 的失败太多", en=f"Too much of {slo.name} fails")
    camel = "".join(part.capitalize() for part in slo.name.split("-"))
    return Objective(
        name=Text(slo.name, slo.name),
        alert=f"Slo{camel}Burn",
        record=f"namespace:slo_{slo.name.replace('-', '_')}",
        target=slo.target,
        labels=(LABEL,),
        least=slo.least,
        title=Text(words.zh, words.en),
        impact=Text("这个目标的误差预算会提前用完。", "The error budget of this objective is used up too early."),
        action=Text("看最近的发布和依赖。", "Look at the latest rollout, and at what it depends on."),
        **counts,
    )


def _selector(text: str, namespace: str) -> str:
    made = enforced(text, LABEL, namespace)
    parsed = promql.parse(made)
    if not isinstance(parsed, promql.VectorSelector) or parsed.name is None or parsed.offset or parsed.at:
        raise Refused("it is no selector of a counter", 'write the name and matchers: http_requests_total{code=~"5.."}')
    return made


def _objectives(tenant: Tenant, wrong: list[str]) -> Iterator[tuple[str, Objective]]:
    for place, slo in enumerate(tenant.file.slos):
        for part in ("errors", "total"):
            try:
                _selector(getattr(slo, part), tenant.namespace)
            except Refused as problem:
                where = tenant.line(("slos", place, part))
                wrong.append(f"{tenant.source.name}:{where}: slos[{place}].{part}: {problem}; {problem.fix}")
                break
        else:
            try:
                yield slo.name, objective(slo, tenant.namespace)
            except ValueError as error:
                where = tenant.line(("slos", place, "target"))
                wrong.append(
                    f"{tenant.source.name}:{where}: slos[{place}].target: {error}; choose one nearer to 1, as in 0.99"
                )


def _slo(tenant: Tenant, one: Objective, wanted: Wanted) -> list[dict[str, Any]]:
    made = [recording_of(each) | {"labels": {LABEL: tenant.namespace}} for each in one.recordings()]
    return made + [_burn(tenant, signal, wanted) for signal in one.signals()]


def _burn(tenant: Tenant, signal: Signal, wanted: Wanted) -> dict[str, Any]:
    rule = rule_of(SYSTEM, replace(signal, owner="tenant"), Links())
    return replace(
        rule,
        expr=enforced(rule.expr, LABEL, tenant.namespace),
        labels=_labels(tenant, signal.severity),
        annotations=dict(rule.annotations) | _links(tenant, wanted),
    ).document()
