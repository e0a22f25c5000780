"""The command line of the local stack: `kunobs local up | down | status | logs | tenant add`."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections import deque
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from kunobs.clock import SYSTEM_CLOCK, Clock
from kunobs.errors import LocalStackError
from kunobs.local.config_file import copy_config
from kunobs.local.progress import reporter_for
from kunobs.local.service import ServiceStatus
from kunobs.local.stack import SERVICES, LocalStack
from kunobs.local.tenant import add_tenant
from kunobs.log import setup

app = typer.Typer(
    help="Real Kafka and Elasticsearch on this machine, from Python packages alone.", no_args_is_help=True
)
tenant_app = typer.Typer(help="Tenants of the local stack.", no_args_is_help=True)
app.add_typer(tenant_app, name="tenant")

StackName = Annotated[str, typer.Option("--stack", help="Name of the stack; several may run at once.", metavar="NAME")]
_GROUPS = {"kafka": ("public", "tenant")}


@app.command()
def up(
    stack: StackName = "local",
    only: Annotated[
        list[str] | None,
        typer.Option("--only", help="public, tenant, elasticsearch, or kafka for both clusters."),
    ] = None,
    elasticsearch: Annotated[
        str, typer.Option("--elasticsearch", help="Elasticsearch version.", metavar="VERSION")
    ] = "",
    mirror: Annotated[
        str, typer.Option("--mirror", help="Mirror of Maven Central (or KUNOBS_MAVEN_MIRROR).", metavar="URL")
    ] = "",
    config: Annotated[Path | None, typer.Option("--config", help="Write kunobs.yaml here too.", metavar="FILE")] = None,
    new_ports: Annotated[bool, typer.Option("--new-ports", help="Choose other ports than last time.")] = False,
) -> None:
    """Start two Kafka clusters and Elasticsearch; downloads their jars (91 MB) the first time."""
    found = LocalStack(stack, mirror=mirror, elasticsearch_version=elasticsearch, reporter=reporter_for(sys.stderr))
    found.up(only=chosen(only), new_ports=new_ports)
    if config is not None:
        copy_config(found.config_path, config)
    print_table(found.status())
    print(f"export KUNOBS_CONFIG={config.resolve() if config else found.config_path}")
    if config is None and not Path("kunobs.yaml").exists() and os.access(".", os.W_OK):
        print(f"# or have kunobs.yaml in this folder: kunobs local up --stack {stack} --config kunobs.yaml")


@app.command()
def down(
    stack: StackName = "local",
    wipe: Annotated[bool, typer.Option("--wipe", help="Delete the data, ports and passwords too.")] = False,
) -> None:
    """Stop the stack; its data stays unless wiped."""
    LocalStack(stack, reporter=reporter_for(sys.stderr)).down(wipe=wipe)
    print(f"{stack}: stopped and wiped" if wipe else f"{stack}: stopped; its data stays")


@app.command()
def status(
    stack: StackName = "local",
    as_json: Annotated[bool, typer.Option("--json", help="A JSON list on standard output.")] = False,
) -> None:
    """Show endpoints, versions, process ids, memory, data size and uptime."""
    found = LocalStack(stack).status()
    if as_json:
        print(json.dumps([dataclasses.asdict(service) for service in found], indent=1))
    else:
        print_table(found)


@app.command()
def logs(
    name: Annotated[str, typer.Argument(help="public, tenant or elasticsearch")],
    stack: StackName = "local",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Keep printing what is added.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="Lines from the end.")] = 100,
) -> None:
    """Print the log of one service."""
    service = LocalStack(stack).service(name)
    if not service.log_file.exists():
        raise LocalStackError(f"{name} has no log yet", hint=f"kunobs local up --stack {stack} --only {name}")
    try:
        print_log(service.log_file, lines=lines, follow=follow)
    except KeyboardInterrupt:
        return


@tenant_app.command("add")
def tenant_add(
    namespace: Annotated[str, typer.Argument(help="The Kubernetes namespace.")],
    stack: StackName = "local",
    rotate: Annotated[bool, typer.Option("--rotate", help="Make a new password.")] = False,
) -> None:
    """Give a namespace its topics, its Kafka user and its rights; again changes nothing."""
    setup("warning")
    access = add_tenant(LocalStack(stack), namespace, rotate=rotate)
    print(f"{access.username}: {'new password' if access.new_password else 'unchanged'}")
    print(f"credentials: {access.credentials_file}")


def print_log(file: Path, *, lines: int, follow: bool, clock: Clock = SYSTEM_CLOCK) -> None:
    """Print the last `lines` of `file`; with `follow` also what is added, until interrupted."""
    log = file.open(errors="replace")
    try:
        sys.stdout.writelines(deque(log, maxlen=lines))
        sys.stdout.flush()
        while follow:
            text = log.read()
            if text:
                print(text, end="", flush=True)
                continue
            if file.exists() and os.fstat(log.fileno()).st_ino != file.stat().st_ino:
                log.close()
                log = file.open(errors="replace")
                continue
            clock.sleep(0.2)
    finally:
        log.close()


def chosen(only: list[str] | None) -> tuple[str, ...]:
    """The services that `--only` names: a list, commas inside, `kafka` for both clusters; all without it."""
    words = [word for item in only or SERVICES for word in item.split(",") if word]
    return tuple(name for word in words for name in _GROUPS.get(word, (word,)))


def print_table(found: list[ServiceStatus]) -> None:
    """A line per service on standard output."""
    table = Table("service", "state", "endpoint", "version", "pid", "memory", "data", "uptime", box=None)
    for service in found:
        alive = service.pid is not None
        table.add_row(
            service.name,
            service.state,
            service.endpoint if alive else "",
            f"{service.program} {service.version}",
            str(service.pid) if alive else "",
            f"{service.memory / 1e6:.0f} MB" if alive else "",
            f"{service.data / 1e6:.1f} MB",
            duration(service.uptime) if alive else "",
        )
    # Piped output has no width; cutting an endpoint short would make it useless.
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def duration(seconds: float) -> str:
    """The two largest units, as in `2h 5m`."""
    minutes, hours = int(seconds) // 60, int(seconds) // 3600
    if hours >= 24:
        return f"{hours // 24}d {hours % 24}h"
    if hours:
        return f"{hours}h {minutes % 60}m"
    return f"{minutes}m {int(seconds) % 60}s" if minutes else f"{int(seconds)}s"
