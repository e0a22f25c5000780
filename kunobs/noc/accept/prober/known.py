"""Mappings for probers that many have; docs/probers.md says what to enter in the console of each."""

from __future__ import annotations

from collections.abc import Mapping as Dictionary

from kunobs.config.noc.probers import (
    AspectConfig,
    MappingConfig,
    SeverityConfig,
    StatusConfig,
    TimesConfig,
    VerifyConfig,
)
from kunobs.noc.accept.prober.mapping import Mapping

JIANKONGBAO = MappingConfig(
    format="form",
    fields={
        "msg": ("msg_id",),
        "check": ("task_id",),
        "name": ("task_name", "task_summary"),
        "what": ("task_summary",),
        "kind": ("task_type",),
        # 1 and 2 in a POST, 1 and 0 in a GET.
        "state": ("message_status", "task_status"),
        "level": ("message_type",),
        "at": ("fault_time",),
        "content": ("content",),
        "digest": ("token",),
    },
    decode=("content",),
    id=("check",),
    target="name",
    status=StatusConfig(field="state", values={"1": "firing", "2": "resolved", "0": "resolved"}),
    severity=SeverityConfig(field="level", values={"1": "critical", "2": "warning"}),
    times=TimesConfig(starts="at", ends="at"),
    summary="{name}: {content}",
    labels={"check": "check", "kind": "kind"},
    annotations={"description": "what"},
    verify=VerifyConfig(by="md5", fields=("msg", "check", "at"), digest="digest"),
)
"""Jiankongbao (监控宝), URL callback: help.cloudwise.com/help/38/39/520 and wiki.jiankongbao.com, page url_callback.

POST is multipart, `content` is percent-encoded within it. All metrics of a task are one alert: the callback names no metric.
"""

ALIYUN_CLOUDMONITOR = MappingConfig(
    format="form",
    fields={
        "rule": ("ruleId", "alertName"),
        "dimensions": ("dimensions",),
        "name": ("alertName",),
        "instance": ("instanceName",),
        "state": ("alertState",),
        "level": ("triggerLevel",),
        "metric": ("metricName",),
        "value": ("curValue",),
        "condition": ("expression",),
        "product": ("namespace", "metricProject"),
        "at": ("timestamp",),
    },
    id=("rule", "dimensions"),
    target="name",
    # No data is only told to those who asked for it in the rule.
    status=StatusConfig(
        field="state", values={"ALERT": "firing", "ALARM": "firing", "INSUFFICIENT_DATA": "firing", "OK": "resolved"}
    ),
    severity=SeverityConfig(
        field="level", values={"CRITICAL": "critical", "WARN": "warning", "INFO": "info"}, default="warning"
    ),
    times=TimesConfig(starts="at", ends="at"),
    summary="{name}: {instance} {metric} = {value} ({condition}), {state}",
    labels={"instance": "instance", "metric": "metric", "product": "product"},
    annotations={"description": "dimensions"},
)
"""Aliyun CloudMonitor, alert callback by HTTP: alibabacloud.com/help/doc-detail/60714.htm; `timestamp` is in seconds or milliseconds."""

PINGDOM = MappingConfig(
    fields={
        "check": ("$.check_id",),
        "name": ("$.check_name",),
        "kind": ("$.check_type",),
        "state": ("$.current_state",),
        "level": ("$.importance_level",),
        "at": ("$.state_changed_timestamp",),
        "problem": ("$.description",),
        "details": ("$.long_description",),
        "url": ("$.check_params.full_url", "$.check_params.url"),
        "tags": ("$.tags",),
        "probe": ("$.first_probe.location",),
    },
    id=("check",),
    target="name",
    status=StatusConfig(
        field="state", values={"DOWN": "firing", "FAILING": "firing", "UP": "resolved", "SUCCESS": "resolved"}
    ),
    severity=SeverityConfig(field="level", values={"HIGH": "critical", "LOW": "warning"}),
    times=TimesConfig(starts="at", ends="at"),
    summary="{name}: {state}, {problem}",
    links=("url",),
    labels={"check": "check", "kind": "kind"},
    annotations={"description": "details", "tags": "tags", "probe": "probe"},
)
"""Pingdom, state change webhook: pingdom.com/resources/webhooks; transaction checks say SUCCESS and FAILING."""

UPTIMEROBOT = MappingConfig(
    fields={
        "check": ("$.monitorID",),
        "name": ("$.monitorFriendlyName",),
        "url": ("$.monitorURL",),
        "state": ("$.alertType",),
        "word": ("$.alertTypeFriendlyName",),
        "details": ("$.alertDetails",),
        "at": ("$.alertDateTime",),
        "days": ("$.sslExpiryDaysLeft",),
    },
    id=("check",),
    target="name",
    status=StatusConfig(field="state", values={"1": "firing", "2": "resolved", "3": "firing"}),
    severity=SeverityConfig(field="state", values={"3": "warning"}),
    # It never says that a certificate was renewed: as the monitor itself, the alert would hide that the site is down.
    aspect=AspectConfig(field="state", values={"3": "certificate"}),
    times=TimesConfig(starts="at", ends="at"),
    summary="{name}: {word}, {details}",
    links=("url",),
    labels={"check": "check"},
    annotations={"certificate_days": "days"},
)
"""UptimeRobot, webhook with a JSON body of your own: help.uptimerobot.com/en/articles/14498593; alertType 1 down, 2 up, 3 certificate."""

BETTER_STACK = MappingConfig(
    fields={
        "incident": ("$.data.id",),
        "name": ("$.data.attributes.name", "$.data.attributes.url"),
        "url": ("$.data.attributes.url",),
        "state": ("$.event",),
        "cause": ("$.data.attributes.cause",),
        "began": ("$.data.attributes.started_at",),
        "ended": ("$.data.attributes.resolved_at",),
        "monitor": ("$.data.relationships.monitor.data.id",),
        "screenshot": ("$.data.attributes.screenshot_url",),
    },
    id=("incident",),
    target="name",
    # Who acknowledged it there is not who answers for it here.
    status=StatusConfig(field="state", values={"started": "firing", "resolved": "resolved", "acknowledged": "ignore"}),
    times=TimesConfig(starts="began", ends="ended", format="iso8601"),
    summary="{name}: {cause}",
    links=("url", "screenshot"),
    labels={"monitor": "monitor"},
)
"""Better Stack (Better Uptime), incident webhook: betterstack.com/docs/uptime/webhooks and docs.betteruptime.com/integrations/webhooks."""

HEALTHCHECKS = MappingConfig(
    fields={
        "check": ("$.code",),
        "name": ("$.check.name", "$.check.slug"),
        "state": ("$.status",),
        "at": ("$.now",),
        "tags": ("$.check.tags",),
        "about": ("$.check.desc",),
        "last": ("$.check.last_ping",),
    },
    id=("check",),
    target="name",
    status=StatusConfig(field="state", values={"down": "firing", "up": "resolved"}),
    times=TimesConfig(starts="at", ends="at", format="iso8601"),
    summary="{name} is {state}, last heard {last}",
    labels={"check": "check"},
    annotations={"description": "about", "tags": "tags"},
)
"""Healthchecks, webhook with the body {"code": "$CODE", "status": "$STATUS", "now": "$NOW", "check": $JSON}.

The names are those of its own source, hc/integrations/webhook/transport.py.
"""

KNOWN: Dictionary[str, Mapping] = {
    name: Mapping(name, config)
    for name, config in {
        "jiankongbao": JIANKONGBAO,
        "aliyun_cloudmonitor": ALIYUN_CLOUDMONITOR,
        "pingdom": PINGDOM,
        "uptimerobot": UPTIMEROBOT,
        "better_stack": BETTER_STACK,
        "healthchecks": HEALTHCHECKS,
    }.items()
}


def mappings(own: Dictionary[str, MappingConfig]) -> dict[str, Mapping]:
    """All by name: the known ones, and the user's, which stand for a known one of the same name."""
    return dict(KNOWN) | {name: Mapping(name, config) for name, config in own.items()}
