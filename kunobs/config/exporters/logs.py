"""`exporters.logs:` how fresh each namespace's logs are, and a canary whose lines are counted on their way."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from kunobs.config.base import Conflict, Flag, Section, Text, section
from kunobs.config.exporters.limits import ExporterConfig
from kunobs.config.quantities import Duration, Size
from kunobs.config.texts import Distinct, NotEmpty
from kunobs.names import is_namespace

MOST_OUTSTANDING = 5000
_POD_LOG = re.compile(
    r"(?P<root>(?:/[^/\0]+)*)/pods/(?P<namespace>[^/_\0]+)_(?P<pod>[a-z0-9.-]{1,253})_(?P<uid>[a-zA-Z0-9-]{1,64})"
    r"/(?P<container>[a-z0-9-]{1,63})/[0-9]{1,9}\.log",
    re.ASCII,
)


class PodLog(NamedTuple):
    """What the path of a container's log says; `root` is the folder that is /var/log to Filebeat."""

    root: str
    namespace: str
    pod: str
    uid: str
    container: str


def pod_log(path: str) -> PodLog | None:
    """The parts of ROOT/pods/NAMESPACE_POD_UID/CONTAINER/0.log, None for any other path."""
    found = _POD_LOG.fullmatch(path)
    if found is None or not is_namespace(found["namespace"]) or ".." in path.split("/"):
        return None
    return PodLog(*found.groups())


class CanaryConfig(Section):
    """Numbered lines into a file that the node's Filebeat reads, counted where they arrive."""

    enabled: Flag = Field(
        default=False, description="Write and count lines. Needs `file`; `kunobs exporter logs --canary` sets it."
    )
    file: Text = Field(
        default="",
        description="File to write, named as the kubelet's: /var/log/pods/NAMESPACE_POD_UID/CONTAINER/0.log. It decides "
        "the lines' namespace. UID must be of a Pod that lives on this node: the kubelet deletes other folders.",
    )
    interval: Duration = Field(
        default=1.0, ge=0.1, le=60, description="A line this often. Shorter finds short outages, each line is stored."
    )
    wait: Duration = Field(
        default=60.0,
        ge=1,
        le=3600,
        description="A line that is not seen after this is missing. Shorter tells sooner, and calls slow lines missing.",
    )
    rotate_size: Size = Field(
        default=1024**2,
        ge=4096,
        le=1024**3,
        description="The file is renamed when it is this large, two renamed ones are kept: three times this is the disk.",
    )
    hops: Annotated[tuple[Literal["public", "tenant", "elasticsearch"], ...], Distinct, NotEmpty] = Field(
        default=("public", "tenant", "elasticsearch"),
        description="Where lines are counted. `public` reads the whole public topic until the canary's partition is "
        "known; leave it out where that costs too much.",
    )
    poll: Duration = Field(
        default=2.0,
        ge=0.1,
        le=60,
        description="Elasticsearch is searched this often; delays there are no finer than this.",
    )

    def conflicts(self) -> Iterator[Conflict]:
        """No file or one that Filebeat would not take for a container's, and more lines than can be waited for."""
        if self.file and pod_log(self.file) is None:
            hint = "write /var/log/pods/NAMESPACE_POD_UID/CONTAINER/0.log"
            yield Conflict(("file",), "is not the path of a container's log", hint)
        elif self.enabled and not self.file:
            hint = "write /var/log/pods/NAMESPACE_POD_UID/CONTAINER/0.log, with this Pod's UID"
            yield Conflict(("file", "enabled"), "is missing", hint)
        if self.wait > self.interval * MOST_OUTSTANDING:
            text = f"has more than {MOST_OUTSTANDING} lines waited for at once"
            yield Conflict(("wait", "interval"), text, "wait shorter, or write less often")
        if self.poll * 2 > self.wait:
            yield Conflict(("poll", "wait"), "leaves no time for a second search", "poll at least twice in `wait`")


class LogsConfig(ExporterConfig):
    """The logs' freshness in Elasticsearch and on the tenant Kafka, and the canary."""

    sources: Annotated[tuple[Literal["elasticsearch", "kafka"], ...], Distinct] = Field(
        default=("elasticsearch", "kafka"),
        description="Where freshness is read, for every namespace. An empty list leaves the canary alone, as for one on "
        "each node.",
    )
    canary: CanaryConfig = section(CanaryConfig)
