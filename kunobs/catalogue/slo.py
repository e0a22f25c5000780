"""Service level objectives: from a target to recording rules and alerts on how fast its error budget burns.

Windows and factors are those of the Site Reliability Workbook, chapter 5, for a budget of 30 days: 2 % of it in an hour, 5 % in
six hours, 10 % in a day, 10 % in three days; each with a short window, so that the alert ends soon after the trouble.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kunobs.catalogue.signal import Recording, Severity, Signal, Text

BURNS: tuple[tuple[str, str, str, float, str, Severity], ...] = (
    ("Fast", "1h", "5m", 14.4, "2m", "critical"),
    ("Steady", "6h", "30m", 6.0, "15m", "critical"),
    ("Slow", "1d", "2h", 3.0, "1h", "warning"),
    ("Leak", "3d", "6h", 1.0, "3h", "warning"),
)
"""(name, long window, short window, how many times the budget's pace, for, severity)."""
WINDOWS = tuple(dict.fromkeys(window for _, long, short, *_ in BURNS for window in (short, long)))


@dataclass(frozen=True, slots=True)
class Objective:
    """What part of `total` may be `errors`; both are PromQL with `{window}`, aggregated to `labels`."""

    name: Text
    """What is promised."""
    alert: str
    """Kun…; the alerts are called so with Fast, Steady, Slow and Leak behind it."""
    record: str
    """`level:metric` of the recorded ratio; `:ratio_rate1h` follows."""
    target: float
    errors: str
    total: str
    labels: tuple[str, ...]
    least: float
    """Events in the long window below which nothing is said: two failures of four are no burning budget."""
    title: Text
    impact: Text
    action: Text

    def __post_init__(self) -> None:
        """ValueError for a target at which an alert could never fire."""
        if not 0 < self.target < 1:
            raise ValueError(f"{self.alert}: a target is between 0 and 1, not {self.target}")
        for name, *_, factor, _, _ in BURNS:
            if factor * self.budget >= 1:
                raise ValueError(
                    f"{self.alert}{name} could never fire: {factor} times a budget of {self.budget:.3g} is more than all"
                )

    @property
    def budget(self) -> float:
        """The part that may fail."""
        return round(1 - self.target, 9)

    def ratio(self, window: str) -> str:
        """The recorded series."""
        return f"{self.record}:ratio_rate{window}"

    def recordings(self) -> Iterator[Recording]:
        """The ratio over each window, and how many events there were over the long ones."""
        for window in WINDOWS:
            expr = f"{self.errors.replace('{window}', window)} / {self.total.replace('{window}', window)}"
            yield Recording(self.ratio(window), expr, "ratio")

    def signals(self) -> Iterator[Signal]:
        """Four alerts."""
        for name, long, short, factor, wait, severity in BURNS:
            limit = factor * self.budget
            events = f"{self.total.replace('{window}', long)} * {_seconds(long)}"
            on = f"on ({', '.join(self.labels)})"
            yield Signal(
                alert=f"{self.alert}{name}",
                severity=severity,
                expr=self.ratio(long),
                comparison=">",
                threshold=float(f"{limit:.6g}"),
                guard=f"and {on} {self.ratio(short)} > {limit:.6g} and {on} {events} > {self.least:g}",
                wait=wait,
                unit="ratio",
                title=self.title,
                description=Text(
                    f"过去 {long} 有 {{value}} 失败，是目标 {self.target:.2%} 所允许的 {factor:g} 倍以上。",
                    f"{{value}} failed in the last {long}: more than {factor:g} times what the target of {self.target:.2%} allows.",
                ),
                impact=self.impact,
                action=self.action,
            )


def _seconds(window: str) -> int:
    return int(window[:-1]) * {"m": 60, "h": 3600, "d": 86400}[window[-1]]
