"""`kunobs rules`: lint rule files, break our own and see that a test notices."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True, help="Prometheus rules: lint anybody's, test and mutate those of the catalogue."
)


@app.command()
def lint(
    paths: Annotated[list[Path], typer.Argument(help="Rule files, or folders with some.", metavar="PATH...")],
    known: Annotated[
        bool, typer.Option("--known", help="Metrics and labels must be those of kunobs' catalogue.")
    ] = False,
    scrape_interval: Annotated[float, typer.Option(help="Seconds between scrapes; a window holds four.")] = 15.0,
    annotation: Annotated[
        list[str] | None, typer.Option(help="An annotation that every alert must have; may be repeated.")
    ] = None,
) -> None:
    """Say what is wrong with rules, without a server. 0 good, 1 no rules to be read, 3 findings."""
    from alert_rules.lint.checks import lint_paths
    from alert_rules.lint.context import Settings
    from kunobs.catalogue.known import KNOWN

    settings = Settings(
        known=KNOWN if known else None, scrape_interval=scrape_interval, annotations=tuple(annotation or ())
    )
    count, findings = lint_paths(paths, settings)
    for finding in findings:
        typer.echo(finding.render())
    broken = [finding for finding in findings if finding.check in ("yaml", "syntax")]
    rules, found = "rule" if count == 1 else "rules", "finding" if len(findings) == 1 else "findings"
    typer.echo(f"{count} {rules}, {len(findings)} {found}" if count or findings else "no rules found", err=True)
    raise typer.Exit(1 if broken or not count else 3 if findings else 0)


@app.command()
def mutate(
    system: Annotated[list[str] | None, typer.Argument(help="Systems of the catalogue; default all.")] = None,
) -> None:
    """Break every alert of the catalogue in small ways; each must be noticed by its unit tests. 3 when one is not."""
    from alert_rules.mutation import run
    from kunobs.programs import find

    result = run(find("promtool", "prometheus"), tuple(system or ()))
    for alert, what in result.survivors:
        typer.echo(f"{alert}: {what}: no test notices")
    typer.echo(f"{result.killed} of {result.mutants} mutants killed", err=True)
    raise typer.Exit(3 if result.survivors else 0)
