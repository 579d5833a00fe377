"""The JSON Schema (draft-07) of the configuration file, for editors and for our own explanations.

python -m edgegw.config.schema > config/edgegw.schema.json
"""

from __future__ import annotations

import functools
import json
from typing import Any

from edgegw.config.model import Config
from edgegw.config.tree import Path

Schema = dict[str, Any]


@functools.cache
def json_schema() -> Schema:
    """pydantic writes 2020-12 and allows null; editors state draft-07, and a key without a value is a fault here."""
    modern = Config.model_json_schema()
    schema = _draft_7(modern)
    assert isinstance(schema, dict)
    return {"$schema": "http://json-schema.org/draft-07/schema#", "title": "edgegw.yaml", **schema}


def _draft_7(part: Any) -> Any:
    if isinstance(part, list):
        return [_draft_7(item) for item in part]
    if not isinstance(part, dict):
        return part
    out = _without_null({_renamed(key): _draft_7(value) for key, value in part.items() if not _is_noise(key, value)})
    if "$ref" in out:
        target = str(out.pop("$ref")).replace("#/$defs/", "#/definitions/")
        # Draft-07 ignores what stands beside $ref, such as the description.
        return {"allOf": [{"$ref": target}], **out} if out else {"$ref": target}
    return out


def _renamed(keyword: str) -> str:
    return "definitions" if keyword == "$defs" else keyword


def _is_noise(key: str, value: object) -> bool:
    """pydantic's titles repeat the key; a default of null says nothing."""
    return (key == "title" and isinstance(value, str)) or (key == "default" and value is None)


def _without_null(part: Schema) -> Schema:
    branches = [branch for branch in part.get("anyOf", ()) if branch != {"type": "null"}]
    if len(branches) == 1:
        rest = {key: value for key, value in part.items() if key != "anyOf"}
        return {**branches[0], **rest}
    return part


def resolve(schema: Schema) -> Schema:
    """The schema itself, with references followed; what stands beside a reference wins."""
    if "allOf" in schema:
        target = resolve(schema["allOf"][0])
        return {**target, **{key: value for key, value in schema.items() if key != "allOf"}}
    if "$ref" in schema:
        found: Schema = json_schema()["definitions"][str(schema["$ref"]).rsplit("/", 1)[1]]
        return resolve(found)
    return schema


def branches(schema: Schema) -> list[Schema]:
    """The alternatives of a schema, itself if it has none."""
    resolved = resolve(schema)
    choices = resolved.get("oneOf") or resolved.get("anyOf")
    return [resolve(choice) for choice in choices] if choices else [resolved]


def properties(schema: Schema) -> dict[str, Schema]:
    """Every key that a mapping may have here, over all alternatives."""
    return {key: value for branch in branches(schema) for key, value in branch.get("properties", {}).items()}


def at(path: Path) -> Schema:
    """The schema of the value at a path of keys and list positions; {} where nothing is allowed."""
    schema = json_schema()
    for step in path:
        if isinstance(step, int):
            about = {"description": resolve(schema).get("description", "")}
            schema = next(({**about, **branch["items"]} for branch in branches(schema) if "items" in branch), {})
        else:
            schema = properties(schema).get(step, {})
    return resolve(schema)


def is_required(path: Path) -> bool:
    """Whether the mapping at the end of the way cannot be without the last key."""
    return any(path[-1] in branch.get("required", ()) for branch in branches(at(path[:-1])))


def text() -> str:
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(text(), end="")
