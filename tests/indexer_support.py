"""What tests of the indexer share: events of one namespace, a message, a settled set of tools against any Elasticsearch."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from prometheus_client import CollectorRegistry

from kunobs import elastic
from kunobs.catalogue.metrics import Metrics
from kunobs.clock import SYSTEM_CLOCK
from kunobs.config.elasticsearch import ElasticsearchConfig
from kunobs.config.indexer import IndexConfig
from log_pipeline.event import EventReader
from log_pipeline.indexer.api import Api
from log_pipeline.indexer.assemble import Assembler, Bulk
from log_pipeline.indexer.dead_letter import Letter
from log_pipeline.indexer.delivery import Delivery, Tally, Tools
from log_pipeline.indexer.generations import Registry
from log_pipeline.indexer.lookup import Lookup
from log_pipeline.indexer.window import Window
from log_pipeline.metrics import IndexerMetrics

START = datetime(2026, 11, 1, 3, 0, tzinfo=UTC)
CONTAINER = "d37b0467d097c00bd203089a97df371cdbacc156493f6b2d995b80395caf516f"


def stamp(moment: datetime) -> str:
    """As Filebeat writes it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def event(namespace: str, number: int, when: datetime | None = None, **changes: Any) -> dict[str, Any]:
    """Line `number` of a namespace; `changes` are laid over the top level, None takes a key away."""
    found: dict[str, Any] = {
        "@timestamp": stamp(when or START + timedelta(milliseconds=number)),
        "@metadata": {"beat": "filebeat", "type": "_doc", "version": "8.17.0"},
        "message": f"line {number}",
        "stream": "stdout",
        "log": {
            "offset": number * 100,
            "file": {"path": f"/var/log/containers/app-1_{namespace}_app-{CONTAINER}.log"},
        },
        "agent": {"id": "850b6889", "type": "filebeat"},
        "host": {"name": "node-1"},
        "container": {"id": CONTAINER},
        "kubernetes": {"namespace": namespace, "pod": {"name": "app-1"}, "labels": {"app": "web"}},
    }
    for key, value in changes.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = value
    return found


def encode(value: object) -> bytes:
    """JSON without blanks."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


@dataclass
class Record:
    """A consumed record."""

    content: bytes | None
    at: int = 0
    number: int = 0
    name: str = "filebeat"
    found: list[tuple[str, str | bytes | None]] = field(default_factory=list)
    milliseconds: int = 1_793_503_107_470

    def topic(self) -> str:
        return self.name

    def partition(self) -> int:
        return self.number

    def offset(self) -> int:
        return self.at

    def key(self) -> bytes | None:
        return b"key"

    def value(self) -> bytes | None:
        return self.content

    def headers(self) -> list[tuple[str, str | bytes | None]] | None:
        return self.found

    def timestamp(self) -> tuple[int, int]:
        return 1, self.milliseconds

    def __len__(self) -> int:
        return len(self.content or b"")


class Letters:
    """Keeps dead letters in a list."""

    def __init__(self) -> None:
        self.stored: list[Letter] = []

    def store(self, letters: Sequence[Letter]) -> None:
        self.stored += letters


@dataclass
class Bench:
    """The indexer without Kafka: records in, an Elasticsearch at `url`, dead letters in a list."""

    url: str
    limit: int = 8 << 20
    api: Api = field(init=False)
    registry: Registry = field(init=False)
    letters: Letters = field(default_factory=Letters)

    def __post_init__(self) -> None:
        self.api = Api(elastic.client(ElasticsearchConfig(urls=(self.url,))))
        self.registry = Registry(self.api)
        self.stop = threading.Event()
        self.tools = self._tools()
        self.assembler = Assembler(EventReader(), self.registry, self.limit)

    def _tools(self) -> Tools:
        metrics = IndexerMetrics(Metrics(CollectorRegistry(), "indexer"))
        lookup = Lookup(self.api, self.registry, lambda result: metrics.lookups.labels(result).inc())
        window = Window(1, 4)
        letters: Any = self.letters
        return Tools(
            self.api, self.registry, lookup, letters, window, metrics, self.stop, SYSTEM_CLOCK, level=1, timeout=30.0
        )  # fmt: skip

    def restart(self) -> None:
        """Forget everything a process knows of the streams, and learn it anew."""
        self.registry = Registry(self.api)
        self.tools = self._tools()
        self.assembler = Assembler(EventReader(), self.registry, self.limit)
        self.registry.learn_all()

    def assemble(self, *values: bytes) -> Bulk:
        """One bulk."""
        bulk = self.assembler.begin(0.0)
        self.assembler.add(bulk, [Record(value, at) for at, value in enumerate(values)], 0)
        return bulk

    def deliver(self, *values: bytes) -> Tally:
        """Assemble and deliver."""
        return Delivery(self.assemble(*values), self.tools).run()

    def sources(self, namespace: str) -> list[dict[str, Any]]:
        """Everything in the namespace's stream: `_index`, `_id`, `_source`."""
        stream = self.registry.get(namespace).name
        requests.post(f"{self.url}/{stream}/_refresh", timeout=30)
        found = requests.post(f"{self.url}/{stream}/_search", json={"size": 10_000}, timeout=30).json()
        return list(found.get("hits", {}).get("hits", []))

    def messages(self, namespace: str) -> list[str]:
        """The `message` of everything there, sorted."""
        return sorted(hit["_source"]["message"] for hit in self.sources(namespace))

    def roll_over(self, namespace: str) -> None:
        """Without the indexer's knowledge."""
        answer = requests.post(f"{self.url}/{self.registry.get(namespace).name}/_rollover", timeout=30)
        assert answer.json()["rolled_over"], answer.text


def index_config(**changes: Any) -> IndexConfig:
    """`indexer.index` for one node."""
    return IndexConfig(**({"replicas": 0} | changes))
