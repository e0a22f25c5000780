"""All rules as files: `rules/KunX.yaml` and `tests/KunX.test.yaml`, or one file for each system."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from alert_rules.model import Links, Rule
from alert_rules.suite import Entry, entries, rule_file, unit_test_file
from kunobs.catalogue.signal import Signal
from kunobs.catalogue.signals import RECORDINGS, SIGNALS


def rule_files(
    links: Links,
    *,
    tests: bool = False,
    bundle: bool = False,
    signals: Mapping[str, tuple[Signal, ...]] = SIGNALS,
) -> dict[str, str]:
    """Relative name -> text."""
    files: dict[str, str] = {}
    systems: dict[str, list[Rule]] = defaultdict(list)
    for entry in entries(signals):
        rule = entry.rule(links)
        systems[entry.system].append(rule)
        own = f"rules/{rule.alert}.yaml"
        if not bundle:
            files[own] = rule_file(f"kunobs.{entry.system}.{rule.alert}", [rule])
        if tests:
            files |= {
                f"tests/{name}": text for name, text in _tests(entry, rule, "" if bundle else f"../{own}").items()
            }
    if bundle:
        files |= {f"rules/{system}.yaml": rule_file(f"kunobs.{system}", rules) for system, rules in systems.items()}
    for system, recordings in RECORDINGS.items():
        if system not in signals:
            continue
        files[f"rules/recording.{system}.yaml"] = rule_file(f"kunobs.{system}.recording", (), recordings)
    return files


def _tests(entry: Entry, rule: Rule, shipped: str) -> dict[str, str]:
    """A test reads its own rule alone, whatever is shipped beside it; what that reads is evaluated before it in one group."""
    files: dict[str, str] = {}
    own = shipped
    if entry.recordings or not shipped:
        own = f"{rule.alert}.yaml"
        files[own] = rule_file(rule.alert, [rule], entry.recordings)
    return files | {f"{rule.alert}.test.yaml": unit_test_file(entry, rule, [own])}
