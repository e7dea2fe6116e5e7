"""JSON schemas of params.yaml and published.yaml, for editors: `python -m bagpipe.project.schema` writes them."""

import json
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from stages.common.basics.artifacts import write_text
from stages.common.basics.params.params import Params
from stages.common.basics.params.reading import PARAMS_FILE
from stages.common.basics.params.sections import Section
from stages.common.judging.published import PUBLISHED_FILE, Notebooks

SCHEMAS: dict[str, type[Section]] = {PARAMS_FILE.stem: Params, PUBLISHED_FILE.stem: Notebooks}


class SchemaGenerator(GenerateJsonSchema):
    """As pydantic has it, with the names of models and datasets checked, and no title that only repeats a key."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def dict_schema(self, schema: Any) -> JsonSchemaValue:
        found = super().dict_schema(schema)
        return {**found, "additionalProperties": False} if "patternProperties" in found else found

    def function_before_schema(self, schema: Any) -> JsonSchemaValue:
        found = super().function_before_schema(schema)
        if found.get("type") == "array":
            return {"anyOf": [found, {"type": "string"}]}  # labels: words, or a list
        return {"oneOf": found["oneOf"]} if "oneOf" in found else found  # a dataset may have no format


def schema_of(model: type[Section]) -> dict[str, Any]:
    """The JSON schema of a file."""
    schema = model.model_json_schema(schema_generator=SchemaGenerator)
    sections = schema["$defs"]
    if model is Params:
        for name, settings in sections["Defaults"]["properties"].items():
            if name in sections["Model"]["properties"] and "description" in settings:
                sections["Model"]["properties"][name]["description"] = settings["description"]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def schema_file(name: str) -> Path:
    """Where the schema of a file at the project's root lies; no stage depends on this folder."""
    return Path(__file__).with_name(f"{name}.schema.json")


def format_schema(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=1) + "\n"


if __name__ == "__main__":
    for name, model in SCHEMAS.items():
        write_text(schema_file(name), format_schema(schema_of(model)))
