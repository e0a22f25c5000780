"""GitLab's jobs for tests of the ci exporter: made by a seed, told as its webhooks tell them, and counted by brute force."""

from __future__ import annotations

import contextlib
import datetime
import functools
import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from prometheus_client import CollectorRegistry

from exporters.ci import build
from exporters.kit.answer import Answers
from kunobs.catalogue import ci as catalogue
from kunobs.clock import SYSTEM_CLOCK, Clock
from kunobs.config import load_text
from kunobs.server import Server
from tests.exporter_world import Scraped, Scraper
from tests.unit.server_support import serving

SECRET = "correct-horse-battery"
STAGES = ("build", "test", "scan", "deploy")
HISTOGRAMS = {
    "queue": catalogue.QUEUE,
    "run": catalogue.RUN,
    "image": catalogue.IMAGE_BUILD,
}


@dataclass(frozen=True)
class Made:
    """A job from its creation to its end. Spans in microseconds; one that was canceled in the queue has no `ran`."""

    id: int
    project: int
    group: str
    stage: str
    name: str
    status: str
    created: float
    waited: int
    ran: int | None

    @property
    def path(self) -> str:
        """The project's path."""
        return f"{self.group}/team/p{self.project}"

    @property
    def started(self) -> float:
        """When a runner took it."""
        return self.created + 1 + self.waited / 1e6

    @property
    def finished(self) -> float:
        """When it ended."""
        return self.started + (self.ran or 0) / 1e6

    def states(self) -> tuple[str, ...]:
        """What GitLab tells of it, in order."""
        middle = ("running",) if self.ran is not None else ()
        return ("created", "pending", *middle, self.status)

    def webhook(self, state: str) -> dict[str, Any]:
        """The body of a job event, with the keys of GitLab's documentation."""
        began = self.ran is not None and state not in ("created", "pending")
        over = state == self.status
        return {
            "object_kind": "build",
            "ref": "main",
            "tag": False,
            "build_id": self.id,
            "build_name": self.name,
            "build_stage": self.stage,
            "build_status": state,
            "build_created_at": rails(self.created),
            "build_started_at": rails(self.started) if began else None,
            "build_finished_at": rails(self.finished) if over else None,
            "build_duration": (self.ran or 0) / 1e6 if over and began else None,
            "build_queued_duration": None if state == "created" else self.waited / 1e6,
            "build_allow_failure": False,
            "build_failure_reason": "unknown_failure",
            "retries_count": 0,
            "pipeline_id": self.id // 7 + 1,
            "runner": self.runner() if began else None,
            "project_id": self.project,
            "project_name": f"{self.group.upper()} / Team / P{self.project}",
            "user": {"id": 3, "name": "User", "email": "[REDACTED]"},
            "commit": {"id": self.id // 7 + 1, "sha": "2293ada6", "message": "t\n", "status": state},
            "repository": {"name": f"p{self.project}", "homepage": f"https://gitlab.example.com/{self.path}"},
            "project": {"id": self.project, "path_with_namespace": self.path, "namespace": "Team"},
            "environment": None,
        }

    def api(self, state: str | None = None) -> dict[str, Any]:
        """The job as `GET /projects/:id/jobs` has it."""
        state = state or self.status
        event = self.webhook(state)
        keys = (
            "id",
            "name",
            "stage",
            "status",
            "created_at",
            "started_at",
            "finished_at",
            "duration",
            "queued_duration",
        )
        return {key: event[f"build_{key}"] for key in keys} | {
            "pipeline": {"id": event["pipeline_id"], "project_id": self.project},
            "web_url": f"https://gitlab.example.com/{self.path}/-/jobs/{self.id}",
            "runner": event["runner"],
        }

    def runner(self) -> dict[str, Any]:
        """One of four runners."""
        number = self.id % 4
        kind = "instance_type" if number < 3 else "group_type"
        return {"id": number + 1, "description": f"shared-{number}", "runner_type": kind, "tags": ["k8s"]}


@functools.lru_cache(maxsize=100_000)
def rails(at: float) -> str:
    """A moment as Rails writes it into webhooks: whole seconds, UTC."""
    return datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def make(
    count: int, seed: int, since: float, *, first: int = 1, groups: int = 40, over: float = 40_000.0
) -> list[Made]:
    """Jobs that were created within `over` seconds from `since`."""
    rng = random.Random(seed)
    jobs = []
    for number in range(first, first + count):
        project = rng.randrange(1, 5 * groups + 1)
        stage = rng.choice(STAGES)
        canceled_early = rng.random() < 0.02
        jobs.append(
            Made(
                number,
                project,
                f"group-{project % groups:02}",
                stage,
                rng.choice(("kaniko-image", "compile")) if stage == "build" else f"{stage}-{rng.randrange(3)}",
                "canceled" if canceled_early else rng.choices(("success", "failed", "canceled"), (80, 15, 5))[0],
                since + int(rng.random() * over),
                round(rng.lognormvariate(2.5, 1.8) * 1e6),
                None if canceled_early else round(rng.lognormvariate(4.5, 1.3) * 1e6),
            )
        )
    return jobs


def told(jobs: Iterable[Made], seed: int, *, spread: float = 400.0) -> list[tuple[Made, str]]:
    """Every state of every job, interleaved by time, each late by up to `spread` seconds, one in ten twice."""
    rng = random.Random(seed)
    events = []
    for job in jobs:
        times = {"created": job.created, "pending": job.created + 1, "running": job.started}
        # Of `created` nothing is kept, so one in ten is enough.
        for state in job.states() if job.id % 10 == 0 else job.states()[1:]:
            at = times.get(state, job.finished)
            for _ in range(2 if rng.random() < 0.1 else 1):
                late = rng.random() * (spread * 20 if rng.random() < 0.05 else spread)
                events.append((at + late, job, state))
    events.sort(key=lambda event: (event[0], event[1].id))
    return [(job, state) for _, job, state in events]


@dataclass
class Oracle:
    """What must be shown of these jobs: counted one by one, from what they are and not from what was told."""

    totals: Counter[tuple[str, ...]] = field(default_factory=Counter)
    spans: dict[tuple[str, ...], list[int]] = field(default_factory=lambda: defaultdict(list))

    def add(self, jobs: Iterable[Made]) -> Oracle:
        """These too."""
        for job in jobs:
            self.totals[job.stage, job.group, job.status] += 1
            if job.ran is not None:
                self.spans["queue", job.stage, job.group].append(job.waited)
                self.spans["run", job.stage, job.group].append(job.ran)
                if job.status == "success" and "kaniko" in job.name:
                    self.spans["image", job.group].append(job.ran)
        return self

    def samples(self) -> dict[tuple[str, tuple[str, ...]], float]:
        """Every sample of the counted families that is not 0; label values in the order of their names, sums in microseconds."""
        found: dict[tuple[str, tuple[str, ...]], float] = {
            ("kunobs_ci_jobs_total", key): count for key, count in self.totals.items()
        }
        for (kind, *labels), values in self.spans.items():
            spec = HISTOGRAMS[kind]
            for bound in spec.buckets:
                count = sum(value <= bound * 1e6 for value in values)
                le = {"queue": (labels[0], str(bound), *labels[1:]), "run": (labels[0], str(bound), *labels[1:])}
                found[f"{spec.name}_bucket", le.get(kind, (str(bound), *labels))] = count
            at = (labels[0], "+Inf", *labels[1:]) if kind != "image" else ("+Inf", *labels)
            found[f"{spec.name}_bucket", at] = len(values)
            found[f"{spec.name}_count", tuple(labels)] = len(values)
            found[f"{spec.name}_sum", tuple(labels)] = sum(values)
        return {key: value for key, value in found.items() if value}


def shown(scraped: Scraped) -> dict[tuple[str, tuple[str, ...]], float]:
    """The same of a scrape."""
    names = ("kunobs_ci_jobs_total", *(f"{spec.name}_{part}" for spec in HISTOGRAMS.values() for part in PARTS))
    return {
        (name, labels): round(value * 1e6) if name.endswith("_sum") else value
        for (name, labels), value in scraped.samples.items()
        if name in names and value
    }


PARTS = ("bucket", "count", "sum")


def settings(folder: Path, **keys: Any) -> str:
    """A kunobs.yaml."""
    own = {"data": str(folder), "secret": SECRET, "min_interval": "0s", **keys}
    return json.dumps({"version": 1, "exporters": {"ci": own}})


@dataclass
class Running:
    """A ci exporter behind a server."""

    server: Server
    session: requests.Session = field(default_factory=requests.Session)

    def post(self, body: Any, token: str | None = SECRET, **headers: str) -> requests.Response:
        """A webhook; `body` is bytes as they are, or JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return post(self.session, f"{self.server.url}/gitlab", content, token, headers)

    def tell(self, *events: tuple[Made, str]) -> list[str]:
        """Webhooks, each of which must be answered 200; their outcomes."""
        answers = [self.post(job.webhook(state)) for job, state in events]
        assert [answer.status_code for answer in answers] == [200] * len(answers), answers[-1].text
        return [answer.json()["outcome"] for answer in answers]

    @property
    def scrape(self) -> Scraper:
        """Scrapes it."""
        return Scraper(self.server)


def post(
    session: requests.Session, url: str, content: bytes, token: str | None = SECRET, headers: Mapping[str, str] = {}
) -> requests.Response:
    """POST as GitLab does."""
    sent = {"Content-Type": "application/json", "X-Gitlab-Event": "Job Hook", **headers}
    if token is not None:
        sent["X-Gitlab-Token"] = token
    return session.post(url, data=content, headers=sent, timeout=30)


@contextlib.contextmanager
def receiving(config: str, clock: Clock = SYSTEM_CLOCK) -> Iterator[Running]:
    """The exporter of this configuration, running, with its route."""
    exporter = build(load_text(config), clock)
    registry = CollectorRegistry()
    answers = Answers((exporter,), registry)
    with exporter.running(), serving(registry, source=answers.metrics, routes=dict(exporter.routes)) as server:
        yield Running(server)
