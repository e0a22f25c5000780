"""A relay for tests of your own routes and ladders, on a virtual clock: who was reached by what, and that nobody else was.

with NocBench(text_of_your_noc_section) as noc:
    noc.fires(alertname="DiskFull", severity="critical")
    noc.advance("15m")
    noc.expect("ops", "phone +8613800000001")
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kunobs.config import load_text
from kunobs.noc.accept.alert import Alert, Post
from kunobs.noc.decide.incidents import Decision, Rules
from kunobs.noc.notify.contract import Channel
from kunobs.noc.rehearsal import MemoryChannel, Rehearsal
from kunobs.noc.store.journal import first_broken

__all__ = ["MemoryChannel", "NocBench"]


class NocBench(Rehearsal):
    """`noc` is the text of a `noc:` section; `channels` replace those that remember."""

    def __init__(self, noc: str, channels: Mapping[str, Channel] | None = None, folder: Path | None = None) -> None:
        indented = "\n".join("  " + line for line in noc.strip("\n").splitlines())
        super().__init__(load_text(f"version: 1\nnoc:\n{indented}", sections=["noc"]).noc, channels, folder)
        self._seen: dict[str, int] = {}

    def __enter__(self) -> NocBench:
        return self

    def __exit__(self, *_: object) -> None:
        broken = self.store.read(first_broken)
        super().__exit__()
        if broken is not None:
            raise AssertionError(f"the journal is broken at {broken}")

    def post(
        self, *alerts: Alert, sender: str = "am-0", tenant: str = "platform", drop: Sequence[str] = ("replica",)
    ) -> list[Decision]:
        """Post alerts and let everything happen that is due at once."""
        return self.take(Post(sender, alerts), tenant, "test", Rules(drop=drop, severity=self.relay.policy.severity))

    def fires(self, *, tenant: str = "platform", summary: str = "", **labels: str) -> int:
        """An alert with these labels begins now; its incident."""
        alert = Alert("firing", labels, {"summary": summary} if summary else {}, starts_ms=self.relay.now_ms())
        return self.post(alert, tenant=tenant)[0].incident or 0

    def ends(self, *, tenant: str = "platform", **labels: str) -> None:
        """The alert with these labels is over."""
        now = self.relay.now_ms()
        self.post(Alert("resolved", labels, starts_ms=now, ends_ms=now), tenant=tenant)

    def act(self, incident: int, action: str, by: str = "li", **more: Any) -> None:
        """What a person does. Raises Refusal."""
        self.relay.act(incident, action, by, "test", **more).result()
        self.relay.settle()

    def news(self) -> list[str]:
        """What was received since the last look: `channel address`, with the kind where it is no page."""
        found = []
        for name, channel in self.channels.items():
            if not isinstance(channel, MemoryChannel):
                continue
            for each in channel.received[self._seen.get(name, 0) :]:
                words = [name, each["address"], "" if each["kind"] == "page" else each["kind"]]
                found.append(" ".join(word for word in words if word))
            self._seen[name] = len(channel.received)
        return sorted(found)

    def expect(self, *wanted: str) -> None:
        """Exactly this was received since the last look; AssertionError otherwise."""
        found = self.news()
        if found != sorted(wanted):
            raise AssertionError(f"received {found}, not {sorted(wanted)}")
