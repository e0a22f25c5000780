"""`kunobs deadletters`: see what could not be delivered, and send it back once the cause is gone."""

from __future__ import annotations

import base64
import json as jsonlib
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from kunobs.config import find_config, load
from kunobs.errors import UsageError
from kunobs.names import LEGS, is_namespace
from log_pipeline.deadletters.letters import Filter, Letter, Letters
from log_pipeline.deadletters.replay import replay as send_back

app = typer.Typer(help="Events that a leg could not deliver.", no_args_is_help=True)

ConfigFile = Annotated[
    Path | None, typer.Option("--config", "-c", help="kunobs.yaml; else $KUNOBS_CONFIG, ./kunobs.yaml")
]
Leg = Annotated[str, typer.Option(help="Only letters of this leg: fanout or indexer.")]
Reason = Annotated[str, typer.Option(help="Only letters with this reason, as `list` prints it.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
Namespace = Annotated[str, typer.Argument(help="The namespace.", show_default=False)]


@app.command("list")
def list_(
    namespace: Annotated[str, typer.Argument(help="One namespace; all without it.")] = "",
    leg: Leg = "",
    reason: Reason = "",
    config: ConfigFile = None,
    json: AsJson = False,
) -> None:
    """Count dead letters by namespace, leg and reason."""
    letters = _letters(config)
    rows: dict[tuple[str, str, str], list[Letter]] = {}
    for name in [_namespace(namespace)] if namespace else letters.namespaces():
        for letter in letters.read(name, _filter(leg, reason)):
            rows.setdefault((name, letter.leg, letter.reason), []).append(letter)
    summaries = [_summary(key, found) for key, found in sorted(rows.items())]
    if json:
        for summary in summaries:
            typer.echo(jsonlib.dumps(summary))
    elif summaries:
        table = Table(*summaries[0], box=SIMPLE)
        for summary in summaries:
            table.add_row(*(str(value) for value in summary.values()))
        Console(width=None if sys.stdout.isatty() else 160).print(table)
    else:
        typer.echo("No dead letters.")


@app.command()
def show(
    namespace: Namespace,
    leg: Leg = "",
    reason: Reason = "",
    limit: Annotated[int, typer.Option(min=1, help="At most that many, the oldest first.")] = 20,
    config: ConfigFile = None,
    json: AsJson = False,
) -> None:
    """Print dead letters with the server's own reason and the original event."""
    shown = 0
    for letter in _letters(config).read(_namespace(namespace), _filter(leg, reason)):
        typer.echo(jsonlib.dumps(_as_json(letter), ensure_ascii=False) if json else _as_text(letter))
        shown += 1
        if shown == limit:
            typer.echo(f"… more: --limit {limit * 10}", err=True)
            break
    if not shown:
        typer.echo("No dead letters.", err=True)


@app.command()
def replay(
    namespace: Namespace,
    leg: Leg = "",
    reason: Reason = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go back, send nothing.")] = False,
    config: ConfigFile = None,
) -> None:
    """Send letters back to the leg that refused them, and only to it; each goes back once."""
    counts = send_back(_letters(config), _namespace(namespace), _filter(leg, reason), dry_run=dry_run)
    what = "would go back" if dry_run else "sent back"
    if not counts:
        typer.echo("Nothing to replay: no letter matches, or all were replayed before.")
    for name, count in sorted(counts.items()):
        typer.echo(f"{count} {what} to {name}")


def _letters(config: Path | None) -> Letters:
    return Letters(load(find_config(config), sections=("kafka",)).kafka.tenant)


def _namespace(text: str) -> str:
    if not is_namespace(text):
        raise UsageError(
            f"{text!r} is no namespace", hint="a namespace is lower case letters, digits and -, at most 63"
        )
    return text


def _filter(leg: str, reason: str) -> Filter:
    if leg and leg not in LEGS:
        raise UsageError(f"there is no leg {leg!r}", hint=f"--leg {' or --leg '.join(LEGS)}")
    return Filter(leg, reason)


def _time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds")


def _summary(key: tuple[str, str, str], found: list[Letter]) -> dict[str, Any]:
    times = [letter.at_ms for letter in found]
    return {
        "namespace": key[0],
        "leg": key[1],
        "reason": key[2],
        "letters": len(found),
        "replayed": sum(letter.replayed for letter in found),
        "oldest": _time(min(times)),
        "newest": _time(max(times)),
    }


def _as_json(letter: Letter) -> dict[str, Any]:
    value = letter.value or b""
    try:
        event: dict[str, str] = {"value": value.decode()}
    except UnicodeDecodeError:
        event = {"value_base64": base64.b64encode(value).decode()}
    return {
        "namespace": letter.namespace,
        "partition": letter.partition,
        "offset": letter.offset,
        "time": _time(letter.at_ms),
        "source": letter.source.encode().decode() if letter.source else None,
        "leg": letter.leg,
        "reason": letter.reason,
        "error": letter.error,
        "attempts": letter.attempts,
        "replayed": letter.replayed,
    } | event


def _as_text(letter: Letter) -> str:
    return "\n".join(_lines(letter))


def _lines(letter: Letter) -> Iterable[str]:
    source = letter.source.encode().decode() if letter.source else "unknown"
    yield (
        f"{_time(letter.at_ms)} {letter.partition}/{letter.offset} {letter.leg}: {letter.reason}, attempt "
        f"{letter.attempts}{', replayed' if letter.replayed else ''}, from {source}"
    )
    if letter.error:
        yield f"  {_printable(letter.error, 300)}"
    yield f"  {_printable((letter.value or b'').decode('utf-8', 'replace'), 200)}"


def _printable(text: str, length: int) -> str:
    """Cut, and without what would steer a terminal."""
    return "".join(c if c.isprintable() else "�" for c in text[:length]) + ("…" if len(text) > length else "")
