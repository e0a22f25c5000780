"""`kunobs fanout`: run the process, or look at and move its offsets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Public Kafka -> a topic per namespace on the tenant Kafka.", invoke_without_command=True)
offsets = typer.Typer(help="Where fanout stands: its checkpoints on the tenant Kafka.", no_args_is_help=True)
app.add_typer(offsets, name="offsets")

ConfigFile = Annotated[
    Path | None, typer.Option("--config", "-c", help="kunobs.yaml; else $KUNOBS_CONFIG, ./kunobs.yaml")
]


@app.callback()
def fanout(context: typer.Context, config: ConfigFile = None) -> None:
    """Copy every event to its namespace's topic until SIGTERM."""
    context.obj = config
    if context.invoked_subcommand is None:
        from log_pipeline.fanout.run import run
        from log_pipeline.process import start

        raise typer.Exit(start("fanout", config, run))


@offsets.command()
def show(
    context: typer.Context, config: ConfigFile = None, json: Annotated[bool, typer.Option("--json")] = False
) -> None:
    """Print the next offset of every source partition, how far behind it is, and who claims it."""
    from log_pipeline.fanout.offsets import show as run

    run(config or context.obj, as_json=json)


@offsets.command("set")
def set_(
    context: typer.Context,
    to: Annotated[
        str, typer.Option(help="earliest, latest, an offset, or a time such as 2026-11-24T05:00:00Z or 2h ago")
    ],
    config: ConfigFile = None,
    topic: Annotated[str, typer.Option(help="Source topic.")] = "",
    partition: Annotated[int, typer.Option(help="One partition; all without it.", min=-1)] = -1,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, change nothing.")] = False,
) -> None:
    """Move fanout to another place. Every fanout process must be stopped; going back repeats events, going on skips them."""
    from log_pipeline.fanout.offsets import move

    move(config or context.obj, to=to, topic=topic, partition=partition, dry_run=dry_run)
