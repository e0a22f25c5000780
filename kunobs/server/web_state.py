"""The web configuration in force: read again when a file of it changes, kept when the new one is broken."""

from __future__ import annotations

import hashlib
import os
import ssl
from dataclasses import dataclass
from pathlib import Path

from kunobs.clock import SYSTEM_CLOCK, Clock
from kunobs.errors import KunobsError
from kunobs.log import get_logger
from kunobs.server.metrics import ServerMetrics
from kunobs.server.tls import build_context
from kunobs.server.web_config import MAX_BYTES, WebConfig, WebConfigError, parse

# A file this young may change again without a new timestamp, so it is read once more.
SETTLED_AFTER = 2.0

log = get_logger("server")
_Signature = tuple[tuple[str, int, int, int], ...]


@dataclass(frozen=True)
class Active:
    """What is in force: the settings, and the TLS context made of them (None: plain HTTP)."""

    config: WebConfig
    context: ssl.SSLContext | None = None


class WebState:
    """Asked at every connection and every request; a question costs one `stat` per file."""

    def __init__(self, path: str, metrics: ServerMetrics, clock: Clock = SYSTEM_CLOCK) -> None:
        """Load the file ("" for none); WebConfigError when it cannot be used."""
        self._path = Path(path) if path else None
        self._metrics, self._clock = metrics, clock
        self._active = Active(WebConfig())
        self._files: tuple[Path, ...] = (self._path,) if self._path else ()
        self._signature: _Signature = ()
        self._settled = True
        self._digest = b""
        self._complaint = ""
        if self._path:
            self._look()
            self._load()
        self._metrics.reload_successful.set(1)
        self._metrics.last_reload.set(clock.now())

    def current(self) -> Active:
        """The configuration for a connection or request that begins now; never raises."""
        if self._path and (not self._settled or self._signature_now() != self._signature):
            self._look()
            try:
                self._load()
            except KunobsError as error:
                self._keep_last_good(error)
        return self._active

    def _look(self) -> None:
        """Before reading, so that a change during the read shows as a new signature the next time."""
        self._signature = self._signature_now()
        newest = max((mtime for _, mtime, _, _ in self._signature), default=0) / 1e9
        self._settled = not 0 <= self._clock.now() - newest < SETTLED_AFTER

    def _signature_now(self) -> _Signature:
        return tuple(_stat(path) for path in self._files)

    def _load(self) -> None:
        assert self._path is not None  # noqa: S101 - both callers checked
        text = _read(self._path, "web_config_file")
        config = parse(text.decode("utf-8-sig", errors="replace"), self._path)
        tls_files = config.tls.files if config.tls else ()
        contents = [text, *(_read(path, "tls_server_config") for path in tls_files)]
        if self._files != (self._path, *tls_files):
            self._files = (self._path, *tls_files)
            self._look()
        digest = hashlib.sha256(b"\0".join(contents)).digest()
        if digest != self._digest:
            self._refuse_opening(config)
            self._active = Active(config, build_context(config.tls) if config.tls else None)
            self._metrics.last_reload.set(self._clock.now())
            if self._digest:
                log.info("web configuration loaded", file=str(self._path))
            for note in config.notes:
                log.warning("web configuration", file=str(self._path), note=note)
            self._digest = digest
        self._complaint = ""
        self._metrics.reload_successful.set(1)

    def _refuse_opening(self, config: WebConfig) -> None:
        """A file cut short while it is written must not take the lock off the door."""
        gone = [
            name
            for name, before, after in (
                ("tls_server_config", self._active.config.tls, config.tls),
                ("basic_auth_users", self._active.config.users, config.users),
            )
            if before and not after
        ]
        if gone:
            raise WebConfigError(
                f"{self._path} no longer has {' and '.join(gone)}",
                hint="restart the process to serve without",
            )

    def _keep_last_good(self, error: KunobsError) -> None:
        self._metrics.reload_successful.set(0)
        if str(error) != self._complaint:
            self._complaint = str(error)
            log.error("web configuration is broken, the last good stays", error=str(error), hint=error.hint)


def _stat(path: Path) -> tuple[str, int, int, int]:
    try:
        found = os.stat(path)
    except OSError:
        return str(path), 0, 0, 0
    return str(path), found.st_mtime_ns, found.st_size, found.st_ino


def _read(path: Path, key: str) -> bytes:
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        problem = f"{key}: {path} cannot be read: {error.strerror}"
        raise WebConfigError(problem, hint=f"ls -l {path}") from error
    if len(content) > MAX_BYTES:
        raise WebConfigError(f"{key}: {path} is larger than {MAX_BYTES} bytes")
    return content
