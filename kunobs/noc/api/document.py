"""The OpenAPI document with what FastAPI cannot know, and a page of it that needs nothing from elsewhere."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.responses import HTMLResponse

from kunobs import __version__
from kunobs.noc.api.alerts import AlertIn
from kunobs.noc.problem import TYPE

ABOUT = """Alerts in, people told, for the programs of one tenant.

Every request shows the tenant's token: `Authorization: Bearer kn_…`. A 2xx is sent when what was asked is on disk, never before. Whatever
goes wrong is a problem as RFC 9457 has it, with `hint` for what to do. 503 and 429 name in Retry-After when to send the same again.
"""
_ALERTS, _TENANT = "/v1/alerts", "Authorization: Bearer kn_…"
_PROBLEMS = {
    "400": "It cannot be read",
    "401": "No token, or none that is known",
    "404": "There is no such thing, or it is another tenant's",
    "405": "The path is here, the method is not",
    "409": "It does not fit to what is there",
    "413": "The body is too large",
    "415": "The body is not sent as application/json",
    "422": "A value cannot be",
    "429": "More than the tenant may do in a minute",
    "503": "Not now; nothing was kept",
}
_PROBLEM = {
    "type": "object",
    "title": "Problem",
    "description": "What went wrong, as RFC 9457 has it.",
    "required": ["title", "status", "detail"],
    "properties": {
        "title": {"type": "string", "description": "The status in words.", "examples": ["not found"]},
        "status": {"type": "integer", "examples": [404]},
        "detail": {"type": "string", "description": "What and where.", "examples": ["there is no incident 7"]},
        "hint": {"type": "string", "description": "What to do.", "examples": ["GET /v1/incidents lists them"]},
    },
}


def describe(app: FastAPI) -> dict[str, Any]:
    """The whole document, made once."""
    if not app.openapi_schema:
        app.openapi_schema = get_openapi(
            title="kunobs relay", version=__version__, description=ABOUT, routes=app.routes
        )
        components = app.openapi_schema["components"]
        for name in ("HTTPValidationError", "ValidationError"):
            components["schemas"].pop(name, None)
        components["schemas"] |= {"Problem": _PROBLEM, "AlertIn": AlertIn.model_json_schema()}
        for _, _, operation in _operations(app.openapi_schema):
            operation["responses"] |= {code: _problem(code) for code in _PROBLEMS}
        app.openapi_schema["paths"][_ALERTS]["post"]["requestBody"] = _alerts()
    return app.openapi_schema


def page(app: FastAPI) -> HTMLResponse:
    """The operations as a list, with the document for programs beside it."""
    document = describe(app)
    listed = "\n".join(
        f"<h2><code>{method.upper()} {html.escape(path)}</code></h2>\n<p><b>{html.escape(operation['summary'])}.</b> "
        f"{html.escape(operation.get('description', ''))}</p>\n{_parameters(operation)}"
        for path, method, operation in _operations(document)
    )
    about = "".join(f"<p>{html.escape(part)}</p>" for part in ABOUT.strip().split("\n\n"))
    text = (
        "<!doctype html><html lang='en'><meta charset='utf-8'><title>kunobs relay</title>"
        "<style>body{font:16px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}</style>"
        f"<h1>kunobs relay</h1>{about}<p><a href='/v1/openapi.json'>OpenAPI document</a></p>\n{listed}</html>"
    )
    return HTMLResponse(
        text,
        headers={"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"},
    )


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def _parameters(operation: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<li><code>{html.escape(each['name'])}</code> ({each['in']}) {html.escape(each.get('description', ''))}</li>"
        for each in operation.get("parameters", [])
    )
    return f"<ul>{rows}</ul>" if rows else ""


def _problem(code: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    found: dict[str, Any] = {"description": f"{_PROBLEMS[code]}.", "content": {TYPE.decode(): {"schema": schema}}}
    if code in ("429", "503"):
        found["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}, "required": True}}
    return found


def _alerts() -> dict[str, Any]:
    one = {"$ref": "#/components/schemas/AlertIn"}
    many = {"type": "array", "items": one, "maxItems": 1000}
    example = {"summary": "orders pile up", "severity": "critical", "labels": {"service": "orders"}}
    return {
        "required": True,
        "content": {"application/json": {"schema": {"anyOf": [one, many]}, "example": example}},
    }
