"""What a heartbeat has promised: names of heartbeats <-> the configuration.

`backup` is a job, `prod/k8s-0` a replica of Prometheus, `prod/alertmanager/am-0:9093` an Alertmanager. Jobs have no slash in their name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from kunobs.config.noc.heartbeats import ClusterConfig
from kunobs.config.noc.root import NocConfig
from kunobs.noc.heartbeats.expected import next_ms

Kind = Literal["job", "replica", "alertmanager"]
ALERTMANAGER = "alertmanager/"
# Two machines' clocks: a job that comes this much before its time has come for it.
EARLY_MS = 10_000
LONGEST = 100


@dataclass(frozen=True)
class Plan:
    """One heartbeat's promise. `member` is the replica's or Alertmanager's name within its cluster; both are empty for a job."""

    name: str
    kind: Kind
    cluster: str
    member: str
    tenant: str
    severity: str
    period_ms: int
    grace_ms: int
    cron: str = ""
    zone: str = ""
    paused: bool = False

    @property
    def text(self) -> str:
        """Differs when deadlines do."""
        return f"{self.cron} {self.zone}|{self.period_ms}|{self.grace_ms}"

    def expected_ms(self, heard_ms: int) -> int:
        """When the next one is expected after one at that time: by the schedule where there is one, else a period later."""
        return next_ms(self.cron, self.zone, heard_ms + EARLY_MS) if self.cron else heard_ms + self.period_ms


def plans(config: NocConfig) -> Iterator[Plan]:
    """Everything that is expected without ever having been heard."""
    for name in config.heartbeats:
        yield job(config, name)
    for name, cluster in config.clusters.items():
        if cluster.integration:
            for value in cluster.replicas:
                yield replica(name, cluster, value)
        for url in cluster.alertmanagers:
            yield alertmanager(name, cluster, url)


def plan_of(config: NocConfig, name: str) -> Plan | None:
    """The plan of a heartbeat by its name; None for one that the configuration does not want, or no longer."""
    first, slash, member = name.partition("/")
    if not slash:
        return job(config, name) if name in config.heartbeats else None
    cluster = config.clusters.get(first)
    if cluster is None:
        return None
    if member.startswith(ALERTMANAGER):
        wanted = member.removeprefix(ALERTMANAGER) in map(place, cluster.alertmanagers)
        return _member(first, cluster, "alertmanager", member.removeprefix(ALERTMANAGER)) if wanted else None
    return replica(first, cluster, member) if cluster.integration else None


def job(config: NocConfig, name: str) -> Plan:
    """A named heartbeat's."""
    found = config.heartbeats[name]
    return Plan(
        name=name,
        kind="job",
        cluster="",
        member="",
        tenant=found.tenant,
        severity=found.severity,
        period_ms=int(found.period * 1000),
        grace_ms=int(found.grace * 1000),
        cron=found.cron,
        zone=(found.time_zone or config.time_zone) if found.cron else "",
        paused=found.paused,
    )


def replica(name: str, cluster: ClusterConfig, value: str) -> Plan:
    """A Prometheus replica's, by the value of its label, which anybody who posts may choose."""
    member = "".join(c if c.isprintable() else "?" for c in value[:LONGEST]) or "watchdog"
    return _member(name, cluster, "replica", f"replica/{member}" if member.startswith(ALERTMANAGER) else member)


def alertmanager(name: str, cluster: ClusterConfig, url: str) -> Plan:
    """An Alertmanager's, by its address."""
    return _member(name, cluster, "alertmanager", place(url))


def place(url: str) -> str:
    """`host:port`, and the path where there is one: two Alertmanagers may share a proxy."""
    parts = urlsplit(url)
    port = "" if parts.port else ":443" if parts.scheme == "https" else ":80"
    return f"{parts.netloc}{port}{parts.path}"


def _member(name: str, cluster: ClusterConfig, kind: Kind, member: str) -> Plan:
    return Plan(
        name=f"{name}/{ALERTMANAGER if kind == 'alertmanager' else ''}{member}",
        kind=kind,
        cluster=name,
        member=member,
        tenant=cluster.tenant,
        severity="warning",
        period_ms=int(cluster.period * 1000),
        grace_ms=int(cluster.grace * 1000),
    )
