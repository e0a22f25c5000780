"""The routes of Grafana's HTTP API that kunobs uses, in memory and strict, and every way to be no help.

Pinned from Grafana's source (pkg/api/dashboard.go: GetDashboard, postDashboard; pkg/api/folder.go; pkg/api/apierrors/dashboard.go
and folder.go; pkg/services/dashboards/errors.go; pkg/services/dashboards/service/dashboard_service.go: BuildSaveDashboardCommand,
ValidateDashboardBeforeSave; pkg/tests/api/dashboards/api_dashboards_test.go) and its pages «Dashboard HTTP API», «Folder HTTP API»
and «Folder/Dashboard Search API». Where releases answer differently there are two of it: `release` 10 is that source; 13 answers as
13.2.2 did to an Editor's token when Riptide Labs measured it (deployment/clickhouse of their repository, issue 872): 403 for a folder that
is not there, 412 for one that is, 412 name-exists for a uid that is taken, no new version for the same again. 9 is 10 whose
search does not know folderUIDs yet (pull request 65040). A save knows folderUid since 8 (33991), and folderId leads to the top in 13.

What it is stricter in: a request that Grafana would let pass and that kunobs must not make (no content type, an unknown key, a
redirected or unauthorised second try) fails the test.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "glsa_ThisIsNoRealTokenOfAnybody_0123abcd"
LOGIN = b"<!DOCTYPE html><html><head><title>Sign in</title></head></html>"
_NOT_FOUND = 404, {"message": "Not found"}
_UID = re.compile(r"[a-zA-Z0-9_-]*")


@dataclass
class Kept:
    """A dashboard in the store."""

    document: dict[str, Any]
    folder: str
    number: int
    version: int = 1
    provisioned: bool = False
    message: str = ""


@dataclass
class FakeGrafana:
    """`trouble` is how it answers: "" well, else as named in `_Handler`; at `METHOD PATH` that begins with `where` only."""

    release: int = 10
    url: str = ""
    folders: dict[str, str] = field(default_factory=dict)
    dashboards: dict[str, Kept] = field(default_factory=dict)
    trouble: str = ""
    where: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)
    change: Callable[[dict[str, Any]], None] = lambda document: None
    """What it does to a dashboard when it is saved."""
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def writes(self) -> list[str]:
        """The paths of what was not only read."""
        return [path for method, path in self.asked if method != "GET"]

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
        """Status and JSON."""
        parts = [unquote(part) for part in path.split("/")[2:]]
        if parts == ["health"]:
            return 200, {
                "database": "ok",
                **({"version": f"{self.release}.1.0"} if self.release else {}),
                "commit": "0",
            }
        if method == "GET" and parts == ["search"]:
            return 200, self._search(query)
        if method == "POST" and parts == ["folders"]:
            return self._make_folder(body)
        if parts[0] == "folders" and len(parts) == 2:
            return self._folder(method, parts[1])
        if method == "GET" and parts[:2] == ["dashboards", "uid"] and len(parts) == 3:
            return self._dashboard(parts[2])
        if method == "POST" and parts == ["dashboards", "db"]:
            return self._save(body)
        return _NOT_FOUND

    def _search(self, query: dict[str, list[str]]) -> list[dict[str, Any]]:
        assert query.pop("type") == ["dash-db"], query
        assert int(query.pop("limit", ["1000"])[0]) <= 5000
        tags, folders = query.pop("tag", []), query.pop("folderUIDs", None)
        assert not query, query
        return [
            {
                "id": kept.number,
                "uid": uid,
                "title": kept.document["title"],
                "type": "dash-db",
                "tags": kept.document.get("tags", []),
                **({"folderUid": kept.folder} if kept.folder else {}),
            }
            for uid, kept in sorted(self.dashboards.items())
            if set(tags) <= set(kept.document.get("tags", []))
            and (folders is None or self.release < 10 or kept.folder in folders)
        ]

    def _folder(self, method: str, uid: str) -> tuple[int, Any]:
        if uid not in self.folders:
            return (403, denied("folders:read")) if self.release >= 13 else (404, NO_FOLDER)
        if method == "DELETE":
            del self.folders[uid]
            self.dashboards = {key: kept for key, kept in self.dashboards.items() if kept.folder != uid}
            return 200, {"message": "Folder deleted"}
        return (200, {"uid": uid, "title": self.folders[uid]}) if method == "GET" else _NOT_FOUND

    def _make_folder(self, body: dict[str, Any]) -> tuple[int, Any]:
        self._known(body, {"uid", "title", "parentUid"})
        uid, title = body.get("uid", ""), body.get("title", "")
        if not title:
            return 400, {"message": "folder title cannot be empty"}
        if uid in self.folders:
            return 412, {"message": "the folder has been changed by someone else", "status": "version-mismatch"}
        if self.release < 13 and title in self.folders.values():
            return 409, {"message": "a folder with the same name already exists in the current location"}
        self.folders[uid] = title
        return 200, {"uid": uid, "title": title}

    def _dashboard(self, uid: str) -> tuple[int, Any]:
        kept = self.dashboards.get(uid)
        if kept is None:
            return 404, {"message": "Dashboard not found"}
        meta = {
            "slug": "x",
            "version": kept.version,
            "folderUid": kept.folder,
            "folderTitle": self.folders.get(kept.folder, "General"),
            "provisioned": kept.provisioned,
        }
        return 200, {"dashboard": {**kept.document, "id": kept.number, "version": kept.version}, "meta": meta}

    def _save(self, body: dict[str, Any]) -> tuple[int, Any]:
        self._known(body, {"dashboard", "folderUid", "message", "overwrite"})
        document, folder = dict(body["dashboard"]), body.get("folderUid", "")
        uid, title, version = (
            document.get("uid") or "",
            str(document.get("title", "")).strip(),
            document.pop("version", 0),
        )
        if document.pop("id", None):
            return 404, {"message": "Dashboard not found", "status": "not-found"}
        refused = self._invalid(uid, title, body.get("message", ""), folder)
        if refused:
            return refused
        old = self.dashboards.get(uid)
        if old and old.provisioned:
            return 400, {"message": "Cannot save provisioned dashboard"}
        if old and not body.get("overwrite") and (self.release >= 13 or version != old.version):
            return 412, TAKEN if self.release >= 13 else CHANGED
        uid = uid or f"generated-{len(self.dashboards)}"
        document |= {"uid": uid, "title": title}
        self.change(document)
        kept = Kept(document, folder, old.number if old else len(self.dashboards) + 1, message=body.get("message", ""))
        if old:
            same = self.release >= 13 and (old.document, old.folder) == (document, folder)
            kept.version = old.version if same else old.version + 1
        self.dashboards[uid] = kept
        return 200, {
            "id": kept.number,
            "uid": uid,
            "status": "success",
            "version": kept.version,
            "slug": "x",
            "url": f"/d/{uid}/x",
            "folderUid": folder,
        }

    def _invalid(self, uid: str, title: str, message: str, folder: str) -> tuple[int, Any] | None:
        if not title:
            return 400, {"message": "Dashboard title cannot be empty", "status": "empty-name"}
        if not _UID.fullmatch(uid):
            return 400, {"message": "uid contains illegal characters"}
        if len(uid) > 40:
            return 400, {"message": "uid too long, max 40 characters"}
        if len(message) > 500:
            return 400, {"message": "message too long, max 500 characters"}
        if folder and folder not in self.folders:
            return 400, {"message": "folder not found"}
        return None

    def _known(self, body: dict[str, Any], keys: set[str]) -> None:
        if not body.keys() <= keys:
            self.strange.append(f"unknown keys {body.keys() - keys}")


NO_FOLDER = {"message": "folder not found", "status": "not-found"}
CHANGED = {"message": "The dashboard has been changed by someone else", "status": "version-mismatch"}
TAKEN = {"message": "A dashboard with the same uid already exists", "status": "name-exists"}


def denied(permission: str) -> dict[str, str]:
    """The body of a 403."""
    return {
        "title": "Access denied",
        "message": f"You'll need additional permissions to perform this action. Permissions needed: {permission}",
        "accessErrorId": "ACE0000000000",
    }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body in one packet: else the client's delayed acknowledgement costs 40 ms for each answer.
    wbufsize = 1 << 16
    grafana: FakeGrafana

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""

    def do_GET(self) -> None:
        """Whatever the method is."""
        grafana, parts = self.grafana, urlsplit(self.path)
        grafana.asked.append((self.command, parts.path))
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if grafana.trouble and f"{self.command} {parts.path}".startswith(grafana.where):
            getattr(self, f"_{grafana.trouble}")()
            return
        if self.headers.get("Authorization") != f"Bearer {TOKEN}" and parts.path != "/api/health":
            self._send(401, {"message": "Invalid API key"})
            return
        if raw and self.headers.get("Content-Type") != "application/json":
            grafana.strange.append(f"{self.command} {self.path} with {self.headers.get('Content-Type')}")
        try:
            body = json.loads(raw) if raw else None
        except ValueError:
            self._send(400, {"message": "bad request data"})
            return
        self._send(*grafana.answer(self.command, parts.path, parse_qs(parts.query), body))

    do_POST = do_PUT = do_DELETE = do_PATCH = do_GET

    def _send(self, status: int, body: Any, **headers: str) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        kind = "text/html" if isinstance(body, bytes) else "application/json"
        for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _page(self) -> None:
        self._send(200, LOGIN)

    def _lost(self) -> None:
        self._send(404, b"<html>404 Not Found</html>")

    def _old(self) -> None:
        self._send(*_NOT_FOUND)

    def _list(self) -> None:
        self._send(200, [1])

    def _empty(self) -> None:
        self._send(200, {})

    def _unauthorized(self) -> None:
        self._send(401, {"message": "Invalid API key"})

    def _forbidden(self) -> None:
        self._send(403, denied("dashboards:write"))

    def _conflict(self) -> None:
        self._send(409, {"message": "conflict"})

    def _changed(self) -> None:
        self._send(412, CHANGED)

    def _provisioned(self) -> None:
        self._send(400, {"message": "Cannot save provisioned dashboard"})

    def _pending(self) -> None:
        self._send(202, {"status": "pending", "message": "changes were broadcast to the gitops listener"})

    def _large(self) -> None:
        self._send(413, b"<html>413 Request Entity Too Large</html>")

    def _failing(self) -> None:
        self._send(500, {"message": "Failed to save dashboard", "traceID": ""})

    def _gateway(self) -> None:
        self._send(502, b"<html>Bad Gateway</html>")

    def _echo(self) -> None:
        self._send(500, {"message": f"\x1b[2J\n{self.headers.get('Authorization')}"})

    def _redirecting(self) -> None:
        self._send(302, b"", Location="https://user:hunter2@login.example.com/login?code=hunter2")

    def _endless(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.close_connection = True
        with contextlib.suppress(OSError):
            while True:
                self.wfile.write(b" " * 65536)

    def _hanging(self) -> None:
        self.grafana.released.wait(60)
        self.close_connection = True

    def _resetting(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def _garbage(self) -> None:
        self.wfile.write(b"\0\xff" * 500)
        self.close_connection = True

    def _deep(self) -> None:
        self._send(200, b"[" * 100_000)


@contextlib.contextmanager
def fake_grafana(release: int = 10) -> Iterator[FakeGrafana]:
    """One on a port of its own; at its end nothing strange was asked."""
    grafana = FakeGrafana(release)
    handler = type("Handler", (_Handler,), {"grafana": grafana})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    grafana.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield grafana
    finally:
        grafana.released.set()
        server.shutdown()
        server.server_close()
    assert not grafana.strange
