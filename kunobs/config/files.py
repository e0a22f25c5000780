"""Opens the files that the configuration names: each must be readable; secrets are taken out of theirs."""

from __future__ import annotations

import os
from pathlib import Path as FsPath
from typing import Any

from kunobs.config.base import Path, Section
from kunobs.config.places import Mistake, Places
from kunobs.config.secret import Secret
from kunobs.config.walk import is_file, sections_in, twin

_MAX_SECRET = 64 * 1024
MAX_CONFIG = 1024 * 1024


class CannotRead(Exception):
    """Why a file cannot be used, in words that follow its name; `exists` is False when there is none."""

    def __init__(self, problem: str, *, exists: bool = True) -> None:
        super().__init__(problem)
        self.exists = exists


def read_bytes(path: FsPath, limit: int) -> bytes:
    """The content of `path`; CannotRead when it is missing, a directory, not ours or above `limit` bytes."""
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except FileNotFoundError:
        raise CannotRead("does not exist", exists=False) from None
    except IsADirectoryError:
        problem = "is a directory"
    except PermissionError:
        problem = f"may not be read by user {os.geteuid()}"
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None)
        raise CannotRead(f"cannot be read: {reason or 'no file name'}", exists=False) from None
    else:
        if len(content) <= limit:
            return content
        problem = f"is larger than {limit // 1024} KiB"
    raise CannotRead(problem)


def read_secret(path: FsPath) -> str:
    """The one line a secret's file holds, without its newline; CannotRead when it is something else."""
    try:
        text = read_bytes(path, _MAX_SECRET).decode()
    except UnicodeDecodeError:
        text = "\0"
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise CannotRead("is empty")
    if any(sign in text for sign in "\n\r\0"):
        raise CannotRead("holds more than one line of text")
    return text


def read_files(
    model: type[Section], data: dict[str, Any], path: Path, places: Places, directory: FsPath
) -> list[Mistake]:
    """Makes every file's path absolute, from `directory` or, for variables, from the working directory.

    Puts what a `password_file` holds in place of `password`. Changes `data`, returns what is wrong.
    """
    mistakes: list[Mistake] = []
    for inside, mapping, where in sections_in(model, data, path):
        for key, field in inside.model_fields.items():
            name = mapping.get(key)
            if not is_file(field) or not isinstance(name, str) or not name:
                continue
            base = FsPath() if places.nearest((*where, key)).is_environment else directory
            file = FsPath(os.path.abspath(base / name))
            mapping[key] = str(file)
            secret = twin(inside, key)
            if secret and mapping.get(secret):
                text, hint = f"stands beside {secret}", f"keep {key} and remove {secret}"
                mistakes.append(Mistake((*where, key), text, hint))
                continue
            try:
                if secret:
                    mapping[secret] = Secret(read_secret(file))
                else:
                    read_bytes(file, MAX_CONFIG)
            except CannotRead as problem:
                mistakes.append(_mistake((*where, key), file, problem, is_secret=secret is not None))
    return mistakes


def _mistake(path: Path, file: FsPath, problem: CannotRead, *, is_secret: bool) -> Mistake:
    """A name that leads to no file may be the password itself, in the wrong key, so it is not repeated."""
    hint = "" if problem.exists else "a relative path begins at the folder of the configuration file"
    printable = (problem.exists or not is_secret) and str(file).isprintable()
    name = str(file) if printable else "the file it names"
    return Mistake(path, f"{name} {problem}", hint)
