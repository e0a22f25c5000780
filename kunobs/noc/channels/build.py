"""The configuration's channels -> channels. After a reload, one whose configuration is the same stays, with its token and connections."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kunobs.clock import Clock
from kunobs.config.base import Section
from kunobs.config.noc.channels import ChannelsConfig
from kunobs.noc.channels.mail import Mail
from kunobs.noc.channels.phone import Phone
from kunobs.noc.channels.webhook import Webhook
from kunobs.noc.channels.wechat import Wechat
from kunobs.noc.channels.wecom_app import WecomApp
from kunobs.noc.channels.wecom_robot import WecomRobot
from kunobs.noc.notify.contract import Channel
from kunobs.noc.notify.http import Http

_KINDS: Mapping[str, Callable[[str, Any, Clock], Channel]] = {
    "wecom_robot": lambda name, config, clock: WecomRobot(name, config, Http(config.ca_file)),
    "wecom_app": lambda name, config, clock: WecomApp(name, config, Http(config.ca_file), clock),
    "wechat": lambda name, config, clock: Wechat(name, config, Http(config.ca_file), clock),
    "mail": lambda name, config, clock: Mail(name, config),
    "phone": lambda name, config, clock: Phone(name, config, Http(config.ca_file), clock),
    "webhook": lambda name, config, clock: Webhook(name, config, Http(config.ca_file)),
}


class Channels:
    """Those of the running configuration."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._made: dict[str, tuple[str, Section, Channel]] = {}

    def build(self, config: ChannelsConfig) -> dict[str, Channel]:
        """The channels by name; those no longer wanted are closed when their attempts are over, by whoever holds them last."""
        made: dict[str, tuple[str, Section, Channel]] = {}
        for kind in ChannelsConfig.model_fields:
            for name, section in getattr(config, kind).items():
                before = self._made.get(name)
                if before is not None and before[:2] == (kind, section):
                    made[name] = before
                else:
                    made[name] = (kind, section, _KINDS[kind](name, section, self._clock))
        self._made = made
        return {name: channel for name, (_, _, channel) in made.items()}
