"""From names and kunobs.yaml to running exporters."""

from __future__ import annotations

import os
from pathlib import Path

from exporters.kit.process import run
from exporters.known import KNOWN, build, sections
from kunobs import log
from kunobs.config import find_config, load, redacted
from kunobs.errors import ConfigError, UsageError
from kunobs.memory import few_arenas, few_collections

_CANARY = {"KUNOBS_EXPORTERS__LOGS__CANARY__ENABLED": "true"}


def start(names: tuple[str, ...], config_file: Path | None, listen: str = "", *, canary: bool = False) -> int:
    """Run until told to stop; the exit code. `canary` sets exporters.logs.canary.enabled. Raises ConfigError and UsageError."""
    if not names:
        raise UsageError("no exporter is named", hint="kunobs exporter --help lists them")
    if canary and "logs" not in names:
        raise UsageError("--canary belongs to the exporter logs", hint="kunobs exporter logs --canary")
    wanted = sections(names)
    config = load(_file(names, config_file), environ={**os.environ, **(_CANARY if canary else {})}, sections=wanted)
    log.setup(config.log.level)
    for note in config.notes:
        log.get_logger("exporter").warning("configuration", note=note)
    few_arenas()
    exporters = [build(name, config) for name in names]
    few_collections()
    shown = redacted(config)
    return run(
        exporters,
        listen or config.exporters.listen,
        server=config.server,
        shown={"running": list(names)} | {name: shown[name] for name in wanted},
    )


def _file(names: tuple[str, ...], config_file: Path | None) -> Path | None:
    """Which kunobs.yaml; somebody's own exporters need none."""
    try:
        return find_config(config_file)
    except ConfigError:
        if any(name in KNOWN for name in names):
            raise
        return None
