"""Programs of others that a command runs: where they are, or what to install."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from kunobs.errors import UsageError


def find(name: str, package: str) -> Path:
    """$KUNOBS_NAME, or NAME of PATH. UsageError says what to install."""
    variable = f"KUNOBS_{name.upper()}"
    found = os.environ.get(variable) or shutil.which(name)
    if not found:
        raise UsageError(
            f"{name} is not installed", hint=f"apt-get install {package}, or set {variable}=/path/of/{name}"
        )
    return Path(found)
