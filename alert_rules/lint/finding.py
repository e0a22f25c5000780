"""What a check found: where, what, and what to do; shown with the line of the file and a caret."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. `line` and `column` count from 1; `excerpt` is that line of the file."""

    file: str
    line: int
    column: int
    width: int
    excerpt: str
    rule: str
    check: str
    problem: str
    fix: str

    def render(self) -> str:
        """Four lines for people."""
        number = f"{self.line:>5}"
        start = min(self.column - 1, len(self.excerpt))
        # Chinese is two columns wide in a terminal, tabs are kept: the caret stands below what it means all the same.
        lead = "".join("\t" if c == "\t" else "  " if ord(c) > 0x2E7F else " " for c in self.excerpt[:start])
        caret = "^" * max(1, min(self.width, max(1, len(self.excerpt) - start)))
        return (
            f"{self.file}:{self.line}:{self.column}: {self.rule}: {self.problem} [{self.check}]\n"
            f"{number} | {self.excerpt}\n"
            f"      | {lead}{caret}\n"
            f"        fix: {self.fix}"
        )
