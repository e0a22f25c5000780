"""Memory of a process with many threads: glibc's malloc would give each an arena of its own that never shrinks."""

from __future__ import annotations

import contextlib
import ctypes

# malloc.h of glibc; another libc has no mallopt or ignores it.
_M_ARENA_MAX = -8


def few_arenas() -> None:
    """Two arenas for all threads, from now on: a third less memory of a leg, and of a relay in a storm."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)
