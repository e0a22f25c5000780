"""The command line of `kunobs demo`."""

from __future__ import annotations

import json as jsonlib
import math
import os
import shlex
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from types import FrameType, ModuleType
from typing import TYPE_CHECKING, Annotated

import typer

from kunobs.clock import SYSTEM_CLOCK
from kunobs.errors import KunobsError, UsageError
from kunobs.log import setup

if TYPE_CHECKING:
    from kunobs.local.demo.run import Outcome, Plan
    from kunobs.local.demo.scrape import Scrape
    from kunobs.local.stack import LocalStack


class Part(StrEnum):
    """What the demo shows."""

    all = "all"
    logs = "logs"
    alert = "alert"


DEFAULT_SECONDS = 20.0
DEFAULT_RATE = 1000.0
_INTERRUPTED = 130


def demo(
    input_: Annotated[
        Path | None,
        typer.Option("--input", metavar="EVENTS.ndjson[.gz]", help="Send these lines instead of generated ones."),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(min=0.1, help=f"How long to send: {DEFAULT_SECONDS:.0f} without --input, else to its end."),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(
            min=0.1, help=f"Records a second: {DEFAULT_RATE:.0f} without --input, else as fast as Kafka takes them."
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    part: Annotated[Part, typer.Option(help="Only the logs, or only the alert, which needs no Kafka.")] = Part.all,
) -> None:
    """Real Kafka and Elasticsearch, log events through both legs, and books that are settled at the far end.

    Then an alert: posted as Alertmanager does, told to a group of a stand-in for WeCom, taken on the relay's board.

    Exit code 0 when every record is accounted for, 1 when not or when something failed, 2 for wrong usage.
    """
    try:
        # Here, because the plain install has the command line but not what the demo stands on.
        from kunobs.local.demo.run import STACK, Demo
        from kunobs.local.progress import reporter_for
        from kunobs.local.stack import LocalStack
    except ImportError as error:
        raise UsageError(f"`kunobs demo` needs {error.name}", hint="pip install 'kunobs[all]'") from error
    setup("warning")
    if part is Part.alert:
        _alert(jsonlib if json else None)
        return
    reporter = reporter_for(sys.stderr)
    stack = LocalStack(STACK, reporter=reporter)
    run = Demo(stack, reporter=reporter, out=sys.stderr, environ=os.environ, clock=SYSTEM_CLOCK)
    plan = _plan(input_, seconds, rate)
    try:
        with terminate_as_interrupt():
            outcome = run.run(plan)
    except KeyboardInterrupt:
        typer.echo(f"\ninterrupted; both legs are stopped\n{_stack_is_up(stack)}", err=True)
        raise typer.Exit(_INTERRUPTED) from None
    except KunobsError as error:
        error.hint = "\n".join(filter(None, (error.hint, _stack_is_up(stack))))
        raise
    # A file's lines may be of any time.
    _print(outcome, stack, as_json=json, since=" --since 365d" if input_ else "")
    if part is Part.all and not json:
        _alert(None)
    if not outcome.books.balanced:
        raise typer.Exit(1)


def _alert(encoder: ModuleType | None) -> None:
    try:
        from kunobs.local.demo.alert import AlertDemo
    except ImportError as error:
        raise UsageError(f"the demo's alert needs {error.name}", hint="pip install 'kunobs[all]'") from error
    from kunobs.local.demo.run import STACK
    from kunobs.local.files import state_root

    with terminate_as_interrupt():
        outcome = AlertDemo(state_root() / STACK, os.environ, SYSTEM_CLOCK).run()
    if encoder is not None:
        typer.echo(encoder.dumps(asdict(outcome), ensure_ascii=False, indent=2))
        return
    typer.echo(f"\nan alert: posted, and {outcome.seconds * 1000:.0f} ms later in the group of a stand-in for WeCom:\n")
    for message in outcome.messages:
        typer.echo("\n".join(f"  | {line}" for line in message.splitlines()) + "\n")
    seen = "it stood on the board and was taken there" if outcome.on_the_board else "THE BOARD DID NOT SHOW IT"
    typer.echo(f"{seen}; `kunobs noc prove 1` says:\n")
    typer.echo("\n".join(f"  {line}" for line in outcome.story.splitlines()))
    if not outcome.on_the_board:
        raise typer.Exit(1)


def _plan(input_: Path | None, seconds: float | None, rate: float | None) -> Plan:
    from kunobs.local.demo.run import Plan
    from kunobs.local.demo.source import FileSource, GeneratedSource

    for name, value in (("--seconds", seconds), ("--rate", rate)):
        if value is not None and not math.isfinite(value):
            raise UsageError(f"{name} must be a number, not {value}", hint=f"kunobs demo {name} 10")
    if input_ is not None:
        return Plan(FileSource(input_), rate, seconds)
    rate, seconds = rate or DEFAULT_RATE, seconds or DEFAULT_SECONDS
    return Plan(GeneratedSource(rate=rate, seconds=seconds, clock=SYSTEM_CLOCK), rate, seconds + 1)


def _print(outcome: Outcome, stack: LocalStack, *, as_json: bool, since: str) -> None:
    from rich.console import Console

    from kunobs.local.demo.table import summary, summary_table

    books = outcome.books
    if as_json:
        told = summary(books, outcome.latency, outcome.took) | {"exporters": asdict(outcome.scrape)}
        typer.echo(jsonlib.dumps(told, ensure_ascii=False, indent=2))
    else:
        console = Console(highlight=False)
        console.print(summary_table(books, outcome.latency))
    for wrong in books.wrongs:
        typer.echo(f"the books do not balance: {wrong}", err=True)
    if not as_json:
        if books.balanced:
            typer.echo(f"balanced: every record is accounted for on both legs, {outcome.took:.0f} s from first to last")
        typer.echo(_scraped(outcome.scrape))
        typer.echo(_try_next(outcome, stack, since=since))


def _scraped(scrape: Scrape) -> str:
    failed = f"; NOT WHOLE: {', '.join(scrape.failed)}" if scrape.failed else ""
    well = len(scrape.collectors) - len(scrape.failed)
    return (
        f"scraped: {scrape.series:,} series of Kafka and logs for {scrape.namespaces} namespaces, "
        f"{well} of {len(scrape.collectors)} collectors well{failed}; fanout's lag {scrape.fanout_lag:.0f}"
    )


def _try_next(outcome: Outcome, stack: LocalStack, *, since: str) -> str:
    busiest = outcome.books.fanout.done.most_common(1)
    namespace = busiest[0][0] if busiest else "NAMESPACE"
    kunobs = as_typed(sys.argv[0])
    return f"""
try next:
  export KUNOBS_CONFIG={shlex.quote(str(stack.config_path))}
  {kunobs} tail {namespace}
  {kunobs} search {namespace}{since}
  {kunobs} exporter kafka logs       # http://127.0.0.1:9520/metrics, for Prometheus
  {kunobs} dashboards preview --out {shlex.quote(str(stack.config_path.parent / "preview"))}   # draws them; needs Prometheus and promtool
  curl '{stack.elasticsearch_url}/_cat/indices/logs-k8s-*?v&s=docs.count:desc'
{_stack_is_up(stack)}"""


def _stack_is_up(stack: LocalStack) -> str:
    running = [status for status in stack.status() if status.pid is not None]
    if not running:
        return ""
    where = ", ".join(f"{status.name} {status.endpoint}" for status in running)
    stop = f"{as_typed(sys.argv[0])} local down --stack {stack.name}"
    return f"the stack is up: {where}\nstop it: {stop}   # --wipe deletes its data too"


def as_typed(program: str) -> str:
    """How this very program is called from here: `make demo` runs one that is not on PATH."""
    if Path(program).name != "kunobs" or shutil.which("kunobs"):
        return "kunobs"
    here = os.path.relpath(program)
    return shlex.quote(here if os.sep in here else f"./{here}")


@contextmanager
def terminate_as_interrupt() -> Iterator[None]:
    """SIGTERM ends the demo as Ctrl-C does, so that no leg is left running."""

    def interrupt(signum: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
