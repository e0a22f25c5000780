"""`fanout:` public Kafka -> a topic per namespace."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from kunobs.config.base import Conflict, Section
from kunobs.config.quantities import Duration, Size, format_duration
from kunobs.config.texts import Group, Listen


class FanoutConfig(Section):
    """The leg that writes each event to its namespace's topic."""

    listen: Listen = Field(
        default="127.0.0.1:9501", description="Address of the HTTP server. 0.0.0.0:9501 lets others in."
    )
    group: Group = Field(
        default="kunobs-fanout",
        description="Consumer group on the public Kafka. A new name starts again where `source.start` says.",
    )
    delivery: Literal["exactly_once", "at_least_once"] = Field(
        default="exactly_once",
        description="`exactly_once`: data and progress in one transaction, no duplicates; tenants must "
        "read with isolation.level=read_committed. `at_least_once`: less CPU and delay, at "
        "most one commit_interval is repeated after a crash.",
    )
    transaction_interval: Duration = Field(
        default=0.1,
        ge=0.001,
        le=60,
        description="How long events collect before a commit (exactly_once). Shorter brings events "
        "sooner, longer costs the brokers less.",
    )
    transaction_timeout: Duration = Field(
        default=10.0,
        ge=1,
        le=900,
        description="The broker aborts a transaction that is open longer. Readers wait at most this long "
        "behind a process that died; at most the broker's transaction.max.timeout.ms.",
    )
    commit_interval: Duration = Field(
        default=1.0,
        ge=0.01,
        le=60,
        description="How often offsets are committed (at_least_once). Shorter repeats less after a crash.",
    )
    linger: Duration = Field(
        default=0.05,
        ge=0,
        le=10,
        description="How long a record waits for others of its topic. Longer makes larger batches that "
        "compress better.",
    )
    compression: Literal["none", "lz4", "zstd", "snappy", "gzip"] = Field(
        default="lz4", description="Compression of the tenants' topics. zstd is smaller on disk and costs more CPU."
    )
    in_flight: Size = Field(
        default=64 * 1024**2,
        ge=1024**2,
        le=2047 * 1024**2,
        description="Bytes sent but not yet acknowledged; reading pauses above it. Bounds memory when "
        "brokers are slow.",
    )
    drain_timeout: Duration = Field(
        default=20.0,
        ge=1,
        le=600,
        description="On SIGTERM, how long to finish what was read. What is left is read again by the next "
        "process. Keep it below the pod's terminationGracePeriodSeconds.",
    )

    def conflicts(self) -> Iterator[Conflict]:
        """Waits that cannot fit into each other."""
        interval, timeout = self.transaction_interval, self.transaction_timeout
        if self.delivery == "exactly_once":
            if interval >= timeout:
                text = f"must be shorter than transaction_timeout ({format_duration(timeout)})"
                yield Conflict(("transaction_interval", "transaction_timeout"), text, "the broker would abort it")
            if self.linger > interval:
                text = f"must not exceed transaction_interval ({format_duration(interval)})"
                yield Conflict(("linger", "transaction_interval"), text, "records would wait for the next commit")
            if self.drain_timeout <= interval:
                text = f"must be longer than transaction_interval ({format_duration(interval)})"
                yield Conflict(("drain_timeout", "transaction_interval"), text, "the last transaction must fit in")
        elif self.drain_timeout <= self.commit_interval:
            text = f"must be longer than commit_interval ({format_duration(self.commit_interval)})"
            yield Conflict(("drain_timeout", "commit_interval"), text, "the last commit must fit in")
