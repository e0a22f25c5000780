"""What integration tests of the indexer share: a pipeline with an Elasticsearch, and books kept by asking the index."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import requests

from kunobs.names import data_stream
from kunobs.testing.events import Expected, Line
from tests.indexer_support import encode, event
from tests.pipeline import Pipeline
from tests.support import wait_until


def aim(pipeline: Pipeline, url: str, **indexer: Any) -> Pipeline:
    """Let the pipeline's indexers write to this Elasticsearch; `indexer` are keys of that section."""
    pipeline.sections = {
        "elasticsearch": {"urls": [url], "timeout": "5s"},
        "indexer": {"index": {"replicas": 0}, "bulk_interval": "100ms", "commit_interval": "100ms", **indexer},
    }
    return pipeline


def own_lines(namespace: str, numbers: Iterable[int], **changes: Any) -> list[Line]:
    """Lines whose message is `line <number>`."""
    return [
        Line(
            encode(event(namespace, number, **changes)),
            b"k%d" % (number % 16),
            Expected("normal", "delivered", namespace),
        )
        for number in numbers
    ]


def renamed(lines: Sequence[Line], tag: str) -> list[Line]:
    """The same lines from namespaces of the test's own, so that its streams are its own."""
    known = sorted({line.expected.namespace for line in lines if line.expected.namespace}, key=len, reverse=True)
    new = {name.encode(): f"{tag}-{number}".encode() for number, name in enumerate(known)}
    pattern = re.compile(rb"(?<![a-z0-9-])(" + b"|".join(map(re.escape, new)) + rb")(?![a-z0-9-])")
    found = []
    for line in lines:
        namespace = new.get(line.expected.namespace.encode(), b"").decode()
        value = pattern.sub(lambda match: new[match[1]], line.value)
        found.append(Line(value, line.key, line.expected._replace(namespace=namespace)))
    return found


def documents(url: str, namespace: str) -> list[dict[str, Any]]:
    """Every hit of the namespace's stream."""
    stream = data_stream(namespace)
    requests.post(f"{url}/{stream}/_refresh", timeout=60)
    hits: list[dict[str, Any]] = []
    after: list[Any] = []
    while True:
        query: dict[str, Any] = {"size": 10_000, "sort": [{"log.offset": "asc"}, {"_doc": "asc"}], "version": True}
        answer = requests.post(
            f"{url}/{stream}/_search", json=query | ({"search_after": after} if after else {}), timeout=60
        )
        if answer.status_code == 404:
            return hits
        page = answer.json()["hits"]["hits"]
        hits += page
        if len(page) < 10_000:
            return hits
        after = page[-1]["sort"]


def count(url: str, namespace: str) -> int:
    """Documents in the namespace's stream."""
    stream = data_stream(namespace)
    requests.post(f"{url}/{stream}/_refresh", timeout=60)
    answer = requests.get(f"{url}/{stream}/_count", timeout=60)
    return int(answer.json()["count"]) if answer.ok else 0


def assert_each_once(url: str, namespace: str, numbers: Iterable[int]) -> list[dict[str, Any]]:
    """Every line is in the stream exactly once, and nothing else is."""
    found = documents(url, namespace)
    times = Counter(hit["_source"]["message"] for hit in found)
    wanted = {f"line {number}" for number in numbers}
    lost = sorted(wanted - set(times))
    twice = sorted(message for message, n in times.items() if n > 1)
    assert not lost, f"{len(lost)} lost, first {lost[:5]}"
    assert not twice, f"{len(twice)} twice, first {twice[:5]}"
    assert set(times) == wanted
    return found


def roll_over(url: str, namespace: str) -> None:
    """As ILM does it, without a word to the indexer."""
    answer = requests.post(f"{url}/{data_stream(namespace)}/_rollover", timeout=60)
    assert answer.json()["rolled_over"], answer.text


def wait_for_documents(pipeline: Pipeline, url: str, namespace: str, at_least: int, timeout: float = 60.0) -> None:
    """Until the index holds that many; a process that died fails the wait."""

    def enough() -> bool:
        for child in pipeline.children:
            child.check()
        return count(url, namespace) >= at_least

    wait_until(enough, timeout, f"{at_least} documents of {namespace}")
