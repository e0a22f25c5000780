"""JSON Schema of kunobs.yaml, for editors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from kunobs.config.quantities import format_duration, format_size
from kunobs.config.root import Config


class _Schema(GenerateJsonSchema):
    """Defaults as the file writes them ("7d", not 604800.0), and no title that only repeats the key."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        result = super().default_schema(schema)
        inner: Mapping[str, Any] = schema
        while "serialization" not in inner and "schema" in inner:
            inner = inner["schema"]
        function = inner.get("serialization", {}).get("function")
        if function in (format_duration, format_size):
            result["default"] = function(schema["default"])
        return result


def schema() -> dict[str, Any]:
    """The schema (draft 2020-12) of a whole file; durations and sizes are texts with a pattern."""
    body = Config.model_json_schema(schema_generator=_Schema)
    return {"$schema": _Schema.schema_dialect, **body, "title": "kunobs.yaml", "required": ["version"]}
