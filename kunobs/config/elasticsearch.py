"""`elasticsearch:` where the indexer writes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from kunobs.config.base import Conflict, Section, Text
from kunobs.config.quantities import Duration
from kunobs.config.secret import Secret
from kunobs.config.texts import Distinct, NotEmpty, ReadableFile, Url


class ElasticsearchConfig(Section):
    """Where Elasticsearch is and how to be let in."""

    urls: Annotated[tuple[Url, ...], Distinct, NotEmpty] = Field(
        default=("http://127.0.0.1:9200",),
        description="Nodes, used in turn. Name the ingest nodes, or one address that balances over them.",
    )
    ca_file: ReadableFile = Field(
        default="", description="PEM file with the authorities to trust. Empty: those of the system."
    )
    username: Text = Field(default="", description="User for basic auth. Either this or an API key.")
    password: Secret = Field(
        default=Secret(), description="The user's password. Prefer `password_file`: this file is read by many."
    )
    password_file: ReadableFile = Field(default="", description="File that holds the user's password.")
    api_key: Secret = Field(
        default=Secret(), description="API key in the encoded form. Prefer `api_key_file`: this file is read by many."
    )
    api_key_file: ReadableFile = Field(default="", description="File that holds the API key.")
    timeout: Duration = Field(
        default=60.0,
        ge=1,
        le=600,
        description="How long to wait for one answer. Shorter finds a hanging node sooner, but a busy "
        "cluster that still takes the bulk is then asked twice.",
    )

    def conflicts(self) -> Iterator[Conflict]:
        """Two identities, half an identity, or a CA for connections without TLS."""
        password, api_key = ("password", "password_file"), ("api_key", "api_key_file")
        if self.api_key and (self.username or self.password):
            keys = (*api_key, "username", *password)
            yield Conflict(keys, "stands beside a user", "keep either api_key_file or username and password_file")
        elif self.username and not self.password:
            yield Conflict(("username", *password), "has no password", "set password_file")
        elif self.password and not self.username:
            yield Conflict((*password, "username"), "has no user", "set username")
        if self.ca_file and not any(url.startswith("https://") for url in self.urls):
            yield Conflict(("ca_file", "urls"), "has no effect: no URL begins with https://", "write https:// in urls")
