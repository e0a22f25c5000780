"""The books, settled by what is at the far ends only: no counter of the processes is believed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from kunobs.local.demo.farend import Coordinates, FarEnd, Indexed, Kept, Public, stream_and_id

_SHOWN = 10


@dataclass
class LegBooks:
    """How every record of the public topic ended on one leg; `lost` holds those without an outcome."""

    done: Counter[str] = field(default_factory=Counter)
    """Delivered or indexed, by namespace; of a line that an agent sent twice the index counts the first."""
    repaired: int = 0
    dead_letters: int = 0
    quarantined: int = 0
    unrouted: int = 0
    duplicates: int = 0
    """Fanout: records too many (must be 0). Indexer: lines that an agent sent again, recognised."""
    lost: list[Coordinates] = field(default_factory=list)

    def outcomes(self, *, with_duplicates: bool) -> int:
        """How many records have an outcome."""
        counted = self.done.total() + self.dead_letters + self.quarantined + self.unrouted
        return counted + self.duplicates if with_duplicates else counted


@dataclass
class Books:
    """Both legs against the public topic."""

    received: int
    fanout: LegBooks
    indexer: LegBooks
    wrongs: list[str] = field(default_factory=list)
    """Every broken promise in a sentence; empty when the books balance."""

    @property
    def balanced(self) -> bool:
        """True when every record has exactly the outcome that it must have, on both legs."""
        return not self.wrongs


def balance(far: FarEnd) -> Books:
    """Settle the books of what was found."""
    wrongs: list[str] = []
    fanout = _fanout(far, wrongs)
    indexer = _indexer(far, wrongs)
    for leg, books, counted in (
        ("fanout", fanout, fanout.outcomes(with_duplicates=False)),
        ("indexer", indexer, indexer.outcomes(with_duplicates=True)),
    ):
        _say(wrongs, f"{leg} gave no outcome to records", books.lost)
        if counted + len(books.lost) != len(far.public):
            wrongs.append(f"{leg}: {counted} outcomes of {len(far.public)} records")
    return Books(len(far.public), fanout, indexer, wrongs)


def _say(wrongs: list[str], what: str, found: list[Coordinates]) -> None:
    if found:
        some = ", ".join(map(str, found[:_SHOWN]))
        wrongs.append(f"{what}: {len(found)} ({some}{', …' if len(found) > _SHOWN else ''})")


def _fanout(far: FarEnd, wrongs: list[str]) -> LegBooks:
    books = LegBooks()
    misrouted: list[Coordinates] = []
    ours = [kept for kept in far.kept if kept.leg == "fanout"]
    first: dict[Coordinates, Kept] = {}
    for kept in ours:
        first.setdefault(kept.source, kept)
    for source, record in far.public.items():
        found = first.get(source)
        if found is None:
            books.lost.append(source)
            continue
        if not _allowed(record, found):
            misrouted.append(source)
        if found.outcome == "delivered":
            books.done[found.namespace] += 1
        elif found.outcome == "dead_letter":
            books.dead_letters += 1
        elif found.outcome == "quarantined":
            books.quarantined += 1
        else:
            books.unrouted += 1
    books.duplicates = len(ours) - len(first)
    _say(wrongs, "fanout wrote to the wrong place", misrouted)
    _say(wrongs, "bytes or key were changed", [kept.source for kept in far.kept if not kept.intact])
    disordered = [kept.source for kept in ours if kept.outcome == "delivered" and not kept.in_order]
    _say(wrongs, "fanout broke the order", disordered)
    _say(wrongs, "fanout wrote records of an unknown source", [s for s in first if s not in far.public])
    if books.duplicates:
        wrongs.append(f"fanout wrote {books.duplicates} records twice")
    return books


def _allowed(record: Public, kept: Kept) -> bool:
    verdict = record.verdict
    if kept.outcome == "unrouted":
        # Policy may refuse a namespace a topic, so `unrouted` is right for any event, but for none else's namespace.
        return True
    if kept.outcome == "quarantined":
        return verdict.outcome == "quarantine"
    return verdict.outcome == "deliver" and verdict.namespace == kept.namespace


def _indexer(far: FarEnd, wrongs: list[str]) -> LegBooks:
    books = LegBooks()
    dead = {kept.source for kept in far.kept if kept.leg == "indexer"}
    stored = {kept.source: kept.outcome for kept in far.kept if kept.leg == "fanout"}
    claimed: set[tuple[str, str]] = set()
    for source, record in far.public.items():
        verdict = record.verdict
        key = stream_and_id(verdict, source)
        found = far.indexed.get(key) if verdict.outcome == "deliver" else None
        if source in dead:
            books.dead_letters += 1
        elif found is not None and key in claimed:
            books.duplicates += 1
        elif found is not None:
            claimed.add(key)
            books.done[verdict.namespace] += 1
            books.repaired += found.repair is not None and found.repair != verdict.forged_repair
        elif stored.get(source) == "quarantined":
            books.quarantined += 1
        elif stored.get(source) == "unrouted":
            books.unrouted += 1
        else:
            books.lost.append(source)
    _check_index(far.indexed, claimed, wrongs)
    return books


def _check_index(indexed: dict[tuple[str, str], Indexed], claimed: set[tuple[str, str]], wrongs: list[str]) -> None:
    """Each document belongs to a record that may be there, and is there once."""
    strangers = [f"{stream}/{name}" for stream, name in indexed if (stream, name) not in claimed]
    twice = [f"{stream}/{name}" for (stream, name), found in indexed.items() if found.copies > 1]
    if strangers:
        wrongs.append(f"documents that no record accounts for: {len(strangers)} ({', '.join(strangers[:_SHOWN])})")
    if twice:
        wrongs.append(f"documents indexed twice: {len(twice)} ({', '.join(twice[:_SHOWN])})")
