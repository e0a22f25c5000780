"""Look at fanout's checkpoints and move them; the checkpoint is the truth, the group's offsets follow it for lag tools."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer
from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from kunobs import kafka
from kunobs.clock import SYSTEM_CLOCK
from kunobs.config import Config, find_config, load, parse_duration
from kunobs.config.kafka import KafkaCluster
from kunobs.errors import KunobsError, UnavailableError, UsageError
from kunobs.names import Names
from log_pipeline.fanout.checkpoints import CheckpointStore, Slot

_TIMEOUT = 15.0


@dataclass(frozen=True)
class Place:
    """One source partition: what it holds and where fanout stands; `next` is None before the first checkpoint."""

    slot: Slot
    oldest: int
    end: int
    next: int | None

    @property
    def lag(self) -> int:
        """Messages not yet copied."""
        return self.end - (self.oldest if self.next is None else self.next)


def show(config_file: Path | None, *, as_json: bool) -> None:
    """Print every source partition's place."""
    with_offsets = _Offsets(_load(config_file))
    places = with_offsets.places("")
    rows: list[dict[str, Any]] = [
        {
            "topic": place.slot.topic,
            "partition": place.slot.partition,
            "next": place.next,
            "oldest": place.oldest,
            "end": place.end,
            "lag": place.lag,
        }
        for place in places
    ]
    if as_json:
        for row in rows:
            typer.echo(json.dumps(row))
        return
    table = Table(*rows[0] if rows else ("topic",), box=SIMPLE, title=f"checkpoints of group {with_offsets.group}")
    for row in rows:
        table.add_row(*("—" if value is None else str(value) for value in row.values()))
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def move(config_file: Path | None, *, to: str, topic: str, partition: int, dry_run: bool) -> None:
    """Set the checkpoint of the chosen partitions to `to`. Raises UsageError, KunobsError while fanout runs."""
    offsets = _Offsets(_load(config_file))
    chosen = [p for p in offsets.places(topic) if partition in (-1, p.slot.partition)]
    if not chosen:
        raise UsageError(
            f"no partition {partition} in {topic or 'the source topics'}", hint="kunobs fanout offsets show"
        )
    targets = {place.slot: offsets.resolve(place, to) for place in chosen}
    for place in chosen:
        before, after = place.next, targets[place.slot]
        typer.echo(
            f"{place.slot.topic}[{place.slot.partition}] {'—' if before is None else before} -> {after}{_meaning(before, after)}"
        )
    if dry_run:
        typer.echo("Dry run: nothing was changed.")
        return
    offsets.write(targets)
    typer.echo("Changed. Start fanout again.")


def _meaning(before: int | None, after: int) -> str:
    if before is None or before == after:
        return ""
    return (
        f" ({before - after} offsets are copied again)"
        if after < before
        else f" ({after - before} offsets are skipped)"
    )


def _load(config_file: Path | None) -> Config:
    return load(find_config(config_file), sections=("kafka", "source", "fanout"))


class _Offsets:
    """The two clusters, for one command."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.group = config.fanout.group
        names = Names(config.kafka.tenant.topic_prefix)
        self.public: KafkaCluster = config.kafka.public
        self.store = CheckpointStore(config.kafka.tenant, names.checkpoints)
        self._consumer: Consumer = kafka.consumer(self.public, self.group, **{"group.protocol": "classic"})

    def places(self, topic: str) -> list[Place]:
        """Where each partition of the source topics stands, or of one of them. Raises UsageError, UnavailableError."""
        try:
            listed = self._consumer.list_topics(timeout=_TIMEOUT).topics
            wanted = [name for name in sorted(listed) if self._is_source(name) and topic in ("", name)]
            if not wanted:
                raise UsageError(
                    f"{topic or ', '.join(self.config.source.topics)} is no source topic on the public Kafka",
                    hint="see source.topics in kunobs.yaml",
                )
            slots = {Slot(self.group, "public", name, p) for name in wanted for p in listed[name].partitions}
            known = self.store.offsets(slots)
            return [self._place(slot, known.get(slot)) for slot in sorted(slots)]
        except KafkaException as error:
            raise UnavailableError(f"the public Kafka does not answer: {error.args[0].str()}") from error

    def resolve(self, place: Place, to: str) -> int:
        """The offset that `to` means there. Raises UsageError."""
        if to == "earliest":
            return place.oldest
        if to == "latest":
            return place.end
        if to.isdigit():
            offset = int(to)
            if not place.oldest <= offset <= place.end:
                raise UsageError(
                    f"offset {offset} is not in {place.slot.topic}[{place.slot.partition}]",
                    hint=f"choose {place.oldest} to {place.end}, with --partition for one partition",
                )
            return offset
        mark = TopicPartition(place.slot.topic, place.slot.partition, int(_when(to) * 1000))
        found = self._consumer.offsets_for_times([mark], timeout=_TIMEOUT)[0]
        return found.offset if found.offset >= 0 else place.end

    def write(self, targets: dict[Slot, int]) -> None:
        """Store these next offsets. Raises KunobsError while the group has members."""
        members = self._members()
        if members:
            raise KunobsError(
                f"group {self.group} has {members} running members, which would overwrite this",
                hint="stop every `kunobs fanout` of this group first",
            )
        self.store.put(targets)
        marks = [TopicPartition(slot.topic, slot.partition, offset) for slot, offset in targets.items()]
        self._consumer.commit(offsets=marks, asynchronous=False)

    def _members(self) -> int:
        admin: AdminClient = kafka.admin(self.public)
        try:
            return len(
                admin.describe_consumer_groups([self.group], request_timeout=_TIMEOUT)[self.group].result().members
            )
        except KafkaException:
            # A group that was never seen has no members.
            return 0

    def _place(self, slot: Slot, known: int | None) -> Place:
        oldest, end = self._consumer.get_watermark_offsets(TopicPartition(slot.topic, slot.partition), timeout=_TIMEOUT)
        return Place(slot, oldest, end, known)

    def _is_source(self, topic: str) -> bool:
        return any(
            re.search(pattern, topic) is not None if pattern.startswith("^") else pattern == topic
            for pattern in self.config.source.topics
        )


def _when(text: str) -> float:
    """Epoch seconds of "2h ago" or of an ISO 8601 time, UTC where it names no zone."""
    try:
        if text.endswith(" ago"):
            return SYSTEM_CLOCK.now() - parse_duration(text.removesuffix(" ago").strip())
        when = datetime.fromisoformat(text)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except ValueError as error:
        raise UsageError(
            f"--to {text!r} is no place", hint='earliest, latest, an offset, 2026-11-24T05:00:00Z or "2h ago"'
        ) from error
