"""What is watched: an expression, the value at which somebody must know, and the words for it; used by rule, panel and runbook.

Texts hold `{label}` and `{value}`: a rule makes Go's templates of them, a test the text that is expected.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["critical", "warning", "info", "none"]
Comparison = Literal[">", ">=", "<", "<=", "==", "!="]
Owner = Literal["platform", "tenant"]

RESPONSE: dict[Severity, str] = {
    "critical": "5m",  # data is being lost or a service is down for many: a phone rings
    "warning": "1h",  # it gets worse or redundancy is gone: a message, in working hours
    "info": "",  # good to know, shown, sent to nobody by itself
    "none": "",  # no alert of anything: the watchdog
}
"""Within which time somebody should have begun with it."""


@dataclass(frozen=True, slots=True)
class Text:
    """The same in both languages."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Signal:
    """One alert, and the panel with its line. The rule is `expr comparison threshold guard`."""

    alert: str
    severity: Severity
    expr: str
    """Without its comparison, as a panel shows it."""
    comparison: Comparison
    threshold: float
    title: Text
    """One line, for a phone: what is wrong with what."""
    description: Text
    """What was measured, with `{value}`."""
    impact: Text
    """Who feels what of it."""
    action: Text
    """The first thing to do."""
    unit: str = ""
    """Of `expr`: seconds, bytes, ratio, or empty for a number."""
    guard: str = ""
    """What must be true beside it: `and on (job) …`, `unless …`."""
    wait: str = "0m"
    """`for`: how long before it counts."""
    keep: str = ""
    """`keep_firing_for`: how long it lasts on after its last sign, where the series vanish with the trouble."""
    owner: Owner = "platform"
    labels: tuple[tuple[str, str], ...] = ()
    """More labels of the alert, as Prometheus' templates."""

    @property
    def query(self) -> str:
        """The whole condition, as a rule asks it."""
        number = f"{self.threshold:.15g}"
        return f"{self.expr} {self.comparison} {number} {self.guard}".rstrip()


@dataclass(frozen=True, slots=True)
class Recording:
    """A series that Prometheus computes at every evaluation: `level:metric:operations`."""

    record: str
    expr: str
    unit: str = ""


def page_of(system: str, signal: Signal) -> str:
    """The runbook: a page of its own for what wakes somebody, an anchor on the system's page for the rest."""
    return f"{signal.alert}.md" if signal.severity == "critical" else f"{system}.md#{signal.alert.lower()}"
