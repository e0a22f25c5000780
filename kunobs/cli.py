"""The `kunobs` command: one subcommand per process; a part is imported only when it runs."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from kunobs import __version__, log
from kunobs.errors import KunobsError

# Subcommand -> where it is: a Typer app, or one command's function.
PARTS: dict[str, str] = {
    "check": "kunobs.config.commands:check",
    "config": "kunobs.config.commands:app",
    "fanout": "log_pipeline.fanout.commands:app",
    "indexer": "log_pipeline.indexer.commands:app",
    "deadletters": "log_pipeline.deadletters.commands:app",
    "noc": "kunobs.noc.admin.commands:app",
    "exporter": "exporters.commands:app",
    "generate": "kunobs.generate.commands:app",
    "rules": "alert_rules.commands:app",
    "dashboards": "dashboards.commands:app",
    "tail": "kunobs.client.commands:tail",
    "search": "kunobs.client.commands:search",
    "local": "kunobs.local.commands:app",
    "demo": "kunobs.local.demo.command:demo",
}


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"kunobs {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Logs, metrics and alerts for a shared, multi-tenant Kubernetes."""


def build(names: Sequence[str]) -> typer.Typer:
    """The command line with these subcommands mounted."""
    root = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)
    root.callback()(_root)
    for name in names:
        module, _, attribute = PARTS[name].partition(":")
        part: Any = getattr(importlib.import_module(module), attribute)
        if isinstance(part, typer.Typer):
            root.add_typer(part, name=name)
        else:
            root.command(name)(part)
    return root


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is 0, or 1 for a failure, 2 for wrong usage or configuration."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    first = arguments[0] if arguments else ""
    wanted = [first] if first in PARTS else [] if first == "--version" else list(PARTS)
    # Results go to stdout, so what goes wrong on the way must not; a process sets its own level later.
    log.setup("warning")
    try:
        outcome = build(wanted)(args=arguments, prog_name="kunobs", standalone_mode=True)
    except KunobsError as error:
        typer.echo(f"kunobs: {error.render()}", err=True)
        return error.exit_code
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except BrokenPipeError:
        # `kunobs … | head` is no failure.
        sys.stderr.close()
        return 0
    return outcome if isinstance(outcome, int) else 0
