"""A blocking call in a child process that is killed at the deadline: a thread in a hung system call cannot be stopped.

The children are forked from a server process that has imported little and has one thread, so a call costs a fork and not
the start of a Python. One that SIGKILL cannot end (state D: a dead NFS server) is remembered, and its key is not tried
again before the kernel has let it go.
"""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from typing import Any, TypeVar

from exporters.kit.context import Context, DeadlineError
from kunobs.errors import KunobsError

Result = TypeVar("Result")
# How long a killed child may take to be gone before it counts as stuck.
LAST = 0.2


class ChildError(KunobsError):
    """The call raised in the child, or the child died of something else than our kill."""


class StuckChildError(KunobsError):
    """The child of an earlier call of this key cannot be killed; no second one is started."""


_context = multiprocessing.get_context("forkserver")
# What a child would import each time: the command line that it takes for its main module, and what a call stands on.
_context.set_forkserver_preload(["exporters.kit", "exporters.kit.child_main", "kunobs.cli"])
_lock = threading.Lock()
_unkillable: dict[str, ForkServerProcess] = {}


def call(ctx: Context, key: str, function: Callable[..., Result], *arguments: object) -> Result:
    """The function's result from a child process; `function` is a module's own, arguments and result can be pickled.

    DeadlineError when it is not there at the collection's deadline (the child is killed), ChildError when the call
    raised, StuckChildError while an earlier child of `key` hangs where SIGKILL does not reach.
    """
    from exporters.kit.child_main import main

    with _lock:
        stuck = _unkillable.get(key)
        if stuck is not None and stuck.is_alive():
            raise StuckChildError(
                f"{key}: process {stuck.pid} hangs in the kernel", hint=f"cat /proc/{stuck.pid}/wchan"
            )
        _unkillable.pop(key, None)
    receiver, sender = _context.Pipe(duplex=False)
    process = _context.Process(target=main, args=(sender, function, arguments), daemon=True)
    with receiver:
        process.start()
        sender.close()
        result: Result = _outcome(ctx, key, process, receiver)
    return result


def _outcome(ctx: Context, key: str, process: ForkServerProcess, receiver: Connection) -> Any:
    try:
        answered = receiver.poll(ctx.remaining)
        outcome = receiver.recv() if answered else None
    except EOFError:
        process.join(LAST)
        raise ChildError(f"{key}: the child died with code {process.exitcode}") from None
    finally:
        process.kill()
        process.join(LAST)
        if process.is_alive():
            with _lock:
                _unkillable[key] = process
        else:
            process.close()
    if outcome is None:
        raise DeadlineError(f"{key}: no answer before the deadline; its process was killed")
    result, error = outcome
    if error:
        raise ChildError(f"{key}: {error}")
    return result
