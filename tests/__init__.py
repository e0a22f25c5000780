"""Tests, by what they need: nothing (unit), a fake and the real thing (contract), `kunobs local` (integration)."""
