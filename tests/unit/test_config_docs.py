"""The example file, docs/config.md and the JSON Schema say what the models say."""

from __future__ import annotations

import json
import re
from typing import Any

from ruamel.yaml import YAML

from kunobs.config import Config, example_path, load, redacted, schema
from kunobs.config.docs import render
from kunobs.config.refused_options import refusal
from kunobs.config.walk import as_section, known_paths
from tests.support import REPOSITORY

EXAMPLE = example_path().read_text(encoding="utf-8")
KEYS = [".".join(map(str, path)) for path, _ in known_paths(Config)]


def example_lines() -> dict[str, tuple[str, str]]:
    """Every key of the example: the comment above it and its line. The example writes one key a line."""
    found: dict[str, tuple[str, str]] = {}
    open_keys: list[str] = []
    comment = ""
    for line in EXAMPLE.splitlines():
        stripped = line.strip()
        if not stripped:
            comment = ""
        elif stripped.startswith("#"):
            comment = f"{comment} {stripped.lstrip('# ')}".strip()
        else:
            depth = (len(line) - len(line.lstrip())) // 2
            open_keys = [*open_keys[:depth], stripped.split(":")[0]]
            found[".".join(open_keys)] = (comment, stripped)
            comment = ""
    return found


def test_the_example_has_every_key_in_the_order_of_the_models() -> None:
    """A key that is added to a model and not to the example fails here."""
    assert list(example_lines()) == KEYS


def test_each_key_of_the_example_is_explained() -> None:
    """Meaning, and for a value its default: in words, or as written."""
    for key, (comment, line) in example_lines().items():
        value = line.split(":", 1)[1].strip()
        assert len(comment) > 15 or key == "kafka", key
        assert not value or key == "version" or re.search(r"\bdefault\b", comment, re.IGNORECASE), key


def test_the_example_is_the_defaults() -> None:
    """What it shows as the default is what a file without the key gets."""
    assert load(example_path(), environ={}) == Config()


def test_the_example_writes_each_value_of_the_defaults() -> None:
    """Read by YAML alone: no value is left out and filled in by the models."""
    data = YAML(typ="safe", pure=True).load(EXAMPLE)
    assert redacted(Config.model_validate(data)) == redacted(Config())
    leaves = [path for path, field in known_paths(Config) if as_section(field.annotation) is None]
    for path in leaves:
        value = data
        for key in path:
            value = value[key]
        assert value is not None, path


def test_the_page_is_up_to_date() -> None:
    """Made anew by `python -m kunobs.config.docs > docs/config.md`."""
    assert (REPOSITORY / "docs" / "config.md").read_text(encoding="utf-8") == render()


def test_the_page_lists_every_key() -> None:
    """Those of `kafka.tenant` that `kafka.public` has already are only referred to."""
    page = render()
    for key in KEYS:
        name = key.split(".")[-1]
        assert f"| `{name}` |" in page or f"## {key}\n" in page or key.startswith("kafka.tenant.") or key == "version"


def test_every_key_is_described() -> None:
    """A sentence, not a word."""
    short = [path for path, field in known_paths(Config) if len(field.description or "") < 9]
    assert not short


def test_descriptions_name_keys_that_exist() -> None:
    """`source.start` in a description or a reason must be a key."""
    hints = [refusal(name) or ("", "") for name in ("group.id", "linger.ms", "message.max.bytes", "compression.type")]
    text = " ".join([*(field.description or "" for _, field in known_paths(Config)), *(hint for _, hint in hints)])
    named = set(re.findall(r"`((?:log|server|kafka|elasticsearch|source|topics|fanout|indexer)\.[a-z_.]+)`", text))
    assert named
    assert named <= set(KEYS)


def properties(node: dict[str, Any], root: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The properties of a schema, its reference followed."""
    reference = str(node.get("$ref", "")).removeprefix("#/$defs/")
    found: dict[str, dict[str, Any]] = (root["$defs"][reference] if reference else node).get("properties", {})
    return found


def test_the_schema_describes_every_key_with_its_default() -> None:
    """An editor shows meaning and default; durations and sizes as they are written."""
    root = schema()
    assert root["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    defaults = redacted(Config())
    for path, field in known_paths(Config):
        node, default = root, defaults
        for key in path:
            node, default = properties(node, root)[str(key)], default[str(key)]
        if as_section(field.annotation) is None:
            assert node["description"] == field.description
            assert node["default"] == default, path
    json.dumps(root)


def test_the_schema_refuses_what_load_refuses() -> None:
    """Unknown keys, and durations and sizes without a unit."""
    root = schema()
    assert all(one["additionalProperties"] is False for one in root["$defs"].values())
    fanout = properties(properties(root, root)["fanout"], root)
    pattern = str(fanout["linger"]["pattern"])
    assert re.search(pattern, "10ms")
    assert not re.search(pattern, "10")
    size = fanout["in_flight"]["anyOf"]
    assert re.search(size[1]["pattern"], "64MiB")
    assert not re.search(size[1]["pattern"], "64Mi")
