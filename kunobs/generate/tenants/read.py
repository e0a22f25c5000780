"""The files of all tenants: what is right is used, what is wrong is told with its lines and fixes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from alert_rules.lint.source import Source
from kunobs.config.files import CannotRead, read_bytes
from kunobs.config.single import Line, read_section
from kunobs.config.tenant import TenantFile
from kunobs.errors import ConfigError, UsageError
from kunobs.names import is_namespace

LARGEST = 256 << 10
_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True)
class Text:
    """A tenant's file as it stands: the namespace is its name."""

    namespace: str
    path: Path
    content: bytes

    @property
    def digest(self) -> str:
        """Changes with the content."""
        return blake2b(self.content, digest_size=16).hexdigest()


@dataclass(frozen=True)
class Tenant:
    """A namespace with what its owners want; `line` says where a path of the file stands."""

    namespace: str
    file: TenantFile
    line: Line
    source: Source


class Wrong(Exception):
    """A tenant's file cannot be used; holds the messages, places included."""

    def __init__(self, messages: list[str]) -> None:
        super().__init__("\n".join(messages))
        self.messages = messages


def texts(folder: Path) -> tuple[list[Text], dict[str, list[str]]]:
    """(readable files by namespace, messages by name of the file). UsageError when the folder is none, or has none."""
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES)
    except OSError as error:
        raise UsageError(
            f"{folder}: {error.strerror}",
            hint=f"mkdir {folder}; put NAMESPACE.yaml into it, see docs/tenant-monitoring.md",
        ) from None
    if not paths:
        raise UsageError(f"{folder} holds no NAMESPACE.yaml", hint=f"ls {folder}; see docs/tenant-monitoring.md")
    found: dict[str, Text] = {}
    wrong: dict[str, list[str]] = {}
    for path in paths:
        namespace = path.stem
        try:
            text = Text(namespace, path, read_bytes(path, LARGEST))
        except CannotRead as problem:
            wrong[namespace] = [f"{path} {problem}"]
            continue
        if not is_namespace(namespace):
            wrong[namespace] = [f"{path}: {namespace!r} is no namespace; name the file as the namespace it is about"]
        elif namespace in found:
            wrong[namespace] = [f"{path}: there is {found.pop(namespace).path.name} too; keep one of them"]
        elif namespace not in wrong:
            found[namespace] = text
    return list(found.values()), wrong


def tenant(text: Text) -> Tenant:
    """The tenant. ConfigError lists what is wrong in its file."""
    file, line = read_section(TenantFile, text.content, str(text.path))
    return Tenant(text.namespace, file, line, Source(str(text.path), tuple(_lines(text.content))))


def integrations(folder: Path) -> tuple[dict[str, str], dict[str, list[str]]]:
    """(the integration of each namespace that names one, messages by name of a file that is wrong)."""
    found, wrong = texts(folder)
    named: dict[str, str] = {}
    for text in found:
        try:
            named[text.namespace] = tenant(text).file.integration
        except ConfigError as error:
            wrong[text.namespace] = str(error).splitlines()
    return {namespace: integration for namespace, integration in named.items() if integration}, wrong


def _lines(content: bytes) -> Iterator[str]:
    yield from content.decode("utf-8-sig").splitlines()
