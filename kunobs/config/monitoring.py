"""`monitoring:` what `kunobs generate prometheus|alertmanager|blackbox` makes configurations for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from ipaddress import ip_address, ip_network
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from kunobs.catalogue.jobs import JOBS
from kunobs.config.base import Conflict, Flag, Section, Text, Whole, section, wrong
from kunobs.config.noc.texts import HttpUrl
from kunobs.config.quantities import Duration, Size
from kunobs.config.texts import Broker, Distinct, NamespaceName, NotEmpty

_WORD = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}")


def _word(text: str) -> str:
    if not _WORD.fullmatch(text):
        raise wrong(text, "is no name", "letters, digits, . _ - and at most 63, as in eu-1")
    return text


def _path(text: str) -> str:
    if not text.startswith("/") or ".." in text.split("/"):
        raise wrong(text, "is no absolute path", "begin it with / and leave out ..")
    return text


def _network(text: str) -> str:
    try:
        ip_network(text)
    except ValueError:
        raise wrong(text, "is no network", "write 10.8.0.0/16 or fd00:8::/32, without bits behind the mask") from None
    return text


Network = Annotated[Text, AfterValidator(_network)]


def _replica(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9]{1,20}", text):
        raise wrong(
            text, "is no replica", "lower case letters and digits, as in a; it becomes part of an object's name"
        )
    return text


def _image(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9._/:-]{0,200}:[\w][\w.-]{0,127}(?:@sha256:[0-9a-f]{64})?", text, re.ASCII):
        raise wrong(text, "is no image with a tag", "write prom/prometheus:v3.16.0")
    return text


Image = Annotated[Text, AfterValidator(_image)]
Folder = Annotated[Text, AfterValidator(lambda text: _path(text) if text else text)]
Word = Annotated[Text, AfterValidator(_word)]
AbsolutePath = Annotated[Text, AfterValidator(_path)]


class StorageConfig(Section):
    """Where each Prometheus keeps its data: a folder of its node (HostPath), bounded by size."""

    path: AbsolutePath = Field(default="/data/prometheus", description="Folder on the node, mounted into the pod.")
    retention: Duration = Field(default=15 * 86400.0, ge=3600, description="Older samples are deleted.")
    retention_size: Size = Field(
        default=80 << 30,
        ge=1 << 30,
        description="The oldest blocks are deleted above this: at most 80 % of the disk, for the log of writes is not counted.",
    )


class LimitsConfig(Section):
    """What one target of a tenant may bring; over it, its scrape fails and nobody else's."""

    samples: Whole = Field(default=20_000, ge=1, description="Samples of one scrape.")
    targets: Whole = Field(default=2_000, ge=1, description="Targets of the tenants' job.")
    labels: Whole = Field(default=32, ge=4, description="Labels of one series.")
    label_name_length: Whole = Field(default=64, ge=8, description="Characters of a label's name.")
    label_value_length: Whole = Field(default=256, ge=16, description="Characters of a label's value.")
    body_size: Size = Field(default=16 << 20, ge=1 << 16, description="Bytes of one answer.")


class RemoteWriteConfig(Section):
    """A second engine, when one machine is outgrown."""

    kind: Literal["none", "victoriametrics", "mimir", "thanos"] = Field(
        default="none",
        description="How it tells the replicas of a pair apart: victoriametrics deduplicates equal series (start it with "
        "-dedup.minScrapeInterval), mimir wants cluster and __replica__, thanos drops `replica` at the query.",
    )
    url: HttpUrl = Field(default="", description="Where samples are written to.")

    def conflicts(self) -> Iterator[Conflict]:
        """One without the other."""
        if (self.kind == "none") != (not self.url):
            yield Conflict(("url", "kind"), "and kind belong together", "give both, or kind none and no url")


def _address(text: str) -> str:
    try:
        ip_address(text)
    except ValueError:
        raise wrong(text, "is no IP address", "as in 10.96.0.10") from None
    return text


class ManifestsConfig(Section):
    """What the Kubernetes objects for Prometheus, Alertmanager and the prober are made with."""

    namespace: NamespaceName = Field(default="monitoring", description="The namespace that they run in.")
    prometheus: Image = Field(default="prom/prometheus:v3.16.0", description="Image of Prometheus.")
    alertmanager: Image = Field(default="prom/alertmanager:v0.34.2", description="Image of Alertmanager.")
    blackbox: Image = Field(default="prom/blackbox-exporter:v0.27.0", description="Image of the prober.")
    cluster_dns: Annotated[tuple[Annotated[Text, AfterValidator(_address)], ...], Distinct] = Field(
        default=(),
        description="Addresses of the cluster's DNS, for a prober without search domains: with them NAME.NAMESPACE reaches others' "
        "Services.",
    )


class TenantsConfig(Section):
    """What `kunobs generate tenants` makes for the namespaces that define their own monitoring."""

    labels: Mapping[Text, Text] = Field(
        default={"kunobs.io/monitoring": "tenants"},
        description="Labels of their objects, which the selectors of the Prometheus that reads them name.",
    )
    grafana: Mapping[Text, Text] = Field(
        default={"kunobs.io/grafana": "tenants"},
        description="Labels of the Grafana that shows their dashboards.",
    )
    files: Folder = Field(
        default="",
        description="Folder on the Prometheus servers that holds what `kunobs generate tenants` wrote; empty: its rules "
        "and probes are not read.",
    )
    tokens: AbsolutePath = Field(
        default="/etc/alertmanager/tenants",
        description="Folder on the Alertmanagers with the token of each tenant that has an integration, in a file named as the "
        "namespace.",
    )
    shards: Whole = Field(
        default=0,
        ge=0,
        le=64,
        description="Pairs of Prometheus that share the tenants' targets by namespace; 0: the platform's pair has them.",
    )
    shard_rules: tuple[Text, ...] = Field(
        default=("/etc/prometheus/rules/KunWatchdog.yaml", "/etc/prometheus/rules/KunTenantSeriesBudget.yaml"),
        description="Rules of the platform that such a pair evaluates beside its tenants'.",
    )
    networks: Annotated[tuple[Network, ...], Distinct] = Field(
        default=(),
        description="Private networks whose addresses tenants may probe, as in 10.8.0.0/16; names are not resolved for it.",
    )


class MonitoringConfig(Section):
    """The redundant Prometheus and Alertmanager: what `kunobs generate` makes configurations for."""

    cluster: Word = Field(default="kubernetes", description="The external label `cluster` of everything.")
    replicas: Annotated[tuple[Annotated[Text, AfterValidator(_replica)], ...], Distinct, NotEmpty] = Field(
        default=("a", "b"),
        description="Prometheus servers that all scrape the same; each is a file.",
    )
    scrape_interval: Duration = Field(
        default=30.0,
        ge=5,
        le=300,
        description="How often targets are scraped; the rules' windows are made for 30s to 60s.",
    )
    evaluation_interval: Duration = Field(default=30.0, ge=5, le=300, description="How often rules are evaluated.")
    rules: tuple[Text, ...] = Field(
        default=("/etc/prometheus/rules/*.yaml",), description="Where Prometheus finds the rule files."
    )
    alertmanagers: Annotated[tuple[Broker, ...], Distinct] = Field(
        default=(),
        description="host:port of every Alertmanager; each Prometheus sends to all, never through a load balancer.",
    )
    relays: Annotated[tuple[HttpUrl, ...], Distinct] = Field(
        default=(), description="Addresses of `kunobs noc`, to which the Alertmanagers post."
    )
    integration: Word = Field(default="prod", description="The entry of noc.integrations that they post to.")
    token_file: AbsolutePath = Field(
        default="/etc/alertmanager/noc/token", description="On the Alertmanagers, the integration's token."
    )
    targets: Mapping[Text, Annotated[tuple[Broker, ...], Distinct]] = Field(
        default={}, description="Job -> host:port of its targets, for those that Kubernetes does not find."
    )
    kubernetes: Flag = Field(
        default=True, description="Find the other jobs' targets, and the tenants' pods, by asking Kubernetes."
    )
    probes: HttpUrl = Field(
        default="", description="Address of `kunobs probes`, whose /http_sd lists what is probed; empty for none."
    )
    blackbox: Broker = Field(default="127.0.0.1:9115", description="The blackbox_exporter that probes.")
    storage: StorageConfig = section(StorageConfig)
    limits: LimitsConfig = section(LimitsConfig)
    remote_write: RemoteWriteConfig = section(RemoteWriteConfig)
    tenants: TenantsConfig = section(TenantsConfig)
    manifests: ManifestsConfig = section(ManifestsConfig)

    def conflicts(self) -> Iterator[Conflict]:
        """Targets of a job that no rule and no dashboard asks about."""
        shards = {f"prometheus-tenants-{shard}" for shard in range(self.tenants.shards)}
        for name in self.targets:
            if name not in JOBS and name not in shards:
                near = get_close_matches(name, JOBS, 1) or sorted(JOBS)[:5]
                yield Conflict((f"targets.{name}",), "is no job of the catalogue", f"did you mean {' or '.join(near)}?")
        if self.tenants.shards and self.remote_write.kind == "mimir":
            text = "do not go with mimir, which takes the samples of one replica of a cluster and no others"
            yield Conflict(("tenants.shards", "remote_write.kind"), text, "use victoriametrics or thanos, or no shards")
