"""Receivers and routes that tenants keep by themselves: told beside the platform's ladder, never instead of it.

What the platform allows is asked again whenever a receiver is used, so that a limit that is taken away holds for those made before. A
webhook's address is of a form that every parser of URLs reads alike, because one that the check reads in another way than whoever
connects would lead anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import msgspec

from kunobs.config.noc.channels import MailConfig, RobotConfig, WebhookConfig
from kunobs.config.noc.root import NocConfig
from kunobs.config.noc.tenants import Kind, TenantConfig
from kunobs.config.secret import Secret
from kunobs.matchers import Matcher
from kunobs.noc.channels.mail import Mail
from kunobs.noc.channels.webhook import Webhook
from kunobs.noc.channels.wecom_robot import WecomRobot
from kunobs.noc.decide.policy import Policy
from kunobs.noc.decide.reach import Address
from kunobs.noc.notify.contract import Channel
from kunobs.noc.notify.http import Http
from kunobs.noc.store.port import Tx

PREFIX = "tenant/"
URL = r"^(https?)://([A-Za-z0-9.-]{1,253})(?::([0-9]{1,5}))?(/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?$"
_matcher = lru_cache(maxsize=4096)(Matcher.read)


@dataclass(frozen=True)
class Receiver:
    """A row of `receiver`. `config` is JSON: {key} of a robot, {url, secret} of a webhook, {addresses} of mail."""

    tenant: str
    name: str
    kind: Kind
    config: str = field(repr=False)

    @property
    def channel(self) -> str:
        """How messages name it: `tenant/<tenant>/<receiver>`."""
        return f"{PREFIX}{self.tenant}/{self.name}"

    @property
    def values(self) -> Mapping[str, Any]:
        """The configuration, with its secrets."""
        found: Mapping[str, Any] = msgspec.json.decode(self.config)
        return found

    @property
    def address(self) -> str:
        """Whom a message on its channel is for; empty for a robot and a webhook."""
        return ",".join(self.values["addresses"]) if self.kind == "mail" else ""


def own_receivers(tx: Tx, tenant: str) -> dict[str, Receiver]:
    """All of a tenant by name, those that are no longer allowed too."""
    rows = tx.rows("SELECT tenant, name, kind, config FROM receiver WHERE tenant = ? ORDER BY name", tenant)
    return {row[1]: Receiver(*row) for row in rows}


def own_channels(tx: Tx, policy: Policy, tenant: str) -> dict[str, Channel]:
    """A tenant's receivers as channels by their names, those that are allowed now."""
    found = {each.channel: open_channel(each, policy.config) for each in own_receivers(tx, tenant).values()}
    return {name: channel for name, channel in found.items() if channel is not None}


def own_channel(tx: Tx, policy: Policy, name: str) -> Channel | None:
    """The channel `tenant/<tenant>/<receiver>`; None where there is no such receiver, or it is no longer allowed."""
    tenant, _, receiver = name.removeprefix(PREFIX).rpartition("/")
    row = tx.row("SELECT tenant, name, kind, config FROM receiver WHERE tenant = ? AND name = ?", tenant, receiver)
    return open_channel(Receiver(*row), policy.config) if row and name.startswith(PREFIX) else None


def channel_of(tx: Tx, policy: Policy, name: str) -> Channel | None:
    """A channel of the configuration or of a tenant; None where it is gone, or no longer allowed."""
    found = policy.channels.get(name)
    return own_channel(tx, policy, name) if found is None and name.startswith(PREFIX) else found


def own_targets(tx: Tx, policy: Policy, tenant: str, labels: Mapping[str, str]) -> list[Address]:
    """Each receiver that one of the tenant's routes names for these labels, once; an alert about it goes by the others."""
    wanted: dict[str, None] = {}
    for matchers, receivers in tx.rows(
        "SELECT matchers, receivers FROM own_route WHERE tenant = ? ORDER BY position", tenant
    ):
        if all(_matcher(text).matches(labels) for text in msgspec.json.decode(matchers)):
            wanted |= dict.fromkeys(msgspec.json.decode(receivers))
    known = own_receivers(tx, tenant) if wanted else {}
    found = [known[name] for name in wanted if name in known and not forbidden(known[name], policy.config)]
    return [
        Address(each.channel, each.address, "", policy.config.language)
        for each in found
        if each.channel != labels.get("kunobs_channel")
    ]


def forbidden(receiver: Receiver, config: NocConfig) -> str:
    """Why the platform does not allow it now, empty where it does."""
    limits, values = config.tenants.limits(receiver.tenant), receiver.values
    if receiver.kind not in limits.kinds:
        return f"receivers of kind {receiver.kind} are not allowed here"
    if receiver.kind == "webhook":
        return _forbidden_url(limits, values["url"])
    if receiver.kind == "mail":
        for address in values["addresses"]:
            if not _fits(limits.mail_domains, address.rpartition("@")[2].lower()):
                return f"mail to {address} is not allowed here"
        if _mail(config) is None:
            return "this relay sends no mail"
    return ""


def open_channel(receiver: Receiver, config: NocConfig) -> Channel | None:
    """The same object for the same configuration; None where it is not allowed."""
    if forbidden(receiver, config):
        return None
    mail = _mail(config) if receiver.kind == "mail" else None
    if mail is not None:
        mail = mail.model_copy(update={"per_minute": config.tenants.limits(receiver.tenant).mails_per_minute})
    return _open(receiver, config.tenants.wecom_api, mail)


@lru_cache(maxsize=1024)
def _open(receiver: Receiver, wecom_api: str, mail: MailConfig | None) -> Channel:
    values = receiver.values
    if mail is not None:
        # Mail counts by its name: one budget for all of a tenant's mails, as they go by the platform's servers.
        return Mail(f"{PREFIX}{receiver.tenant}", mail)
    if receiver.kind == "webhook":
        # Not validated: that would take away a last slash, which is part of the address.
        webhook = WebhookConfig.model_construct(url=values["url"], hmac_secret=Secret(values["secret"]))
        return Webhook(receiver.channel, webhook, Http())
    return WecomRobot(receiver.channel, RobotConfig(key=Secret(values["key"]), api=wecom_api), Http())


def _mail(config: NocConfig) -> MailConfig | None:
    channels = config.channels.mail
    return channels.get(config.tenants.mail) or next(iter(channels.values()), None)


def _forbidden_url(limits: TenantConfig, url: str) -> str:
    found = re.fullmatch(URL, url)
    if found is None:
        return "the url is not of the form https://host/path"
    host, port = found[2].lower(), int(found[3] or (443 if found[1] == "https" else 80))
    for pattern in limits.webhook_hosts:
        name, _, wanted = pattern.partition(":")
        if port == int(wanted or 443) and _fits((name,), host):
            return ""
    return f"webhooks to {host}:{port} are not allowed here"


def _fits(patterns: Iterable[str], name: str) -> bool:
    return any(
        name.endswith(pattern[1:]) and len(name) >= len(pattern) if pattern.startswith("*.") else name == pattern
        for pattern in patterns
    )
