"""Memory of a busy process: fewer of malloc's arenas, fewer walks of Python's collector."""

from __future__ import annotations

import contextlib
import ctypes
import gc

# malloc.h of glibc; another libc has no mallopt or ignores it.
_M_ARENA_MAX = -8


def few_arenas() -> None:
    """Two arenas for all threads, from now on: a third less memory of a leg, and of a relay in a storm."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)


def few_collections() -> None:
    """What there is now is never walked again, what comes seldom: messages, posts and rows are short-lived and without cycles."""
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)
