"""`kunobs indexer`: run the process."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Public Kafka -> a data stream per namespace in Elasticsearch.", invoke_without_command=True)

ConfigFile = Annotated[
    Path | None, typer.Option("--config", "-c", help="kunobs.yaml; else $KUNOBS_CONFIG, ./kunobs.yaml")
]


@app.callback()
def indexer(context: typer.Context, config: ConfigFile = None) -> None:
    """Index every event until SIGTERM."""
    context.obj = config
    if context.invoked_subcommand is None:
        from log_pipeline.indexer.run import run
        from log_pipeline.process import start

        raise typer.Exit(start("indexer", config, run))
