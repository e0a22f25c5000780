"""`exporters.ci:` which webhooks are let in, how a project becomes a namespace, and what may be asked of GitLab's API."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import AfterValidator, Field

from kunobs.config.base import Conflict, Section, Text, Whole, wrong
from kunobs.config.exporters.limits import ExporterConfig
from kunobs.config.noc.texts import HttpUrl, Label
from kunobs.config.quantities import Duration
from kunobs.config.secret import Secret
from kunobs.config.texts import Distinct, Pattern, ReadableFile


def _project(path: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.][A-Za-z0-9_.-]*(/[A-Za-z0-9_.][A-Za-z0-9_.-]*)+|[1-9][0-9]{0,17}", path):
        raise wrong(path, "is no project", "write its path as in shop/backend/cart, or its number in quotes")
    return path


ProjectPath = Annotated[Text, AfterValidator(_project)]


class NamespaceRule(Section):
    """Projects and environments that belong to one Kubernetes namespace; the first rule that fits is taken."""

    project: Pattern = Field(default=".*", description="The whole path of the project fits this regular expression.")
    environment: Text = Field(
        default="",
        description="The whole name of the job's or deployment's environment fits this one; empty for all, also none.",
    )
    namespace: Text = Field(
        default="",
        description=r"The namespace; \1 is the first group of `project`, made lower case with - for other signs.",
    )

    def conflicts(self) -> Iterator[Conflict]:
        """A rule that names nothing, or a group that is not there."""
        try:
            re.compile(self.environment)
        except re.error as error:
            yield Conflict(("environment",), f"is not a regular expression: {error}")
        if not self.namespace:
            yield Conflict(("namespace", "project"), "is missing", r"write namespace: shop, or namespace: '\1'")
            return
        try:
            re.compile(self.project).sub(self.namespace, "")
        except (re.error, IndexError) as error:
            yield Conflict(("namespace", "project"), f"does not fit `project`: {error}", "put the part in ( )")


class RunnerConfig(Section):
    """Runners that share their slots."""

    description: Pattern = Field(
        default=".*", description="The whole description of the runner in GitLab fits this regular expression."
    )
    slots: Whole = Field(
        default=0,
        ge=0,
        le=1_000_000,
        description="Jobs that can run at once: `concurrent` of their config.toml. 0: no saturation is shown.",
    )


class CiConfig(ExporterConfig):
    """GitLab's jobs, pipelines and deployments, as its webhooks tell them."""

    data: Text = Field(
        default="", description="Folder of its SQLite file, on a local disk. Empty: no webhook is taken."
    )
    secret: Secret = Field(
        default=Secret(), description="Secret token of the webhooks. Prefer `secret_file`: this file is read by many."
    )
    secret_file: ReadableFile = Field(default="", description="File that holds it.")
    gitlab_url: HttpUrl = Field(
        default="",
        description="GitLab's address for the API. Empty: nothing is asked, and what no webhook told is lost.",
    )
    token: Secret = Field(
        default=Secret(),
        description="Access token with scope read_api. Prefer `token_file`: this file is read by many.",
    )
    token_file: ReadableFile = Field(default="", description="File that holds it.")
    projects: Annotated[tuple[ProjectPath, ...], Distinct] = Field(
        default=(), description="Projects to reconcile beside those that webhooks told of, by path or number."
    )
    max_requests: Whole = Field(
        default=200,
        ge=2,
        le=3000,
        description="Requests of one reconcile after a gap, at most one a second. Fewer leaves projects for the next one.",
    )
    namespaces: tuple[NamespaceRule, ...] = Field(
        default=(), description="How a project becomes a namespace. What fits no rule is its top group's path."
    )
    max_namespaces: Whole = Field(
        default=300, ge=1, le=10_000, description="Later namespaces are `other`, so that series stay bounded."
    )
    max_stages: Whole = Field(
        default=20, ge=1, le=1000, description="Stages of one namespace; later ones are `other`. Each costs 33 series."
    )
    build_job: Pattern = Field(
        default="(?i).*kaniko.*",
        description="Jobs whose whole name fits build an image; empty looks at the stage only.",
    )
    build_stage: Pattern = Field(
        default="", description="And whose stage fits; empty looks at the name only, both empty shows no image builds."
    )
    runners: Mapping[Label, RunnerConfig] = Field(
        default={}, description="Runners by a name of your own; others are shown by their type."
    )
    lost_after: Duration = Field(
        default=86400.0,
        ge=60,
        le=60 * 86400,
        description="A job of which nothing is heard for so long is no longer shown as pending or running. Longer than "
        "the longest job.",
    )
    retention: Duration = Field(
        default=30 * 86400.0,
        ge=3600,
        le=400 * 86400,
        description="How long a finished job is known by its number. A webhook of one that ended before is ignored.",
    )

    def conflicts(self) -> Iterator[Conflict]:
        """A store that everybody may write, half an API, a job forgotten before it is lost."""
        secret, token = ("secret", "secret_file"), ("token", "token_file")
        if self.data and not self.secret:
            text = "is missing, so everybody could post what was never run"
            yield Conflict((*secret, "data"), text, "openssl rand -hex 32 > FILE, and secret_file: FILE")
        if self.secret and not self.data:
            yield Conflict(("data", *secret), "is missing, so no webhook is taken", "write data: /var/lib/kunobs/ci")
        if self.secret and not re.fullmatch(r"[\x21-\x7e]{8,255}", self.secret.reveal()):
            yield Conflict(secret, "is short or holds odd signs", "openssl rand -hex 32")
        if self.gitlab_url and not self.token:
            yield Conflict((*token, "gitlab_url"), "is missing, so GitLab would answer 401", "set token_file")
        if self.token and not self.gitlab_url:
            yield Conflict(
                ("gitlab_url", *token), "is missing, so nothing is asked", "write https://gitlab.example.com"
            )
        if self.token and not re.fullmatch(r"[\x21-\x7e]{1,255}", self.token.reveal()):
            yield Conflict(token, "holds signs that no token has", "copy it anew")
        if self.projects and not self.gitlab_url:
            yield Conflict(("projects", "gitlab_url"), "has no effect without gitlab_url", "write gitlab_url")
        if self.gitlab_url and not self.data:
            yield Conflict(("gitlab_url", "data"), "has no effect without data", "write data: /var/lib/kunobs/ci")
        if "" in self.runners:
            yield Conflict(("runners",), "has an entry without a name", "name it, as in shared")
        if self.lost_after > self.retention:
            yield Conflict(("lost_after", "retention"), "is longer than retention", "write a shorter one")
