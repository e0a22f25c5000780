"""`kunobs check` and `kunobs config example | schema`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from kunobs.config.find import example_path, find_config
from kunobs.config.load import load
from kunobs.config.schema import schema
from kunobs.errors import ConfigError

app = typer.Typer(help="What kunobs.yaml may hold.", no_args_is_help=True)


def check(
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="Default: $KUNOBS_CONFIG, else kunobs.yaml.", metavar="FILE")
    ] = None,
) -> None:
    """Print every mistake in kunobs.yaml and the environment, all sections; exit code 2 when there is one."""
    path = find_config(config)
    try:
        load(path)
    except ConfigError as error:
        typer.echo(str(error))
        if error.hint:
            typer.echo(f"hint: {error.hint}", err=True)
        raise typer.Exit(error.exit_code) from None
    typer.echo(f"{path}: no mistakes")


@app.command()
def example() -> None:
    """Print a file with every key, its default and what it trades."""
    typer.echo(example_path().read_text(encoding="utf-8"), nl=False)


@app.command("schema")
def print_schema() -> None:
    """Print the JSON Schema of kunobs.yaml, for editors."""
    typer.echo(json.dumps(schema(), indent=2))
