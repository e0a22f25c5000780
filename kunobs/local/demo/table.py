"""How the demo shows itself: a live table on a terminal, a line every two seconds elsewhere, and the summary."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, TextIO

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.table import Table

from kunobs.clock import Clock
from kunobs.local.demo.books import Books, LegBooks
from kunobs.local.demo.latency import Latency
from kunobs.local.demo.watch import Look

_PLAIN_EVERY = 2.0
_BUSIEST = 8
# Column -> the outcome's name in the legs' metrics; short, for 80 columns.
_OUTCOMES = {"dead": "dead_letter", "quar.": "quarantined", "unrouted": "unrouted", "dupl.": "duplicate"}


class Display(Protocol):
    """Shows looks as they come."""

    def show(self, looks: Sequence[Look], *, last: bool = False) -> None:
        """The newest state."""


class _Plain:
    def __init__(self, out: TextIO, clock: Clock, began: float) -> None:
        self._out = out
        self._clock = clock
        self._began = began
        self._said = float("-inf")

    def show(self, looks: Sequence[Look], *, last: bool = False) -> None:
        now = self._clock.monotonic()
        if not last and now - self._said < _PLAIN_EVERY:
            return
        self._said = now
        parts = [f"{now - self._began:5.0f} s"]
        for look in looks:
            text = f"{look.name} {look.records:,} ({look.rate:,.0f}/s)"
            if look.lag is not None:
                text += f" lag {look.lag:,} p50 {seconds(look.latency.p50)} p99 {seconds(look.latency.p99)}"
            parts.append(text)
        print(" | ".join(parts), file=self._out, flush=True)


class _Live:
    def __init__(self, live: Live) -> None:
        self._live = live

    def show(self, looks: Sequence[Look], *, last: bool = False) -> None:
        self._live.update(_live_table(looks), refresh=True)


@contextmanager
def display(out: TextIO, clock: Clock, began: float) -> Iterator[Display]:
    """The display that suits `out`; nothing else may be printed there meanwhile. `began` is monotonic."""
    if not out.isatty():
        yield _Plain(out, clock, began)
        return
    with Live(console=Console(file=out), auto_refresh=False) as live:
        yield _Live(live)


def seconds(value: float | None) -> str:
    """A latency for people."""
    if value is None:
        return "-"
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s"


def _live_table(looks: Sequence[Look]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=0, caption="live; the summary counts at the far end")
    table.add_column("", no_wrap=True)
    for name in ("records", "/s", "lag", "p50", "p99", *_OUTCOMES):
        table.add_column(name, justify="right", no_wrap=True)
    for look in looks:
        lag = "" if look.lag is None else f"{look.lag:,}"
        p50, p99 = ("", "") if look.lag is None else map(seconds, look.latency)
        counts = (f"{look.outcomes[word]:,}" if word in look.outcomes else "" for word in _OUTCOMES.values())
        table.add_row(look.name, f"{look.records:,}", f"{look.rate:,.0f}", lag, p50, p99, *counts)
    return table


def summary(books: Books, latency: dict[str, Latency], took: float) -> dict[str, Any]:
    """What `--json` prints."""
    fanout, indexer = books.fanout, books.indexer
    return {
        "in": books.received,
        "fanout": {
            "delivered": dict(sorted(fanout.done.items())),
            "dead_letters": fanout.dead_letters,
            "quarantined": fanout.quarantined,
            "unrouted": fanout.unrouted,
            "duplicates": fanout.duplicates,
        },
        "indexer": {
            "indexed": dict(sorted(indexer.done.items())),
            "repaired": indexer.repaired,
            "dead_letters": indexer.dead_letters,
            "quarantined": indexer.quarantined,
            "unrouted": indexer.unrouted,
            "duplicates": indexer.duplicates,
        },
        "balanced": books.balanced,
        "latency_seconds": {leg: found._asdict() for leg, found in latency.items()},
        "seconds": round(took, 1),
    }


def summary_table(books: Books, latency: dict[str, Latency]) -> Table:
    """The same for people."""
    table = Table(
        box=SIMPLE_HEAD,
        title=f"{books.received:,} records in the public topic",
        title_justify="left",
        caption="p50, p99: from the agent's send to a reader of the tenant topic, and to a look-up by id (± 50 ms)",
        caption_justify="left",
    )
    table.add_column("counted at the far end")
    table.add_column("fanout → topics", justify="right")
    table.add_column("indexer → index", justify="right")
    legs = (books.fanout, books.indexer)
    rows: list[tuple[str, Callable[[LegBooks], int | None]]] = [
        ("delivered / indexed", lambda leg: leg.done.total()),
        ("  of these repaired", lambda leg: leg.repaired if leg is books.indexer else None),
        ("dead letters", lambda leg: leg.dead_letters),
        ("quarantined", lambda leg: leg.quarantined),
        ("unrouted", lambda leg: leg.unrouted),
        ("duplicates", lambda leg: leg.duplicates),
        ("lost", lambda leg: len(leg.lost)),
    ]
    for name, count in rows:
        table.add_row(name, *("" if (n := count(leg)) is None else f"{n:,}" for leg in legs))
    table.add_section()
    table.add_row("p50", *(seconds(latency[leg].p50) for leg in latency))
    table.add_row("p99", *(seconds(latency[leg].p99) for leg in latency))
    table.add_section()
    busiest = books.fanout.done.most_common(_BUSIEST)
    for namespace, _ in busiest:
        table.add_row(namespace, *(f"{leg.done[namespace]:,}" for leg in legs))
    others = len(books.fanout.done) - len(busiest)
    if others > 0:
        named = [namespace for namespace, _ in busiest]
        rest = (leg.done.total() - sum(leg.done[name] for name in named) for leg in legs)
        table.add_row(f"{others} more namespaces", *(f"{n:,}" for n in rest))
    return table
