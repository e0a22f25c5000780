"""The API against its own OpenAPI document: whatever is sent, never a 5xx, and every answer is one that the document has.

Schemathesis makes requests that fit to the document, ones that do not, and ones without a token, from a fixed seed. Whether a request that
fits is also accepted is not asked: rules over two keys (an alert that fires has no end) are not in the document.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from prometheus_client import CollectorRegistry

from kunobs.catalogue.metrics import Metrics
from kunobs.noc.api import build_api
from kunobs.noc.metrics import NocMetrics
from tests.unit.test_noc_api import Api

_LIMITS = {"webhook_hosts": ["hooks.example.com"], "mail_domains": ["example.com"], "alerts_per_minute": 1_000_000}


class _Door:
    """An app that is there before its relay is: the document is needed when tests are collected, and it needs no relay."""

    def __init__(self) -> None:
        nothing: Any = None
        self.app = build_api(nothing, NocMetrics(Metrics(CollectorRegistry(), "noc")), lambda: False)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


_door = _Door()
schema = schemathesis.openapi.from_asgi("/v1/openapi.json", _door)
_done: Counter[str] = Counter()


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    """One relay for all of it, so that later requests find what earlier ones made; the document's examples are there from the start."""
    made = Api({"defaults": _LIMITS})
    with made.bench:
        _door.app = made.app
        made.post({"summary": "disk"})
        made.ask("PUT", "/v1/receivers/team-robot", {"kind": "wecom_robot", "key": "k"})
        yield made


@schema.parametrize()
@settings(max_examples=40, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_in_the_document(api: Api, case: schemathesis.Case) -> None:
    """All of schemathesis' checks but the one that a document cannot promise."""
    excluded = [schemathesis.checks.positive_data_acceptance]
    if case.method == "GET":
        # Its extra parameters may be lists without a value, which are not sent, and so not refused.
        excluded.append(schemathesis.checks.negative_data_rejection)
    response = case.call(headers={"Authorization": f"Bearer {api.token}"})
    _done[f"{case.method} {case.path}"] += response.status_code < 300
    case.validate_response(response, excluded_checks=excluded)


def test_every_operation_was_also_done(api: Api) -> None:
    """Refusing everything would be as the document has it, too."""
    if not _done:
        pytest.skip("counts what the test above does")
    operations = {
        f"{method.upper()} {path}"
        for path, methods in api.ask("GET", "/v1/openapi.json").json["paths"].items()
        for method in methods
    }
    assert {operation for operation in operations if not _done[operation]} == set()
