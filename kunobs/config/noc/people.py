"""`noc.people` and `noc.teams`: who can be reached, and by what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from kunobs.config.base import Conflict, Section, Text
from kunobs.config.noc.texts import Label, MailAddress, PhoneNumber, TimeZone, WecomUser
from kunobs.config.texts import Distinct

# Which of a person's keys is the address for a kind of channel.
ADDRESS = {"wecom_app": "wecom", "wechat": "openid", "mail": "mail", "phone": "phone"}


class PersonConfig(Section):
    """Somebody, and the addresses on each kind of channel."""

    name: Text = Field(default="", description="The name people know; empty for the key.")
    wecom: WecomUser = Field(
        default="", description="The userid in WeCom, for applications and for mentions by a robot."
    )
    openid: Text = Field(default="", description="The openid at the WeChat official account.")
    mail: MailAddress = Field(default="", description="The mail address.")
    phone: PhoneNumber = Field(default="", description="The phone number, +8613800000000.")
    by: Annotated[tuple[Label, ...], Distinct] = Field(
        default=(),
        description="Channels in order of preference; empty for all that fit. What fails spills to the next.",
    )
    language: Literal["", "zh", "en"] = Field(default="", description="Language of messages; empty for noc.language.")
    time_zone: TimeZone = Field(default="", description="Time zone of times; empty for noc.time_zone.")


class TeamConfig(Section):
    """People who answer for something together."""

    people: Annotated[tuple[Label, ...], Distinct] = Field(default=(), description="Its members.")

    def conflicts(self) -> Iterator[Conflict]:
        """A team of nobody."""
        if not self.people:
            yield Conflict(("people",), "is empty", "name its members")
