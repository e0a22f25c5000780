"""The error tree: every error a person may see carries a hint, if possible a command to paste.

KunobsError            exit 1
├── ConfigError        exit 2   kunobs.yaml or the environment is wrong
├── UsageError         exit 2   the command line is wrong
├── UnavailableError   exit 1   a service does not answer, or not in time
├── DeniedError        exit 1   a service refuses our credentials or rights
├── DownloadError      exit 1   an artifact could not be fetched or is not what the lock says
├── LocalStackError    exit 1   the local Kafka or Elasticsearch cannot be run
├── GapError           exit 1   retention deleted messages before they were read
└── FencedError        exit 1   another process owns this work now
"""

from __future__ import annotations

from typing import ClassVar


class KunobsError(Exception):
    """An error for people: `str(error)` says what and where, `hint` says what to do next."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def render(self) -> str:
        """The message, and the hint on a line of its own."""
        return f"{self}\nhint: {self.hint}" if self.hint else str(self)


class ConfigError(KunobsError):
    """kunobs.yaml, a file it names or the environment is wrong."""

    exit_code = 2


class UsageError(KunobsError):
    """The command line asks for something that cannot be."""

    exit_code = 2


class UnavailableError(KunobsError):
    """A service does not answer, or not in time."""


class DeniedError(KunobsError):
    """A service refuses our credentials or our rights."""


class DownloadError(KunobsError):
    """An artifact could not be fetched, or its content is not what the lock says."""


class LocalStackError(KunobsError):
    """A part of the local stack cannot be started, stopped or found."""


class GapError(KunobsError):
    """Retention deleted messages of the source before they were read."""


class FencedError(KunobsError):
    """Another process has taken over what this one was writing."""
