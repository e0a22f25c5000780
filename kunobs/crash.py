"""Named crash points: a test says where a process must die, and it dies there as by kill -9.

`KUNOBS_CRASH_AT=fanout.mid_transaction:3` kills the process when it reaches that point for the third time. Without the variable a
point costs one comparison, and it stands only where code runs once a batch.
"""

from __future__ import annotations

import os
import signal

_point, _, _count = os.environ.get("KUNOBS_CRASH_AT", "").partition(":")
_left = int(_count or "1") if (_count or "1").isdigit() else 1


def reach(name: str) -> None:
    """Die here if the environment says so."""
    global _left
    if name == _point:
        _left -= 1
        if _left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
