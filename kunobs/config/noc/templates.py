"""`noc.templates:` texts of your own over ours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from kunobs.config.base import Conflict, Section, Text
from kunobs.config.noc.texts import Label


class TemplateConfig(Section):
    """A text for some messages, in Jinja2; the first that fits is taken."""

    tenant: Label = Field(default="", description="Only for messages of this tenant; empty for all.")
    channel: Label = Field(default="", description="Only for this channel; empty for all.")
    kind: Literal["", "page", "reminder", "taken", "resolved", "digest", "storm", "meta", "drill"] = Field(
        default="", description="Only for this kind of message; empty for all."
    )
    language: Literal["", "zh", "en"] = Field(default="", description="Only in this language; empty for both.")
    title: Text = Field(default="", max_length=2000, description="The title; empty for the incident's own.")
    text: Text = Field(default="", max_length=16_384, description="The text; empty for ours.")

    def conflicts(self) -> Iterator[Conflict]:
        """A template of nothing."""
        if not self.title and not self.text:
            yield Conflict(("text", "title"), "is empty", "write a text or a title")
