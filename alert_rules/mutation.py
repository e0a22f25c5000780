"""Runs the unit tests of all alerts against all mutants, in one call of promtool."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from alert_rules.mutate import mutants
from alert_rules.promtool import failures
from alert_rules.suite import entries, rule_file, unit_test_file
from kunobs.catalogue.signal import Signal
from kunobs.catalogue.signals import SIGNALS
from kunobs.errors import UsageError

# The two that say at which value and when it fires; the restarts would only cost time.
_TESTS = 2


@dataclass(frozen=True)
class Result:
    """How many there were, and those that no test noticed: (alert, what was broken)."""

    mutants: int
    survivors: tuple[tuple[str, str], ...]

    @property
    def killed(self) -> int:
        """Those that were noticed."""
        return self.mutants - len(self.survivors)


def run(promtool: Path, systems: Collection[str] = (), signals: Mapping[str, tuple[Signal, ...]] = SIGNALS) -> Result:
    """Of these systems, or of all. UsageError for a name that is none."""
    chosen = [entry for entry in entries(signals) if not systems or entry.system in systems]
    unknown = set(systems) - {entry.system for entry in chosen}
    if unknown:
        known = ", ".join(dict.fromkeys(entry.system for entry in entries(signals)))
        raise UsageError(f"no system {sorted(unknown)[0]}", hint=f"systems: {known}")
    made: dict[Path, tuple[str, str]] = {}
    with tempfile.TemporaryDirectory(prefix="kunobs-mutants-") as name:
        folder = Path(name)
        for entry in chosen:
            rule = entry.rule()
            for number, (what, signal) in enumerate(mutants(entry.signal)):
                broken = f"{rule.alert}.{number}.yaml"
                (folder / broken).write_text(
                    rule_file(rule.alert, [replace(entry, signal=signal).rule()], entry.recordings)
                )
                test = folder / f"{rule.alert}.{number}.test.yaml"
                test.write_text(unit_test_file(entry, rule, [broken], first=_TESTS))
                made[test] = (rule.alert, what)
        killed = failures(promtool, list(made))
    return Result(len(made), tuple(who for test, who in made.items() if test not in killed))
