"""docs/config.md, made from the models: a table of every key with its default and meaning."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Le
from pydantic.fields import FieldInfo

from kunobs.config.base import Section
from kunobs.config.quantities import format_duration, format_size
from kunobs.config.redact import redacted
from kunobs.config.root import Config
from kunobs.config.walk import as_section, is_file, is_secret, items, plain, unit_of

_HEAD = """\
# Configuration

<!-- Made by `python -m kunobs.config.docs`; a test fails when it is out of date. -->

One file, `kunobs.yaml`, for every process. Each process reads the sections it uses and looks at no other,
so a mistake under `indexer:` never stops fanout. `kunobs check` looks at all of them, and at keys that
nobody knows.

```yaml
version: 1
kafka:
  public: {brokers: ["kafka-1:9092", "kafka-2:9092"]}
  tenant:
    brokers: ["tenants-1:9093"]
    tls: {enabled: true, ca_file: ca.pem}
    sasl: {mechanism: SCRAM-SHA-512, username: kunobs, password_file: /run/secrets/tenant-kafka}
elasticsearch: {urls: ["https://elasticsearch:9200"], api_key_file: /run/secrets/elasticsearch}
```

`kunobs config example` prints a file with every key. What a file leaves out has its default.

## Where the file is looked for

`-c FILE`, else the variable `KUNOBS_CONFIG`, else `kunobs.yaml` in the working directory. Paths inside
the file begin at the file's own folder.

## Rules

- A mistake is reported as `FILE:LINE: key: what is wrong; what to do`, all of them at once, with exit
  code 2.
- A key that nobody knows is a mistake. So is a key that is set twice, and a value without its unit.
- Durations are a number and one of `ms`, `s`, `m`, `h`, `d`: `100ms`, `7d`. Sizes are bytes, or a number
  and a unit: `8MiB` is 8 x 1024 x 1024, `500MB` is 500 x 1000 x 1000.
- YAML anchors and merge keys (`<<`) work inside the sections; YAML tags do not.
- A file that is named must exist and be readable.

## Environment

`KUNOBS_<SECTION>__<KEY>`, with a further `__<KEY>` for each level, wins over the file:

```
KUNOBS_KAFKA__PUBLIC__BROKERS='["kafka-1:9092"]'
KUNOBS_FANOUT__TRANSACTION_INTERVAL=50ms
KUNOBS_KAFKA__TENANT__SASL__PASSWORD=...
```

The value is YAML; where a text is expected it is taken as it stands, and a secret always is. Lists and
free mappings (`options`) are set as a whole. A mistake is reported as `environment KUNOBS_...: what is
wrong`. A variable without `__` is never read, because Kubernetes makes variables such as
`KUNOBS_SERVICE_HOST` of its own. Paths in variables begin at the working directory.

## Secrets

A password or key stands in the file (`password`), in a file of its own (`password_file`: one line, its
newline does not count) or in a variable, and in only one of them; a variable wins over either. Secrets
print as `<secret>`, and no error repeats a value that stands beside one. kunobs does not look at the mode
of a secret's file, because Kubernetes mounts Secrets readable for all unless told otherwise.

## Versions

`version: 1` says which keys the file has. A kunobs that reads version N+1 will also read version N and
print what to change; until there is a version 2 there is nothing to convert, and no command for it. A
file of a newer version than the program is refused, because a key that it does not know may be the one
that matters.
"""


def _default(field: FieldInfo, value: object) -> str:
    if is_secret(field.annotation) or value in ("", [], {}):
        return ""
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def _kind(field: FieldInfo) -> str:
    kind, unit = plain(field.annotation), unit_of(field)
    if unit in (format_duration, format_size):
        return ("duration" if unit is format_duration else "size") + _range(field, unit)
    if is_secret(kind):
        return "secret"
    if is_file(field):
        return "file"
    if kind in (str, int, bool):
        return {str: "text", int: "number", bool: "true, false"}[kind] + _range(field, str)
    if get_origin(kind) is tuple:
        return "list"
    return ", ".join(get_args(kind)) if get_origin(kind) is Literal else "mapping"


def _range(field: FieldInfo, unit: Callable[[Any], str]) -> str:
    least = next((unit(one.ge) for one in field.metadata if isinstance(one, Ge)), None)
    most = next((unit(one.le) for one in field.metadata if isinstance(one, Le)), None)
    if most is None:
        return f", at least {least}" if least else ""
    return f", {least} to {most}"


class _Tables:
    """A heading and a table for each section; keys that a table has shown already are only referred to."""

    def __init__(self) -> None:
        self._seen: dict[type[Section], str] = {}

    def of(self, model: type[Section], data: dict[str, Any], name: str, about: str) -> Iterator[str]:
        """The parts of the page for the section `name` and those inside it."""
        base = next((one for one in model.__mro__ if one in self._seen), None)
        shown = set(base.model_fields) if base else set()
        yield f"\n## {name}\n\n{about}\n"
        if base:
            yield f"\nEvery key of `{self._seen[base]}`" + (", and:\n" if base is not model else ".\n")
        self._seen.setdefault(model, name)
        fields = [(key, field) for key, field in model.model_fields.items() if key not in shown]
        rows = [(key, field) for key, field in fields if as_section(field.annotation) is None]
        if rows:
            yield "\n| key | values | default | meaning |\n|---|---|---|---|\n"
        for key, field in rows:
            meaning = (field.description or "").replace("|", "\\|")
            yield f"| `{key}` | {_kind(field)} | {_default(field, data[key])} | {meaning} |\n"
        for key, field in fields:
            inside = as_section(field.annotation)
            if inside is not None:
                yield from self.of(inside, data[key], f"{name}.{key}", field.description or "")
                continue
            several = items(field.annotation)
            if several is not None and several not in self._seen:
                mark = "<name>" if get_origin(plain(field.annotation)) is not tuple else "<number>"
                about = (several.__doc__ or "").strip().splitlines()[0]
                yield from self.of(several, redacted_defaults(several), f"{name}.{key}.{mark}", about)


def redacted_defaults(model: type[Section]) -> dict[str, Any]:
    """What an item has where nothing is written."""
    found: dict[str, Any] = model.model_construct().model_dump(mode="json")
    return found


def render() -> str:
    """The whole page."""
    defaults, tables, parts = redacted(Config()), _Tables(), [_HEAD]
    for key, field in Config.model_fields.items():
        inside = as_section(field.annotation)
        if inside is not None:
            parts += tables.of(inside, defaults[key], key, field.description or "")
    return "".join(parts)


if __name__ == "__main__":
    sys.stdout.write(render())
