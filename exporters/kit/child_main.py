"""What runs in the child process of exporters.kit.child; imports nothing, for each child carries it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def main(sender: Any, function: Callable[..., object], arguments: tuple[object, ...]) -> None:
    """Call, and send (result, "") or (None, what went wrong)."""
    try:
        outcome: tuple[object, str] = (function(*arguments), "")
    except BaseException as error:  # noqa: BLE001 - the parent shall hear of it
        outcome = (None, f"{type(error).__name__}: {error}"[:500])
    sender.send(outcome)
