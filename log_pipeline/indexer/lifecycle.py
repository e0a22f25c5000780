"""Rollover and retention: Elasticsearch's ILM where there is one, else our own round over the streams."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import msgspec

from kunobs import crash, names
from kunobs.clock import SYSTEM_CLOCK, Clock
from kunobs.config.indexer import IndexConfig
from kunobs.errors import ConfigError, DeniedError
from kunobs.log import get_logger, repeated
from log_pipeline.indexer.api import Api, NoAnswer
from log_pipeline.indexer.generations import Refused, expect, generation

_log = get_logger("indexer")
POLICY = "kunobs-logs-k8s"
_ALL = f"{names.DATA_STREAM_PREFIX}*"
_RIGHTS = "grant the cluster privilege manage_ilm, or set `indexer.index.lifecycle: own`"


def choose(api: Api, wanted: str) -> str:
    """`ilm`, `own` or `none`, for `auto` by asking. Raises ConfigError, DeniedError or NoAnswer."""
    if wanted in ("own", "none"):
        return wanted
    reply = api.call("GET", "/_ilm/status")
    if reply.ok:
        return "ilm"
    if reply.status in (401, 403):
        raise DeniedError(f"elasticsearch does not let us see its ILM: {reply.error().text()[:300]}", hint=_RIGHTS)
    if reply.status == 429 or reply.status >= 500:
        raise Refused("ILM status", reply.status, reply.error())
    if wanted == "ilm":
        raise ConfigError("this Elasticsearch has no ILM", hint="set `indexer.index.lifecycle: own` or `auto`")
    return "own"


def ensure_policy(api: Api, config: IndexConfig) -> None:
    """Write the ILM policy where it is absent, or ours and different. Raises DeniedError, NoAnswer or Refused."""
    wanted = {
        "_meta": {"managed_by": "kunobs"},
        "phases": {
            "hot": {
                "actions": {
                    "rollover": {
                        "max_primary_shard_size": f"{config.rollover_size}b",
                        "max_age": _age(config.rollover_age),
                    }
                }
            },
            "delete": {"min_age": _age(config.retention), "actions": {"delete": {}}},
        },
    }
    reply = api.call("GET", f"/_ilm/policy/{POLICY}")
    if reply.ok:
        policy = msgspec.json.decode(reply.body)[POLICY]["policy"]
        if policy.get("_meta", {}).get("managed_by") != "kunobs":
            _log.info("ILM policy is not ours, left as it is", policy=POLICY)
            return
    reply = api.call("PUT", f"/_ilm/policy/{POLICY}", {"policy": wanted})
    if reply.status in (401, 403):
        raise DeniedError(
            f"elasticsearch does not let us write its ILM policy: {reply.error().text()[:300]}", hint=_RIGHTS
        )
    expect("ILM policy", reply)


def _age(seconds: float) -> str:
    return f"{int(seconds)}s"


class _Size(msgspec.Struct, gc=False):
    size_in_bytes: int = 0


class _Count(msgspec.Struct, gc=False):
    count: int = 0


class _Primaries(msgspec.Struct, gc=False):
    store: _Size = msgspec.field(default_factory=_Size)
    docs: _Count = msgspec.field(default_factory=_Count)


class _Index(msgspec.Struct, gc=False):
    primaries: _Primaries = msgspec.field(default_factory=_Primaries)


class _Stats(msgspec.Struct, gc=False):
    indices: dict[str, _Index] = {}


class OwnLifecycle:
    """One round over all streams at a time; several processes at it do no harm, they only ask twice.

    `rolled_over(result)` is called with `done` or `failed` for every rollover asked for.
    """

    def __init__(
        self,
        api: Api,
        config: IndexConfig,
        rolled_over: Callable[[str], None] = lambda result: None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._api = api
        self._config = config
        self._rolled_over = rolled_over
        self._clock = clock

    @property
    def interval(self) -> float:
        """Seconds between two rounds."""
        return max(5.0, min(300.0, self._config.rollover_age / 20))

    def run(self, wait: Callable[[float], bool], is_ours: Callable[[], bool]) -> None:
        """A thread's work: a round each `interval` while `is_ours()`, until `wait(seconds)` is true."""
        while not wait(self.interval):
            if not is_ours():
                continue
            try:
                self.round()
            except (NoAnswer, Refused, msgspec.DecodeError) as error:
                repeated(_log, "lifecycle", "rollover and retention wait", reason=str(error))

    def round(self) -> None:
        """Roll over what is full or old, delete what was rolled over longer than `retention` ago. Raises NoAnswer or Refused."""
        streams = self._streams()
        if not streams:
            return
        created = self._created()
        stats = expect(
            "index sizes", self._api.call("GET", f"/{_ALL}/_stats/store,docs", expand_wildcards="open,hidden")
        )
        sizes = msgspec.json.decode(stats, type=_Stats).indices
        now = self._clock.now()
        for stream, indices in streams.items():
            known = [index for index in indices if index in created]
            for index, successor in pairwise(known):
                if now - created[successor] > self._config.retention:
                    self._delete(index)
            if known and self._is_due(known[-1], sizes.get(known[-1], _Index()), now - created[known[-1]]):
                self._roll_over(stream)

    def _is_due(self, index: str, size: _Index, age: float) -> bool:
        if not size.primaries.docs.count:
            return False
        return (
            age >= self._config.rollover_age
            or size.primaries.store.size_in_bytes >= self._config.rollover_size * self._config.shards
        )

    def _streams(self) -> dict[str, list[str]]:
        reply = self._api.call("GET", f"/_resolve/index/{_ALL}", expand_wildcards="open,hidden")
        if reply.status == 404:
            return {}
        found = msgspec.json.decode(expect("streams", reply))["data_streams"]
        return {each["name"]: sorted(each["backing_indices"], key=generation) for each in found}

    def _created(self) -> dict[str, float]:
        reply = self._api.call("GET", f"/{_ALL}/_settings/index.creation_date", expand_wildcards="open,hidden")
        found = msgspec.json.decode(expect("creation dates", reply))
        return {index: int(each["settings"]["index"]["creation_date"]) / 1000 for index, each in found.items()}

    def _roll_over(self, stream: str) -> None:
        # The conditions are said again, so that of two processes only one rolls over.
        conditions = {
            "max_age": _age(self._config.rollover_age),
            "max_primary_shard_size": f"{self._config.rollover_size}b",
        }
        reply = self._api.call("POST", f"/{stream}/_rollover", {"conditions": conditions})
        self._rolled_over("done" if reply.ok else "failed")
        if not reply.ok:
            repeated(_log, "rollover", "stream was not rolled over", stream=stream, reason=reply.error().text()[:300])
        crash.reach("indexer.after_rollover")

    def _delete(self, index: str) -> None:
        reply = self._api.call("DELETE", f"/{index}")
        if reply.ok:
            _log.info("index is past its retention, deleted", index=index)
        elif reply.status != 404:
            repeated(_log, "retention", "old index was not deleted", index=index, reason=reply.error().text()[:300])
