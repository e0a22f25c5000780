"""What every command of `kunobs noc` needs: the configuration, the running relay, a duration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from kunobs.errors import UsageError

ConfigFile = Annotated[
    Path | None, typer.Option("--config", "-c", help="kunobs.yaml; else $KUNOBS_CONFIG, ./kunobs.yaml")
]
By = Annotated[str, typer.Option("--by", help="Who does it.", envvar="USER")]


def relay_config(context: typer.Context, config: Path | None) -> Any:
    """The section `noc:`. Raises ConfigError."""
    from kunobs.config import find_config, load

    return load(find_config(config or context.obj), sections=("noc",)).noc


def ask_relay(context: typer.Context, config: Path | None, verb: str, **arguments: Any) -> Any:
    """What the running relay answers. Raises UnavailableError, KunobsError."""
    from kunobs.noc.admin.socket import ask

    return ask(relay_config(context, config).socket, verb, **arguments)


def seconds_of(text: str) -> float:
    """Of `30m`. Raises UsageError."""
    from kunobs.config import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(str(error)) from error
