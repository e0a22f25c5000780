"""docs/runbooks: a page of each system with what wakes nobody, and the list of all alerts. `python -m alert_rules.runbooks FOLDER`.

What wakes somebody has a page of its own, written by hand.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from alert_rules.suite import Entry, entries
from kunobs.catalogue.signal import RESPONSE, Text, page_of
from kunobs.catalogue.signals import SIGNALS

_HEAD = "Made from `kunobs/catalogue/signals/` by `make docs`; a test fails when it is out of date."


def pages() -> dict[str, str]:
    """File name -> text."""
    by_system: dict[str, list[Entry]] = {system: [] for system in SIGNALS}
    for entry in entries():
        by_system[entry.system].append(entry)
    found = {f"{system}.md": _page(system, of) for system, of in by_system.items() if any(map(_here, of))}
    return found | {"README.md": _index(by_system)}


def _here(entry: Entry) -> bool:
    return "#" in page_of(entry.system, entry.signal)


def _page(system: str, of: list[Entry]) -> str:
    return "\n".join([f"# {system}", "", _HEAD, "", *(line for entry in of if _here(entry) for line in _entry(entry))])


def _entry(entry: Entry) -> Iterator[str]:
    signal = entry.signal
    within = RESPONSE[signal.severity]
    yield f"## {signal.alert}"
    yield ""
    yield f"{signal.title.zh} · {signal.title.en}"
    yield ""
    yield (
        f"`{signal.severity}`"
        + (f", {within}" if within else "")
        + (", for the namespace's owner" if signal.owner == "tenant" else "")
    )
    yield ""
    for name, text in (("现象", signal.description), ("影响", signal.impact), ("处理", signal.action)):
        yield f"- {name}: {_both(text)}"
    yield ""
    yield "```promql"
    yield signal.query
    yield "```"
    yield ""


def _both(text: Text) -> str:
    return text.zh if text.zh == text.en else f"{text.zh} {text.en}"


def _index(by_system: dict[str, list[Entry]]) -> str:
    lines = ["# Runbooks", "", _HEAD, ""]
    for system, of in by_system.items():
        lines += [f"## {system}", "", "| alert | severity | |", "|---|---|---|"]
        for entry in of:
            signal = entry.signal
            page = page_of(system, signal)
            lines.append(f"| [{signal.alert}]({page}) | {signal.severity} | {signal.title.zh} · {signal.title.en} |")
        lines.append("")
    return "\n".join(lines)


def main(folder: str) -> None:
    """Write all pages that are made."""
    for name, text in pages().items():
        Path(folder, name).write_text(text)


if __name__ == "__main__":
    main(sys.argv[1])
