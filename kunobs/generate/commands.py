"""`kunobs generate`: files from the catalogue, and configurations from `monitoring:`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from kunobs.config.monitoring import MonitoringConfig

app = typer.Typer(no_args_is_help=True, help="The catalogue -> files for Prometheus, Alertmanager and Grafana.")
Out = Annotated[
    Path, typer.Option("--out", "-o", help="Folder; what an earlier run made there and this one does not is removed.")
]

Logs = Annotated[str, typer.Option(help="Address of a log search with {namespace} in it, for links.")]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", "-c", help="kunobs.yaml; else $KUNOBS_CONFIG, ./kunobs.yaml")
]


@app.command()
def rules(
    out: Out,
    runbooks: Annotated[str, typer.Option(help="Address below which docs/runbooks is served, for runbook_url.")] = "",
    dashboards: Annotated[str, typer.Option(help="Address of Grafana, for dashboard_url.")] = "",
    logs: Logs = "",
    tests: Annotated[bool, typer.Option("--tests", help="promtool's unit tests beside each rule.")] = False,
    bundle: Annotated[
        bool, typer.Option("--bundle", help="One file for each system instead of one for each alert.")
    ] = False,
    without: Annotated[
        list[str] | None, typer.Option(help="A system that you do not have, as in ceph; may be repeated.")
    ] = None,
) -> None:
    """Alerting and recording rules, one file for each alert."""
    from difflib import get_close_matches

    from alert_rules.files import rule_files
    from alert_rules.model import Links
    from kunobs.catalogue.links import log_search
    from kunobs.catalogue.signals import SIGNALS
    from kunobs.errors import UsageError

    for name in without or ():
        if name not in SIGNALS:
            near = get_close_matches(name, SIGNALS, 1) or sorted(SIGNALS)
            raise UsageError(
                f"--without {name}: there is no system of that name", hint=f"did you mean {', '.join(near)}?"
            )
    signals = {name: those for name, those in SIGNALS.items() if name not in (without or ())}
    links = Links(runbooks.rstrip("/"), dashboards.rstrip("/"), log_search(logs))
    _write(out, rule_files(links, tests=tests, bundle=bundle, signals=signals))


def _config(config: Path | None, *, needed: bool = True) -> MonitoringConfig:
    """The section; the defaults where no file is named and none is `needed`."""
    from kunobs.config import find_config, load
    from kunobs.errors import ConfigError

    try:
        path = find_config(config)
    except ConfigError:
        if needed:
            raise
        return load(None, sections=("monitoring",)).monitoring
    return load(path, sections=("monitoring",)).monitoring


def _write(out: Path, files: dict[str, str]) -> None:
    from kunobs.generate.files import write

    done = write(out, files)
    typer.echo(f"{done.total} files in {out}: {done.changed} written, {done.removed} removed")


@app.command()
def dashboards(
    out: Out,
    language: Annotated[str, typer.Option(help="zh or en.")] = "zh",
    runbooks: Annotated[str, typer.Option(help="Address below which docs/runbooks is served, for links.")] = "",
    logs: Logs = "",
) -> None:
    """Grafana dashboards as JSON, one file each."""
    from dashboards.files import dashboard_files

    _write(out, dashboard_files(language, runbooks.rstrip("/"), logs))


@app.command()
def prometheus(out: Out, config: ConfigFile = None) -> None:
    """A configuration for each replica of `monitoring.replicas`, the flags to start them with, and Kubernetes objects."""
    from kunobs.generate.manifests import prometheus_manifests
    from kunobs.generate.prometheus import prometheus_files

    monitoring = _config(config)
    _write(out, prometheus_files(monitoring) | prometheus_manifests(monitoring))


@app.command()
def alertmanager(
    out: Out,
    config: ConfigFile = None,
    tenants: Annotated[
        Path | None,
        typer.Option(help="Folder of tenants' files; those that name an integration get their alerts there."),
    ] = None,
) -> None:
    """The configuration of all Alertmanagers: routes to the relays, what mutes what; and Kubernetes objects. 3: a tenant's file is wrong."""
    from kunobs.generate.alertmanager import alertmanager_files
    from kunobs.generate.manifests import alertmanager_manifests

    monitoring = _config(config)
    own: dict[str, str] = {}
    wrong: dict[str, list[str]] = {}
    if tenants is not None:
        from kunobs.generate.tenants.read import integrations

        own, wrong = integrations(tenants)
    _write(out, alertmanager_files(monitoring, own) | alertmanager_manifests(monitoring))
    for namespace, messages in wrong.items():
        typer.echo("\n".join([*messages, f"{namespace}: its alerts go where the platform's do"]), err=True)
    raise typer.Exit(3 if wrong else 0)


@app.command()
def tenants(
    folder: Annotated[Path, typer.Argument(help="Folder with a NAMESPACE.yaml of each tenant.")],
    out: Out,
    config: ConfigFile = None,
    dashboards: Annotated[str, typer.Option(help="Address of Grafana, for dashboard_url.")] = "",
    logs: Logs = "",
) -> None:
    """What tenants define for themselves: rules, objectives, probes, dashboards. 3 when a tenant's file is wrong; it keeps what it had."""
    from kunobs.catalogue.links import log_search
    from kunobs.generate.files import write
    from kunobs.generate.tenants.build import build
    from kunobs.generate.tenants.read import texts
    from kunobs.generate.tenants.rules import Wanted

    monitoring = _config(config)
    found, wrong = texts(folder)
    wanted = Wanted(dashboards.rstrip("/"), log_search(logs), monitoring.scrape_interval)
    built = build(out, found, wrong, monitoring, wanted)
    done = write(out, built.files, built.kept)
    for messages in built.wrong.values():
        typer.echo("\n".join(messages), err=True)
    typer.echo(
        f"{len(found) - len(built.wrong.keys() & {one.namespace for one in found})} of {len(found) + len(wrong)} tenants:"
        f" {done.total} files in {out}: {done.changed} written, {done.removed} removed"
    )
    for namespace in sorted(built.wrong):
        typer.echo(f"{namespace}: not made, it keeps what it had", err=True)
    raise typer.Exit(3 if built.wrong else 0)


@app.command()
def blackbox(out: Out, config: ConfigFile = None) -> None:
    """Modules of blackbox_exporter, each for IPv4 and for IPv6, and Kubernetes objects."""
    from kunobs.generate.blackbox import blackbox_files
    from kunobs.generate.manifests import blackbox_manifests

    _write(out, blackbox_files() | blackbox_manifests(_config(config, needed=False)))
