"""What a registry's answers hold, read with distrust: names, tags, digests, links, challenges."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from urllib.parse import urljoin, urlsplit

from requests.utils import parse_header_links

from exporters.registry.errors import RegistryError
from kunobs.config.exporters.registry import TAG

# The grammar's nested repetition is left out: a hostile name must not cost time.
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._/-]{0,253}[a-z0-9])?")
_TAG = re.compile(TAG)
_DIGEST = re.compile(r"sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128})")
_PARAMETER = re.compile(r'([a-zA-Z0-9_-]{1,64})\s*=\s*(?:"((?:[^"\\]|\\.){0,2000})"|([^\s,"]{1,2000}))')
MANIFESTS = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
"""With less than this a registry converts, or answers 404, and digests differ (docker-registry 2.8.2)."""


def is_name(name: object) -> bool:
    """A repository's name that is safe in a URL."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None and not re.search(r"\.\.|//|\./|/\.", name)


def is_tag(tag: object) -> bool:
    """A tag that is safe in a URL."""
    return isinstance(tag, str) and _TAG.fullmatch(tag) is not None


def digest_of(header: str | None) -> bytes | None:
    """The bytes of sha256:… or sha512:…; None for a header that is missing or something else."""
    text = (header or "").strip()
    return bytes.fromhex(text.partition(":")[2]) if _DIGEST.fullmatch(text) else None


def shown(digest: bytes | None) -> str:
    """A digest as a registry writes it."""
    return f"sha{'512' if len(digest) == 64 else '256'}:{digest.hex()}" if digest else ""


def document(body: bytes, what: str) -> dict[str, object]:
    """A JSON object; RegistryError for anything else, a proxy's page of HTML for example."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise RegistryError(f"{what}: the answer is no JSON object but {body[:60]!r}", hint="is this a registry?")
    return found


def names(found: Mapping[str, object], key: str) -> list[str]:
    """The sound names or tags of a list; null is an empty one."""
    items = found.get(key)
    if items is None and key in found:
        return []
    if not isinstance(items, list):
        raise RegistryError(f"the answer has no list {key!r}", hint="is this a registry?")
    good = is_name if key == "repositories" else is_tag
    return [sys.intern(item) for item in items if good(item)]


def same_origin(base: str, url: str, target: str) -> str:
    """`target` as seen from the page `url`, if it is on the server `base`; else RegistryError: it gets no credentials."""
    try:
        full = urljoin(url, target)
        parts, own = urlsplit(full), urlsplit(base)
        same = (parts.scheme, parts.netloc.lower()) == (own.scheme, own.netloc.lower())
    except ValueError:
        same = False
    if not same:
        raise RegistryError(
            f"points to another server: {target[:200]!r}",
            hint="behind a proxy, let it pass Host and X-Forwarded-Proto on, or set http.relativeurls in the registry",
        )
    return full


def next_page(base: str, url: str, header: str | None) -> str | None:
    """The URL of rel=next in a Link header; None on the last page."""
    for link in parse_header_links(header) if header else []:
        if link.get("rel", "").lower() == "next" and link.get("url"):
            return same_origin(base, url, link["url"])
    return None


def challenge(header: str | None) -> tuple[str, dict[str, str]]:
    """The scheme of WWW-Authenticate in lower case and its parameters; empty when there is none that can be read."""
    scheme, _, rest = (header or "").strip()[:8000].partition(" ")
    found = {name.lower(): quoted or plain for name, quoted, plain in _PARAMETER.findall(rest)}
    return scheme.lower(), {name: re.sub(r"\\(.)", r"\1", value) for name, value in found.items()}


def seconds(header: str | None, default: float, most: float = 3600.0) -> float:
    """Seconds of a Retry-After or expires_in; a date or nonsense is the default."""
    text = str(header if header is not None else "").strip()
    return min(float(text), most) if re.fullmatch(r"[0-9]{1,9}", text, re.ASCII) else default
