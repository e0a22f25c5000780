"""The API for tenants' programs, put together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from starlette.responses import HTMLResponse

from kunobs.noc.api import alerts, incidents, limits, receivers, silences
from kunobs.noc.api.document import describe, page
from kunobs.noc.api.front import Front
from kunobs.noc.api.problems import handle
from kunobs.noc.metrics import NocMetrics
from kunobs.noc.relay import Relay
from kunobs.server.asgi import App


def build_api(relay: Relay, metrics: NocMetrics, draining: Callable[[], bool]) -> App:
    """An ASGI app at `/v1/`; paths in its scope are whole. `draining()` says that nothing new is taken any more."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.relay, app.state.metrics = relay, metrics
    for part in (alerts, incidents, silences, receivers, limits):
        app.include_router(part.router)

    async def document() -> dict[str, Any]:
        return describe(app)

    async def docs() -> HTMLResponse:
        return page(app)

    app.add_api_route("/v1/openapi.json", document, include_in_schema=False)
    app.add_api_route("/v1/docs", docs, include_in_schema=False, response_class=HTMLResponse)
    handle(app)
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]
    return Front(app, relay, metrics, draining)
