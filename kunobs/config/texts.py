"""Texts with a shape: addresses, URLs, topics, groups, namespaces, paths of files; and lists of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator

from kunobs.config.base import Text, wrong
from kunobs.names import is_namespace

_TOPIC = re.compile(r"[a-zA-Z0-9._-]{1,249}")
_HOST = re.compile(r"[a-zA-Z0-9_](?:[a-zA-Z0-9._-]{0,252})")
Item = TypeVar("Item")


@dataclass(frozen=True)
class FilePath:
    """Marks a text as a path: read relative to the configuration file, and it must be readable."""


ReadableFile = Annotated[Text, FilePath()]


def split_address(address: str) -> tuple[str, int]:
    """Host and port of `host:port`, `127.0.0.1:9501` or `[::1]:9501`; ValueError for anything else."""
    found = re.fullmatch(r"(?:\[([0-9a-fA-F:.%a-z]+)\]|([^\[\]:]+)):([0-9]{1,5})", address, re.ASCII)
    if found is None or int(found[3]) > 65535 or (found[2] is not None and not _HOST.fullmatch(found[2])):
        raise ValueError(f"{address!r} is not host:port")
    return found[1] or found[2], int(found[3])


def _listen(address: str) -> str:
    try:
        split_address(address)
    except ValueError:
        port = address.removeprefix(":")
        every = f"0.0.0.0:{port} (IPv4) or [::]:{port} for every address" if port.isdigit() else "127.0.0.1:9501"
        raise wrong(address, "is not an address to listen on", f"write host:port, as in {every}") from None
    return address


def _broker(address: str) -> str:
    if "://" in address or "@" in address:
        raise wrong(None, "is not host:port", "TLS goes in `tls`, user and password in `sasl`")
    try:
        _, port = split_address(address)
    except ValueError:
        example = address if _HOST.fullmatch(address) else "broker-1"
        raise wrong(address, "is not host:port", f"write {example}:9092, or [2001:db8::1]:9092 for IPv6") from None
    if port == 0:
        raise wrong(address, "has no usable port", "ports are 1 to 65535")
    return address


def _url(url: str) -> str:
    hint = "write https://elasticsearch:9200"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise wrong(None, "is not a URL", hint) from None
    if parts.username is not None or parts.password is not None or "@" in url:
        raise wrong(None, "holds a user or a password", "use `username` and `password_file`, a URL is printed")
    if parts.scheme not in ("http", "https"):
        raise wrong(None, "must begin with http:// or https://", hint)
    if not parts.hostname or re.search(r"\s", url):
        raise wrong(None, "names no host", hint)
    if port is None:
        raise wrong(None, "names no port", f"write {parts.scheme}://{parts.netloc}:9200{parts.path}")
    if parts.query or parts.fragment:
        raise wrong(None, "holds more than scheme, host, port and path", hint)
    return url


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise wrong(text, f"is not a regular expression: {error}") from None
    return text


def _topic_source(topic: str) -> str:
    if not topic.startswith("^"):
        if not _TOPIC.fullmatch(topic) or topic in (".", ".."):
            raise wrong(
                topic,
                "is not a topic name",
                "letters, digits, . _ - and at most 249; a pattern begins with ^",
            )
        return topic
    try:
        re.compile(topic)
    except (re.error, OverflowError, RecursionError) as error:
        raise wrong(topic, f"is not a regular expression: {error}") from None
    return topic


def _topic_prefix(prefix: str) -> str:
    if prefix and (not _TOPIC.fullmatch(prefix) or len(prefix) > 100):
        raise wrong(prefix, "cannot begin a topic name", "letters, digits, . _ - and at most 100, as in eu1.")
    return prefix


def _group(group: str) -> str:
    if not re.fullmatch(r"[\x21-\x7e]{1,249}", group):
        raise wrong(group, "is not a consumer group", "1 to 249 letters, digits or signs, no spaces")
    return group


def _namespace(name: str) -> str:
    if not is_namespace(name):
        raise wrong(name, "is not a namespace", "lower case letters, digits and -, at most 63, as in team-a")
    return name


def _dotted(path: str) -> str:
    if not path or any(not part or part != part.strip() for part in path.split(".")):
        raise wrong(path, "is not a path to a field", "write the keys with dots between, as in kubernetes.pod.name")
    return path


def _no_repeats(items: tuple[Item, ...]) -> tuple[Item, ...]:
    seen: set[Item] = set()
    for item in items:
        if item in seen:
            raise wrong(item, "is listed twice")
        seen.add(item)
    return items


def _not_empty(items: tuple[Item, ...]) -> tuple[Item, ...]:
    if not items:
        raise wrong(None, "is an empty list", "name at least one")
    return items


def _text(check: Callable[[str], str]) -> AfterValidator:
    return AfterValidator(check)


Distinct = AfterValidator(_no_repeats)
NotEmpty = AfterValidator(_not_empty)
Listen = Annotated[Text, _text(_listen)]
Broker = Annotated[Text, _text(_broker)]
Url = Annotated[Text, _text(_url)]
TopicSource = Annotated[Text, _text(_topic_source)]
TopicPrefix = Annotated[Text, _text(_topic_prefix)]
Group = Annotated[Text, _text(_group)]
NamespaceName = Annotated[Text, _text(_namespace)]
FieldPath = Annotated[Text, _text(_dotted)]
Pattern = Annotated[Text, AfterValidator(_pattern)]
