"""A tenant's query, bound to its namespace, answers as if there were no other namespace: two real Prometheus are asked.

One holds the series of two namespaces, the other those of the tenant alone. Queries are random; QUERIES= and SEED= choose.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from alert_rules.enforce import Refused, enforced
from tests.platform.prometheus import DEBIAN, NEWEST, Prometheus, tool
from tests.tenant_queries import METRICS, Queries

pytestmark = pytest.mark.platform
SEED = int(os.environ.get("SEED", "7"))
QUERIES = int(os.environ.get("QUERIES", "1500"))
END = 1_700_000_000
STEP, SPAN = 30, 5400


def samples(namespaces: tuple[str, ...]) -> Iterator[str]:
    """OpenMetrics of all metrics for these namespaces; each series has values of its own."""
    for metric in METRICS:
        for namespace, app, code in itertools.product(namespaces, ("api", "web"), ("200", "404", "503")):
            for pod in ("p-0", "p-1"):
                labels = f'namespace="{namespace}",app="{app}",code="{code}",pod="{pod}"'
                labels += ',le="0.5"' if metric.endswith("_bucket") else ""
                own = sum(map(ord, labels)) % 89 + (1000 if namespace == "b" else 0)
                for at in range(END - SPAN, END + 120, STEP):
                    yield f"{metric}{{{labels}}} {own * (1 + (at - END + SPAN) // STEP) + math.sin(at) * 3:.6f} {at}\n"
    yield "# EOF\n"


@pytest.fixture(scope="module", params=[DEBIAN, NEWEST])
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Prometheus, Prometheus]]:
    """(everything, only the tenant's)."""
    folder = tmp_path_factory.mktemp("isolation")
    servers = []
    for name, namespaces in (("all", ("a", "b")), ("own", ("a",))):
        page = folder / f"{name}.om"
        page.write_text("".join(samples(namespaces)))
        command = [tool("promtool"), "tsdb", "create-blocks-from", "openmetrics", page, folder / name / "data"]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        servers.append(Prometheus(folder / name, {}, version=request.param, retention="100y"))
    with servers[0] as everything, servers[1] as own:
        yield everything, own


def asked(server: Prometheus, query: str) -> Any:
    """The answer's series in any order, or why there is none."""
    answer = requests.get(f"{server.url}/api/v1/query", params={"query": query, "time": END}, timeout=30).json()
    if answer["status"] != "success":
        return (answer["errorType"],)
    result = answer["data"]["result"]
    if answer["data"]["resultType"] in ("scalar", "string"):
        return result
    return sorted(json.dumps(one, sort_keys=True) for one in result)


def test_another_namespace_changes_no_answer(pair: tuple[Prometheus, Prometheus]) -> None:
    """And most of the queries do answer, so that this says something."""
    print(f"SEED={SEED} QUERIES={QUERIES}")
    everything, own = pair
    answered = refused = different = 0
    for query in Queries(SEED).some(QUERIES):
        try:
            bound = enforced(query, "namespace", "a")
        except Refused:
            refused += 1
            continue
        mine = asked(own, bound)
        assert asked(everything, bound) == mine, f"{query!r} became {bound!r}"
        # Written anew, it is still the query: where only the tenant's series are, both say the same. What is absent has the labels
        # that were asked for, and so one more.
        assert "absent" in query or asked(own, query) == mine, f"{query!r} became {bound!r}"
        answered += bool(mine) and not isinstance(mine, tuple)
        different += asked(everything, query) != mine
    print(f"{answered} answered, {refused} refused, {different} saw the other namespace as they were written")
    assert answered > QUERIES * 0.4
    assert refused < QUERIES * 0.1
    assert different > QUERIES * 0.2
