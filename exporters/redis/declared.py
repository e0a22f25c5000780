"""The declared file: how each installation should be, read anew when its content changes."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from kunobs.config.base import Text
from kunobs.config.exporters.redis import DeclaredConfig
from kunobs.errors import ConfigError

# Some 2,000 installations; a mebibyte of YAML would take half a minute.
LARGEST = 128 << 10
_HINT = "write, for each name: {masters: 1, replicas: 2, sentinels: 3, quorum: 2}"
_MAPPING = TypeAdapter(dict[Text, DeclaredConfig])


class DeclaredFile:
    """A file of the configuration; without a path nothing is declared. Safe between threads."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._content: bytes | None = None
        self._outcome: Mapping[str, DeclaredConfig] | ConfigError = {}

    def read(self) -> Mapping[str, DeclaredConfig]:
        """What it says now, by name; ConfigError when it cannot be read or is wrong."""
        if not self._path:
            return {}
        try:
            with Path(self._path).open("rb") as file:
                content = file.read(LARGEST + 1)
        except OSError as error:
            raise ConfigError(f"{self._path}: {error.strerror}", hint="see exporters.redis.declared_file") from error
        with self._lock:
            if content != self._content:
                self._content, self._outcome = content, self._parse(content)
            if isinstance(self._outcome, ConfigError):
                raise ConfigError(str(self._outcome), hint=self._outcome.hint)
            return self._outcome

    def _parse(self, content: bytes) -> Mapping[str, DeclaredConfig] | ConfigError:
        if len(content) > LARGEST:
            return ConfigError(f"{self._path} is over {LARGEST} bytes", hint=_HINT)
        try:
            return _MAPPING.validate_python(YAML(typ="safe", pure=True).load(content) or {})
        except ValidationError as error:
            # Not the value: it may be anything.
            wrong = error.errors(include_input=False, include_url=False, include_context=False)[0]
            place = ".".join(str(part)[:60] for part in wrong["loc"])
            return ConfigError(f"{self._path}: {place}: {wrong['msg'][:200]}", hint=_HINT)
        except (YAMLError, UnicodeDecodeError, ValueError, TypeError, RecursionError) as error:
            return ConfigError(f"{self._path}: {' '.join(str(error).split())[:200]}", hint=_HINT)
