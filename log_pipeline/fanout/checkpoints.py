"""Fanout's memory on the tenant Kafka: which offset is next, and who may write that.

One compacted topic holds, per source partition, two kinds of records in one partition of their own:

    offset/<group>/<cluster>/<topic>/<partition>          -> {"offset": next}   written in the transaction that holds the events
    claim/<group>/<cluster>/<topic>/<partition>/<writer>  -> {"at": ms}         written before the writer's first transaction

A writer is a transactional id that is used by one producer of one process and never again. Who takes a partition over first writes
its claim, then fences every other writer with a claim, and only then reads the offset: no fenced writer can commit any more, so the
offset read is the last one there will be. A clean give-up deletes the claim; a claim that stays behind costs its finder one fencing.
Two who claim at once: the later claim in the log wins, because it sees the earlier one.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, KafkaException, Producer

from kunobs import kafka
from kunobs.checkpoint import Place, offset_key, offset_value, read_offset
from kunobs.clock import SYSTEM_CLOCK
from kunobs.config.kafka import KafkaCluster
from kunobs.errors import FencedError, UnavailableError
from kunobs.log import get_logger
from log_pipeline.message import Message
from log_pipeline.reading import read_to_end
from log_pipeline.topics import CHECKPOINT_PARTITIONS

_log = get_logger("checkpoints")
_TIMEOUT = 20.0


class Slot(NamedTuple):
    """One source partition of one consumer group; `cluster` is `public` or `tenant`."""

    group: str
    cluster: str
    topic: str
    partition: int

    @property
    def offset_key(self) -> bytes:
        """Key of the record that holds the next offset."""
        return offset_key(Place(*self))

    def claim_key(self, writer: str) -> bytes:
        """Key of the record by which `writer` announces that it writes this slot."""
        return f"claim/{self.group}/{self.cluster}/{self.topic}/{self.partition}/{writer}".encode()

    @property
    def home(self) -> int:
        """Partition of the checkpoint topic. Neighbours get different ones, or one writer's open transaction would hide another's offsets."""
        return (zlib.crc32(f"{self.cluster}/{self.topic}".encode()) + self.partition) % CHECKPOINT_PARTITIONS


@dataclass
class CheckpointStore:
    """Reads and writes checkpoints; `writer` is this incarnation's transactional id."""

    cluster: KafkaCluster
    topic: str
    _producer: Producer = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._producer = kafka.producer(self.cluster, **{"linger.ms": 0})

    def claim(self, slots: Iterable[Slot], writer: str) -> None:
        """Announce `writer`; returns once all in-sync replicas have it. Raises UnavailableError."""
        now = b'{"at":%d}' % int(SYSTEM_CLOCK.now() * 1000)
        self._write([(slot.home, slot.claim_key(writer), now) for slot in slots])

    def release(self, claims: Iterable[tuple[Slot, str]]) -> None:
        """Withdraw claims whose writers will not write these slots again. Raises UnavailableError."""
        self._write([(slot.home, slot.claim_key(writer), None) for slot, writer in claims])

    def put(self, offsets: Mapping[Slot, int]) -> None:
        """Set next offsets outside of any transaction: for a person, while no fanout runs. Raises UnavailableError."""
        self._write([(slot.home, slot.offset_key, offset_value(offset)) for slot, offset in offsets.items()])

    def take_over(self, slots: set[Slot], writer: str) -> dict[Slot, int]:
        """Claim, fence every other claimant, and return the next offsets that stand.

        Raises FencedError when another writer claimed after us, UnavailableError.
        """
        self.claim(slots, writer)
        rivals = self._rivals(slots, writer)
        self._fence(sorted({rival for _, rival in rivals}))
        # Before the offsets are read: where that fails and is tried again, claims of our own failed attempts would pile up.
        self.release(rivals)
        return self.offsets(slots)

    def offsets(self, slots: set[Slot]) -> dict[Slot, int]:
        """Committed next offsets; slots without one are left out."""
        found: dict[Slot, int] = {}
        by_key = {slot.offset_key: slot for slot in slots}
        for message in self._read(slots, committed=True):
            slot = by_key.get(message.key() or b"")
            if slot is not None:
                offset = read_offset(message.value())
                if offset is None:
                    found.pop(slot, None)
                else:
                    found[slot] = offset
        return found

    def _rivals(self, slots: set[Slot], writer: str) -> list[tuple[Slot, str]]:
        claims: dict[bytes, int] = {}
        for message in self._read(slots, committed=False):
            key = message.key() or b""
            if key.startswith(b"claim/"):
                if message.value() is None:
                    claims.pop(key, None)
                else:
                    claims[key] = message.offset()
        rivals = []
        for slot in slots:
            mine = claims.get(slot.claim_key(writer), -1)
            prefix = slot.claim_key("")
            for key, offset in claims.items():
                if key.startswith(prefix) and key != slot.claim_key(writer):
                    if offset > mine:
                        raise FencedError(f"{slot.topic}[{slot.partition}] was claimed by another process after us")
                    rivals.append((slot, key[len(prefix) :].decode()))
        return rivals

    def _fence(self, writers: list[str]) -> None:
        """End what these writers have open and make them fail from now on. Each takes up to a second, so all at once."""
        failures: list[KafkaException] = []

        def fence(writer: str) -> None:
            try:
                kafka.producer(self.cluster, **{"transactional.id": writer}).init_transactions(_TIMEOUT)
            except KafkaException as error:
                failures.append(error)

        threads = [threading.Thread(target=fence, args=(writer,), daemon=True) for writer in writers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise UnavailableError(f"an earlier writer could not be fenced: {failures[0].args[0].str()}")
        if writers:
            _log.info("earlier writers fenced", count=len(writers))

    def _read(self, slots: Iterable[Slot], *, committed: bool) -> list[Message]:
        return list(read_to_end(self.cluster, self.topic, {slot.home for slot in slots}, committed=committed))

    def _write(self, records: list[tuple[int, bytes, bytes | None]]) -> None:
        failures: list[KafkaError] = []

        def report(error: KafkaError | None, _: Any) -> None:
            if error is not None:
                failures.append(error)

        for partition, key, value in records:
            self._producer.produce(self.topic, value, key, partition=partition, on_delivery=report)
        if records and (self._producer.flush(_TIMEOUT) or failures):
            self._producer.purge()
            reason = failures[0].str() if failures else f"no answer within {_TIMEOUT:.0f} s"
            raise UnavailableError(f"checkpoints cannot be written: {reason}")
