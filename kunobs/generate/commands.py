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

ConfigFile = Annotated[
    Path | None, typer.Option("--config", "-c", help="kunobs.yaml; else $KUNOBS_CONFIG, ./kunobs.yaml")
]


@app.command()
def rules(
    out: Out,
    runbooks: Annotated[str, typer.Option(help="Address below which docs/runbooks is served, for runbook_url.")] = "",
    dashboards: Annotated[str, typer.Option(help="Address of Grafana, for dashboard_url.")] = "",
    tests: Annotated[bool, typer.Option("--tests", help="promtool's unit tests beside each rule.")] = False,
    bundle: Annotated[
        bool, typer.Option("--bundle", help="One file for each system instead of one for each alert.")
    ] = False,
) -> None:
    """Alerting and recording rules, one file for each alert."""
    from alert_rules.files import rule_files
    from alert_rules.model import Links

    links = Links(runbooks.rstrip("/"), dashboards.rstrip("/"))
    _write(out, rule_files(links, tests=tests, bundle=bundle))


def _config(config: Path | None) -> MonitoringConfig:
    from kunobs.config import find_config, load

    return load(find_config(config), sections=("monitoring",)).monitoring


def _write(out: Path, files: dict[str, str]) -> None:
    from kunobs.generate.files import write

    done = write(out, files)
    typer.echo(f"{done.total} files in {out}: {done.changed} written, {done.removed} removed")


@app.command()
def dashboards(
    out: Out,
    language: Annotated[str, typer.Option(help="zh or en.")] = "zh",
    runbooks: Annotated[str, typer.Option(help="Address below which docs/runbooks is served, for links.")] = "",
) -> None:
    """Grafana dashboards as JSON, one file each."""
    from dashboards.files import dashboard_files

    _write(out, dashboard_files(language, runbooks.rstrip("/")))


@app.command()
def prometheus(out: Out, config: ConfigFile = None) -> None:
    """A configuration for each replica of `monitoring.replicas`, and the flags to start them with."""
    from kunobs.generate.prometheus import prometheus_files

    _write(out, prometheus_files(_config(config)))


@app.command()
def alertmanager(out: Out, config: ConfigFile = None) -> None:
    """The configuration of all Alertmanagers: routes to the relays, and what mutes what."""
    from kunobs.generate.alertmanager import alertmanager_files

    _write(out, alertmanager_files(_config(config)))


@app.command()
def blackbox(out: Out) -> None:
    """Modules of blackbox_exporter, each for IPv4 and for IPv6."""
    from kunobs.generate.blackbox import blackbox_files

    _write(out, blackbox_files())
