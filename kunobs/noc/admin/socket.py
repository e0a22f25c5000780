"""The relay's admin socket: one JSON object a line in, one out; whoever may open the file may do everything."""

from __future__ import annotations

import os
import socket
import socketserver
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from kunobs.errors import KunobsError, UnavailableError
from kunobs.log import get_logger
from kunobs.noc.accept.refusal import Refusal
from kunobs.noc.admin.verbs import VERBS
from kunobs.noc.relay import Relay
from kunobs.noc.store.port import StoreUnavailable

_LONGEST = 1 << 20
_TIMEOUT = 60.0
_log = get_logger("noc.admin")


class AdminSocket:
    """Listens at `path` while the block runs; only the relay's user may connect."""

    def __init__(self, path: Path, relay: Relay, reload: Callable[[], None]) -> None:
        self._path = path
        self._answer = lambda asked: answer(relay, reload, asked)
        self._server: _Server | None = None

    def __enter__(self) -> AdminSocket:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # The store's lock says that no other relay lives, so a socket that is there is a dead one's.
        self._path.unlink(missing_ok=True)
        mask = os.umask(0o177)
        try:
            self._server = _Server(str(self._path), _Handler)
        except OSError as error:
            raise KunobsError(
                f"cannot listen on {self._path}: {error.strerror}",
                hint="set noc.admin_socket to a shorter or writable path",
            ) from error
        finally:
            os.umask(mask)
        self._server.answer = self._answer
        threading.Thread(target=self._server.serve_forever, args=(0.1,), name="noc-admin", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
        self._path.unlink(missing_ok=True)


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    answer: Callable[[bytes], Mapping[str, Any]]


class _Handler(socketserver.StreamRequestHandler):
    server: _Server
    timeout = _TIMEOUT

    def handle(self) -> None:
        while line := self.rfile.readline(_LONGEST):
            self.wfile.write(msgspec.json.encode(self.server.answer(line)) + b"\n")
            self.wfile.flush()


def answer(relay: Relay, reload: Callable[[], None], line: bytes) -> Mapping[str, Any]:
    """{"ok": result}, or {"error": …, "hint": …}."""
    try:
        asked = msgspec.json.decode(line)
        verb = asked.pop("do")
        if verb == "reload":
            reload()
            return {"ok": None}
        if verb not in VERBS:
            return {"error": f"the relay knows no {verb!r}", "hint": "is it older than this command? kunobs --version"}
        return {"ok": VERBS[verb](relay, **asked)}
    except (Refusal, KunobsError, StoreUnavailable) as error:
        return {"error": str(error), "hint": error.hint}
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError, ValueError) as error:
        return {"error": f"this cannot be read: {type(error).__name__}: {error}", "hint": ""}
    except Exception as error:  # noqa: BLE001  the operator must get an answer
        _log.exception("a command failed")
        return {"error": f"the command failed: {type(error).__name__}", "hint": "the relay's log says why"}


def ask(path: Path, verb: str, **arguments: Any) -> Any:
    """Ask the running relay. Raises UnavailableError where there is none, KunobsError with what it answers."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_TIMEOUT)
            connection.connect(str(path))
            connection.sendall(msgspec.json.encode({"do": verb} | arguments) + b"\n")
            with connection.makefile("rb") as answers:
                line = answers.readline()
        found = msgspec.json.decode(line)
    except (OSError, msgspec.DecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no answer"
        raise UnavailableError(
            f"no relay answers at {path}: {reason}",
            hint="is it running, and are you its user? systemctl status kunobs-noc",
        ) from error
    if "error" in found:
        raise KunobsError(found["error"], hint=found.get("hint", ""))
    return found["ok"]
