"""The redis exporter for tests: its configuration from fakes or real ones, and scrapes whose families are those that it declares."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

from exporters.redis import build
from kunobs.catalogue import redis as catalogue
from kunobs.config import Config
from tests.exporter_world import Scraped, Scraper, exporting

SUCCESS = ("kunobs_exporter_collector_success", "topology", "redis")
Samples = dict[tuple[str, ...], float]


def config(clusters: dict[str, Any], **settings: Any) -> Config:
    """kunobs.yaml with these installations; a scrape looks anew each time, and a busy machine makes nobody hang."""
    redis = {"min_interval": 0, "node_timeout": 10, "clusters": clusters} | settings
    return Config.model_validate({"version": 1, "exporters": {"redis": redis}})


class Topology:
    """Scrapes of a redis exporter."""

    def __init__(self, scraper: Scraper) -> None:
        self._scraper = scraper

    def answer(self, path: str = "/metrics", timeout: float | None = 60) -> Scraped:
        """One scrape, with every declared family and no other."""
        answer = self._scraper(path, timeout)
        assert answer.status == 200, answer.text
        declared = {spec.name for spec in catalogue.METRICS}
        assert set(re.findall(r"(?m)^# TYPE (kunobs_redis_\w+)", answer.text)) == declared
        return answer

    def rows(self, name: str, success: float | None = 1, **wanted: Any) -> Samples:
        """What one installation has: the metric without `kunobs_redis_`, and the labels after namespace and name.

        Zeros of kunobs_redis_nodes are left out.
        """
        answer = self.answer(**wanted)
        assert success is None or answer.value(*SUCCESS) == success, answer.text
        return rows(answer, name)


def rows(answer: Scraped, name: str) -> Samples:
    """The rows of one installation. Scraped sorts labels by name, so `name` and `namespace` are found by what they are."""
    found: Samples = {}
    pattern = r'(?m)^kunobs_redis_(\w+)\{namespace="[^"]*",name="' + re.escape(name) + r'"(?:,([^}]*))?\} (\S+)$'
    for metric, labels, value in re.findall(pattern, answer.text):
        if metric != "nodes" or float(value):
            found[metric, *re.findall(r'="([^"]*)"', labels)] = float(value)
    return found


@contextlib.contextmanager
def observing(clusters: dict[str, Any], **settings: Any) -> Iterator[Topology]:
    """An exporter of these installations."""
    with exporting(build(config(clusters, **settings))) as scraper:
        yield Topology(scraper)
