"""One bulk from the first request to the last outcome: send, read the answer, send again what must be."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import msgspec
from isal import igzip

from kunobs import crash
from kunobs.clock import Clock
from kunobs.errors import KunobsError
from kunobs.log import get_logger, repeated
from kunobs.retry import Backoff
from log_pipeline.indexer.api import Api, NoAnswer, Reply
from log_pipeline.indexer.assemble import Bulk
from log_pipeline.indexer.dead_letter import Abandoned, DeadLetters, Letter
from log_pipeline.indexer.generations import Refused, Registry
from log_pipeline.indexer.lookup import Lookup
from log_pipeline.indexer.outcome import (
    BROKEN,
    DEAD,
    DUPLICATE,
    INDEXED,
    OVERSIZE,
    REPAIR,
    RETRY,
    SPLIT,
    BulkReply,
    Cause,
    Item,
    Verdict,
    of_item,
    of_request,
)
from log_pipeline.indexer.repair import NotAnEvent, Repair
from log_pipeline.indexer.window import Window
from log_pipeline.metrics import IndexerMetrics

_log = get_logger("indexer")
_PARAMETERS = {"filter_path": "errors,items.*.status,items.*._index,items.*.error,items.*.failure_store"}
_INDEX = re.compile(rb'"_index":"([^"]*)"')
_BACKOFF = Backoff(initial=0.2, maximum=5.0)
# A 500 may be the event's fault or the node's: the same one so often is the event's.
_POISON_AFTER = 10
# So many 500s to a whole request in a row: it is taken apart, one of its events may be the cause.
_SPLIT_AFTER = 5
_REPAIRED = "repaired"


@dataclass(frozen=True)
class Tools:
    """What every delivery uses."""

    api: Api
    registry: Registry
    lookup: Lookup
    dead_letters: DeadLetters
    window: Window
    metrics: IndexerMetrics
    stop: threading.Event
    clock: Clock
    level: int
    timeout: float
    # One at a time: it is done in milliseconds, and as many uncompressed bodies as threads would be most of the memory.
    compressing: threading.Lock = field(default_factory=threading.Lock)


@dataclass
class Tally:
    """How a bulk's events ended: outcome -> events and bytes, and why where dead-lettered."""

    events: Counter[str] = field(default_factory=Counter)
    bytes: Counter[str] = field(default_factory=Counter)
    dead_reasons: Counter[str] = field(default_factory=Counter)


class NoDataStream(KunobsError):
    """Elasticsearch wrote events into a plain index."""

    def __init__(self, index: str) -> None:
        super().__init__(
            f"events went into {index}, which is no backing index of a data stream",
            hint=f"no index template with `data_stream` matched it: delete the index (DELETE /{index}) and set "
            "`indexer.index.manage_template: true`, or correct your own template",
        )


class Delivery:
    """`run` returns the tally when every event of the bulk has its outcome, however long that takes. Raises Abandoned."""

    def __init__(self, bulk: Bulk, tools: Tools) -> None:
        self._bulk = bulk
        self._tools = tools
        self._ended: dict[int, str] = {}
        """Events that did not simply get indexed."""
        self._tally = Tally()
        self._repairs: dict[int, Repair] = {}
        self._mended: set[int] = set()
        """Repaired since the last round, so sent again at once."""
        self._broken: Counter[int] = Counter()
        self._sent: set[int] = set()
        """Events sent at least once before: a 409 for one of these is our own copy."""
        self._alone: set[int] = set()
        """Too large for the node together with what else went to their shard."""
        self._taken = 0
        self._broken_requests = 0
        self._ticket = 0
        self._delays: Iterator[float] = _BACKOFF.delays()

    def run(self) -> Tally:
        """Deliver."""
        pending = self._not_yet_indexed()
        while pending:
            again = self._send_all(pending)
            self._sent.update(pending)
            if len(again) < len(pending):
                self._delays = _BACKOFF.delays()
            pending = sorted(again)
            if not self._mended.issuperset(pending):
                self._wait()
            self._mended.clear()
        self._sum_up()
        return self._tally

    def _send_all(self, items: list[int]) -> list[int]:
        """One request, and one for each event that is too large to have company."""
        alone = [item for item in items if item in self._alone]
        together = [item for item in items if item not in self._alone]
        again = self._send(together) if together else []
        for item in alone:
            again += self._send([item])
        return again

    # Look-ups

    def _not_yet_indexed(self) -> list[int]:
        bulk = self._bulk
        items = list(range(len(bulk)))
        if not bulk.suspects:
            return items
        events = [(bulk.streams[i], bulk.ids[i], bulk.parts[2 * i + 1]) for i in bulk.suspects]
        while True:
            try:
                known = self._tools.lookup.before_sending(events)
                break
            except (NoAnswer, Refused) as error:
                self._lookup_failed(error)
        if known:
            self._end([i for i in bulk.suspects if (bulk.streams[i], bulk.ids[i]) in known], DUPLICATE)
        return [i for i in items if i not in self._ended]

    def _recheck(self, there: dict[str, list[int]]) -> None:
        """A rollover nobody told us of shows in the answer: an older index may hold what is in a new one."""
        bulk = self._bulk
        for index in there:
            if not index.startswith(".ds-"):
                raise NoDataStream(index)
        events = {index: [(bulk.streams[i], bulk.ids[i]) for i in items] for index, items in there.items()}
        while True:
            try:
                doubled = self._tools.lookup.after_sending(events)
                break
            except (NoAnswer, Refused) as error:
                self._lookup_failed(error)
        if doubled:
            self._end(
                [i for items in there.values() for i in items if (bulk.streams[i], bulk.ids[i]) in doubled], DUPLICATE
            )

    def _lookup_failed(self, error: NoAnswer | Refused) -> None:
        repeated(_log, "lookup", "look-up in older indices failed; its events wait", reason=str(error))
        reason = error.kind if isinstance(error, NoAnswer) else of_request(error.status, error.error).reason or "other"
        self._tools.metrics.retries.labels(reason if reason in _RETRY_REASONS else "other").inc()
        self._wait()

    # Sending

    def _send(self, items: list[int]) -> list[int]:
        """Send these in one request, or in halves where it is refused as a whole; returns those to send again."""
        answer = self._post(items)
        if isinstance(answer, NoAnswer):
            return self._not_now(items, Verdict(RETRY, answer.kind, slow_down=True), str(answer))
        if answer.status == 200:
            return self._answered(items, answer)
        error = answer.error()
        verdict = of_request(answer.status, error)
        if verdict is BROKEN and answer.status == 500:
            self._broken_requests += 1
            if self._broken_requests > _SPLIT_AFTER:
                verdict = Verdict(SPLIT, "rejected")
        if verdict.outcome == SPLIT:
            return self._split(items, verdict, error)
        return self._not_now(items, verdict, f"{answer.status} {error.text()}")

    def _post(self, items: list[int]) -> Reply | NoAnswer:
        tools, metrics = self._tools, self._tools.metrics
        with tools.compressing:
            raw = self._bulk.body(items)
            body: bytes = igzip.compress(raw, tools.level)
        metrics.bulk_bytes.labels("raw").inc(len(raw))
        metrics.bulk_bytes.labels("compressed").inc(len(body))
        del raw
        while (ticket := tools.window.enter(1.0)) is None:
            self._check_stop()
        self._ticket = ticket
        began = tools.clock.monotonic()
        refused = True
        try:
            reply = tools.api.call("POST", "/_bulk", body, gzip=True, timeout=tools.timeout, **_PARAMETERS)
            refused = reply.status != 200 and of_request(reply.status, Cause()).slow_down
        except NoAnswer as silence:
            return silence
        finally:
            tools.window.leave(ticket, refused=refused)
            metrics.bulk_seconds.observe(tools.clock.monotonic() - began)
        crash.reach("indexer.after_bulk")
        return reply

    def _split(self, items: list[int], verdict: Verdict, error: Cause) -> list[int]:
        if len(items) > 1:
            self._tools.metrics.bulk_requests.labels("retry").inc()
            # A server that takes a body in parts may have indexed some of it before it refused the rest.
            self._sent.update(items)
            middle = len(items) // 2
            return self._send(items[:middle]) + self._send(items[middle:])
        if verdict.reason == "rejected" and not self._taken and len(self._bulk) > 1:
            # As long as no other event was taken it may be the request, the cluster or a proxy that is wrong.
            return self._not_now(items, BROKEN, f"every event is refused: {error.text()}")
        self._tools.metrics.bulk_requests.labels("failed").inc()
        self._bury([(items[0], verdict.reason, error.text())])
        return []

    def _not_now(self, items: list[int], verdict: Verdict, error: str) -> list[int]:
        self._tools.metrics.bulk_requests.labels("retry").inc()
        self._tools.metrics.retries.labels(verdict.reason).inc()
        _complain(verdict, error, len(items))
        return items

    # Answers

    def _answered(self, items: list[int], answer: Reply) -> list[int]:
        if answer.body.startswith(b'{"errors":false'):
            indices = _INDEX.findall(answer.body)
            named = {index.decode() for index in set(indices)}
            if len(indices) == len(items) and self._tools.registry.covers(named, self._bulk.epoch):
                self._taken += len(items)
                self._tools.metrics.bulk_requests.labels("ok").inc()
                return []
        try:
            rows = [item for row in msgspec.json.decode(answer.body, type=BulkReply).items for item in row.values()]
        except (msgspec.DecodeError, UnicodeDecodeError):
            rows = []
        if len(rows) != len(items):
            return self._not_now(items, BROKEN, f"{len(rows)} answers to {len(items)} events")
        return self._read(items, rows)

    def _read(self, items: list[int], rows: Sequence[Item]) -> list[int]:
        again: list[int] = []
        dead: list[tuple[int, str, str]] = []
        duplicates: list[int] = []
        there: dict[str, list[int]] = {}
        waiting: Counter[str] = Counter()
        slow_down = False
        for item, row in zip(items, rows, strict=True):
            verdict = of_item(row)
            outcome = verdict.outcome
            if outcome == INDEXED:
                there.setdefault(row.index, []).append(item)
                continue
            if outcome == DUPLICATE:
                if item not in self._sent:
                    duplicates.append(item)
                # An attempt whose answer was lost may have written this copy after a rollover, and one before it another.
                if isinstance(row.error, Cause) and row.error.index:
                    there.setdefault(row.error.index, []).append(item)
                continue
            text = row.error.text() if isinstance(row.error, Cause) else str(row.error or row.failure_store)
            if outcome == REPAIR:
                reason = self._mend(item, verdict)
                if reason:
                    dead.append((item, reason, text))
                else:
                    again.append(item)
            elif verdict is OVERSIZE and len(items) == 1:
                dead.append((item, "too_large", text))
            elif outcome == DEAD or self._is_poison(item, verdict):
                dead.append((item, verdict.reason if outcome == DEAD else "rejected", text))
            else:
                again.append(item)
                if verdict is OVERSIZE:
                    self._alone.add(item)
                waiting[verdict.reason] += 1
                slow_down = slow_down or verdict.slow_down
                _complain(verdict, f"{row.status} {text}", 1)
        self._taken += sum(map(len, there.values()))
        self._note(waiting, slow_down, complete=not again and not dead)
        self._end(duplicates, DUPLICATE)
        if not self._tools.registry.covers(there, self._bulk.epoch):
            self._recheck({i: n for i, n in there.items() if not self._tools.registry.covers((i,), self._bulk.epoch)})
        self._bury(dead)
        return again

    def _note(self, waiting: Counter[str], slow_down: bool, *, complete: bool) -> None:
        metrics = self._tools.metrics
        metrics.bulk_requests.labels("ok" if complete else "partial").inc()
        for reason, count in waiting.items():
            metrics.retries.labels(reason).inc(count)
        if slow_down:
            self._tools.window.shrink(self._ticket)

    def _is_poison(self, item: int, verdict: Verdict) -> bool:
        if verdict is not BROKEN:
            return False
        self._broken[item] += 1
        return self._broken[item] > _POISON_AFTER

    def _mend(self, item: int, verdict: Verdict) -> str:
        """Put the repaired event in place of the refused one; "" or the reason why it cannot be repaired."""
        at = 2 * item + 1
        try:
            repair = self._repairs.get(item) or Repair.of(self._bulk.parts[at])
        except NotAnEvent:
            return "invalid_document"
        self._repairs[item] = repair
        document = repair.next(verdict.reason, verdict.field)
        if document is None:
            return "mapping"
        self._bulk.parts[at] = document
        self._mended.add(item)
        return ""

    def _bury(self, dead: Sequence[tuple[int, str, str]]) -> None:
        if not dead:
            return
        bulk = self._bulk
        self._tools.dead_letters.store(
            [Letter(bulk.messages[i], bulk.streams[i].namespace, why, error) for i, why, error in dead]
        )
        self._end([item for item, _, _ in dead], DEAD)
        self._tally.dead_reasons.update(why for _, why, _ in dead)

    # The end

    def _end(self, items: Sequence[int], outcome: str) -> None:
        for item in items:
            self._ended[item] = outcome

    def _sum_up(self) -> None:
        bulk, tally = self._bulk, self._tally
        ended = dict.fromkeys(self._repairs, _REPAIRED) | self._ended
        tally.events.update(ended.values())
        for item, outcome in ended.items():
            tally.bytes[outcome] += len(bulk.messages[item])
        tally.events[INDEXED] = len(bulk) - len(ended)
        tally.bytes[INDEXED] = bulk.taken_bytes - sum(bulk.passed_over_bytes.values()) - sum(tally.bytes.values())

    def _wait(self) -> None:
        if self._tools.stop.wait(next(self._delays)):
            raise Abandoned

    def _check_stop(self) -> None:
        if self._tools.stop.is_set():
            raise Abandoned


_RETRY_REASONS = frozenset({"rejected_429", "unavailable_503", "connection", "timeout", "disk_full", "other"})


def _complain(verdict: Verdict, error: str, events: int) -> None:
    repeated(
        _log, f"retry:{verdict.reason}:{verdict.hint[:20]}", "elasticsearch does not take events now; they wait",
        reason=verdict.reason, events=events, error=error[:300], hint=verdict.hint,
    )  # fmt: skip
