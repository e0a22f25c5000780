"""Kubernetes objects against the schemas of their API: a CustomResourceDefinition of an operator, or Kubernetes' own swagger.json.

Stricter than an apiserver, which drops what it does not know: an unknown field is a mistake.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

FOLDER = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kunobs" / "tools" / "kubernetes-schemas-1"
_TYPES = {
    "string": str, "boolean": bool, "integer": int, "number": (int, float), "object": Mapping, "array": list,
}  # fmt: skip


def mistakes(document: Mapping[str, Any]) -> list[str]:
    """What the API would refuse or drop of an object."""
    kind = (document["apiVersion"], document["kind"])
    definitions = _swagger()["definitions"]
    schema = _crds().get(kind)
    if schema is None:
        found = [
            each for each in definitions.values()
            if any(
                (f"{one['group']}/" if one["group"] else "") + one["version"] == kind[0] and one["kind"] == kind[1]
                for one in each.get("x-kubernetes-group-version-kind", ())
            )
        ]  # fmt: skip
        if not found:
            return [f"{kind} is no kind that is known"]
        schema = found[0]
    return list(_check(document, schema, definitions, document["kind"]))


@cache
def _swagger() -> dict[str, Any]:
    made: dict[str, Any] = json.loads((FOLDER / "k8s.io-kubernetes-swagger.json").read_text())
    return made


@cache
def _crds() -> dict[tuple[str, str], dict[str, Any]]:
    found = {}
    yaml = YAML(typ="safe")
    # `=` stands among the values of an enum; YAML 1.1 had a meaning for it.
    yaml.constructor.add_constructor("tag:yaml.org,2002:value", lambda _, node: node.value)
    for path in FOLDER.glob("*.yaml"):
        crd = yaml.load(path.read_text())
        for version in crd["spec"]["versions"]:
            name = f"{crd['spec']['group']}/{version['name']}", crd["spec"]["names"]["kind"]
            found[name] = version["schema"]["openAPIV3Schema"]
    return found


def _check(value: Any, schema: Mapping[str, Any], definitions: Mapping[str, Any], where: str) -> Iterator[str]:
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    if schema.get("x-kubernetes-int-or-string") or schema.get("format") == "int-or-string":
        if not isinstance(value, (int, str)):
            yield f"{where} is neither number nor text"
        return
    kind = schema.get("type")
    if kind is not None and (not isinstance(value, _TYPES[kind]) or (kind != "boolean" and isinstance(value, bool))):
        yield f"{where} is {type(value).__name__}, not {kind}"
        return
    yield from _limits(value, schema, where)
    if isinstance(value, list):
        for place, one in enumerate(value):
            yield from _check(one, schema.get("items", {}), definitions, f"{where}[{place}]")
    elif isinstance(value, Mapping):
        yield from _mapping(value, schema, definitions, where)


def _mapping(
    value: Mapping[str, Any], schema: Mapping[str, Any], definitions: Mapping[str, Any], where: str
) -> Iterator[str]:
    known = schema.get("properties", {})
    # A CRD says nothing of metadata: it is the same for all objects.
    if where.count(".") == 0 and "[" not in where and not known.get("metadata", {}).get("properties"):
        known = known | {"metadata": {"$ref": "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}}
    free = schema.get("additionalProperties")
    for key, one in value.items():
        if key in known:
            yield from _check(one, known[key], definitions, f"{where}.{key}")
        elif isinstance(free, Mapping):
            yield from _check(one, free, definitions, f"{where}.{key}")
        elif free is not True and not schema.get("x-kubernetes-preserve-unknown-fields"):
            yield f"{where}.{key} is no field"
    yield from (f"{where} lacks {key}" for key in schema.get("required", ()) if key not in value)


def _limits(value: Any, schema: Mapping[str, Any], where: str) -> Iterator[str]:
    if "enum" in schema and value not in schema["enum"]:
        yield f"{where} is {value!r}, not one of {schema['enum']}"
    if isinstance(value, str) and "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{where} is {value!r}, which does not match {schema['pattern']}"
    if isinstance(value, str) and len(value) > schema.get("maxLength", len(value)):
        yield f"{where} is longer than {schema['maxLength']}"
    if isinstance(value, (int, float)) and value < schema.get("minimum", value):
        yield f"{where} is {value}, less than {schema['minimum']}"
    if isinstance(value, list) and not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        yield f"{where} has {len(value)} items"
