"""From a project's path to the labels of its series: namespace, runners, whether a job builds an image."""

from __future__ import annotations

import re
from collections.abc import Callable

from exporters.ci.payload import Job, Place
from kunobs.config.exporters.ci import CiConfig

OTHER = "other"
_LONGEST = 63
RUNNER_TYPES = ("instance_type", "group_type", "project_type")

Fits = Callable[[str], bool]


def slug(text: str) -> str:
    """A Kubernetes name: lower case, - for every other sign, at most 63; `other` where nothing is left."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower())[:_LONGEST].strip("-") or OTHER


class Labels:
    """The configuration's patterns, compiled."""

    def __init__(self, config: CiConfig) -> None:
        self._rules = [
            (re.compile(rule.project), re.compile(rule.environment) if rule.environment else None, rule.namespace)
            for rule in config.namespaces
        ]
        self._runners = [(name, re.compile(runner.description)) for name, runner in config.runners.items()]
        self._job, self._stage = (re.compile(text) if text else None for text in (config.build_job, config.build_stage))

    def namespace(self, place: Place) -> str:
        """The first rule that fits, else the top group of the project's path."""
        for project, environment, template in self._rules:
            found = project.fullmatch(place.project)
            if found and (environment is None or environment.fullmatch(place.environment)):
                return slug(found.expand(template))
        return slug(place.project.partition("/")[0])

    def stage(self, job: Job) -> str:
        """The stage's name as it stands, cut."""
        return job.stage[:_LONGEST] or OTHER

    def runners(self, job: Job) -> str:
        """The first entry of `runners` that fits the runner's description, else its type; empty without a runner."""
        if not job.runner and not job.runner_type:
            return ""
        for name, pattern in self._runners:
            if pattern.fullmatch(job.runner):
                return name
        return job.runner_type if job.runner_type in RUNNER_TYPES else OTHER

    def builds_image(self, job: Job) -> bool:
        """True when name and stage fit those patterns that are set, and one is."""
        asked = [(pattern, text) for pattern, text in ((self._job, job.name), (self._stage, job.stage)) if pattern]
        return bool(asked) and all(pattern.fullmatch(text) for pattern, text in asked)
