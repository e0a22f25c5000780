"""Where the local stack keeps things, and how it writes a file: whole or not at all, private if it is secret."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path


def cache_root(environ: Mapping[str, str] = os.environ) -> Path:
    """`$XDG_CACHE_HOME/kunobs`, by default `~/.cache/kunobs`."""
    return _xdg(environ, "XDG_CACHE_HOME", ".cache")


def state_root(environ: Mapping[str, str] = os.environ) -> Path:
    """`$XDG_STATE_HOME/kunobs`, by default `~/.local/state/kunobs`."""
    return _xdg(environ, "XDG_STATE_HOME", ".local/state")


def _xdg(environ: Mapping[str, str], variable: str, default: str) -> Path:
    # The XDG specification says that a relative path is to be ignored.
    named = environ.get(variable, "")
    base = Path(named) if named.startswith("/") else Path(environ.get("HOME") or Path.home()) / default
    return base / "kunobs"


def write_private(file: Path, text: str) -> None:
    """Replace a file by one that only its owner may read."""
    _write(file, text, 0o600)


def write_whole(file: Path, text: str) -> None:
    """Replace a file; a reader sees the old content or the new."""
    _write(file, text, 0o644)


def _write(file: Path, text: str, mode: int) -> None:
    temporary = file.with_name(f".{file.name}.{os.getpid()}-{secrets.token_hex(4)}")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(handle, "w") as out:
            out.write(text)
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)


def password_in(file: Path) -> str:
    """The password in `file`, made at random on the first call."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(file, secrets.token_urlsafe(24) + "\n")
    return file.read_text().strip()
