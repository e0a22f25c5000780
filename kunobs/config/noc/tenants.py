"""`noc.tenants:` how far tenants may go by the relay's API: how much they post, and whom they may have told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from kunobs.config.base import Section, Text, Whole, section, wrong
from kunobs.config.noc.texts import HttpUrl, Label
from kunobs.config.texts import Distinct

Kind = Literal["wecom_robot", "webhook", "mail"]
"""What a tenant's receiver may be: never a person of the platform, never a phone."""
_NAME = r"(\*\.)?[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*"
_PORT = r"(:[1-9][0-9]{0,4})?"


def _host(pattern: str) -> str:
    if not re.fullmatch(_NAME + _PORT, pattern) or len(pattern) > 253:
        raise wrong(
            pattern, "is no pattern of hosts", "write hooks.example.com, hooks.example.com:8443 or *.example.com"
        )
    return pattern


def _domain(pattern: str) -> str:
    if not re.fullmatch(_NAME, pattern) or len(pattern) > 253:
        raise wrong(pattern, "is no pattern of domains", "write example.com or *.example.com, in small letters")
    return pattern


HostPattern = Annotated[Text, AfterValidator(_host)]
DomainPattern = Annotated[Text, AfterValidator(_domain)]


class TenantConfig(Section):
    """What one tenant may do."""

    alerts_per_minute: Whole = Field(
        default=600, ge=1, le=1_000_000, description="Alerts it may post in a minute; what is over is refused with 429."
    )
    silences: Whole = Field(default=100, ge=0, le=10_000, description="Silences it may have at once.")
    receivers: Whole = Field(default=10, ge=0, le=1000, description="Receivers it may have.")
    routes: Whole = Field(default=20, ge=0, le=1000, description="Routes to these it may have.")
    kinds: Annotated[tuple[Kind, ...], Distinct] = Field(
        default=("wecom_robot", "webhook", "mail"), description="Kinds of receivers it may have."
    )
    webhook_hosts: Annotated[tuple[HostPattern, ...], Distinct] = Field(
        default=(),
        description="Hosts its webhooks may go to, as in hooks.example.com or *.example.com:8443; without a port, 443. "
        "The relay posts there from where it stands: name no host that trusts the relay's address.",
    )
    mail_domains: Annotated[tuple[DomainPattern, ...], Distinct] = Field(
        default=(), description="Domains its mails may go to, as in example.com or *.example.com."
    )
    mails_per_minute: Whole = Field(
        default=10, ge=1, le=600, description="Mails in a minute to all of its receivers together."
    )


class TenantsConfig(Section):
    """What tenants may do by themselves."""

    defaults: TenantConfig = section(TenantConfig, "For every tenant.")
    overrides: Mapping[Label, TenantConfig] = Field(
        default={}, description="For single tenants: what is written here stands for the default, the rest stays."
    )
    mail: Label = Field(
        default="", description="The mail channel whose servers send tenants' mails; empty for the first one."
    )
    wecom_api: HttpUrl = Field(
        default="https://qyapi.weixin.qq.com", description="Where WeCom's API is for tenants' robots."
    )

    def limits(self, tenant: str) -> TenantConfig:
        """Those of a tenant: its own where they are written, else the defaults."""
        own = self.overrides.get(tenant)
        if own is None:
            return self.defaults
        return self.defaults.model_copy(update={name: getattr(own, name) for name in own.model_fields_set})
