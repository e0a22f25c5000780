"""`kunobs noc silence, tokens, override, accounts`: what the running relay keeps for its operator."""

from __future__ import annotations

from typing import Annotated

import typer

from kunobs.errors import KunobsError, UsageError
from kunobs.noc.admin.asking import By, ConfigFile, ask_relay, relay_config, seconds_of

silence_app = typer.Typer(help="Silences of the running relay; each has an end.", no_args_is_help=True)
token_app = typer.Typer(help="Tokens with which tenants' programs post.", no_args_is_help=True)
override_app = typer.Typer(help="Who stands in on a schedule.", no_args_is_help=True)
heartbeat_app = typer.Typer(help="What must keep saying that it lives.", no_args_is_help=True)
account_app = typer.Typer(help="Who may use the board.", no_args_is_help=True)


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
    number = ask_relay(
        context,
        config,
        "silence.add",
        tenant=tenant,
        matchers=matchers,
        seconds=seconds_of(duration),
        by=by,
        comment=comment,
    )
    typer.echo(f"silence {number}; end it: kunobs noc silence end {number}")


@silence_app.command("list")
def silence_list(context: typer.Context, config: ConfigFile = None) -> None:
    """Those that are not over."""
    for each in ask_relay(context, config, "silence.list"):
        typer.echo(
            f"{each['id']}  {each['tenant'] or '*'}  {' '.join(each['matchers'])}  by {each['author']}: {each['comment']}"
        )


@silence_app.command("end")
def silence_end(context: typer.Context, number: int, by: By, config: ConfigFile = None) -> None:
    """End one now; what it covered and still fires is paged."""
    if not ask_relay(context, config, "silence.end", number=number, by=by):
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
    made = ask_relay(context, config, "token.add", tenant=tenant, comment=comment, days=days)
    typer.echo(f"{made['token']}")
    typer.echo(f"token {made['id']} of {tenant}; it is not shown again", err=True)


@token_app.command("list")
def token_list(context: typer.Context, config: ConfigFile = None) -> None:
    """All of them, without what is secret."""
    for each in ask_relay(context, config, "token.list"):
        typer.echo(f"{each['id']}  {each['tenant']}  {each['comment']}")


@token_app.command("revoke")
def token_revoke(context: typer.Context, number: str, config: ConfigFile = None) -> None:
    """It opens nothing any more."""
    if not ask_relay(context, config, "token.revoke", number=number):
        raise KunobsError(f"there is no token {number!r}", hint="kunobs noc tokens list")
    typer.echo("revoked")


@account_app.command("add")
def account_add(
    context: typer.Context,
    name: str,
    password: Annotated[
        str, typer.Option(prompt=True, hide_input=True, confirmation_prompt=True, help="Asked for when left out.")
    ],
    config: ConfigFile = None,
) -> None:
    """Make one; the printed URL goes into an authenticator, as a QR code or by hand, and is shown this once."""
    typer.echo(ask_relay(context, config, "account.add", name=name, password=password))


@account_app.command("list")
def account_list(context: typer.Context, config: ConfigFile = None) -> None:
    """All of them, without what is secret."""
    for each in ask_relay(context, config, "account.list"):
        typer.echo(f"{each['name']:<20} {each['sessions']} sessions")


@account_app.command("remove")
def account_remove(context: typer.Context, name: str, config: ConfigFile = None) -> None:
    """Its sessions end with it."""
    if not ask_relay(context, config, "account.remove", name=name):
        raise KunobsError(f"there is no account {name!r}", hint="kunobs noc accounts list")
    typer.echo("removed")


@account_app.command("reset-totp")
def account_totp(context: typer.Context, name: str, config: ConfigFile = None) -> None:
    """A new URL for the authenticator of somebody who lost a phone; sessions end."""
    typer.echo(ask_relay(context, config, "account.totp", name=name))


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
    section = relay_config(context, config)
    if schedule not in section.schedules:
        raise UsageError(f"there is no schedule {schedule!r}", hint=f"one of {', '.join(section.schedules) or 'none'}")
    zone = section.schedules[schedule].time_zone
    number = ask_relay(
        context, config, "override.add",
        schedule=schedule, person=person, starts_ms=_moment(since, zone), ends_ms=_moment(until, zone), by=by,
    )  # fmt: skip
    typer.echo(f"override {number}; end it: kunobs noc override end {number}")


@override_app.command("end")
def override_end(context: typer.Context, number: int, by: By, config: ConfigFile = None) -> None:
    """From now on the schedule counts again."""
    if not ask_relay(context, config, "override.end", number=number, by=by):
        raise KunobsError(f"there is no override {number}, or it is over")
    typer.echo("ended")


@heartbeat_app.command("list")
def heartbeat_list(context: typer.Context, config: ConfigFile = None) -> None:
    """Each with its state: new, up, late, down or paused."""
    for each in ask_relay(context, config, "heartbeat.list"):
        typer.echo(f"{each['state']:<8} {each['name']}")


@heartbeat_app.command("forget")
def heartbeat_forget(context: typer.Context, name: str, config: ConfigFile = None) -> None:
    """A replica that was heard once and is gone for good."""
    ask_relay(context, config, "heartbeat.forget", name=name)
    typer.echo("forgotten")


def _moment(text: str, zone: str) -> int:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is no time", hint="write 2026-11-24T09:00") from error
    return int((moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))).timestamp() * 1000)
