"""Alertmanager's label matchers, `severity="critical"` or `namespace=~"pay-.*"`, so that a route can be copied from there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

try:
    # Linear in the text whatever the expression, and what Alertmanager and Prometheus read.
    import re2 as expressions

    _OPTIONS = expressions.Options()
    # It would write to standard error, which tenants could fill.
    _OPTIONS.log_errors = False
except ImportError:
    # The plain install only checks that one compiles; it matches nothing.
    expressions, _OPTIONS = re, None

_FORM = re.compile(
    r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*"|(?:[^\s"{},=!~][^\s"{},]*)?)\s*', re.DOTALL
)
_ESCAPES = {"n": "\n", '"': '"', "\\": "\\"}
_LONGEST = 1000


@dataclass(frozen=True)
class Matcher:
    """One condition on one label; a label that is absent counts as empty, as in Prometheus."""

    name: str
    operator: str
    value: str
    pattern: Any

    @classmethod
    def read(cls, text: str) -> Matcher:
        """From its text. Raises ValueError that says what is wrong."""
        found = _FORM.fullmatch(text) if len(text) <= _LONGEST else None
        if found is None:
            raise ValueError(f'is no matcher: {text[:60]!r}; write label="value", or with !=, =~ or !~')
        name, operator, value = found.groups()
        if value.startswith('"'):
            value = re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[0]), value[1:-1], flags=re.DOTALL)
        pattern = None
        if operator in ("=~", "!~"):
            try:
                pattern = expressions.compile(value, _OPTIONS) if _OPTIONS else expressions.compile(value)
            except expressions.error as error:
                raise ValueError(f"has a wrong regular expression in {text[:60]!r}: {error}") from error
        return cls(name, operator, value, pattern)

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether these labels meet it; regular expressions are anchored at both ends."""
        found = labels.get(self.name, "")
        met = self.pattern.fullmatch(found) is not None if self.pattern else found == self.value
        return met is not self.operator.startswith("!")
