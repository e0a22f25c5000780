"""`kunobs exporter NAME…`: the exporters of one process behind one server, for as long as it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import islice

from prometheus_client import CollectorRegistry

from exporters.kit.answer import Answers
from exporters.kit.exporter import Exporter
from kunobs import service
from kunobs.catalogue.metrics import Metrics
from kunobs.config.server import ServerConfig
from kunobs.errors import UsageError
from kunobs.server.asgi import App
from kunobs.server.metrics import ServerMetrics
from kunobs.server.pages import get_only
from kunobs.server.scrape import MetricsApp

# As node_exporter's --web.max-requests; each waits in a thread until its deadline at most.
MAX_SCRAPES = 40
DRAIN = 10.0
# On the landing page; an exporter may have hundreds of targets.
LINKS = 60


def run(
    exporters: Sequence[Exporter],
    listen: str,
    *,
    server: ServerConfig | None = None,
    shown: Mapping[str, object] | None = None,
) -> int:
    """Serve until told to stop; the exit code. `shown` is the configuration on the landing page, without secrets."""
    _check(exporters)
    server = server or ServerConfig()
    registry = CollectorRegistry()
    answers = Answers(exporters, registry)
    serve = service.Serve(
        listen=listen,
        registry=registry,
        config=shown or {},
        web_config_file=server.web_config_file,
        max_connections=server.max_connections,
        idle_timeout=server.idle_timeout,
        max_scrapes=MAX_SCRAPES,
        routes=dict(_routes(exporters, answers, ServerMetrics(Metrics(registry, "exporter")))),
        links=tuple(islice(_links(exporters), LINKS)),
        source=answers.metrics,
    )

    def main(life: service.Lifecycle) -> None:
        with ExitStack() as stack:
            for exporter in exporters:
                stack.enter_context(exporter.running())
            life.ready()
            while not life.wait(3600):
                pass

    return service.run("exporter", main, drain_timeout=DRAIN, serve=serve)


def _check(exporters: Sequence[Exporter]) -> None:
    """UsageError for exporters that cannot share a process."""
    seen: dict[str, tuple[str, object]] = {}
    for exporter in exporters:
        own = {
            f"exporter {exporter.name}": exporter,
            **{f"target {target}": exporter for target in exporter.targets},
            **{f"page {path}": exporter for path in exporter.routes},
        }
        for thing in own:
            if thing in seen:
                problem = f"{thing} is there twice: in {seen[thing][0]} and {exporter.name}"
                raise UsageError(problem, hint="run them as processes of their own")
            seen[thing] = exporter.name, exporter
        for name, spec in exporter.families.items():
            first, known = seen.setdefault(name, (exporter.name, spec))
            if known != spec:
                raise UsageError(f"{name} means something else in {first} and {exporter.name}", hint="rename one")


def _routes(exporters: Sequence[Exporter], answers: Answers, metrics: ServerMetrics) -> Iterator[tuple[str, App]]:
    if any(exporter.targets for exporter in exporters):
        yield "/probe", get_only(MetricsApp(answers.probe, metrics, max_scrapes=MAX_SCRAPES))
    for exporter in exporters:
        yield from exporter.routes.items()


def _links(exporters: Sequence[Exporter]) -> Iterator[str]:
    """Pages worth a click: each collector alone with its story, each target."""
    for exporter in exporters:
        for collector in exporter.collectors:
            yield f"/metrics?collect[]={collector.name}&debug=true"
        yield from (f"/probe?target={target}&debug=true" for target in exporter.targets)
