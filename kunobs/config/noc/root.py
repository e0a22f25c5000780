"""`noc:` the relay that turns alerts into messages to people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from kunobs.config.base import Conflict, Section, Text, Whole, section
from kunobs.config.noc.channels import ChannelsConfig
from kunobs.config.noc.heartbeats import ClusterConfig, FlapConfig, HeartbeatConfig, PingConfig, StormConfig
from kunobs.config.noc.paging import LadderConfig, RouteConfig
from kunobs.config.noc.people import PersonConfig, TeamConfig
from kunobs.config.noc.probers import MappingConfig
from kunobs.config.noc.references import references
from kunobs.config.noc.schedules import ScheduleConfig
from kunobs.config.noc.templates import TemplateConfig
from kunobs.config.noc.tenants import TenantsConfig
from kunobs.config.noc.texts import HttpUrl, Label, TimeZone
from kunobs.config.quantities import Duration
from kunobs.config.secret import Secret
from kunobs.config.texts import Distinct, Listen, ReadableFile


class IntegrationConfig(Section):
    """Somebody who posts alerts, and what they become."""

    kind: Text = Field(
        default="alertmanager",
        description="alertmanager, or the name of a mapping: a prober's, or one of noc.mappings.",
    )
    tenant: Label = Field(default="platform", description="Whose alerts these are.")
    token: Secret = Field(
        default=Secret(), description="What the sender must show: a bearer token, or a prober's secret."
    )
    token_file: ReadableFile = Field(default="", description="File that holds it.")
    identity_drop_labels: Annotated[tuple[Text, ...], Distinct] = Field(
        default=("replica", "prometheus_replica"),
        description="Labels that tell replicas apart and nothing else; alerts equal but for these are one.",
    )
    group_by: Annotated[tuple[Text, ...], Distinct] = Field(
        default=(), description="Alerts equal in these labels are one incident; empty: each alert is an incident."
    )


class NocConfig(Section):
    """The relay: what it takes, whom it reaches, how, and what it keeps."""

    listen: Listen = Field(
        default="127.0.0.1:9510", description="Address of the HTTP server. 0.0.0.0:9510 lets others in."
    )
    public_url: HttpUrl = Field(
        default="http://127.0.0.1:9510", description="How people's browsers reach it; links in messages begin with it."
    )
    data: Text = Field(
        default="/var/lib/kunobs/noc", description="Folder of its database, or postgresql://user@host/database."
    )
    data_password: Secret = Field(default=Secret(), description="Password of the PostgreSQL user.")
    data_password_file: ReadableFile = Field(default="", description="File that holds it.")
    admin_socket: Text = Field(
        default="", description="Where the command line reaches the running relay; empty for admin.sock in `data`."
    )
    language: Literal["zh", "en"] = Field(
        default="zh", description="Language of messages, unless a person has another."
    )
    time_zone: TimeZone = Field(default="Asia/Shanghai", description="Time zone of times in messages.")
    tenant: Label = Field(
        default="platform", description="The tenant whose ladder hears of trouble of the relay itself."
    )
    max_connections: Whole = Field(
        default=12_000, ge=16, le=65536, description="Connections at once; two Alertmanagers in a storm open 10,000."
    )
    retention: Duration = Field(
        default=180 * 86400.0, ge=86400, le=3650 * 86400, description="How long what is over is kept."
    )
    lease: Duration = Field(
        default=60.0, ge=20, le=600, description="An attempt that has not been recorded after this is made again."
    )
    drain_timeout: Duration = Field(
        default=20.0, ge=1, le=600, description="On SIGTERM, how long attempts under way may take to be recorded."
    )
    severities: Mapping[Text, Literal["critical", "warning", "info"]] = Field(
        default={"page": "critical", "error": "critical", "emergency": "critical", "none": "info"},
        description="What other words for severity mean; an unknown one is a warning.",
    )
    integrations: Mapping[Label, IntegrationConfig] = Field(default={}, description="Who posts alerts.")
    mappings: Mapping[Label, MappingConfig] = Field(
        default={}, description="How to read what other probers post; docs/probers.md lists those that are known."
    )
    channels: ChannelsConfig = section(ChannelsConfig)
    people: Mapping[Label, PersonConfig] = Field(default={}, description="Who can be reached.")
    teams: Mapping[Label, TeamConfig] = Field(default={}, description="People who answer for something together.")
    schedules: Mapping[Label, ScheduleConfig] = Field(default={}, description="Who is on call when.")
    ladders: Mapping[Label, LadderConfig] = Field(default={}, description="Who is paged in which order.")
    route: RouteConfig = section(RouteConfig, "The root of the routes: what nothing below matches goes by its ladder.")
    templates: tuple[TemplateConfig, ...] = Field(
        default=(), description="Texts of your own; the first that fits is taken."
    )
    tenants: TenantsConfig = section(TenantsConfig)
    storm: StormConfig = section(StormConfig)
    flapping: FlapConfig = section(FlapConfig)
    clusters: Mapping[Label, ClusterConfig] = Field(default={}, description="Clusters that must be heard.")
    heartbeats: Mapping[Label, HeartbeatConfig] = Field(default={}, description="Jobs that must be heard.")
    ping: PingConfig = section(PingConfig)

    @property
    def socket(self) -> Path:
        """Where the admin socket is."""
        return Path(self.admin_socket or f"{self.data}/admin.sock")

    def conflicts(self) -> Iterator[Conflict]:
        """Names that nothing has, people whom nothing reaches, alerts that nobody hears of."""
        yield from references(self)
        if "://" in self.data and not self.admin_socket:
            yield Conflict(("admin_socket", "data"), "is missing", "write /run/kunobs-noc.sock")
        if "://" in self.data and ":" in self.data.partition("://")[2].rpartition("@")[0]:
            yield Conflict(("data",), "holds a password, and is printed", "use data_password_file")
        if "://" in self.data and not self.data.startswith(("postgresql://", "postgres://")):
            yield Conflict(
                ("data",), "is neither a folder nor a PostgreSQL URL", "write postgresql://user@host/database"
            )
