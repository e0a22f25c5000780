"""The only place that builds a name (topic, data stream, user, group) from a namespace."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import blake2b

_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
LEGS = ("fanout", "indexer")
DATA_STREAM_PREFIX = "logs-k8s-"
# ILM puts shrink-…-, restored- or partial- in front of what it makes anew.
_BACKING_INDEX = re.compile(r"(?:[a-z0-9_-]+-)?\.ds-(.+)-[0-9]{4}\.[0-9]{2}\.[0-9]{2}-[0-9]{6,}", re.ASCII)


def is_namespace(name: str) -> bool:
    """True for an RFC 1123 label of at most 63 characters, which is what Kubernetes allows."""
    return _LABEL.fullmatch(name) is not None


def data_stream(namespace: str) -> str:
    """`logs-k8s-<namespace>` with `-` as `_`: injective, because a namespace holds no `_`."""
    return DATA_STREAM_PREFIX + namespace.replace("-", "_")


def namespace_of_data_stream(stream: str) -> str | None:
    """The namespace whose `data_stream` this is, else None: what holds a `-` behind the prefix is nobody's."""
    rest = stream[len(DATA_STREAM_PREFIX) :]
    namespace = rest.replace("_", "-")
    return namespace if is_namespace(namespace) and data_stream(namespace) == stream else None


def namespace_of_index(index: str) -> str | None:
    """The namespace whose data stream has this backing index (`.ds-<stream>-<date>-<generation>`), else None."""
    found = _BACKING_INDEX.fullmatch(index)
    return namespace_of_data_stream(found[1]) if found else None


def scram_user(namespace: str) -> str:
    """The tenant's user on the tenant Kafka."""
    return f"ns-{namespace}"


def group_prefix(namespace: str) -> str:
    """What the name of each of the tenant's consumer groups begins with."""
    return f"{namespace}."


def tenant_dashboard(namespace: str, page: str) -> str:
    """The uid of a tenant's own dashboard: `kun-<page>-<namespace>`; Grafana takes 40 characters, so a long one is cut and hashed."""
    uid = f"kun-{page}-{namespace}"
    return uid if len(uid) <= 40 else f"{uid[:31]}-{blake2b(uid.encode(), digest_size=4).hexdigest()}"


@dataclass(frozen=True)
class Names:
    """Topics on the tenant Kafka; `topic_prefix` comes first where several Kubernetes clusters share one Kafka."""

    topic_prefix: str = ""

    def logs(self, namespace: str) -> str:
        """The namespace's own topic."""
        return f"{self.topic_prefix}kun.logs.{namespace}"

    def dead_letters(self, namespace: str) -> str:
        """Events of the namespace that a leg could not deliver."""
        return f"{self.topic_prefix}kun.dlq.{namespace}"

    def replay(self, leg: str) -> str:
        """Dead letters on their way back to `leg`."""
        if leg not in LEGS:
            raise ValueError(f"no leg {leg!r}: {', '.join(LEGS)}")
        return f"{self.topic_prefix}kun.replay.{leg}"

    @property
    def quarantine(self) -> str:
        """Events whose namespace cannot be trusted."""
        return f"{self.topic_prefix}kun.quarantine"

    @property
    def unrouted(self) -> str:
        """Events without a usable namespace."""
        return f"{self.topic_prefix}kun.unrouted"

    @property
    def checkpoints(self) -> str:
        """Fanout's progress: source partition -> offset (compacted)."""
        return f"{self.topic_prefix}kun.checkpoints"

    def namespace_of_logs(self, topic: str) -> str | None:
        """The namespace of a `logs` topic, else None."""
        return self._suffix(topic, f"{self.topic_prefix}kun.logs.")

    def namespace_of_dead_letters(self, topic: str) -> str | None:
        """The namespace of a `dead_letters` topic, else None."""
        return self._suffix(topic, f"{self.topic_prefix}kun.dlq.")

    @staticmethod
    def _suffix(topic: str, prefix: str) -> str | None:
        rest = topic[len(prefix) :]
        return rest if topic.startswith(prefix) and is_namespace(rest) else None
