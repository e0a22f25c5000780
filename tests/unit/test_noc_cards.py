"""Cards of a WeCom application: pressed, and then they say who has it; before a strict provider."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from kunobs.config.noc.channels import ChannelsConfig
from kunobs.config.secret import Secret
from kunobs.noc.channels.build import Channels
from kunobs.noc.channels.wecom_callback import CallbackReader
from kunobs.testing.clock import FakeClock
from kunobs.testing.noc import NocBench
from kunobs.testing.wecom import WecomServer

CONFIG = """
channels: {wecom_app: {app: {corp_id: c, agent_id: 1, secret: s}}}
people:
  li: {name: 李雷, wecom: lilei}
  wang: {name: 王芳, wecom: wangfang}
ladders: {std: {steps: [{to: [person:li, person:wang], wait: 1h}]}}
route: {ladder: std}
"""


@dataclass
class Scene:
    """A relay whose application is a real channel before a strict WeCom."""

    bench: NocBench
    wecom: WecomServer

    def cards(self) -> list[Any]:
        """Those that were sent."""
        return [each for each in self.wecom.received if each.task_id]

    def press(self, userid: str, key: str) -> str:
        """A button of that person's card."""
        card = next(each for each in self.cards() if each.to == userid)
        params, body = self.wecom.press(card.task_id, userid, key)
        callback = self.wecom.callback
        reader = CallbackReader(Secret(callback.token), Secret(callback.aes_key), self.wecom.app.corp_id)
        event = reader.read(params, body)
        assert event is not None
        found: str = self.bench.relay.event("app", event).result()
        self.bench.relay.settle()
        return found


@pytest.fixture
def scene() -> Iterator[Scene]:
    """Two people with a card each."""
    clock = FakeClock()
    with WecomServer(["lilei", "wangfang"], clock=clock) as wecom:
        app = wecom.app
        login = {"corp_id": app.corp_id, "agent_id": app.agent_id, "secret": app.secret, "api": wecom.url}
        callback = {"callback_token": wecom.callback.token, "callback_aes_key": wecom.callback.aes_key}
        config = ChannelsConfig.model_validate({"wecom_app": {"app": login | callback}})
        with NocBench(CONFIG, dict(Channels(clock).build(config))) as bench:
            yield Scene(bench, wecom)


def test_a_press_is_an_ack_and_every_card_says_so(scene: Scene) -> None:
    """Once for each card; what is told beside it are the two messages that somebody has it."""
    scene.bench.fires(alertname="Disk", severity="critical")
    assert [each.to for each in scene.cards()] == ["lilei", "wangfang"]
    assert scene.press("wangfang", "ack") == "taken"
    assert scene.bench.rows("SELECT state, acked_by FROM incident") == [("acked", "王芳")]
    calls = scene.wecom.called("message/update_template_card")
    assert [call.result for call in calls] == [0, 0]
    assert all("王芳 已接手".encode() in call.body for call in calls)
    assert scene.press("wangfang", "ack") == "repeated"
    scene.bench.ends(alertname="Disk", severity="critical")
    assert len(scene.wecom.called("message/update_template_card")) == 2


def test_an_end_takes_the_buttons_away(scene: Scene) -> None:
    """Where nobody had pressed one."""
    scene.bench.fires(alertname="Disk", severity="critical")
    scene.bench.ends(alertname="Disk", severity="critical")
    calls = scene.wecom.called("message/update_template_card")
    assert ["已恢复".encode() in call.body for call in calls] == [True, True]


def test_a_card_that_cannot_be_changed_wakes_nobody(scene: Scene) -> None:
    """It is not worth an alert of the relay's own."""
    incident = scene.bench.fires(alertname="Disk", severity="critical")
    scene.wecom.fail("message/update_template_card", 40058, 2)
    scene.bench.act(incident, "ack")
    assert len(scene.wecom.called("message/update_template_card")) == 2
    assert scene.bench.rows("SELECT count(*) FROM incident") == [(1,)]
