"""What platform tests share: a stack of their own to damage, the pipeline on it, and a node with a real Filebeat.

A tool that is missing skips the test with its name; with CI=true it fails.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kunobs.local import LocalStack
from tests.indexer_integration import aim
from tests.integration.conftest import start
from tests.pipeline import Pipeline
from tests.platform import agent
from tests.platform.fake_kubernetes import FakeKubernetes
from tests.platform.node import Node


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder bears the marker `platform`."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.platform)


def need(available: bool, what: str) -> None:
    """Skip on a laptop, fail in CI, naming what is missing."""
    if not available:
        if os.environ.get("CI") == "true":
            pytest.fail(what)
        pytest.skip(what)


@pytest.fixture(scope="session")
def platform_stack() -> Iterator[LocalStack]:
    """Kafka twice and Elasticsearch, for this folder alone: its tests may kill a broker."""
    root = Path(tempfile.gettempdir()) / f"kunobs-platform-{os.getpid()}"
    stack = LocalStack("platform", root=root)
    try:
        start(stack, "public", "tenant", "elasticsearch")
        yield stack
    finally:
        stack.down(wipe=True)
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="module")
def pipeline(platform_stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """Fanout and indexer at work for the whole module; every test has namespaces of its own."""
    need(agent.binary().exists(), "needs Filebeat: make test-platform builds it")
    need(bool(agent.mount_namespace()), "needs mounts of its own: run as root, or allow unprivileged user namespaces")
    stack = platform_stack
    folder = tmp_path_factory.mktemp("pipeline")
    made = Pipeline(f"fb-{uuid.uuid4().hex[:8]}", folder, stack.public_cluster(), stack.tenant_cluster())
    aim(made, stack.elasticsearch_url)
    made.start("fanout")
    made.start("indexer")
    yield made
    made.stop()


@pytest.fixture
def namespace() -> Callable[[str], str]:
    """A namespace that nobody else uses: `namespace("shop")`."""
    return lambda prefix: f"{prefix}-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def node(tmp_path: Path) -> Node:
    """An empty node."""
    return Node(tmp_path / "var-log")


@pytest.fixture
def kubernetes(tmp_path: Path, node: Node) -> Iterator[FakeKubernetes]:
    """The API of a cluster with that node."""
    made = FakeKubernetes(tmp_path, node.name)
    yield made
    made.close()
