"""Every kind of mistake in kunobs.yaml has one small file and its exact message, beside it in config_cases/.

To see what a changed program says: `python -m tests.unit.test_config_golden` rewrites the messages; read the diff.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from kunobs.config import load
from kunobs.errors import ConfigError

CASES = Path(__file__).parent / "config_cases"
NAMES = sorted(path.stem for path in CASES.glob("*.yaml"))


def message_of(name: str) -> str:
    """What `load` says of a case, with the folder's own name left out."""
    try:
        load(CASES / f"{name}.yaml", environ={})
    except ConfigError as error:
        return str(error).replace(f"{CASES}/", "").replace(str(CASES), "<folder>") + "\n"
    return "loads without a mistake\n"


@pytest.mark.parametrize("name", NAMES)
def test_message(name: str) -> None:
    """The message is exactly the one beside the file."""
    assert message_of(name) == (CASES / f"{name}.txt").read_text(encoding="utf-8")


def test_each_message_has_its_file() -> None:
    """No message is left over from a case that is gone."""
    assert sorted(path.stem for path in CASES.glob("*.txt")) == NAMES


def test_a_case_is_about_one_thing() -> None:
    """A case holds one mistake, so that its message shows nothing else; `many` shows them together."""
    several = {name for name in NAMES if len((CASES / f"{name}.txt").read_text(encoding="utf-8").splitlines()) > 1}
    assert several == {"many", "options_refused", "indexer_drain_too_short", "secret_no_colon"}


if __name__ == "__main__":
    for case in NAMES:
        (CASES / f"{case}.txt").write_text(message_of(case), encoding="utf-8")
