"""What GitLab says, read: the body of a webhook, or a job of its API, into jobs, pipeline ends and deployment ends.

Fields are those of https://docs.gitlab.com/user/project/integrations/webhook_events/ (job, pipeline and deployment events) and
https://docs.gitlab.com/api/jobs/. A number and a status must be there; any other field of a wrong type is as if it was missing,
because four refused webhooks in succession make GitLab.com disable the hook.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec

from kunobs.errors import KunobsError

LONGEST = 255
# A job's timeout is a month at most (https://docs.gitlab.com/ci/pipelines/settings/), and one may queue as long.
_LONGEST_SECONDS = 366 * 86400.0
_KINDS = {"build": "job", "pipeline": "pipeline", "deployment": "deployment"}
_OFFSET = re.compile(r"\s+([+-]\d\d:?\d\d)$")
_EARLIEST, _LATEST = 946684800.0, 4102444800.0


class MalformedError(KunobsError):
    """A body that is no JSON, or no webhook as GitLab documents it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Whose it is: path and number of the project ("" and 0 where they are not said), name of the environment."""

    project: str
    project_id: int
    environment: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it was when GitLab spoke. Times in seconds since the epoch, spans in whole microseconds."""

    id: int
    status: str
    name: str
    stage: str
    place: Place
    created: float | None
    started: float | None
    finished: float | None
    queued: int | None
    ran: int | None
    runner: str
    runner_type: str


@dataclass(frozen=True, slots=True)
class End:
    """A pipeline or a deployment that reached `status`; `mark` tells one end of the same number from another."""

    kind: str
    id: int
    mark: str
    status: str
    place: Place
    at: float | None
    ran: int | None = None
    tier: str = ""


@dataclass(frozen=True, slots=True)
class Webhook:
    """One post: its kind (job, pipeline, deployment or other) and what it says."""

    kind: str
    jobs: tuple[Job, ...] = ()
    ends: tuple[End, ...] = ()


def read(body: bytes) -> Webhook:
    """The webhook in a body. Raises MalformedError with the field that is wrong."""
    data = _object(decode(body), "the body")
    kind = _KINDS.get(_text(data.get("object_kind")), "other")
    if kind == "job":
        return Webhook(kind, jobs=(_job_event(data),))
    if kind == "pipeline":
        return _pipeline(data)
    return Webhook(kind, ends=(_deployment(data),)) if kind == "deployment" else Webhook(kind)


def decode(content: bytes) -> Any:
    """JSON; MalformedError for anything else, NaN and endless nesting included."""
    try:
        return msgspec.json.decode(content)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise MalformedError(f"no JSON: {error}"[:200], hint="leave the custom webhook template empty") from None


def api_job(data: Any, project: str, project_id: int) -> Job:
    """A job of `GET /projects/:id/jobs`. Its web_url says the project's path where `project` is not known: with the path of a
    GitLab below another one's address in front.
    """
    data = _object(data, "a job")
    path = project or _path_of(_text(data.get("web_url")).partition("/-/jobs/")[0])
    number = _number(_mapping(data.get("pipeline")).get("project_id")) or project_id
    return _job(data, "", Place(path, number))


def _job_event(data: Mapping[str, Any]) -> Job:
    environment = _mapping(data.get("environment")).get("name")
    place = _place(data, _text(environment))
    return _job(data, "build_", place)


def _job(data: Mapping[str, Any], prefix: str, place: Place) -> Job:
    runner = _mapping(data.get("runner"))
    return Job(
        _id(data, f"{prefix}id"),
        _status(data, f"{prefix}status"),
        _text(data.get(f"{prefix}name")),
        _text(data.get(f"{prefix}stage")),
        place,
        _moment(data.get(f"{prefix}created_at")),
        _moment(data.get(f"{prefix}started_at")),
        _moment(data.get(f"{prefix}finished_at")),
        _span(data.get(f"{prefix}queued_duration")),
        _span(data.get(f"{prefix}duration")),
        _text(runner.get("description")),
        _text(runner.get("runner_type")),
    )


def _pipeline(data: Mapping[str, Any]) -> Webhook:
    about = _object(data.get("object_attributes"), "object_attributes")
    builds = data.get("builds")
    if not isinstance(builds, list):
        builds = []
    jobs = []
    for build in builds:
        build = _object(build, "one of builds")
        jobs.append(_job(build, "", _place(data, _text(_mapping(build.get("environment")).get("name")))))
    finished = about.get("finished_at")
    end = End(
        "pipeline",
        _id(about, "id"),
        _text(finished),
        _status(about, "status"),
        _place(data),
        _moment(finished),
        _span(about.get("duration")),
    )
    return Webhook("pipeline", tuple(jobs), (end,))


def _deployment(data: Mapping[str, Any]) -> End:
    # GitLab before 13.12 has no deployment_id, and its deployable_id is the job's.
    key = "deployment_id" if data.get("deployment_id") is not None else "deployable_id"
    status = _status(data, "status")
    at = _moment(data.get("status_changed_at"))
    place = _place(data, _text(data.get("environment")))
    return End(
        key.removesuffix("_id"), _id(data, key), status, status, place, at, tier=_text(data.get("environment_tier"))
    )


def _place(data: Mapping[str, Any], environment: str = "") -> Place:
    """Older GitLab has no `project` in job events, but the project's address and its full name with " / " between."""
    project = _mapping(data.get("project"))
    path = _text(project.get("path_with_namespace"))
    if not path:
        path = _path_of(_text(_mapping(data.get("repository")).get("homepage")))
    if not path:
        path = _text(data.get("project_name")).replace(" / ", "/")
    return Place(path, _number(project.get("id")) or _number(data.get("project_id")), environment)


def _path_of(url: str) -> str:
    try:
        return urlsplit(url).path.strip("/")
    except ValueError:
        return ""


def _object(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise MalformedError(f"{name} is no JSON object", hint="leave the custom webhook template empty")
    return value


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: Any) -> int:
    return value if type(value) is int and 0 < value < 2**63 else 0


def _id(data: Mapping[str, Any], key: str) -> int:
    found = _number(data.get(key))
    if not found:
        raise MalformedError(f"{key} is no number of GitLab's", hint="leave the custom webhook template empty")
    return found


def _status(data: Mapping[str, Any], key: str) -> str:
    value = data.get(key)
    if not isinstance(value, str) or not value:
        raise MalformedError(f"{key} is no status", hint="leave the custom webhook template empty")
    return _text(value)


def _text(value: Any) -> str:
    """A text on one line, cut; empty when it is none."""
    if not isinstance(value, str):
        return ""
    value = value[:LONGEST].strip()
    return value if value.isprintable() else "".join(sign if sign.isprintable() else "?" for sign in value)


def _span(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= _LONGEST_SECONDS:
        return None
    return round(value * 1_000_000)


def _moment(value: Any) -> float | None:
    """ISO 8601, and as Rails writes it: "2016-08-12 15:23:28 UTC" or "… +0200"."""
    if not isinstance(value, str) or len(value) > 40:
        return None
    text = f"{value[:-4]}+00:00" if value.endswith(" UTC") else _OFFSET.sub(r"\1", value)
    try:
        found = datetime.fromisoformat(text)
        at = (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
    return at if _EARLIEST <= at <= _LATEST else None
