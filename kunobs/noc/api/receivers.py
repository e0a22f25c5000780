"""`/v1/receivers` and `/v1/routes`: whom a tenant has told beside the platform's people, within what the platform allows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Path
from pydantic import AfterValidator, BaseModel, Field, SecretStr

from kunobs.config.secret import HIDDEN
from kunobs.noc.accept.refusal import Refusal
from kunobs.noc.api.caller import Who
from kunobs.noc.api.texts import Given, MatcherText, Name
from kunobs.noc.decide.own import URL, Receiver, forbidden, own_receivers
from kunobs.noc.decide.policy import Policy
from kunobs.noc.store.journal import note
from kunobs.noc.store.port import Tx

router = APIRouter(tags=["receivers"])
_MAIL = r"^[A-Za-z0-9_%+-]+(\.[A-Za-z0-9_%+-]+)*@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$"


def _not_hidden(secret: SecretStr) -> SecretStr:
    if secret.get_secret_value() == HIDDEN:
        raise ValueError(f"is {HIDDEN}, which stands for a secret; write the secret itself")
    return secret


Key = Annotated[SecretStr, Field(min_length=1, max_length=200), AfterValidator(_not_hidden)]
NameInPath = Annotated[Name, Path()]


class RobotIn(Given):
    """A WeCom group robot."""

    kind: Literal["wecom_robot"]
    key: Key = Field(description="The robot's key: what follows key= in its URL.")


class WebhookIn(Given):
    """A system of the tenant's, on a host that the platform allows."""

    kind: Literal["webhook"]
    url: str = Field(
        max_length=2048, pattern=URL, description="Where it is posted.", examples=["https://hooks.example.com/kunobs"]
    )
    secret: Key | None = Field(
        default=None, description="Signs the body (X-Kunobs-Signature); without it, nothing does."
    )


class MailIn(Given):
    """Mail to addresses in domains that the platform allows."""

    kind: Literal["mail"]
    addresses: list[Annotated[str, Field(max_length=250, pattern=_MAIL)]] = Field(
        min_length=1, max_length=20, examples=[["orders@example.com"]]
    )


ReceiverIn = Annotated[RobotIn | WebhookIn | MailIn, Field(discriminator="kind")]


class ReceiverOut(BaseModel):
    """A receiver; its secrets are shown as <secret>."""

    name: str
    kind: str
    key: str | None = None
    url: str | None = None
    secret: str | None = None
    addresses: list[str] | None = None
    problem: str | None = Field(default=None, description="Why it is not told any more: the platform's limits changed.")


class Receivers(BaseModel):
    """By name."""

    receivers: list[ReceiverOut]


class Route(Given):
    """Incidents whose labels all matchers match are told to these receivers; without matchers, all of the tenant's."""

    match: list[MatcherText] = Field(default=[], max_length=20)
    receivers: list[Name] = Field(min_length=1, max_length=20)


class Routes(Given):
    """Every route that matches counts; a receiver hears of an incident once."""

    routes: list[Route] = Field(max_length=1000)


@router.get("/v1/receivers", summary="List receivers", response_model_exclude_none=True)
async def list_receivers(who: Who) -> Receivers:
    """Those of the tenant."""
    found = await who.read(lambda tx: own_receivers(tx, who.tenant))
    return Receivers(receivers=[_out(who, each) for each in found.values()])


@router.get("/v1/receivers/{name}", summary="One receiver", response_model_exclude_none=True)
async def one_receiver(who: Who, name: NameInPath) -> ReceiverOut:
    """Without its secrets."""
    found = await who.read(lambda tx: own_receivers(tx, who.tenant))
    if name not in found:
        raise _missing(name)
    return _out(who, found[name])


@router.put("/v1/receivers/{name}", summary="Make or replace a receiver", response_model_exclude_none=True)
async def put_receiver(who: Who, name: NameInPath, given: ReceiverIn) -> ReceiverOut:
    """It is told by the routes that name it: of a page, and of its end. It replaces nobody of the platform's."""
    receiver = Receiver(who.tenant, name, given.kind, msgspec.json.encode(_config(given)).decode())

    def change(tx: Tx, policy: Policy, now_ms: int) -> ReceiverOut:
        problem = forbidden(receiver, policy.config)
        if problem:
            raise Refusal(422, problem, hint="GET /v1/limits says what is; the platform sets it in noc.tenants")
        most = policy.config.tenants.limits(who.tenant).receivers
        if len({name, *own_receivers(tx, who.tenant)}) > most:
            raise Refusal(422, f"there are {most} receivers already", hint="delete one")
        tx.run(
            "INSERT INTO receiver (tenant, name, kind, config, created_ms) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (tenant, name) DO UPDATE SET kind = excluded.kind, config = excluded.config",
            who.tenant, name, receiver.kind, receiver.config, now_ms,
        )  # fmt: skip
        note(tx, now_ms, "receiver kept", tenant=who.tenant, receiver=name, receiver_kind=receiver.kind)
        return _out(who, receiver)

    return await who.change(change)


@router.delete("/v1/receivers/{name}", summary="Delete a receiver", status_code=204)
async def delete_receiver(who: Who, name: NameInPath) -> None:
    """What waits to be sent to it is not sent. One that a route names cannot be deleted: 409."""

    def change(tx: Tx, _: Any, now_ms: int) -> None:
        for number, route in enumerate(_routes(tx, who.tenant)):
            if name in route.receivers:
                raise Refusal(
                    409, f"routes[{number}] names {name}", hint="take it out of the routes first: PUT /v1/routes"
                )
        if not tx.run("DELETE FROM receiver WHERE tenant = ? AND name = ?", who.tenant, name):
            raise _missing(name)
        note(tx, now_ms, "receiver deleted", tenant=who.tenant, receiver=name)

    await who.change(change)


@router.get("/v1/routes", summary="The tenant's routes")
async def get_routes(who: Who) -> Routes:
    """In the order they were written."""
    return Routes(routes=await who.read(lambda tx: _routes(tx, who.tenant)))


@router.put("/v1/routes", summary="Replace the tenant's routes")
async def put_routes(who: Who, given: Routes) -> Routes:
    """The whole list, all of it or nothing."""

    def change(tx: Tx, policy: Policy, now_ms: int) -> None:
        most = policy.config.tenants.limits(who.tenant).routes
        if len(given.routes) > most:
            raise Refusal(422, f"there may be {most} routes", hint='a matcher such as service=~"a|b" joins two')
        known = own_receivers(tx, who.tenant)
        tx.run("DELETE FROM own_route WHERE tenant = ?", who.tenant)
        for number, route in enumerate(given.routes):
            missing = next((name for name in route.receivers if name not in known), None)
            if missing is not None:
                raise Refusal(
                    422, f"routes[{number}] names {missing}, which is no receiver", hint=f"PUT /v1/receivers/{missing}"
                )
            tx.run(
                "INSERT INTO own_route (tenant, position, matchers, receivers) VALUES (?, ?, ?, ?)",
                who.tenant, number, _json(route.match), _json(route.receivers),
            )  # fmt: skip
        note(tx, now_ms, "routes kept", tenant=who.tenant, routes=len(given.routes))

    await who.change(change)
    return given


def _routes(tx: Tx, tenant: str) -> list[Route]:
    rows = tx.rows("SELECT matchers, receivers FROM own_route WHERE tenant = ? ORDER BY position", tenant)
    return [
        Route.model_construct(match=msgspec.json.decode(matchers), receivers=msgspec.json.decode(receivers))
        for matchers, receivers in rows
    ]


def _config(given: RobotIn | WebhookIn | MailIn) -> Mapping[str, Any]:
    match given:
        case RobotIn():
            return {"key": given.key.get_secret_value()}
        case WebhookIn():
            return {"url": given.url, "secret": given.secret.get_secret_value() if given.secret else ""}
        case MailIn():
            return {"addresses": list(dict.fromkeys(given.addresses))}


def _out(who: Who, receiver: Receiver) -> ReceiverOut:
    shown: dict[str, Any] = {
        name: (HIDDEN if value else None) if name in ("key", "secret") else value
        for name, value in receiver.values.items()
    }
    problem = forbidden(receiver, who.relay.policy.config) or None
    return ReceiverOut(name=receiver.name, kind=receiver.kind, problem=problem, **shown)


def _missing(name: str) -> Refusal:
    return Refusal(404, f"there is no receiver {name}", hint="GET /v1/receivers lists them")


def _json(texts: list[str]) -> str:
    return msgspec.json.encode(texts).decode()
