"""The exporters that come with kunobs, by the name that `kunobs exporter NAME` takes."""

from __future__ import annotations

import difflib
import importlib
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from exporters.kit.exporter import Exporter
from kunobs.config import Config
from kunobs.errors import UsageError


@dataclass(frozen=True)
class Known:
    """Where the function is that builds it from the configuration, which sections that reads, and what it observes."""

    build: str
    sections: tuple[str, ...]
    about: str


KNOWN: Mapping[str, Known] = {
    "kafka": Known(
        "exporters.kafka:build",
        ("kafka", "fanout"),
        "clusters, topics and consumer groups of the public and the tenant Kafka",
    ),
    "logs": Known(
        "exporters.logs:build",
        ("kafka", "elasticsearch", "source"),
        "how fresh each namespace's logs are; with --canary, lines counted on their way from a file to Elasticsearch",
    ),
    "redis": Known(
        "exporters.redis:build",
        (),
        "topology of Redis Sentinel and Redis Cluster by the word of every sentinel and node: agreement, split brain, lag",
    ),
    "registry": Known(
        "exporters.registry:build",
        (),
        "an image registry in several regions: pulls and pushes, and every tag and digest of the replicas",
    ),
    "ci": Known("exporters.ci:build", (), "GitLab's jobs, queues, runs, image builds and deployments, by its webhooks"),
}


def sections(names: Iterable[str]) -> tuple[str, ...]:
    """The sections of kunobs.yaml that these exporters read; UsageError for a name that is none."""
    wanted = {"log", "server", "exporters"}
    for name in names:
        known = KNOWN.get(name)
        if known is not None:
            wanted |= set(known.sections)
        elif ":" not in name:
            near = difflib.get_close_matches(name, KNOWN, n=1)
            there = f"there are {', '.join(KNOWN)}; your own is module:EXPORTER"
            hint = f"did you mean {near[0]}? {there}" if near else there
            raise UsageError(f"no exporter is called {name!r}", hint=hint)
    return tuple(sorted(wanted))


def build(name: str, config: Config) -> Exporter:
    """The exporter of this name, or the one that `module:attribute` is or makes; UsageError when it is none."""
    known = KNOWN.get(name)
    module, _, attribute = (known.build if known else name).partition(":")
    if known is None and os.getcwd() not in sys.path:
        # Last, so that a folder here hides no installed package.
        sys.path.append(os.getcwd())
    try:
        found = getattr(importlib.import_module(module), attribute)
    except ImportError as error:
        if known is not None and error.name and not error.name.startswith("exporters"):
            raise UsageError(
                f"`kunobs exporter {name}` needs {error.name}", hint="pip install 'kunobs[exporters]'"
            ) from error
        raise UsageError(
            f"{name}: cannot import {module}: {error}", hint="run it where the module is, or install it"
        ) from error
    except AttributeError as error:
        raise UsageError(f"{name}: {module} has no {attribute}", hint="name the Exporter: module:EXPORTER") from error
    exporter = found(config) if known else found() if callable(found) else found
    if not isinstance(exporter, Exporter):
        raise UsageError(
            f"{name} is a {type(exporter).__name__}, not an Exporter", hint="see docs/write-an-exporter.md"
        )
    return exporter
