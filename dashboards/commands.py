"""`kunobs dashboards`: every panel proven in a real Prometheus, drawn, and pushed into a Grafana."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from kunobs.errors import UsageError
from kunobs.programs import find

app = typer.Typer(
    no_args_is_help=True,
    help="The dashboards of the catalogue: prove that each panel shows data, draw them, push them.",
)


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


@app.command()
def push(
    url: Annotated[str, typer.Option(envvar="KUNOBS_GRAFANA_URL", help="Grafana's address, without a user.")],
    token_file: Annotated[
        Path | None,
        typer.Option(help="A service account's token; else $KUNOBS_GRAFANA_TOKEN_FILE, $KUNOBS_GRAFANA_TOKEN."),
    ] = None,
    language: Annotated[str, typer.Option(help="zh or en.")] = "zh",
    runbooks: Annotated[str, typer.Option(help="Address below which docs/runbooks is served, for links.")] = "",
    logs: Annotated[str, typer.Option(help="Address of a log search with {namespace} in it, for links.")] = "",
    folder: Annotated[str, typer.Option(help="The uid of the folder; it is made where there is none.")] = "kunobs",
    check: Annotated[bool, typer.Option("--check", help="Write nothing: only compare.")] = False,
    ca_file: Annotated[str, typer.Option(help="Authorities for its certificate instead of the usual.")] = "",
) -> None:
    """Save every dashboard in Grafana that is not as here, and read it back. 0 all the same, 3 one differs, 1 refused."""
    from dashboards.files import dashboard_files
    from dashboards.grafana import Grafana, token_of
    from dashboards.push import push as pushed

    if not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", folder):
        raise UsageError("--folder is no uid of Grafana", hint="letters, digits, - and _, at most 40")
    if ca_file and not Path(ca_file).is_file():
        raise UsageError(f"{ca_file} is no file", hint="--ca-file takes a file of certificates in PEM")
    files = dashboard_files(language, runbooks.rstrip("/"), logs)
    grafana = Grafana(url, token_of(token_file, os.environ), ca_file=ca_file)
    words: Counter[str] = Counter()
    for one in pushed(grafana, files, folder, check=check):
        words[one.word] += 1
        typer.echo(grafana.said(f"{one.uid}: {one.word}{': ' if one.why else ''}{one.why}"))
    counts = ", ".join(f"{number} {word}" for word, number in words.items())
    typer.echo(f"{len(files)} dashboards in folder {folder} of {grafana.url}: {counts}", err=True)
    raise typer.Exit(1 if words["refused"] else 3 if words["differs"] or words["missing"] else 0)


def _tools() -> tuple[Path, Path]:
    """promtool and prometheus."""
    return find("promtool", "prometheus"), find("prometheus", "prometheus")
