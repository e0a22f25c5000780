"""All rules as files: `rules/KunX.yaml` and `tests/KunX.test.yaml`, or one file for each system."""

from __future__ import annotations

from collections import defaultdict

from alert_rules.model import Links, Rule
from alert_rules.suite import entries, rule_file, unit_test_file


def rule_files(links: Links, *, tests: bool = False, bundle: bool = False) -> dict[str, str]:
    """Relative name -> text."""
    files: dict[str, str] = {}
    systems: dict[str, list[Rule]] = defaultdict(list)
    for entry in entries():
        rule = entry.rule(links)
        systems[entry.system].append(rule)
        own = f"rules/{rule.alert}.yaml"
        if not bundle:
            files[own] = rule_file(f"kunobs.{entry.system}.{rule.alert}", [rule])
        if tests:
            # A test reads its own rule alone, whatever is shipped.
            where = f"../{own}"
            if bundle:
                where = f"{rule.alert}.yaml"
                files[f"tests/{where}"] = rule_file(rule.alert, [rule])
            files[f"tests/{rule.alert}.test.yaml"] = unit_test_file(entry, rule, [where])
    if bundle:
        files |= {f"rules/{system}.yaml": rule_file(f"kunobs.{system}", rules) for system, rules in systems.items()}
    return files
