"""`kunobs noc check`: a first configuration is fine; what would fail at night is said by day."""

from __future__ import annotations

from pathlib import Path

import pytest

from kunobs.config import load_text
from kunobs.errors import ConfigError, UsageError
from kunobs.noc.admin.check import problems
from kunobs.noc.admin.dry_run import dry_run
from kunobs.testing.wecom import WecomServer
from tests.unit.test_noc_docs import first_config

NOW = 1_790_000_000_000
BASE = """
version: 1
noc:
  integrations: {prod: {token: t}}
  channels: {wecom_robot: {ops: {key: k}}, phone: {call: {url: "http://x/call", hmac_secret: s}}}
  people: {li: {phone: "+8613800000001"}, wang: {mail: w@example.com}}
  ladders: {std: {steps: [{to: [channel:ops, person:li]}]}}
  route: {ladder: std}
"""


def found(text: str, folder: Path | None = None, *, online: bool = False) -> list[str]:
    """What is complained of."""
    return list(problems(load_text(text, directory=folder, sections=["noc"]).noc, online=online, now_ms=NOW))


def test_the_first_configuration_is_fine(tmp_path: Path) -> None:
    """That of docs/noc.md."""
    assert found(first_config(tmp_path), tmp_path) == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("person:li", "person:wang"), "person wang: no channel reaches them"),
        (("[channel:ops, person:li]", "[channel:ops], mention: [person:wang]"), "person wang: is mentioned by a robot"),
        (("{token: t}", "{}"), "integration prod: no token"),
        (("person:li]}", "person:li], by: [ops]}"), "ladder std, step 1: li has no address for ops"),
    ],
)
def test_complaints(change: tuple[str, str], complaint: str) -> None:
    """One line each."""
    assert found(BASE) == []
    assert [line for line in found(BASE.replace(*change)) if line.startswith(complaint)]


def test_hours_without_anybody() -> None:
    """The first three gaps, and how many more."""
    schedule = """
  schedules:
    night:
      time_zone: Asia/Shanghai
      fallback: li
      layers: [{rotation: daily, start: "2026-01-01", handover: "09:00", people: [li], only: ["18:00-09:00"]}]
"""
    lines = found(BASE + schedule)
    assert lines[0].startswith("schedule night: nobody from ")
    assert lines[0].endswith("18:00; li is called instead")
    assert lines[-1].startswith("schedule night: ")
    assert len(lines) == 4


def test_a_dead_application() -> None:
    """Asked without reaching anybody."""
    with WecomServer(["li"]) as wecom:
        app = wecom.app
        right = f"{{corp_id: {app.corp_id}, agent_id: {app.agent_id}, secret: {app.secret}, api: '{wecom.url}'}}"
        text = BASE.replace("channels: {", f"channels: {{wecom_app: {{app: {right}}}, ")
        without_phone = text.replace(', phone: {call: {url: "http://x/call", hmac_secret: s}}', "").replace(
            "person:li", "team:t"
        )
        without_phone += "  teams: {t: {people: [li]}}\n"
        without_phone = without_phone.replace('li: {phone: "+8613800000001"}', "li: {wecom: li}")
        assert found(without_phone, online=True) == []
        assert [
            line for line in found(without_phone.replace(app.secret, "wrong"), online=True) if "channel app: " in line
        ]


def test_a_template_that_fails_keeps_it_from_starting() -> None:
    """With its place and what to do."""
    with pytest.raises(ConfigError, match=r"noc.templates\[0\].*no_such"):
        found(BASE + '  templates: [{text: "{{ no_such }}"}]\n')


def test_dry_run_of_what_cannot_be() -> None:
    """The name is wrong, or the kind."""
    noc = load_text(BASE, sections=["noc"]).noc
    with pytest.raises(UsageError, match="there is no integration 'prd'"):
        dry_run(noc, "prd", b"{}", "1h", 0)
    noc = load_text(BASE.replace("{token: t}", "{token: t, kind: pingdom}"), sections=["noc"]).noc
    with pytest.raises(UsageError, match="of kind pingdom"):
        dry_run(noc, "prod", b"{}", "1h", 0)
