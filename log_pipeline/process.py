"""How a leg becomes a process: configuration, logs, HTTP server, life cycle."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from prometheus_client import CollectorRegistry

from kunobs import log, service
from kunobs.config import Config, find_config, load, redacted
from kunobs.memory import few_arenas, few_collections

Main = Callable[[Config, service.Lifecycle, CollectorRegistry], None]
SECTIONS = ("log", "server", "kafka", "source", "topics")


def start(leg: Literal["fanout", "indexer"], config_file: Path | None, main: Main) -> int:
    """Run a leg until it is told to stop; the exit code. Raises ConfigError."""
    sections = (*SECTIONS, leg, *(("elasticsearch",) if leg == "indexer" else ()))
    config = load(find_config(config_file), sections=sections)
    log.setup(config.log.level)
    for note in config.notes:
        log.get_logger(leg).warning("configuration", note=note)
    few_arenas()
    few_collections()
    registry = CollectorRegistry()
    section = getattr(config, leg)
    shown = redacted(config)
    serve = service.Serve(
        listen=section.listen,
        registry=registry,
        config={name: shown[name] for name in sections},
        web_config_file=config.server.web_config_file,
        max_connections=config.server.max_connections,
        idle_timeout=config.server.idle_timeout,
    )
    return service.run(
        leg,
        lambda lifecycle: main(config, lifecycle, registry),
        drain_timeout=section.drain_timeout,
        serve=serve,
    )
