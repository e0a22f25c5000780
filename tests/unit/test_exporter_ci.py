"""The ci exporter over HTTP: what GitLab tells, twice, late or not at all, and what a scrape shows of it."""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from exporters.ci import build
from exporters.ci.store import FILE
from kunobs.config import load_text
from kunobs.testing.clock import FakeClock
from tests.exporter_ci_world import Made, Running, make, rails, receiving, settings, shown

DAY = 86400.0


@pytest.fixture
def clock() -> FakeClock:
    """It stands."""
    return FakeClock()


@pytest.fixture
def ci(tmp_path: Path, clock: FakeClock) -> Iterator[Running]:
    """An exporter an hour after its store was made."""
    with receiving(settings(tmp_path), clock) as running:
        clock.advance(3600)
        yield running


def job(clock: FakeClock, **changes: Any) -> Made:
    """A job of the namespace shop that ended a minute ago."""
    made = Made(7, 30, "shop", "test", "unit", "success", clock.now() - 200, 20_500_000, 61_250_000)
    return dataclasses.replace(made, **changes)


def test_any_order_counts_once(ci: Running, clock: FakeClock) -> None:
    """In each of the 24 orders of a job's events, every event twice, it is one job, one wait and one run."""
    for number, order in enumerate(permutations(("created", "pending", "running", "success")), 1):
        made = job(clock, id=number)
        outcomes = ci.tell(*((made, state) for state in (*order, *order)))
        assert set(outcomes[4:]) == {"unchanged"}, order
        scraped = ci.scrape()
        assert scraped.value("kunobs_ci_jobs_total", "test", "shop", "success") == number, order
        assert scraped.value("kunobs_ci_jobs_total", "test", "shop", "failed") == 0
        assert scraped.value("kunobs_ci_job_queue_seconds_sum", "test", "shop") == 20.5 * number, order
        assert scraped.value("kunobs_ci_job_queue_seconds_count", "test", "shop") == number
        assert scraped.value("kunobs_ci_job_duration_seconds_sum", "test", "shop") == 61.25 * number, order
        assert scraped.value("kunobs_ci_job_duration_seconds_bucket", "test", "60.0", "shop") == 0
        assert scraped.value("kunobs_ci_job_duration_seconds_bucket", "test", "120.0", "shop") == number
        assert [scraped.value(f"kunobs_ci_jobs_{state}", "test", "shop") for state in ("pending", "running")] == [0, 0]


def test_what_waits_and_runs_now(ci: Running, clock: FakeClock) -> None:
    """Pending, running, the age of the oldest, by stage; a retry is a job of its own; time goes on between webhooks."""
    waiting = [job(clock, id=n, stage="build", waited=n * 10_000_000) for n in (1, 2, 3)]
    ci.tell(*((one, "pending") for one in waiting), (job(clock, id=4), "running"), (job(clock, id=5), "running"))
    first = ci.scrape()
    assert first.value("kunobs_ci_jobs_pending", "build", "shop") == 3
    assert first.value("kunobs_ci_jobs_running", "test", "shop") == 2
    assert first.value("kunobs_ci_oldest_pending_seconds", "shop") == 30
    clock.advance(60)
    ci.tell((waiting[2], "running"))
    later = ci.scrape()
    assert later.value("kunobs_ci_oldest_pending_seconds", "shop") == 80
    assert later.value("kunobs_ci_jobs_running", "build", "shop") == 1
    assert later.value("kunobs_ci_webhook_gap_seconds") == 0
    clock.advance(30)
    assert ci.scrape().value("kunobs_ci_webhook_gap_seconds") == 30


def test_a_late_webhook_takes_nothing_back(ci: Running, clock: FakeClock) -> None:
    """A job that runs does not wait again because its pending comes late, nor run again after its end."""
    made = job(clock)
    assert ci.tell((made, "running"), (made, "pending"), (made, "created")) == ["kept", "unchanged", "unchanged"]
    scraped = ci.scrape()
    assert [scraped.value(f"kunobs_ci_jobs_{state}", "test", "shop") for state in ("pending", "running")] == [0, 1]
    assert ci.tell((made, "success"), (made, "running")) == ["kept", "unchanged"]
    assert ci.scrape().value("kunobs_ci_jobs_running", "test", "shop") == 0


def test_a_skipped_job_waits_no_more_and_may_come_back(ci: Running, clock: FakeClock) -> None:
    """skipped -> pending is possible in GitLab, so it is no end and is not counted."""
    made = job(clock)
    body = made.webhook("pending") | {"build_status": "skipped"}
    ci.tell((made, "pending"))
    assert ci.post(body).json()["outcome"] == "kept"
    assert ci.scrape().value("kunobs_ci_jobs_pending", "test", "shop") == 0
    ci.tell((made, "pending"), (made, "running"))
    assert ci.post(body).json()["outcome"] == "unchanged"
    ci.tell((made, "success"))
    assert ci.scrape().value("kunobs_ci_jobs_total", "test", "shop", "success") == 1


def test_a_job_canceled_in_the_queue_waited_for_no_runner(ci: Running, clock: FakeClock) -> None:
    """It is counted; its queue and run, which have no end, are not observed."""
    ci.tell((job(clock, status="canceled", ran=None), "pending"), (job(clock, status="canceled", ran=None), "canceled"))
    scraped = ci.scrape()
    assert scraped.value("kunobs_ci_jobs_total", "test", "shop", "canceled") == 1
    assert scraped.value("kunobs_ci_job_queue_seconds_count", "test", "shop") is None


def test_runners(tmp_path: Path, clock: FakeClock) -> None:
    """By the entries of the configuration, else by type; the saturation is theirs alone."""
    runners = {"first": {"description": "shared-[01]", "slots": 4}}
    with receiving(settings(tmp_path, runners=runners), clock) as ci:
        ci.tell(*((job(clock, id=n), "running") for n in (4, 5, 9, 6, 7)))
        scraped = ci.scrape()
    running = [
        scraped.value("kunobs_ci_runner_jobs_running", name) for name in ("first", "instance_type", "group_type")
    ]
    assert running == [3, 1, 1]
    assert scraped.value("kunobs_ci_runner_saturation_ratio", "first") == 0.75
    assert scraped.value("kunobs_ci_runner_saturation_ratio", "group_type") is None


def test_a_job_nobody_hears_of_is_lost_and_its_end_still_counts(ci: Running, clock: FakeClock) -> None:
    """After lost_after it is not shown as running; a late end is counted and takes it out."""
    made = job(clock)
    ci.tell((made, "running"))
    clock.advance(DAY + 1)
    lost = ci.scrape()
    assert lost.value("kunobs_ci_jobs_lost", "shop") == 1
    assert lost.value("kunobs_ci_jobs_running", "test", "shop") == 0
    ci.tell((made, "success"))
    found = ci.scrape()
    assert (
        found.value("kunobs_ci_jobs_lost", "shop"),
        found.value("kunobs_ci_jobs_total", "test", "shop", "success"),
    ) == (0, 1)


def pipeline(clock: FakeClock, builds: list[dict[str, Any]], **about: Any) -> dict[str, Any]:
    """A pipeline event."""
    end = {"id": 31, "status": "success", "finished_at": rails(clock.now()), "duration": 63.0, "queued_duration": 10}
    project = {"id": 30, "path_with_namespace": "shop/team/p30"}
    return {"object_kind": "pipeline", "object_attributes": {**end, **about}, "project": project, "builds": builds}


def test_pipelines_and_their_builds(ci: Running, clock: FakeClock) -> None:
    """Each end counts once, a retried job makes another; builds stand in for job events that were lost."""
    builds = [{**job(clock).api(), "environment": None}]
    body = pipeline(clock, builds)
    assert [ci.post(body).json()["outcome"] for _ in range(2)] == ["kept", "unchanged"]
    assert ci.post(pipeline(clock, builds, status="running")).json()["outcome"] == "unchanged"
    clock.advance(60)
    ci.post(pipeline(clock, builds, status="failed"))
    scraped = ci.scrape()
    assert [scraped.value("kunobs_ci_pipelines_total", "shop", s) for s in ("success", "failed")] == [1, 1]
    assert scraped.value("kunobs_ci_pipeline_duration_seconds_sum", "shop") == 126
    assert scraped.value("kunobs_ci_jobs_total", "test", "shop", "success") == 1


def test_deployments(ci: Running, clock: FakeClock) -> None:
    """By tier and status, each once; a start is no end; a tier that GitLab has not is other, none is none."""
    project = {"id": 30, "path_with_namespace": "shop/team/p30"}
    at = rails(clock.now()).replace(" UTC", " +0000")
    body = {
        "object_kind": "deployment",
        "deployment_id": 15,
        "deployable_id": 796,
        "environment": "prod",
        "project": project,
    }
    body |= {"status_changed_at": at, "environment_tier": "production"}
    for status in ("running", "success", "success", "failed"):
        assert ci.post(body | {"status": status}).status_code == 200
    ci.post(body | {"status": "success", "deployment_id": 16, "environment_tier": "lunar"})
    ci.post(
        {key: value for key, value in body.items() if key not in ("deployment_id", "environment_tier")}
        | {"status": "success"}
    )
    scraped = ci.scrape()
    counts = {
        labels: value for (name, labels), value in scraped.samples.items() if name == "kunobs_ci_deployments_total"
    }
    assert {labels: n for labels, n in counts.items() if n} == {
        ("shop", "success", "production"): 1,
        ("shop", "failed", "production"): 1,
        ("shop", "success", "other"): 1,
        ("shop", "success", "none"): 1,
    }


def test_namespaces_by_rule(tmp_path: Path, clock: FakeClock) -> None:
    """The first rule that fits, with its group and environment; else the top group, as Kubernetes writes names."""
    rules = [
        {"project": "teams/([^/]+)/.*", "environment": "prod.*", "namespace": r"\1-prod"},
        {"project": "teams/([^/]+)/.*", "namespace": r"\1"},
    ]
    with receiving(settings(tmp_path, namespaces=rules), clock) as ci:
        for number, (path, environment) in enumerate(
            [("teams/Web_Shop/a", "production"), ("teams/Web_Shop/a", None), ("Other Group/x", "prod")], 1
        ):
            body = job(clock, id=number).webhook("success")
            body["project"]["path_with_namespace"] = path
            ci.post(body | {"environment": environment and {"name": environment, "action": "start"}})
        scraped = ci.scrape()
    found = {labels[1] for (name, labels), n in scraped.samples.items() if name == "kunobs_ci_jobs_total" and n}
    assert found == {"web-shop-prod", "web-shop", "other-group"}


def test_projects_of_older_gitlab(ci: Running, clock: FakeClock) -> None:
    """Without `project` the address of the repository says the path, without that the full name does."""
    body = job(clock, id=1).webhook("success")
    del body["project"]
    ci.post(body)
    ci.post(body | {"build_id": 2, "repository": {}, "project_name": "Shop / Team / P30"})
    assert ci.scrape().value("kunobs_ci_jobs_total", "test", "shop", "success") == 2


def test_wild_names_are_bounded(tmp_path: Path, clock: FakeClock) -> None:
    """Namespaces and, for each, stages over the bound are `other`, also after a restart; one tenant's do not cost another's."""
    config = settings(tmp_path, max_namespaces=3, max_stages=2)
    seen: list[set[tuple[str, ...]]] = []
    for first in (1, 1001):
        with receiving(config, clock) as ci:
            for n in range(first, first + 50):
                ci.tell((job(clock, id=n, group="wild", stage=f"stage-{n}"), "success"))
                ci.tell((job(clock, id=n + 100, group=f"group-{n}"), "success"))
            seen.append(
                {
                    labels[:2]
                    for (name, labels), n in ci.scrape().samples.items()
                    if name == "kunobs_ci_jobs_total" and n
                }
            )
    wild = {("stage-1", "wild"), ("stage-2", "wild"), ("other", "wild")}
    assert seen == [{*wild, ("test", "group-1"), ("test", "group-2"), ("test", "other")}] * 2


def test_history_and_what_was_forgotten_is_not_counted(ci: Running, clock: FakeClock, tmp_path: Path) -> None:
    """What ended before the store was made (GitLab's test button sends such), and what ended before the retention."""
    old = job(clock, id=1, created=clock.now() - 3 * DAY)
    new = job(clock, id=2)
    assert ci.tell((old, "success"), (new, "success")) == ["unchanged", "kept"]
    clock.advance(31 * DAY)
    ci.tell((job(clock, id=3), "success"))
    wait_cleaned(ci, clock)
    assert rows(tmp_path, "SELECT id FROM jobs ORDER BY id") == [(3,), (4,)]
    assert ci.tell((new, "success")) == ["unchanged"]
    assert ci.scrape().value("kunobs_ci_jobs_total", "test", "shop", "success") == 3


def wait_cleaned(ci: Running, clock: FakeClock) -> None:
    """The commit after ten minutes cleans."""
    clock.advance(601)
    ci.tell((job(clock, id=4), "success"))


def rows(folder: Path, statement: str) -> list[Any]:
    """Of the store's file."""
    with sqlite3.connect(f"file:{folder / FILE}?mode=ro", uri=True) as connection:
        return connection.execute(statement).fetchall()


def test_what_is_refused_and_what_is_ignored(ci: Running, clock: FakeClock) -> None:
    """Tokens, methods, kinds, sizes; each with a reason, each counted."""
    body = job(clock).webhook("success")
    for token in (None, "", "wrong", "correct-horse-battery ", "ä"):
        answer = ci.post(body, None, **({} if token is None else {"X-Gitlab-Token": token.encode().decode("latin-1")}))
        assert answer.status_code == 401, token
        assert "battery" not in answer.text
    assert ci.post(body).json() == {"event": "job", "outcome": "kept"}
    assert ci.session.get(f"{ci.server.url}/gitlab", timeout=30).status_code == 405
    assert ci.post({"object_kind": "push", "ref": "refs/heads/main"}).json() == {"event": "other", "outcome": "ignored"}
    assert ci.post(b"{" + b" " * 1_000_000 + b"}").status_code == 413
    assert ci.post(b"{" + b" " * 2_000_000 + b"}").status_code == 413
    refused = ci.post(b"{")
    assert (refused.status_code, refused.headers["content-type"]) == (400, "application/problem+json")
    counts = {
        labels: n for (name, labels), n in ci.scrape().samples.items() if n and name == "kunobs_ci_webhooks_total"
    }
    assert counts == {
        ("job", "kept"): 1,
        ("other", "ignored"): 1,
        ("other", "malformed"): 1,
        ("other", "refused"): 6,
        ("other", "too_large"): 1,
    }


def test_without_a_store_nothing_is_taken_or_shown(clock: FakeClock) -> None:
    """The default configuration: it runs, refuses webhooks, emits nothing of its own."""
    with receiving("version: 1", clock) as ci:
        assert ci.post({}).status_code == 401
        scraped = ci.scrape()
    assert scraped.status == 200
    assert not [name for name, _ in scraped.samples if name.startswith("kunobs_ci_")]


def test_a_scrape_before_the_store_is_open_is_a_scrape(tmp_path: Path) -> None:
    """200 with success 0, and webhooks are answered 503."""
    exporter = build(load_text(settings(tmp_path)))
    from tests.exporter_world import exporting

    with exporting(exporter) as scrape:
        answer = scrape()
    success = {
        labels[0]: value for (name, labels), value in answer.samples.items() if name.endswith("collector_success")
    }
    assert success == dict.fromkeys(("jobs", "ends", "now", "webhooks", "api"), 0)


def test_every_declared_family_is_there(ci: Running, clock: FakeClock) -> None:
    """Empty and full, the families of a scrape are those that are declared."""
    declared = set(build(load_text("version: 1")).families)
    for _ in range(2):
        text = ci.scrape().text
        assert {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE kunobs_ci_")} == declared
        ci.tell(*((one, state) for one in make(20, 1, clock.now() - 90_000) for state in one.states()))


def test_buckets_may_change_between_versions(ci: Running, clock: FakeClock, tmp_path: Path) -> None:
    """An observation in a bucket that is no more is shown in the next higher one."""
    ci.tell((job(clock), "success"))
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("UPDATE spans SET le = 45 WHERE le = 30")
    assert ci.scrape().value("kunobs_ci_job_queue_seconds_bucket", "test", "30.0", "shop") == 0
    assert ci.scrape().value("kunobs_ci_job_queue_seconds_bucket", "test", "60.0", "shop") == 1
    assert shown(ci.scrape())
