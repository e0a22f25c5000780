"""Where lines go: standard output, plain when it is no terminal, flushed as they come, quiet when the reader leaves."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from io import TextIOWrapper
from typing import TextIO


def wants_colour(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Colour for a terminal that can show it, unless NO_COLOR is set to anything (no-color.org)."""
    return stream.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


def write_lines(lines: Iterable[str], stream: TextIO) -> None:
    """Write each line and flush once; letters that the stream cannot show are written as escapes."""
    text = "".join(f"{line}\n" for line in lines)
    if not text:
        return
    if isinstance(stream, TextIOWrapper) and stream.errors == "strict":
        stream.reconfigure(errors="backslashreplace")
    stream.write(text)
    stream.flush()


def abandon(stream: TextIO) -> None:
    """After a broken pipe: what is left in the buffer goes nowhere, so that Python does not complain at its exit."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    except (OSError, ValueError):  # no real file, as in a test
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - stays open until the process ends
