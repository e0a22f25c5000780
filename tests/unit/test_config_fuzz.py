"""Whatever stands in file or environment, the outcome is a Config or a ConfigError with a place in each line."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from kunobs.config import Config, load, load_text
from kunobs.config.walk import known_paths
from kunobs.errors import ConfigError

PATHS = [path for path, _ in known_paths(Config)]
LINE = re.compile(r"kunobs\.yaml:[1-9][0-9]*: \S.*|environment KUNOBS_\S*: \S.*")
SEED_FILE = """\
version: 1
kafka: &a
  public: {brokers: ["a:1"], sasl: {mechanism: PLAIN, username: u, password: 'p'}, options: {debug: all}}
source: {topics: ["^a"], fields: {path: log.file.path}}
fanout:
  <<: {group: g}
  linger: 5ms # why
"""
SCRAPS = [
    "*a",
    "&a",
    "<<: ",
    "!x ",
    "\t",
    "- ",
    ": ",
    "'",
    '"',
    "{",
    "]",
    "\n",
    "\x00",
    "|\n",
    "? ",
    "%YAML 1.1\n",
    "---\n",
    "~",
]

quick = settings(max_examples=40, deadline=None, derandomize=True, database=None)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["5ms", "1MiB", "a:1"])
)
values = st.recursive(
    scalars, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=5), v, max_size=3), max_leaves=6
)


def is_clear(text: str | bytes | None, environ: dict[str, str] | None = None) -> None:
    """Load it; a ConfigError must have a place in each of its lines."""
    lines: list[str] = []
    try:
        load_text(text, environ=environ or {}) if text is not None else load(None, environ=environ)
    except ConfigError as error:
        lines = str(error).split("\n")
    assert all(LINE.fullmatch(line) for line in lines), lines


@quick
@given(st.binary(max_size=60))
def test_any_bytes(content: bytes) -> None:
    """Bytes from a disk that lies, a key file, an image."""
    is_clear(content)


@quick
@given(st.text(max_size=60))
def test_any_text(text: str) -> None:
    """Text that means nothing, after a version so that it is looked at."""
    is_clear("version: 1\n" + text)


@quick
@given(st.integers(0, len(SEED_FILE)), st.integers(0, 6), st.sampled_from(SCRAPS) | st.text(max_size=3))
def test_a_slip_of_the_hand(at: int, lost: int, typed: str) -> None:
    """A good file with a few characters lost or typed."""
    is_clear(SEED_FILE[:at] + typed + SEED_FILE[at + lost :])


@quick
@given(st.sampled_from(PATHS), values)
def test_any_value_of_any_key(path: tuple[str, ...], value: object) -> None:
    """Each key with a value of any shape: models never raise anything of their own."""
    text = "version: 1\n" + "".join(f"{'  ' * depth}{key}:\n" for depth, key in enumerate(path))
    is_clear(f"{text.rstrip()} {flow(value)}\n" if path != ("version",) else f"version: {flow(value)}\n")


@quick
@given(
    st.dictionaries(st.sampled_from(PATHS) | st.tuples(st.text("abc_", max_size=5)), st.text(max_size=12), max_size=3)
)
def test_any_environment(variables: dict[tuple[str, ...], str]) -> None:
    """Each key as a variable, with a value of any kind."""
    environ = {"KUNOBS_" + "__".join(path).upper(): text for path, text in variables.items()}
    is_clear(SEED_FILE, environ)
    is_clear(None, environ)


def flow(value: object) -> str:
    """`value` as YAML on one line; its texts as they are, so that some are no YAML at all."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow(one) for one in value) + "]"
    if value is None or isinstance(value, bool):
        return str(value).lower().replace("none", "~")
    return str(value)
