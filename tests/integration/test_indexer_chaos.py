"""Long fault runs of the indexer: every fault of the proxy, rollovers, kill -9 and lines sent again, all at once, by seed."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from kunobs.config.kafka import KafkaCluster, TenantKafkaCluster
from kunobs.testing.elastic_proxy import Faults, FaultyElastic
from tests.indexer_integration import aim, assert_each_once, count, own_lines, roll_over
from tests.pipeline import Pipeline
from tests.support import wait_until

FIRST, ROUNDS = int(os.environ.get("SEED", "1")), int(os.environ.get("ROUNDS", "3"))
LINES = 3000


@pytest.mark.chaos
@pytest.mark.parametrize("seed", range(FIRST, FIRST + ROUNDS))
def test_every_line_once(
    tmp_path: Path,
    public: KafkaCluster,
    tenant: TenantKafkaCluster,
    elastic: str,
    unique: Callable[[str], str],
    seed: int,
) -> None:
    """Four rollovers, kills and agents that send again, behind a proxy that refuses, lies and hangs up."""
    print(f"seed {seed}")
    dice, namespace = random.Random(seed), unique("chaos")
    pipeline = Pipeline(unique("ix"), tmp_path, public, tenant)
    faults = Faults(
        refuse=0.08, unavailable=0.08, cut=0.15, item_429=0.02, item_429_lie=0.03, item_400=0.02, delay=0.05
    )
    try:
        with FaultyElastic(elastic, faults, seed) as proxy:
            aim(pipeline, proxy.url, bulk="64KiB", in_flight_min=3, in_flight_max=4)
            fed = pipeline.feed(own_lines(namespace, range(LINES)))
            child = pipeline.start("indexer")
            for _ in range(4):
                goal = min(dice.randrange(50, LINES), LINES - 50)

                def far_enough(goal: int = goal, fed: int = fed) -> bool:
                    for each in pipeline.children:
                        each.check()
                    return count(elastic, namespace) >= goal or pipeline.progress("indexer") >= fed

                wait_until(far_enough, 90, f"{goal} documents")
                roll_over(elastic, namespace)
                if dice.random() < 0.5:
                    child.kill()
                    child = pipeline.start("indexer")
                if dice.random() < 0.5:
                    again = dice.randrange(0, LINES - 300)
                    fed += pipeline.feed(own_lines(namespace, range(again, again + 300)))
            pipeline.wait_for(fed, "indexer", timeout=180)
            print(dict(proxy.done))
        assert_each_once(elastic, namespace, range(LINES))
    finally:
        pipeline.stop()
