"""The command line of a tenant: `kunobs tail` and `kunobs search`."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from kunobs.client.access import find_access
from kunobs.client.output import abandon, wants_colour, write_lines
from kunobs.client.render import Format, TextFormat, json_format
from kunobs.client.selection import Selection, compile_pattern
from kunobs.client.tail import Tail
from kunobs.clock import SYSTEM_CLOCK
from kunobs.config import parse_duration
from kunobs.errors import UsageError
from kunobs.names import data_stream

INTERRUPTED = 130
_ROWS = 500

Namespace = Annotated[str, typer.Argument(help="The Kubernetes namespace.")]
Pod = Annotated[str, typer.Option("--pod", help="Only pods of this name; * and ? stand for letters.", metavar="GLOB")]
Container = Annotated[str, typer.Option("--container", help="Only containers of this name.", metavar="GLOB")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line, the whole event in it.")]
Raw = Annotated[bool, typer.Option("--raw", help="Show JSON messages as they were printed.")]
Credentials = Annotated[
    Path | None,
    typer.Option(
        "--credentials",
        help="Credentials file. Else $KUNOBS_CREDENTIALS, ./NAMESPACE.credentials.yaml, or the tenant cluster "
        "of kunobs.yaml.",
        metavar="FILE",
    ),
]
Config = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="kunobs.yaml. Else $KUNOBS_CONFIG or ./kunobs.yaml.", metavar="FILE"),
]


def tail(
    namespace: Namespace,
    pod: Pod = "",
    container: Container = "",
    grep: Annotated[
        str, typer.Option("--grep", "-g", help="Only messages in which this is found.", metavar="REGEX")
    ] = "",
    ignore_case: Annotated[bool, typer.Option("--ignore-case", "-i", help="--grep takes a for A.")] = False,
    since: Annotated[str, typer.Option("--since", help="How far back to begin; 0s: new lines only.")] = "10m",
    as_json: AsJson = False,
    follow: Annotated[
        bool, typer.Option("--follow/--no-follow", "-f/-F", help="Wait for new lines, or end with the last one.")
    ] = True,
    times: Annotated[bool, typer.Option("--times", "-t", help="Show when each line was written.")] = False,
    raw: Raw = False,
    dead_letters: Annotated[
        bool, typer.Option("--dead-letters", help="Show the events that could not be delivered, and why.")
    ] = False,
    credentials: Credentials = None,
    config: Config = None,
) -> None:
    """Show a namespace's log lines as they arrive.

    Nothing is committed: others who read the topic are not affected. Ctrl-C ends it (exit code 130).
    """
    pattern = compile_pattern(grep, ignore_case=ignore_case) if grep else None
    wanted = Selection(pod, container, pattern).chooser()
    seconds = _duration(since)
    access = find_access(namespace, credentials, config=config)
    topic = access.dead_letters if dead_letters else access.topic
    show = json_format if as_json else _text(times=times, raw=raw, highlight=pattern)
    with _ending_well(), closing(Tail(access, topic, since=seconds, follow=follow).chunks()) as chunks:
        for chunk in chunks:
            write_lines((show(event) for event in chunk if wanted(event)), sys.stdout)


def search(
    namespace: Namespace,
    query: Annotated[str, typer.Argument(help='Words that must all occur: "payment failed" stock* NOT retry')] = "*",
    since: Annotated[str, typer.Option("--since", help="How far back to look.")] = "1h",
    pod: Pod = "",
    container: Container = "",
    limit: Annotated[
        int, typer.Option("--limit", "-n", help="The newest of so many are shown.", min=1, max=10_000_000)
    ] = 200,
    as_json: AsJson = False,
    times: Annotated[bool, typer.Option("--times/--no-times", help="Show when each line was written.")] = True,
    raw: Raw = False,
    credentials: Credentials = None,
    config: Config = None,
) -> None:
    """Search a namespace's log lines, oldest first."""
    # Imported here because `tail` shall not wait half a second for them.
    from kunobs.client.search import Search, build_query, since_moment
    from kunobs.elastic import client

    moment = since_moment(_duration(since), SYSTEM_CLOCK.now())
    access = find_access(namespace, credentials, config=config, search=True)
    if access.elasticsearch is None:
        raise UsageError(f"{access.origin} says nothing of Elasticsearch")
    built = build_query(query, access.profile, since=moment, pod=pod, container=container)
    show = json_format if as_json else _text(times=times, raw=raw)
    shown = 0
    with _ending_well(), client(access.elasticsearch) as connection:
        found = Search(connection, data_stream(namespace), access.profile, access.origin)
        with closing(found.events(built, limit, query_text=query)) as events:
            while chunk := list(islice(events, _ROWS)):
                write_lines(map(show, chunk), sys.stdout)
                shown += len(chunk)
    if found.silent_shards:
        typer.echo(f"kunobs: {found.silent_shards} shards did not answer: lines may be missing", err=True)
    if not shown:
        typer.echo(f"kunobs: no line of the last {since} matches; look further back with --since 7d", err=True)
    if found.total > shown:
        typer.echo(f"kunobs: the newest {shown} of {found.total} lines; more with --limit", err=True)


def _duration(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(f"--since: {error}") from None


def _text(*, times: bool, raw: bool, highlight: re.Pattern[str] | None = None) -> Format:
    return TextFormat(colour=wants_colour(sys.stdout, os.environ), times=times, raw=raw, highlight=highlight)


@contextmanager
def _ending_well() -> Iterator[None]:
    """Ctrl-C ends with 130 and no word; a reader who has left, as in `| head`, is no failure."""
    logging.basicConfig(format="kunobs: %(message)s", stream=sys.stderr)
    logging.getLogger("elastic_transport").setLevel(logging.CRITICAL)  # its errors are raised too
    try:
        yield
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:
        abandon(sys.stdout)
        raise typer.Exit(0) from None
