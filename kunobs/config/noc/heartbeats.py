"""`noc.heartbeats` and `noc.watchdog`: what must keep saying that it lives."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from kunobs.config.base import Conflict, Flag, Section, Text, Whole
from kunobs.config.noc.texts import HttpUrl, Label, TimeZone
from kunobs.config.quantities import Duration
from kunobs.config.secret import Secret
from kunobs.config.texts import Distinct, ReadableFile


class HeartbeatConfig(Section):
    """A job that calls a URL of ours each time it has run."""

    tenant: Label = Field(default="platform", description="Whose it is.")
    period: Duration = Field(default=0.0, ge=0, le=400 * 86400, description="It comes at least this often.")
    cron: Text = Field(default="", description='Or when it comes, as in "0 3 * * *", in `time_zone`.')
    time_zone: TimeZone = Field(default="", description="Time zone of `cron`; empty for noc.time_zone.")
    grace: Duration = Field(
        default=60.0, ge=1, le=30 * 86400, description="How much later is still all right; after that it is down."
    )
    severity: Text = Field(default="critical", pattern="^(critical|warning|info)$", description="How bad it is.")
    paused: Flag = Field(default=False, description="Nothing is expected.")
    token: Secret = Field(
        default=Secret(), description="What the URL ends with; empty for a bearer token of the tenant."
    )
    token_file: ReadableFile = Field(default="", description="File that holds it.")

    def conflicts(self) -> Iterator[Conflict]:
        """Neither a period nor a time, or both."""
        if bool(self.period) == bool(self.cron):
            text = "needs a period or a cron" if not self.period else "has a period and a cron"
            yield Conflict(("period", "cron"), text, 'write period: 10m or cron: "0 3 * * *"')
        token = self.token.reveal()
        if token and (token in ("fail", "start") or not re.fullmatch(r"[A-Za-z0-9_.~-]{1,255}", token)):
            hint = "letters, digits and _ . ~ -, as `openssl rand -hex 16` prints them"
            yield Conflict(("token", "token_file"), "is not what a URL can end with", hint)
        if self.cron:
            from kunobs.config.noc.cron import problem

            trouble = problem(self.cron)
            if trouble:
                yield Conflict(("cron",), trouble, 'write five fields, as in "0 3 * * *"')


class ClusterConfig(Section):
    """A watched cluster: the Prometheus replicas whose Watchdog comes in, and its Alertmanagers to ask."""

    tenant: Label = Field(default="platform", description="Whose trouble it is when this one is silent.")
    integration: Label = Field(default="", description="By which integration its alerts come.")
    replicas: Annotated[tuple[Text, ...], Distinct] = Field(
        default=(), description="Values of `replica_label` that must be heard, beside those heard before."
    )
    replica_label: Text = Field(
        default="prometheus", description="Label of the Watchdog that names the replica and survives its drop."
    )
    alertname: Text = Field(default="KunWatchdog", description="Name of the alert that always fires.")
    period: Duration = Field(default=60.0, ge=5, le=3600, description="How often the Watchdog comes (repeat_interval).")
    grace: Duration = Field(default=120.0, ge=5, le=3600, description="How much later is still all right.")
    alertmanagers: Annotated[tuple[HttpUrl, ...], Distinct] = Field(
        default=(), description="Their addresses, asked for /api/v2/status and, after an outage, /api/v2/alerts."
    )
    resend_interval: Duration = Field(
        default=60.0,
        ge=1,
        le=3600,
        description="Prometheus' --rules.alert.resend-delay; nothing is judged before two of them.",
    )

    def conflicts(self) -> Iterator[Conflict]:
        """A cluster that nothing could be heard of."""
        if not self.integration:
            yield Conflict(("integration",), "is missing, so its Watchdog would never be heard", "name an integration")
        if any(not replica or len(replica) > 100 or not replica.isprintable() for replica in self.replicas):
            yield Conflict(("replicas",), "has one without a name, or a long or odd one", "write prometheus-k8s-0")


class PingConfig(Section):
    """Somebody outside who must hear from us; the ping goes out only while our own audit passes."""

    url: HttpUrl = Field(default="", description="Asked by GET, as healthchecks' ping URL; empty for none.")
    every: Duration = Field(default=60.0, ge=5, le=86400, description="How often.")
    oldest_due: Duration = Field(
        default=300.0, ge=10, le=86400, description="The audit fails when a message is due for longer than this."
    )


class StormConfig(Section):
    """When so many incidents begin that each would hide the others: one living summary instead."""

    incidents: Whole = Field(default=30, ge=2, le=100_000, description="More new incidents of a tenant than this …")
    within: Duration = Field(default=60.0, ge=1, le=3600, description="… within this are a storm.")
    update: Duration = Field(
        default=120.0, ge=10, le=86400, description="How often the summary is told anew while it changes."
    )


class FlapConfig(Section):
    """An alert that comes and goes: told once that it does, then only if it stays."""

    times: Whole = Field(default=4, ge=2, le=1000, description="So many incidents of one alert …")
    within: Duration = Field(default=3600.0, ge=60, le=7 * 86400, description="… within this are flapping.")
    hold: Duration = Field(default=600.0, ge=10, le=86400, description="It must then fire this long before it pages.")
