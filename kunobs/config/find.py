"""Where kunobs.yaml is looked for, and where the example is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from kunobs.errors import ConfigError

DEFAULT_NAME = "kunobs.yaml"
VARIABLE = "KUNOBS_CONFIG"


def find_config(
    explicit: Path | None, *, environ: Mapping[str, str] | None = None, directory: Path | None = None
) -> Path:
    """The file to load: `explicit` (-c), else $KUNOBS_CONFIG, else kunobs.yaml in `directory` (None: here).

    A file that was named is returned whether it exists or not, `load` says what is wrong with it.
    """
    if explicit is not None:
        return explicit
    named = (os.environ if environ is None else environ).get(VARIABLE)
    if named:
        return Path(named)
    here = Path(DEFAULT_NAME) if directory is None else directory / DEFAULT_NAME
    if here.exists():
        return here
    raise ConfigError(
        f"no configuration: neither -c nor ${VARIABLE} names a file, and {here} does not exist",
        hint=f"`kunobs config example > {DEFAULT_NAME}` writes one to edit, "
        "`kunobs local up` starts a local stack and writes its own",
    )


def example_path() -> Path:
    """The example with every key: beside this module in a wheel, at the root of a checkout."""
    here = Path(__file__).parent
    shipped = here / "example.yaml"
    return shipped if shipped.exists() else here.parent.parent / "kunobs.example.yaml"
