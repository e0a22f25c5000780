"""How often this disk takes a small write for certain in a second: what every durable answer waits for."""

from __future__ import annotations

import os
from pathlib import Path

from kunobs.clock import SYSTEM_CLOCK

_SIZE = 4096


def syncs_per_second(folder: Path, seconds: float) -> float:
    """Appends of 4 KiB, each followed by fdatasync, one after the other."""
    file = folder / "syncs"
    handle = os.open(file, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        began, count = SYSTEM_CLOCK.monotonic(), 0
        while (passed := SYSTEM_CLOCK.monotonic() - began) < seconds:
            os.write(handle, bytes(_SIZE))
            os.fdatasync(handle)
            count += 1
        return count / passed
    finally:
        os.close(handle)
        file.unlink()
