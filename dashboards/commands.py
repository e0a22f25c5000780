"""`kunobs dashboards`: every panel proven in a real Prometheus."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kunobs.errors import UsageError
from kunobs.programs import find

app = typer.Typer(no_args_is_help=True, help="The dashboards of the catalogue: prove that each panel shows data.")


@app.command()
def prove(
    board: Annotated[list[str] | None, typer.Argument(help="Dashboards by uid; default all.")] = None,
    port: Annotated[int, typer.Option(help="Of the Prometheus that is started for it; 0 for any free one.")] = 0,
    every: Annotated[bool, typer.Option("--all", help="Print every panel, not only those that fail.")] = False,
) -> None:
    """Run every panel's query over two hours of every known metric. 0 all show data, 3 some do not."""
    from dashboards.boards import BOARDS
    from dashboards.prove.run import verdicts

    chosen = [one for one in BOARDS if not board or one.uid in board]
    unknown = set(board or ()) - {one.uid for one in chosen}
    if unknown:
        raise UsageError(f"no dashboard {sorted(unknown)[0]}", hint=f"known: {', '.join(one.uid for one in BOARDS)}")
    found = verdicts(*_tools(), chosen, port)
    bad = [one for one in found if one.word != "ok" or not one.control]
    for one in found if every else bad:
        control = "" if one.control else ", and shows data where there is none"
        typer.echo(f"{one.board} {one.panel}: {one.word}{control} {one.why}".rstrip())
    typer.echo(f"{len(found) - len(bad)} of {len(found)} panels show data", err=True)
    raise typer.Exit(3 if bad else 0)


@app.command()
def preview(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the pages.")],
    language: Annotated[str, typer.Option(help="zh or en.")] = "zh",
) -> None:
    """Pages of ours that draw every panel over the same series. They are a preview, not Grafana."""
    from dashboards.boards import BOARDS
    from dashboards.panels import LANGUAGES
    from dashboards.preview.pages import pages
    from dashboards.prove.run import END, served

    if language not in LANGUAGES:
        raise UsageError(f"no language {language!r}", hint=f"--language {' or '.join(LANGUAGES)}")
    with served(*_tools(), BOARDS) as server:
        made = pages(server, BOARDS, language, END)
    out.mkdir(parents=True, exist_ok=True)
    for name, text in made.items():
        (out / name).write_text(text)
    typer.echo(f"{len(made) - 1} dashboards: open {(out / 'index.html').absolute().as_uri()}")


def _tools() -> tuple[Path, Path]:
    """promtool and prometheus."""
    return find("promtool", "prometheus"), find("prometheus", "prometheus")
