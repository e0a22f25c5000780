"""A source whose cluster hangs while it asks where to begin."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kunobs.config.kafka import KafkaCluster, TenantKafkaCluster
from kunobs.config.source import SourceConfig
from kunobs.errors import UnavailableError
from kunobs.local import LocalStack
from kunobs.testing.clock import FakeClock
from log_pipeline.source import Partition, Source
from tests.support import wait_until


class Hanging:
    """A leg that freezes the broker the first time it is asked for its positions."""

    def __init__(self, freeze: Callable[[], None]) -> None:
        self.freeze: Callable[[], None] | None = freeze
        self.asked = 0
        self.begun: dict[Partition, int] = {}

    def positions(self, partitions: set[Partition]) -> dict[Partition, int]:
        self.asked += 1
        if self.freeze is not None:
            self.freeze()
            self.freeze = None
        return {}

    def assigned(self, positions: dict[Partition, int]) -> None:
        self.begun |= positions

    def revoked(self, partitions: set[Partition], *, lost: bool) -> None:
        pass


def test_who_shares_its_loop_with_a_cluster_that_hangs_is_not_held_up(
    stack: LocalStack, tenant: TenantKafkaCluster, fresh_topic: Callable[..., str], unique: Callable[[str], str]
) -> None:
    """Once the indexer stood still 30 s at a time: the tenant Kafka hung just as the replay topic was assigned."""
    service, clock = stack.service("tenant"), FakeClock()
    leg = Hanging(service.pause)
    cluster: KafkaCluster = tenant
    source = Source(
        cluster, unique("group"), [fresh_topic(tenant)], SourceConfig(), leg, timeout=0.5, rest=15.0, clock=clock
    )
    try:
        wait_until(lambda: source.take(0.2) or leg.asked, 30, "an assignment")
        assert leg.asked == 1
        for _ in range(20):
            source.take(0.0)
        assert leg.asked == 1
        clock.advance(15.0)
        with pytest.raises(UnavailableError, match=cluster.brokers[0]):
            source.take(0.0)
        assert leg.asked == 2
        service.resume()
        clock.advance(15.0)
        wait_until(lambda: source.take(0.2) or leg.begun, 30, "a beginning")
    finally:
        service.resume()
        source.close()
