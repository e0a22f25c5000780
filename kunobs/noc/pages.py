"""The relay's own pages of the process' HTTP server, by path; before the store is open each answers 503."""

from __future__ import annotations

from collections.abc import Callable

from kunobs.noc.ingest import Ingest
from kunobs.noc.metrics import NocMetrics
from kunobs.noc.problem import problem
from kunobs.noc.relay import Relay
from kunobs.server.asgi import App, Receive, Scope, Send

PATHS = ("/v1/alertmanager/", "/v1/probers/", "/v1/heartbeats/", "/v1/", "/callback/", "/board", "/board/", "/a/")


class Pages:
    """`routes` are given to the server before it starts; `open` puts a relay behind them."""

    def __init__(self, metrics: NocMetrics) -> None:
        self._metrics = metrics
        self._apps: dict[str, App] = {}

    def routes(self) -> dict[str, App]:
        """An app for each path."""
        return {path: self._route(path) for path in PATHS}

    def open(self, relay: Relay, draining: Callable[[], bool]) -> None:
        """From now on they work."""
        # FastAPI takes most of a second to import, and an Alertmanager should not wait for the board.
        self._apps = {"/v1/alertmanager/": Ingest(relay, self._metrics, draining)}
        from kunobs.noc.api import build_api, build_callbacks, build_probers
        from kunobs.noc.board.app import build_board
        from kunobs.noc.heartbeats.http import build_heartbeats

        board = build_board(relay)
        self._apps |= {
            "/v1/probers/": build_probers(relay, self._metrics, draining),
            "/v1/": build_api(relay, self._metrics, draining),
            "/v1/heartbeats/": build_heartbeats(relay),
            "/callback/": build_callbacks(relay),
            "/board": board,
            "/board/": board,
            "/a/": board,
        }

    def _route(self, path: str) -> App:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            app = self._apps.get(path)
            if app is None:
                await problem(send, 503, "this relay is starting", "post again")
            else:
                await app(scope, receive, send)

        return answer
