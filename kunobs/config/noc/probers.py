"""`noc.mappings:` what a prober posts, as data: where in its request each thing stands and what its words mean."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from kunobs.config.base import Conflict, Section, Text, section, wrong
from kunobs.config.noc.jsonpath import problem
from kunobs.config.noc.texts import TimeZone
from kunobs.config.texts import Distinct

PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
OWN_LABELS = ("prober", "target", "severity")
"""Labels that the mapper sets itself."""
_SAMPLE = datetime(2026, 11, 24, 13, 5, 59, tzinfo=UTC)


def _field_name(name: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", name):
        raise wrong(name, "is no name for a field", "begin with a small letter; small letters, digits and _ follow")
    return name


def _label_name(name: str) -> str:
    if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]{0,254}", name):
        raise wrong(name, "is no name of a label", "letters, digits and _, as in region")
    return name


def _header(name: str) -> str:
    if name and not re.fullmatch(r"[!#$%&'*+.^_`|~0-9a-zA-Z-]{1,100}", name):
        raise wrong(name, "is no name of a header", "as in x-signature")
    return name.lower()


def _time_format(form: str) -> str:
    if form in ("unix", "iso8601"):
        return form
    hint = 'write unix, iso8601, or a pattern such as "%Y-%m-%d %H:%M:%S"'
    try:
        sound = datetime.strptime(_SAMPLE.strftime(form), form).replace(tzinfo=UTC) == _SAMPLE
    except (ValueError, re.error):
        sound = False
    if not sound:
        raise wrong(form, "cannot be read back as a date and a time", hint)
    return form


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


FieldName = Annotated[Text, AfterValidator(_field_name)]
LabelName = Annotated[Text, AfterValidator(_label_name)]
Header = Annotated[Text, AfterValidator(_header)]
Several = Annotated[tuple[Text, ...], BeforeValidator(_listed, json_schema_input_type=str | tuple[str, ...]), Distinct]
"""One text, or a list of them."""


class StatusConfig(Section):
    """Which words mean that the check fails, and which that it is well again."""

    field: Text = Field(default="", description="The field that says it.")
    values: Mapping[Text, Literal["firing", "resolved", "ignore"]] = Field(
        default={}, description="What its words mean: {DOWN: firing, UP: resolved}. A word that is not here is refused."
    )


class SeverityConfig(Section):
    """How bad it is."""

    field: Text = Field(default="", description="The field that says it; empty for always the default.")
    values: Mapping[Text, Literal["critical", "warning", "info"]] = Field(
        default={}, description="What its words mean: {HIGH: critical, LOW: warning}."
    )
    default: Literal["critical", "warning", "info"] = Field(default="critical", description="For every other word.")


class AspectConfig(Section):
    """What about the target it is, where one check reports several things that come and go by themselves."""

    field: Text = Field(default="", description="The field that says it; empty for one thing only.")
    values: Mapping[Text, Text] = Field(
        default={}, description='Words and a name for each: {"3": certificate}. Other words: the target itself.'
    )


class TimesConfig(Section):
    """When it began and ended, by the prober's clock; without them, by ours when it comes in."""

    starts: Text = Field(default="", description="The field with the time it began, read when it begins.")
    ends: Text = Field(default="", description="The field with the time it ended, read when it ends.")
    format: Annotated[Text, AfterValidator(_time_format)] = Field(
        default="unix",
        description="unix (seconds or milliseconds, told apart by their size), iso8601, or a strptime pattern.",
    )
    zone: TimeZone = Field(default="UTC", description="Time zone of times that name none.")

    def conflicts(self) -> Iterator[Conflict]:
        """One time by their clock and one by ours: what comes late would then be taken for something older."""
        if bool(self.starts) != bool(self.ends):
            one, other = ("starts", "ends") if self.starts else ("ends", "starts")
            yield Conflict((one, other), f"needs {other} beside it", "it may be the same field")


class VerifyConfig(Section):
    """How a request shows that it is from the prober; the secret is that of the integration."""

    by: Literal["token", "md5", "hmac-sha1", "hmac-sha256", "none"] = Field(
        default="token",
        description="token: the secret itself. md5: of some fields and the secret. hmac: of the body.",
    )
    header: Header = Field(
        default="authorization",
        description="token: header that may hold it, with or without Bearer. hmac: the signature.",
    )
    parameter: Text = Field(default="token", description="token: parameter of the URL that may hold it.")
    fields: tuple[Text, ...] = Field(default=(), description="md5: these fields, then the secret, without a separator.")
    digest: Text = Field(default="", description="md5: the field with the digest.")
    prefix: Text = Field(default="", description="hmac: what stands before the signature, as in sha256=.")
    encoding: Literal["hex", "base64"] = Field(default="hex", description="hmac: how the signature is written.")

    def conflicts(self) -> Iterator[Conflict]:
        """A check that nothing could pass, or everything."""
        if self.by == "md5":
            for key in ("fields", "digest"):
                if not getattr(self, key):
                    yield Conflict((key, "by"), "is missing", "md5 needs fields and digest")
        if self.by.startswith("hmac") and self.header in ("", "authorization"):
            yield Conflict(("header", "by"), "must name the header with the signature", "as in x-signature")
        if self.by == "token" and not (self.header or self.parameter):
            yield Conflict(("header", "parameter", "by"), "is empty, and parameter too", "name one of them")


class MappingConfig(Section):
    """One kind of request: its fields get names, everything else speaks of these names."""

    format: Literal["json", "form", "query"] = Field(
        default="json",
        description="json: the body. form: the body, or the URL's parameters when it is a GET. query: the URL's parameters.",
    )
    fields: Mapping[FieldName, Several] = Field(
        default={},
        description="Names of your own and where each stands: a JSONPath ($.check.id) or a parameter. Of several "
        "places the first that has a value counts.",
    )
    decode: Several = Field(default=(), description="Fields whose value is percent-encoded once more.")
    id: Several = Field(
        default=(),
        description="The fields that name the check: what is equal in them is one thing that fails and recovers.",
    )
    target: Text = Field(default="", description="The field with the check's name for people.")
    status: StatusConfig = section(StatusConfig)
    severity: SeverityConfig = section(SeverityConfig)
    aspect: AspectConfig = section(AspectConfig)
    times: TimesConfig = section(TimesConfig)
    summary: Text = Field(
        default="",
        description="What people read first; {name} stands for a field. Empty for the target and the word of its status.",
    )
    links: Several = Field(default=(), description="Fields with addresses of pages.")
    labels: Mapping[LabelName, Text] = Field(default={}, description="More labels, each with its field.")
    annotations: Mapping[LabelName, Text] = Field(default={}, description="More texts for people, each with its field.")
    verify: VerifyConfig = section(VerifyConfig)

    def conflicts(self) -> Iterator[Conflict]:
        """Fields that nothing names, paths that lead nowhere, a check that can never fail."""
        for key in ("fields", "id", "target"):
            if not getattr(self, key):
                yield Conflict((key,), "is missing", "docs/probers.md shows a whole mapping")
        if not self.status.field:
            yield Conflict(("status.field", "status"), "is missing", "name the field that says down or up")
        if "firing" not in self.status.values.values():
            yield Conflict(("status.values", "status"), "has no word for firing", "write {DOWN: firing, UP: resolved}")
        if self.format == "query" and self.verify.by.startswith("hmac"):
            yield Conflict(("verify.by", "format"), "signs the body, and a query has none", "use token or md5")
        for label in OWN_LABELS:
            if label in self.labels:
                yield Conflict((f"labels.{label}",), "is a label the relay sets itself", "give it another name")
        yield from self._places()
        for path, names in self._references():
            yield from _unknown(path, names, self.fields)

    def _places(self) -> Iterator[Conflict]:
        for name, places in self.fields.items():
            if not places:
                yield Conflict((f"fields.{name}",), "is empty", "write where it stands")
            for place in places:
                if self.format == "json" and (trouble := problem(place)):
                    yield Conflict((f"fields.{name}",), f"{place!r} {trouble}", "write $.check.id or $['check-id']")
                elif self.format != "json" and (not place or place.startswith("$.")):
                    hint = "write the parameter's name, or format: json"
                    yield Conflict((f"fields.{name}",), f"{place!r} is no name of a parameter", hint)

    def _references(self) -> Iterator[tuple[str, Iterable[str]]]:
        """Where names of fields stand, and those there."""
        for key in ("decode", "id", "links"):
            yield key, getattr(self, key)
        yield "target", (self.target,)
        for key in ("status", "severity", "aspect"):
            yield f"{key}.field", (getattr(self, key).field,)
        yield "times.starts", (self.times.starts,)
        yield "times.ends", (self.times.ends,)
        yield "summary", PLACEHOLDER.findall(self.summary)
        yield from ((f"labels.{label}", (field,)) for label, field in self.labels.items())
        yield from ((f"annotations.{label}", (field,)) for label, field in self.annotations.items())
        yield "verify.fields", self.verify.fields
        yield "verify.digest", (self.verify.digest,)


def _unknown(path: str, names: Iterable[str], fields: Iterable[str]) -> Iterator[Conflict]:
    there = list(fields)
    for name in names:
        if name and name not in there:
            near = difflib.get_close_matches(name, there, n=1)
            hint = f"did you mean {near[0]}?" if near else "add it to fields"
            yield Conflict((path,), f"names the field {name!r}, which is not there", hint)
