"""`noc.ladders` and `noc.routes`: who is paged in which order, and which alerts go where."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from kunobs.config.base import Conflict, Section, Text, Whole, wrong
from kunobs.config.noc.texts import Label, Target
from kunobs.config.quantities import Duration
from kunobs.config.texts import Distinct
from kunobs.matchers import Matcher

_DEEPEST = 10


def _matcher(text: str) -> str:
    try:
        Matcher.read(text)
    except ValueError as error:
        raise wrong(text, str(error)) from None
    return text


MatcherText = Annotated[Text, AfterValidator(_matcher)]


class StepConfig(Section):
    """One step of a ladder: these at once, and how long to wait for somebody to take it."""

    to: Annotated[tuple[Target, ...], Distinct] = Field(
        default=(), description="Who: person:li, team:db, schedule:platform (who is on call), channel:ops-robot."
    )
    by: Annotated[tuple[Label, ...], Distinct] = Field(
        default=(), description="Channels for people, all of them at once; empty for the first of each person's own."
    )
    mention: Annotated[tuple[Target, ...], Distinct] = Field(
        default=(), description="Whom a robot calls by name in the group."
    )
    wait: Duration = Field(
        default=300.0, ge=10, le=7 * 86400, description="How long until the next step, when nobody takes it."
    )

    def conflicts(self) -> Iterator[Conflict]:
        """A step that reaches nobody."""
        if not self.to:
            yield Conflict(
                ("to",), "is empty", "name somebody: person:li, team:db, schedule:platform or channel:ops-robot"
            )


class LadderConfig(Section):
    """Steps until somebody takes the incident; at the end the human board sounds."""

    steps: tuple[StepConfig, ...] = Field(default=(), description="The steps, in order.")
    repeat: Whole = Field(default=1, ge=0, le=100, description="How often all steps are gone through again.")
    remind: Duration = Field(
        default=1800.0,
        ge=60,
        le=7 * 86400,
        description="After the last step it is repeated this often, until somebody takes it.",
    )
    unack_after: Duration = Field(
        default=4 * 3600.0,
        ge=60,
        le=30 * 86400,
        description="An incident that was taken and still fires after this is open again, from the first step.",
    )
    severities: Annotated[tuple[Literal["critical", "warning", "info"], ...], Distinct] = Field(
        default=("critical", "warning"),
        description="Severities that climb the ladder; others are told to the first step's channels and on the board only.",
    )

    def conflicts(self) -> Iterator[Conflict]:
        """A ladder without steps."""
        if not self.steps:
            yield Conflict(("steps",), "is empty", "write at least one step with `to`")


class RouteConfig(Section):
    """Alerts that match go by this ladder, unless a route below matches too. The first that matches is taken."""

    match: tuple[MatcherText, ...] = Field(
        default=(), description='Conditions on labels, as in Alertmanager: severity="critical", namespace=~"pay-.*".'
    )
    tenant: Label = Field(default="", description="Only alerts of this tenant.")
    ladder: Label = Field(default="", description="The ladder; empty for that of the route above.")
    copy_to: Annotated[tuple[Target, ...], Distinct] = Field(
        default=(), description="Who is told at the beginning and the end, without a ladder."
    )
    routes: tuple[RouteConfig, ...] = Field(default=(), description="Routes below, more exact than this one.")
