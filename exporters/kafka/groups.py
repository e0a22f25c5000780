"""Consumer groups: protocol, state and members."""

from __future__ import annotations

from collections import Counter

from exporters.kafka.cluster import Cluster
from exporters.kafka.questions import Questions
from exporters.kit import Context
from kunobs.catalogue import kafka as declared


class Groups:
    """The collector of one cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def collect(self, ctx: Context) -> None:
        """A listing from each broker, then a description from each coordinator."""
        name, asked = self._cluster.name, Questions(self._cluster, ctx)
        listed = sorted(
            (group.group_id, _one(group.type, declared.KINDS), _one(group.state, declared.STATES))
            for group in asked.groups()
        )
        counted = Counter((kind, state) for _, kind, state in listed)
        # All of them, at 0 too: an alert on a state must have a series before the first group is in it.
        ctx.emit(
            declared.GROUPS,
            [(name, kind, state, counted[kind, state]) for kind in declared.KINDS for state in declared.STATES],
        )
        ctx.emit(declared.GROUP_INFO, [(name, group, kind, state, 1) for group, kind, state in listed])
        members = asked.members([group for group, _, _ in listed])
        ctx.emit(declared.MEMBERS, [(name, group, number) for group, number in members])
        asked.finish()


def _one(value: object, known: tuple[str, ...]) -> str:
    name = str(getattr(value, "name", value)).lower()
    return name if name in known else "unknown"
