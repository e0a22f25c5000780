"""`exporters.registry:` a Docker registry in several regions: one primary that is pushed to, replicas that follow it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from kunobs.config.base import Conflict, Section, Text, Whole, section, wrong
from kunobs.config.exporters.limits import ExporterConfig
from kunobs.config.noc.texts import HttpUrl, Label
from kunobs.config.quantities import Duration
from kunobs.config.secret import Secret
from kunobs.config.texts import ReadableFile

# As https://github.com/opencontainers/distribution-spec has them.
NAME = r"(?=.{1,255}\Z)[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
TAG = r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}"


def _repository(name: str) -> str:
    if name and not re.fullmatch(NAME, name):
        raise wrong(name, "is not the name of a repository", "write it without host and tag, as in team-a/web")
    return name


def _image(name: str) -> str:
    if name and not re.fullmatch(f"{NAME.replace(r'.{1,255}', r'.{1,384}')}:{TAG}", name):
        raise wrong(name, "is not an image", "write repository:tag without a host, as in team-a/web:v1")
    return name


def _tag(tag: str) -> str:
    if not re.fullmatch(TAG, tag):
        raise wrong(tag, "is not a tag", "letters, digits, _ . - and at most 128, as in kunobs-canary")
    return tag


Repository = Annotated[Text, AfterValidator(_repository)]
Image = Annotated[Text, AfterValidator(_image)]
Tag = Annotated[Text, AfterValidator(_tag)]


class RegionConfig(Section):
    """A registry: where it is and how to be let in."""

    url: HttpUrl = Field(default="", description="Its address, as https://registry.example.com: no path.")
    role: Literal["primary", "replica"] = Field(
        default="replica", description="primary for the one that is pushed to; a replica is compared with it."
    )
    username: Text = Field(
        default="", description="User for basic auth, or for the token server that the registry names. Empty: nobody."
    )
    password: Secret = Field(default=Secret(), description="The user's password. Prefer `password_file`.")
    password_file: ReadableFile = Field(default="", description="File that holds the user's password.")
    ca_file: ReadableFile = Field(
        default="", description="PEM file with the authorities to trust. Empty: those that come with requests."
    )

    def conflicts(self) -> Iterator[Conflict]:
        """An address that cannot be a registry's, or half an identity."""
        if not self.url:
            yield Conflict(("url",), "is missing", "write https://registry.example.com")
        parts = urlsplit(self.url)
        if parts.path or parts.query or parts.fragment:
            yield Conflict(("url",), "holds more than a host and a port", "the API is always at /v2/ of the host")
        if bool(self.username) != bool(self.password):
            keys = ("password", "password_file") if self.password else ("username",)
            yield Conflict((*keys, "password_file"), "is half an identity", "set username and password_file")
        if self.ca_file and not self.url.startswith("https://"):
            yield Conflict(("ca_file", "url"), "has no effect: the URL is not https://", "write https:// in url")


class CanaryConfig(Section):
    """A push of our own at regular times: can the registry be pushed to, and how soon do the replicas follow."""

    repository: Repository = Field(
        default="", description="Where it is pushed to. Empty: no canary, and nothing is ever written."
    )
    tag: Tag = Field(
        default="kunobs-canary", description="The tag that it moves. Two exporters with a canary need a tag each."
    )
    interval: Duration = Field(
        default=60.0,
        ge=1,
        le=86400,
        description="How often. Each push leaves a manifest of some 500 bytes until the registry's garbage collection.",
    )
    timeout: Duration = Field(
        default=30.0,
        ge=0.5,
        le=3600,
        description="A replica that has not got it after this counts as one that lost it.",
    )


class RegistryConfig(ExporterConfig):
    """An image registry in several regions: can it be pulled from and pushed to, and are its replicas what the primary is."""

    regions: Mapping[Label, RegionConfig] = Field(
        default={},
        description="The registries by a name of yours, one of them the primary. Empty: nothing is observed.",
    )
    sample: Image = Field(
        default="",
        description="repository:tag that each scrape pulls from each region. Empty: one that all regions have, once "
        "their tags are known.",
    )
    upload_repository: Repository = Field(
        default="",
        description="Repository to which each scrape uploads a blob of 2 bytes, always the same, at the primary. Empty: "
        "without a canary, a primary that lets us in counts as one that can be pushed to.",
    )
    tag_interval: Duration = Field(
        default=300.0, ge=1, le=86400, description="In this time the tags of all repositories are listed once."
    )
    digest_interval: Duration = Field(
        default=1800.0,
        ge=1,
        le=7 * 86400,
        description="In this time the digests of all tags are read once, and a wrong one is found and confirmed; "
        "longer where max_heads_per_second does not suffice.",
    )
    max_heads_per_second: Whole = Field(
        default=34, ge=1, le=10_000, description="Most HEAD requests, and most lists, in a second in each region."
    )
    grace: Duration = Field(
        default=30.0,
        ge=0.1,
        le=3600,
        description="What differs must still differ after this when both sides are read again. Longer than replication "
        "takes: shorter reports each push.",
    )
    max_repositories: Whole = Field(
        default=20_000, ge=1, description="Repositories of a region; those above it are not looked at."
    )
    max_tags: Whole = Field(
        default=500_000, ge=1, description="Tags of a region; repositories above it are not compared. Bounds memory."
    )
    canary: CanaryConfig = section(CanaryConfig)

    def conflicts(self) -> Iterator[Conflict]:
        """No primary or several, or a canary that would always be lost."""
        primaries = [name for name, region in self.regions.items() if region.role == "primary"]
        if self.regions and len(primaries) != 1:
            found = f"has {len(primaries)} primaries" if primaries else "has no primary"
            yield Conflict(("regions",), found, "write role: primary for the one that is pushed to")
        if "" in self.regions:
            yield Conflict(("regions",), "has one without a name", "name it, as in east")
        if self.canary.repository and self.canary.timeout > self.canary.interval:
            yield Conflict(
                ("canary.timeout", "canary.interval"),
                "is longer than canary.interval, so the next push would come before it",
                "set canary.timeout to at most canary.interval",
            )
        if self.grace > self.digest_interval / 2:
            yield Conflict(("grace", "digest_interval"), "is more than half of digest_interval", "set a shorter grace")
