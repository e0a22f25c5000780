"""A scrape: collectors side by side, what they brought by the deadline, and five families that say how it went."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Metric

from exporters.kit import requests
from exporters.kit.exporter import Collector, Exporter
from exporters.kit.flight import Flight, Result
from kunobs.catalogue import exporter as common
from kunobs.catalogue.types import MetricSpec
from kunobs.clock import SYSTEM_CLOCK, Clock
from kunobs.server.columns import Columns, Comment, Row, blocks, merged
from kunobs.server.scrape import ScrapeRequest


@dataclass(frozen=True)
class Answer:
    """The families of one scrape, in the form the server renders."""

    parts: tuple[Metric | Columns | Comment, ...]

    def collect(self) -> Iterable[Metric | Columns | Comment]:
        """The families."""
        return self.parts


class Answers:
    """Answers the scrapes of one process: `metrics` for /metrics, `probe` for /probe. Called in the scrape's thread; waits."""

    def __init__(self, exporters: Sequence[Exporter], registry: CollectorRegistry, clock: Clock = SYSTEM_CLOCK) -> None:
        self._exporters, self._registry, self._clock = tuple(exporters), registry, clock
        self._flights: dict[int, Flight] = {}
        for exporter in self._exporters:
            for collector in (one for group in exporter.groups for one in group):
                self._flights[id(collector)] = Flight(exporter.name, collector, exporter.limits, clock)

    def metrics(self, request: ScrapeRequest) -> Answer:
        """What the exporters see and, unless collectors or families are chosen, the process itself."""
        wish = requests.read(request, (one for exporter in self._exporters for one in exporter.collectors))
        chosen = [(exporter, one) for exporter in self._exporters for one in exporter.collectors]
        plain = not request.parameters.keys() & {"collect[]", "exclude[]", "name[]"}
        own = tuple(self._registry.collect()) if plain else ()
        answer = self._answer(request, wish, chosen)
        return Answer((*answer.parts, *own))

    def probe(self, request: ScrapeRequest) -> Answer:
        """What one target's collectors see, and nothing of the process."""
        exporter, _, group = requests.target_of(request, self._exporters)
        return self._answer(request, requests.read(request, group), [(exporter, one) for one in group])

    def _answer(
        self, request: ScrapeRequest, wish: requests.Wish, group: Iterable[tuple[Exporter, Collector]]
    ) -> Answer:
        now = self._clock.monotonic()
        waiting = []
        for exporter, collector in group:
            if collector.name in wish.collectors:
                flight = self._flights[id(collector)]
                deadline = requests.deadline_of(request, now, exporter.limits.timeout)
                waiting.append((flight, flight.begin(wish.asked(collector, exporter.detail), deadline)))
        results = [(flight, wait()) for flight, wait in waiting]
        families = merged(family for _, result in results for family in result.families)
        if wish.names is not None:
            families = (family for family in families if family.spec.name in wish.names)
        parts: list[Columns | Comment] = [Comment(tuple(_story(results)))] if wish.debug else []
        return Answer((*parts, *families, *(_common(results) if wish.names is None else ())))


def _common(results: Sequence[tuple[Flight, Result]]) -> Iterator[Columns]:
    """The families of every exporter, a row for each collector."""
    values: dict[MetricSpec, Callable[[Result], float]] = {
        common.SUCCESS: lambda result: int(result.success),
        common.DURATION: lambda result: round(result.seconds, 6),
        common.AGE: lambda result: round(result.age, 3),
        common.STUCK: lambda result: round(result.stuck, 3),
        common.DROPPED: lambda result: result.dropped,
    }
    for spec, value in values.items():
        rows: list[Row] = [(flight.exporter, flight.collector.name, value(result)) for flight, result in results]
        yield Columns(spec, tuple(block for _, block in blocks(spec, rows)), len(rows))


def _story(results: Sequence[tuple[Flight, Result]]) -> Iterator[str]:
    """How each collector went, for ?debug=true."""
    for flight, result in results:
        state = "ok" if result.success else "FAILED"
        yield (
            f"{flight.exporter}/{flight.collector.name}: {state}, took {result.seconds:.3f} s, began {result.age:.3f} s ago"
        )
        for line in result.lines:
            yield f"  {line}"
        for family in result.families:
            yield f"  {family.spec.name}: {family.series} series"
        if result.dropped:
            yield f"  over the budget: {result.dropped} series left out"
