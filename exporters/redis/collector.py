"""All installations of one collection: asked side by side in one thread, their rows gathered into families."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence

from exporters.kit import Context
from exporters.redis.declared import DeclaredFile
from exporters.redis.facts import Epochs, Fact, facts, shown
from exporters.redis.look import Installation, Seen, asking, look
from exporters.redis.wire import Resolvers
from kunobs.catalogue import redis as catalogue
from kunobs.config.exporters.redis import DeclaredConfig, RedisConfig
from kunobs.errors import ConfigError, KunobsError, UnavailableError

# Seconds of the collection that are left for making rows, at most half of it.
RESERVE = 0.2


class Observer:
    """What the collections of one exporter share."""

    def __init__(self, config: RedisConfig) -> None:
        self._config = config
        self._declared = DeclaredFile(config.declared_file)
        self._epochs = Epochs()
        self._resolvers = Resolvers()

    def collect(self, ctx: Context, installations: Sequence[Installation]) -> None:
        """Observe these, and emit. A node that is down is something seen; UnavailableError only for what was not looked at."""
        trouble: KunobsError | None = None
        declared: Mapping[str, DeclaredConfig] = {}
        try:
            declared = self._declared.read()
        except ConfigError as error:
            trouble = error
        rows: list[Fact] = []
        late = []
        for installation, seen in zip(installations, self._look(ctx, installations), strict=True):
            if isinstance(seen, Seen):
                self._tell(ctx, installation, seen)
                rows += facts(installation, seen, declared.get(installation.name), self._epochs)
            else:
                late.append(installation.name)
                ctx.log("not looked at", name=installation.name, error=repr(seen))
        if self._config.declared_file and trouble is None:
            rows.append((catalogue.UNOBSERVED, (len(declared.keys() - self._config.clusters.keys()),)))
        _emit(ctx, rows)
        if late:
            text = f"{len(late)} of {len(installations)} were not looked at to the end, as {late[0]}"
            raise UnavailableError(text, hint="lower node_timeout or raise max_connections; ?debug=true names them")
        if trouble is not None:
            raise trouble

    def _look(self, ctx: Context, installations: Sequence[Installation]) -> list[Seen | BaseException | None]:
        """For each what it told, an exception, or None when there was no time."""
        left = ctx.remaining
        budget = max(left - RESERVE, left / 2)
        # Two rounds must fit, for hung nodes may be configured and announced.
        timeout = min(self._config.node_timeout, budget / 2.5)

        async def main() -> list[Seen | BaseException | None]:
            asyncio.get_running_loop().set_default_executor(self._resolvers)
            ask = asking(timeout, self._config.max_connections)
            tasks = [asyncio.create_task(look(one, ask, self._config.discover)) for one in installations]
            if tasks:
                _, pending = await asyncio.wait(tasks, timeout=budget)
                for task in pending:
                    task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            # Aborted connections are closed by the loop's next turn.
            await asyncio.sleep(0)
            return [None if isinstance(one, asyncio.CancelledError) else one for one in ended]

        return asyncio.run(main())

    def _tell(self, ctx: Context, installation: Installation, seen: Seen) -> None:
        ctx.log("looked", name=installation.name, **Counter(f"{one.kind}_{one.state}" for one in seen.told))
        for one in seen.told:
            if one.state != "answered":
                ctx.log(f"{one.source} {one.kind}", node=shown(one.address), state=one.state, why=one.why)


def _emit(ctx: Context, rows: Sequence[Fact]) -> None:
    families: dict[str, list[tuple[str | int | float, ...]]] = {spec.name: [] for spec in catalogue.METRICS}
    for spec, row in rows:
        families[spec.name].append(row)
    for spec in catalogue.METRICS:
        ctx.emit(spec, families[spec.name])
