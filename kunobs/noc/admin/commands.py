"""`kunobs noc`: run the relay, ask the running one, or read what it did."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from kunobs.errors import KunobsError, UsageError

app = typer.Typer(
    help="Alerts -> people: takes webhooks, pages by WeCom, WeChat, mail and phone until somebody takes it.",
    invoke_without_command=True,
)
silence_app = typer.Typer(help="Silences of the running relay; each has an end.", no_args_is_help=True)
token_app = typer.Typer(help="Tokens with which tenants' programs post.", no_args_is_help=True)
override_app = typer.Typer(help="Who stands in on a schedule.", no_args_is_help=True)
app.add_typer(silence_app, name="silence")
app.add_typer(token_app, name="tokens")
app.add_typer(override_app, name="override")

ConfigFile = Annotated[
    Path | None, typer.Option("--config", "-c", help="kunobs.yaml; else $KUNOBS_CONFIG, ./kunobs.yaml")
]
By = Annotated[str, typer.Option("--by", help="Who does it.", envvar="USER")]


@app.callback()
def noc(context: typer.Context, config: ConfigFile = None) -> None:
    """Run the relay until SIGTERM; SIGHUP loads the configuration again."""
    context.obj = config
    if context.invoked_subcommand is None:
        from kunobs.noc.run import start

        raise typer.Exit(start(config))


def _config(context: typer.Context, config: Path | None) -> Any:
    from kunobs.config import find_config, load

    return load(find_config(config or context.obj), sections=("noc",)).noc


def _ask(context: typer.Context, config: Path | None, verb: str, **arguments: Any) -> Any:
    from kunobs.noc.admin.socket import ask

    return ask(_config(context, config).socket, verb, **arguments)


@app.command()
def prove(context: typer.Context, incident: int, config: ConfigFile = None) -> None:
    """What happened to an incident: who posted it, who was called when by what, what came back."""
    from zoneinfo import ZoneInfo

    from kunobs.noc.admin.story import story
    from kunobs.noc.run import place
    from kunobs.noc.store.reader import open_reader

    section = _config(context, config)
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

    with open_reader(place(_config(context, config))) as reader:
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

    with open_reader(place(_config(context, config))) as reader:
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

    found = list(problems(_config(context, config), online=online, now_ms=int(SYSTEM_CLOCK.now() * 1000)))
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
    _seconds(wait)
    try:
        found = rehearse.dry_run(_config(context, config), integration, body, wait, SYSTEM_CLOCK.now())
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
    number = _ask(context, config, "drill", people=people or [])
    typer.echo(f"drill {number} is on its way; who answered: kunobs noc drill-report {number}")


@app.command("drill-report")
def drill_report(context: typer.Context, number: int, config: ConfigFile = None) -> None:
    """How far each test page of a drill came; exit 1 while any was not answered."""
    from kunobs.noc.decide.drill import report
    from kunobs.noc.run import place
    from kunobs.noc.store.reader import open_reader

    with open_reader(place(_config(context, config))) as reader:
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
    before = _ask(context, config, "act", incident=incident, action="ack", by=by)
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
    typer.echo(f"it was {_ask(context, config, 'act', incident=incident, action=action, by=by, comment=comment)}")


@app.command()
def reload(context: typer.Context, config: ConfigFile = None) -> None:
    """Load the configuration again; a wrong one changes nothing and is explained here."""
    _ask(context, config, "reload")
    typer.echo("loaded")


@silence_app.command("add")
def silence_add(
    context: typer.Context,
    matchers: Annotated[list[str], typer.Argument(help='As in alertname="DiskFull"')],
    duration: Annotated[str, typer.Option("--for", help="How long: 30m, 2h, 7d.")],
    comment: Annotated[str, typer.Option(help="Why.")],
    by: By,
    tenant: Annotated[str, typer.Option(help="Whose alerts; empty for everybody's.")] = "",
    config: ConfigFile = None,
) -> None:
    """Silence what matches, from now."""
    number = _ask(
        context,
        config,
        "silence.add",
        tenant=tenant,
        matchers=matchers,
        seconds=_seconds(duration),
        by=by,
        comment=comment,
    )
    typer.echo(f"silence {number}; end it: kunobs noc silence end {number}")


@silence_app.command("list")
def silence_list(context: typer.Context, config: ConfigFile = None) -> None:
    """Those that are not over."""
    for each in _ask(context, config, "silence.list"):
        typer.echo(
            f"{each['id']}  {each['tenant'] or '*'}  {' '.join(each['matchers'])}  by {each['author']}: {each['comment']}"
        )


@silence_app.command("end")
def silence_end(context: typer.Context, number: int, by: By, config: ConfigFile = None) -> None:
    """End one now; what it covered and still fires is paged."""
    if not _ask(context, config, "silence.end", number=number, by=by):
        raise KunobsError(f"there is no silence {number}, or it is over", hint="kunobs noc silence list")
    typer.echo("ended")


@token_app.command("add")
def token_add(
    context: typer.Context,
    tenant: str,
    comment: Annotated[str, typer.Option(help="What it is for.")] = "",
    days: Annotated[float, typer.Option(help="It ends after so many days; 0 for never.")] = 0,
    config: ConfigFile = None,
) -> None:
    """Make one; it is shown this once."""
    made = _ask(context, config, "token.add", tenant=tenant, comment=comment, days=days)
    typer.echo(f"{made['token']}")
    typer.echo(f"token {made['id']} of {tenant}; it is not shown again", err=True)


@token_app.command("list")
def token_list(context: typer.Context, config: ConfigFile = None) -> None:
    """All of them, without what is secret."""
    for each in _ask(context, config, "token.list"):
        typer.echo(f"{each['id']}  {each['tenant']}  {each['comment']}")


@token_app.command("revoke")
def token_revoke(context: typer.Context, number: str, config: ConfigFile = None) -> None:
    """It opens nothing any more."""
    if not _ask(context, config, "token.revoke", number=number):
        raise KunobsError(f"there is no token {number!r}", hint="kunobs noc tokens list")
    typer.echo("revoked")


@override_app.command("add")
def override_add(
    context: typer.Context,
    schedule: str,
    person: str,
    since: Annotated[str, typer.Option("--from", help="2026-11-24T09:00, in the schedule's zone.")],
    until: Annotated[str, typer.Option("--until", help="2026-11-25T09:00, in the schedule's zone.")],
    by: By,
    config: ConfigFile = None,
) -> None:
    """Somebody stands in."""
    section = _config(context, config)
    if schedule not in section.schedules:
        raise UsageError(f"there is no schedule {schedule!r}", hint=f"one of {', '.join(section.schedules) or 'none'}")
    zone = section.schedules[schedule].time_zone
    number = _ask(
        context, config, "override.add",
        schedule=schedule, person=person, starts_ms=_moment(since, zone), ends_ms=_moment(until, zone), by=by,
    )  # fmt: skip
    typer.echo(f"override {number}; end it: kunobs noc override end {number}")


@override_app.command("end")
def override_end(context: typer.Context, number: int, by: By, config: ConfigFile = None) -> None:
    """From now on the schedule counts again."""
    if not _ask(context, config, "override.end", number=number, by=by):
        raise KunobsError(f"there is no override {number}, or it is over")
    typer.echo("ended")


def _seconds(text: str) -> float:
    from kunobs.config import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _moment(text: str, zone: str) -> int:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is no time", hint="write 2026-11-24T09:00") from error
    return int((moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))).timestamp() * 1000)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error


def _after(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"+{minutes // 60}h{minutes % 60:02d}m" if minutes >= 60 else f"+{minutes}m{rest:02d}s"
