"""What no GitLab would send, by whoever has the secret: a reason, no crash, no more series, no wrong number."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporters.ci import payload
from kunobs.testing.clock import FakeClock
from tests.exporter_ci_world import Made, Running, receiving, shown
from tests.exporter_ci_world import settings as configured

NOW = 1_700_003_600.0
GOOD = Made(7, 30, "shop", "test", "unit", "success", NOW - 200, 20_500_000, 61_250_000)
BODY = GOOD.webhook("success")
PIPELINE = {
    "object_kind": "pipeline",
    "object_attributes": {"id": 31, "status": "success", "finished_at": "2023-11-14 23:00:00 UTC", "duration": 63},
    "project": {"id": 30, "path_with_namespace": "shop/x"},
    "builds": [GOOD.api()],
}
DEPLOYMENT = {
    "object_kind": "deployment",
    "deployment_id": 3,
    "status": "success",
    "project": {"path_with_namespace": "shop/x"},
}
VALUES: list[Any] = [
    None, True, False, 0, -1, 1.5, -1e300, 1e300, 2**63, 2**100, "", "x", "12", "\0", "\u202e\n", "é" * 300, "x" * 100_000, [], [[]],
    {}, {"name": []}, [None], "2999-01-01", "1970-01-01 00:00:00 UTC", "2023-02-30 25:61:61 UTC", "2023-11-14T23:00:00+99:99", "NaN",
]  # fmt: skip


@pytest.fixture(scope="module")
def ci(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One for all of this module; its clock stands at NOW."""
    clock = FakeClock(NOW - 3600)
    folder: Path = tmp_path_factory.mktemp("hostile")
    with receiving(configured(folder), clock) as running:
        clock.advance(3600)
        yield running


def paths(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a body."""
    yield at
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inside in items:
        yield from paths(inside, (*at, key))


def changed(body: Any, at: tuple[Any, ...], value: Any) -> Any:
    """The body with another value there; the place is left out for Ellipsis."""
    if not at:
        return None if value is ... else value
    body = copy.deepcopy(body)
    place = body
    for key in at[:-1]:
        place = place[key]
    if value is ...:
        del place[at[-1]]
    else:
        place[at[-1]] = value
    return body


MUST = ("build_id", "build_status", "object_attributes", "id", "status", "deployment_id", "builds", "object_kind")


@pytest.mark.parametrize("body", [BODY, PIPELINE, DEPLOYMENT], ids=["job", "pipeline", "deployment"])
def test_every_field_with_every_value(body: dict[str, Any]) -> None:
    """Missing or of any type: read or refused with a field's name; only what must be there is refused; numbers stay sound."""
    for at in paths(body):
        for value in (*VALUES, ...):
            try:
                webhook = payload.read(json.dumps(changed(body, at, value)).encode())
            except payload.MalformedError as error:
                assert not at or set(at) & set(MUST), (at, value)
                assert error.hint
                assert len(str(error)) < 300
                continue
            for job in webhook.jobs:
                sound(job)
            for end in webhook.ends:
                assert 0 < end.id < 2**63
                assert end.ran is None or 0 <= end.ran < 2**45


def sound(job: payload.Job) -> None:
    """What the store relies on."""
    assert 0 < job.id < 2**63
    for span in (job.queued, job.ran):
        assert span is None or (isinstance(span, int) and 0 <= span < 2**45)
    for moment in (job.created, job.started, job.finished):
        assert moment is None or math.isfinite(moment)
    for text in (job.status, job.name, job.stage, job.place.project, job.runner):
        assert len(text) <= payload.LONGEST
        assert text.isprintable()
        text.encode()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(VALUES),
    lambda inside: (
        st.lists(inside, max_size=4) | st.dictionaries(st.sampled_from(sorted(BODY)) | st.text(), inside, max_size=6)
    ),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes(content: bytes) -> None:
    """A webhook or MalformedError, and nothing else."""
    try:
        webhook = payload.read(content)
    except payload.MalformedError:
        return
    for job in webhook.jobs:
        sound(job)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.sampled_from([BODY, PIPELINE, DEPLOYMENT]), st.data())
def test_changed_webhooks_over_http(ci: Running, body: dict[str, Any], data: st.DataObject) -> None:
    """Up to four fields changed at once: 200 or 400 with a reason, never 500."""
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.sampled_from([at for at in paths(body) if at]))
        body = changed(body, at, data.draw(JSON | st.just(...)))
    answer = ci.post(json.dumps(body).encode())
    assert answer.status_code in (200, 400), (answer.text, body)
    if answer.status_code == 400:
        assert answer.json()["detail"]


def test_afterwards_it_works_and_its_series_are_bounded(ci: Running) -> None:
    """After all of the above a good webhook counts once, and a scrape is clean."""
    before = ci.scrape().value("kunobs_ci_jobs_total", "fine", "after-all", "success") or 0
    good = Made(2**40, 31, "after-all", "fine", "unit", "success", NOW - 200, 1, 1)
    ci.tell((good, "success"), (good, "success"))
    scraped = ci.scrape()
    assert scraped.value("kunobs_ci_jobs_total", "fine", "after-all", "success") == before + 1
    assert len(scraped.samples) < 20_000
    assert shown(scraped)
    assert not [name for name, _ in scraped.samples if math.isnan(scraped.samples[name, _])]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b"<html>", "no JSON"),
        (b'{"object_kind": "build", "build_id": NaN}', "no JSON"),
        (b'{"object_kind": "build", "build_id": 1e999}', "no JSON"),
        (b'{"object_kind": "build", "build_name": "\xff"}', "no JSON"),
        (b'{"object_kind": "build", "build_name": "\\ud800"}', "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b'{"a":' * 100_000, "no JSON"),
        (b"[]", "the body is no JSON object"),
        (b'"x"', "the body is no JSON object"),
        (b'{"object_kind": "build"}', "build_id is no number of GitLab's"),
        (b'{"object_kind": "build", "build_id": "7", "build_status": "success"}', "build_id is no number of GitLab's"),
        (b'{"object_kind": "build", "build_id": true, "build_status": "success"}', "build_id is no number of GitLab's"),
        (b'{"object_kind": "build", "build_id": 9223372036854775808}', "build_id is no number of GitLab's"),
        (b'{"object_kind": "build", "build_id": 7, "build_status": 3}', "build_status is no status"),
        (b'{"object_kind": "pipeline"}', "object_attributes is no JSON object"),
        (
            b'{"object_kind": "pipeline", "object_attributes": {"id": 3, "status": "x"}, "builds": [3]}',
            "one of builds is no",
        ),
        (b'{"object_kind": "deployment", "status": "success"}', "deployable_id is no number of GitLab's"),
    ],
)
def test_each_has_its_reason(ci: Running, content: bytes, reason: str) -> None:
    """400 and what is wrong."""
    answer = ci.post(content)
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith(reason)


@pytest.mark.parametrize(
    "status", ["waiting_for_callback", "preparing", "manual", "scheduled", "unheard_of", "SUCCESS"]
)
def test_a_status_of_tomorrow_is_no_error(ci: Running, status: str) -> None:
    """A new state in GitLab must not make it disable the hook; it changes nothing."""
    assert ci.post(BODY | {"build_id": 99, "build_status": status}).json() == {"event": "job", "outcome": "unchanged"}


@pytest.mark.parametrize(
    ("fields", "ran"),
    [
        ({"build_duration": -5}, 61),
        ({"build_duration": None}, 61),
        ({"build_duration": 1e12}, 61),
        ({"build_duration": "61"}, 61),
        ({"build_duration": None, "build_finished_at": "2023-11-14 23:10:05 UTC"}, None),
        ({"build_duration": None, "build_finished_at": "soon"}, None),
        ({"build_duration": 0}, 0),
    ],
)
def test_odd_spans(tmp_path: Path, fields: dict[str, Any], ran: float | None) -> None:
    """A duration that cannot be is that of the timestamps; where they are odd too, the job counts without one."""
    clock = FakeClock(NOW)
    with receiving(configured(tmp_path), clock) as ci:
        clock.advance(100)
        assert ci.post(BODY | fields).json()["outcome"] == "kept"
        assert ci.scrape().value("kunobs_ci_job_duration_seconds_sum", "test", "shop") == ran


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2021-02-23T02:41:37.886Z", 1614048097.886),
        ("2016-08-12 15:23:28 UTC", 1471015408.0),
        ("2021-04-28 21:50:00 +0200", 1619639400.0),
        ("2015-12-24T16:51:14.000+01:00", 1450972274.0),
        ("2021-04-28 21:50:00", 1619646600.0),
        ("yesterday", None),
        ("0001-01-01T00:00:00+23:59", None),
        ("", None),
    ],
)
def test_moments(text: str, at: float | None) -> None:
    """As the examples of GitLab's documentation write them."""
    job = payload.read(json.dumps(BODY | {"build_finished_at": text}).encode()).jobs[0]
    assert job.finished == at
