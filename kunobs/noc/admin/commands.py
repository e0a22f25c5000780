"""`kunobs noc`: run the relay, ask the running one, or read what it did."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kunobs.errors import KunobsError, UsageError
from kunobs.noc.admin import manage
from kunobs.noc.admin.asking import By, ConfigFile, ask_relay, relay_config, seconds_of

app = typer.Typer(
    help="Alerts -> people: takes webhooks, pages by WeCom, WeChat, mail and phone until somebody takes it.",
    invoke_without_command=True,
)
app.add_typer(manage.heartbeat_app, name="heartbeats")
app.add_typer(manage.account_app, name="accounts")
app.add_typer(manage.silence_app, name="silence")
app.add_typer(manage.token_app, name="tokens")
app.add_typer(manage.override_app, name="override")


@app.callback()
def noc(context: typer.Context, config: ConfigFile = None) -> None:
    """Run the relay until SIGTERM; SIGHUP loads the configuration again."""
    context.obj = config
    if context.invoked_subcommand is None:
        from kunobs.noc.run import start

        raise typer.Exit(start(config))


@app.command()
def prove(context: typer.Context, incident: int, config: ConfigFile = None) -> None:
    """What happened to an incident: who posted it, who was called when by what, what came back."""
    from zoneinfo import ZoneInfo

    from kunobs.noc.admin.story import story
    from kunobs.noc.run import place
    from kunobs.noc.store.reader import open_reader

    section = relay_config(context, config)
    with open_reader(place(section)) as reader:
        text = reader.read(lambda tx: story(tx, incident, ZoneInfo(section.time_zone)))
    if text is None:
        raise KunobsError(f"there is no incident {incident}", hint="the number stands in every message, after #")
    typer.echo(text)


@app.command()
def verify(context: typer.Context, config: ConfigFile = None) -> None:
    """Check that nobody changed the journal: every entry is sealed over the one before."""
    from kunobs.noc.run import place
    from kunobs.noc.store.journal import first_broken
    from kunobs.noc.store.reader import open_reader

    with open_reader(place(relay_config(context, config))) as reader:
        count = reader.read(lambda tx: tx.row("SELECT count(*), min(seq), max(seq) FROM journal"))
        broken = reader.read(first_broken)
    if broken is not None:
        raise KunobsError(
            f"the journal is broken at entry {broken}", hint="what stands from there on cannot be trusted"
        )
    typer.echo(
        f"{count[0]:,} entries, {count[1] or 0} to {count[2] or 0}: each fits to the one before" if count else "empty"
    )


@app.command()
def export(
    context: typer.Context, config: ConfigFile = None, since: Annotated[int, typer.Option(help="First entry.")] = 0
) -> None:
    """The journal as JSON lines, for whoever keeps or checks it elsewhere."""
    from kunobs.noc.admin.export import entries
    from kunobs.noc.run import place
    from kunobs.noc.store.reader import open_reader

    with open_reader(place(relay_config(context, config))) as reader:
        for line in entries(reader, since):
            typer.echo(line)


@app.command()
def check(
    context: typer.Context,
    online: Annotated[bool, typer.Option("--online", help="Ask the providers too; nobody is reached.")] = False,
    config: ConfigFile = None,
) -> None:
    """Look for hours without anybody, people without a way, templates that fail, channels that would not let us in."""
    from kunobs.clock import SYSTEM_CLOCK
    from kunobs.noc.admin.check import problems

    found = list(problems(relay_config(context, config), online=online, now_ms=int(SYSTEM_CLOCK.now() * 1000)))
    for problem in found:
        typer.echo(problem)
    if found:
        raise typer.Exit(1)
    typer.echo("nothing to complain of")


@app.command()
def send(
    context: typer.Context,
    payload: Annotated[Path, typer.Argument(help="A webhook's body as Alertmanager posts it; - for stdin.")],
    integration: Annotated[str, typer.Option("--as", help="By which integration it would come.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say who would be reached; nothing is sent.")] = False,
    wait: Annotated[str, typer.Option("--for", help="How long to look ahead, if nobody takes it.")] = "2h",
    text: Annotated[bool, typer.Option("--text", help="Show the messages too.")] = False,
    config: ConfigFile = None,
) -> None:
    """Who would be reached, when, by what, for this payload."""
    from kunobs.clock import SYSTEM_CLOCK
    from kunobs.noc.accept.refusal import Refusal
    from kunobs.noc.admin import dry_run as rehearse

    if not dry_run:
        raise UsageError(
            "it only looks ahead: add --dry-run", hint="to send it, post it: docs/noc.md has the curl line"
        )
    body = typer.get_binary_stream("stdin").read() if str(payload) == "-" else _read(payload)
    seconds_of(wait)
    try:
        found = rehearse.dry_run(relay_config(context, config), integration, body, wait, SYSTEM_CLOCK.now())
    except Refusal as refusal:
        raise UsageError(f"{payload}: {refusal}", hint=refusal.hint) from refusal
    for each in found:
        typer.echo(
            f"{_after(each.after_s):>9}  {each.channel:<12} {each.address or 'the group':<20} {each.kind}: {each.title}"
        )
        if text:
            typer.echo("\n".join(f"           | {line}" for line in each.text.splitlines()))
    if not found:
        typer.echo("nobody is reached; it stands on the board only")


@app.command()
def drill(
    context: typer.Context,
    people: Annotated[list[str] | None, typer.Argument(help="Whom; everybody and every group when left out.")] = None,
    config: ConfigFile = None,
) -> None:
    """Send a test page to each person by each way and ask for an answer; `drill-report` says who gave one."""
    number = ask_relay(context, config, "drill", people=people or [])
    typer.echo(f"drill {number} is on its way; who answered: kunobs noc drill-report {number}")


@app.command("drill-report")
def drill_report(context: typer.Context, number: int, config: ConfigFile = None) -> None:
    """How far each test page of a drill came; exit 1 while any was not answered."""
    from kunobs.noc.decide.drill import report
    from kunobs.noc.run import place
    from kunobs.noc.store.reader import open_reader

    with open_reader(place(relay_config(context, config))) as reader:
        found = reader.read(lambda tx: report(tx, number))
    if not found:
        raise KunobsError(f"there is no drill {number}", hint="kunobs noc drill")
    for each in found:
        detail = f"  {each.detail}" if each.detail else ""
        typer.echo(f"{each.person or 'the group':<16} {each.channel:<16} {each.state}{detail}")
    ready = sum(each.state == "acted" for each in found)
    typer.echo(f"{ready} of {len(found)} answered")
    if ready < len(found):
        raise typer.Exit(1)


@app.command()
def ack(context: typer.Context, incident: int, by: By, config: ConfigFile = None) -> None:
    """Take an incident."""
    before = ask_relay(context, config, "act", incident=incident, action="ack", by=by)
    typer.echo(f"incident {incident} was {before}" + (f"; {by} has it now" if before == "firing" else ""))


@app.command()
def act(
    context: typer.Context,
    incident: int,
    action: Annotated[str, typer.Argument(help="ack, unack, escalate, comment, resolve or silence:SECONDS")],
    by: By,
    comment: str = "",
    config: ConfigFile = None,
) -> None:
    """Do something about an incident."""
    typer.echo(f"it was {ask_relay(context, config, 'act', incident=incident, action=action, by=by, comment=comment)}")


@app.command()
def reload(context: typer.Context, config: ConfigFile = None) -> None:
    """Load the configuration again; a wrong one changes nothing and is explained here."""
    ask_relay(context, config, "reload")
    typer.echo("loaded")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error


def _after(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"+{minutes // 60}h{minutes % 60:02d}m" if minutes >= 60 else f"+{minutes}m{rest:02d}s"
