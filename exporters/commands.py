"""`kunobs exporter`: run exporters, or check what one answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from exporters.known import KNOWN


class _Names(TyperGroup):
    """Every name that is no other subcommand is an exporter's: NAME, NAME NAME, or module:EXPORTER."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """`kafka registry` is `run kafka registry`."""
        return super().resolve_command(ctx, args if super().get_command(ctx, args[0]) else ["run", *args])


_ABOUT = "\n\n".join(
    [
        "Observed systems -> /metrics, for Prometheus to scrape: `kunobs exporter NAME...`",
        *(f"{name}: {known.about}" for name, known in KNOWN.items()),
        "module:EXPORTER: your own, see docs/write-an-exporter.md",
    ]
)
app = typer.Typer(cls=_Names, no_args_is_help=True, help=_ABOUT)


@app.command()
def run(
    names: Annotated[
        list[str], typer.Argument(help="Exporters by name; `kunobs exporter --help` lists them.", metavar="NAME...")
    ],
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="kunobs.yaml; else $KUNOBS_CONFIG, ./kunobs.yaml")
    ] = None,
    listen: Annotated[str, typer.Option(help="host:port, instead of the configuration's exporters.listen.")] = "",
    canary: Annotated[
        bool, typer.Option("--canary", help="logs: write the canary's lines too, as exporters.logs.canary.enabled.")
    ] = False,
) -> None:
    """Serve the metrics of these exporters in one process, until SIGTERM. `run` may be left out."""
    from exporters.run import start

    raise typer.Exit(start(tuple(dict.fromkeys(names)), config, listen, canary=canary))


@app.command()
def check(
    place: Annotated[
        list[str], typer.Argument(help="URL of a /metrics page, a file, or - for stdin.", metavar="URL|FILE...")
    ],
    again: Annotated[
        float, typer.Option(help="Ask a URL twice, so many seconds apart, and see counters going down.")
    ] = 0.0,
) -> None:
    """Say what is wrong with an exposition: duplicates, labels, types, promtool's lints. 0 good, 1 unreadable, 3 findings."""
    from exporters.kit.check import check_places

    raise typer.Exit(check_places(place, again))
