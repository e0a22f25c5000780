"""What mutes what: an alert that explains others. Edges as data; Alertmanager's inhibit_rules are made of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations
from typing import Any

from alert_rules.suite import Entry, entries

_RANK = {"none": 0, "info": 1, "warning": 2, "critical": 3}


@dataclass(frozen=True, slots=True)
class Edge:
    """While `source` fires, `targets` with the same values of `equal` are not told."""

    source: str
    targets: tuple[str, ...]
    equal: tuple[str, ...]
    why: str
    only: str = ""
    """A matcher that the targets must meet too: `job="kunobs-fanout"`."""


_LAGS = ("KunPipelineLagSeconds", "KunPipelineLagGrowing", "KunPipelineCommitsStand")
_REDIS = ("namespace", "name")
_OF_REDIS = (
    "KunRedisNoMaster", "KunRedisSentinelsDisagree", "KunRedisNoQuorum", "KunRedisReplicasDown", "KunRedisReplicaLag",
    "KunRedisSlotsUnserved", "KunRedisClusterNotOk", "KunRedisClusterMapsDiffer", "KunRedisNodesUnanswering",
    "KunRedisDeclaredDifference",
)  # fmt: skip
EXPLAINED: tuple[Edge, ...] = (
    # Logs
    Edge("KunKafkaOfflinePartitions", ("KunKafkaUnderReplicated", "KunKafkaBrokerMissing"), ("kafka_cluster",),
         "without a leader is more than without a replica"),
    Edge("KunKafkaDown", ("KunKafkaUnderReplicated", "KunKafkaBrokerMissing"), ("kafka_cluster",), "no broker answers"),
    Edge("KunKafkaDown", ("KunFanoutCheckpointLag", "KunFanoutAborts", "KunFanoutBeginsAgain"), (), "fanout waits for it, whichever it is"),
    Edge("KunKafkaLogDirOffline", ("KunKafkaUnderReplicated",), ("kafka_cluster",), "the disk's replicas are those that are missing"),
    Edge("KunKafkaOfflinePartitions", ("KunFanoutCheckpointLag", "KunFanoutAborts", "KunFanoutBeginsAgain"), (),
         "fanout waits for the partitions, whichever Kafka has them"),
    Edge("KunKafkaOfflinePartitions", _LAGS, (), "so does its lag; the indexer reads the public one only", only='job="kunobs-fanout"'),
    Edge("KunPipelineNotReady", ("KunPipelineNoPartitions", "KunPipelinePaused", *_LAGS), ("job",), "it does not run"),
    Edge("KunFanoutCheckpointLag", ("KunPipelineLagSeconds", "KunPipelineLagGrowing"), (), "the same lag, from outside",
         only='job="kunobs-fanout"'),
    Edge("KunElasticsearchDown", ("KunIndexerBulkFailing", "KunIndexerWindowCollapsed", "KunIndexerRolloversFail", "KunLogsNotIndexed"),
         (), "nothing can be indexed"),
    # Which tenants it is that a part of the indices takes nothing of, KunLogsNotIndexed says.
    Edge("KunElasticsearchRed", ("KunIndexerBulkFailing", "KunIndexerWindowCollapsed", "KunIndexerRolloversFail"),
         (), "a part of the indices takes nothing"),
    Edge("KunElasticsearchDown", _LAGS, (), "the indexer waits for it", only='job="kunobs-indexer"'),
    # One canary that is blind or silent says nothing of what the others see.
    Edge("KunLogsCanaryReaderDown", ("KunLogsCanaryMissing",), ("instance", "hop"), "it does not look there"),
    Edge("KunLogsCanaryNotWritten", ("KunLogsCanaryMissing",), ("instance",), "there is nothing of it to see"),
    Edge("KunLogsCanaryUnseen",
         ("KunLogsCanaryMissing", "KunLogsCanarySlow", "KunLogsDeliveryBurnFast", "KunLogsDeliveryBurnSteady"), ("hop",),
         "all of them are missing"),
    # Image registry, Redis, CI
    Edge("KunRegistryDown",
         ("KunRegistryDegraded", "KunRegistryProbeFailing", "KunRegistryReplicationSlow", "KunRegistryCanaryLost", "KunRegistryCanaryOld",
          "KunRegistryReadsFailing", "KunRegistryTagsNotRead", "KunRegistryDigestsNotRead"), (), "nothing of it answers"),
    Edge("KunRegistryDegraded", ("KunRegistryCanaryOld",), (), "the canary cannot be pushed"),
    Edge("KunRedisDown", _OF_REDIS, _REDIS, "nothing of it answers"),
    Edge("KunRedisNoMaster", ("KunRedisSentinelsDisagree", "KunRedisReplicasDown", "KunRedisReplicaLag", "KunRedisClusterNotOk"), _REDIS,
         "there is nobody to follow"),
    Edge("KunRedisSplitBrain", ("KunRedisSentinelsDisagree", "KunRedisClusterMapsDiffer", "KunRedisDeclaredDifference"), _REDIS,
         "two masters are what they disagree on"),
    Edge("KunRedisSlotsUnserved", ("KunRedisClusterNotOk",), _REDIS, "that is why"),
    Edge("KunCiWebhookGap", ("KunCiWebhooksMissed", "KunCiJobsLost"), (), "no webhook comes at all"),
    # Nodes and network
    # Not KunNodesNotReady: what node_exporters say may be their own trouble, what the apiserver says is not.
    Edge("KunNodesDownTogether", ("KunNodeDown", "KunNodeNotReady", "KunKubeletDown"), (), "many at once have one cause"),
    Edge("KunNodesNotReady", ("KunNodeNotReady", "KunKubeletDown"), (), "many at once have one cause"),
    Edge("KunNodeDiskFull", ("KunNodeDiskFilling",), ("instance", "mountpoint"), "the same, and worse"),
    Edge("KunProxiesStuckTogether", ("KunProxySyncStuck",), (), "many at once have one cause"),
    Edge("KunFelixFailingTogether", ("KunFelixDataplaneFailing",), (), "many at once have one cause"),
    Edge("KunBGPSessionsDown", ("KunBGPSessionDown", "KunECMPWidthLow"), (), "many at once have one cause"),
    Edge("KunDNSDown", ("KunDNSServfail", "KunDNSForwardBroken", "KunDNSLatency"), (), "nobody answers"),
    Edge("KunDNSForwardBroken", ("KunDNSServfail", "KunDNSUpstreamUnhealthy"), (), "that is why"),
    Edge("KunProbesFailingTogether", ("KunProbeFailing",), ("module",), "many at once have one cause"),
    Edge("KunIPFamilyDown", ("KunDualStackHalfDown",), ("ip_family",), "many at once have one cause"),
    # Not KunCertificateExpiring by KunCertificateNearlyExpired: one is its tenant's, the other the platform's.
    Edge("KunIstioControlPlaneDown", ("KunIstioPushSlow", "KunIstioConfigRejected"), (), "it pushes nothing"),
    # Storage and control plane
    Edge("KunNFSExportHung", ("KunNFSMountHung",), ("device",), "several nodes have one cause"),
    Edge("KunNFSMountHung", ("KunNFSRetransmissions",), ("instance",), "what is not answered is sent again"),
    Edge("KunNFSSlow", ("KunNFSQueueing",), ("export",), "slow answers are what the others wait for"),
    # Not KunCephHealthError: groups that are unavailable are a warning for Ceph, its error is another one.
    Edge("KunCephPGUnavailable", ("KunCephPGDegradedLong", "KunCephSlowOps", "KunCephRBDWriteSlow"), ("job",),
         "requests wait for these groups"),
    Edge("KunEtcdNoLeader", ("KunEtcdMemberIsolated", "KunEtcdProposalsFailing", "KunEtcdProposalsPending", "KunEtcdLeaderChanges"),
         ("job",), "nobody leads"),
    Edge("KunEtcdNoLeader", ("KunApiserverErrors", "KunApiserverSlow", "KunControlPlaneNoLeader"), (),
         "nothing can be written to the cluster"),
    Edge("KunApiserverErrors", ("KunApiserverBurnFast", "KunApiserverBurnSteady"), (), "the same errors, over a longer time"),
    Edge("KunApiserverDown",
         ("KunApiserverReplicaMissing", "KunControlPlaneNoLeader", "KunApiserviceUnavailable", "KunAdmissionWebhookFailing"), (),
         "nobody answers, nobody can renew a lease"),
    # Monitoring
    Edge("KunPrometheusReplicaMissing", ("KunPrometheusReplicasDiverge",), ("job",), "there is only one"),
    Edge("KunAlertmanagerReplicaMissing", ("KunAlertmanagerClusterSplit", "KunAlertmanagerPeersFailed"), (), "that is who is missing"),
    Edge("KunExporterCollectorStuck", ("KunExporterCollectorFails",), ("instance", "exporter", "collector"), "that is why"),
)  # fmt: skip


def edges() -> tuple[Edge, ...]:
    """The declared ones, and those of alerts that ask the same at two thresholds."""
    return (*_levels(), *EXPLAINED)


def _levels() -> Iterator[Edge]:
    by_query: dict[tuple[str, str, str], list[Entry]] = {}
    for entry in entries():
        signal = entry.signal
        by_query.setdefault((signal.expr, signal.comparison[0], signal.guard), []).append(entry)
    for same in by_query.values():
        for one, other in permutations(same, 2):
            if _RANK[one.signal.severity] > _RANK[other.signal.severity]:
                yield Edge(
                    one.signal.alert, (other.signal.alert,), tuple(sorted(one.case.labels)), "the same, and worse"
                )


def inhibit_rules() -> list[dict[str, Any]]:
    """As Alertmanager reads them. Prometheus adds the label `cluster`: one cluster's trouble explains none of another's."""
    return [
        {
            "source_matchers": [f'alertname="{edge.source}"'],
            "target_matchers": [f'alertname=~"{"|".join(edge.targets)}"', *([edge.only] if edge.only else [])],
            "equal": ["cluster", *edge.equal],
        }
        for edge in edges()
    ]


def cycle() -> tuple[str, ...]:
    """Alerts that mute each other in a circle, so that nobody would hear of any; empty when there is none."""
    graph: dict[str, set[str]] = {}
    for edge in edges():
        graph.setdefault(edge.source, set()).update(edge.targets)
    done: set[str] = set()

    def walk(name: str, path: tuple[str, ...]) -> tuple[str, ...]:
        if name in path:
            return (*path[path.index(name) :], name)
        if name in done:
            return ()
        for target in sorted(graph.get(name, ())):
            found = walk(target, (*path, name))
            if found:
                return found
        done.add(name)
        return ()

    return next((found for name in sorted(graph) if (found := walk(name, ()))), ())
