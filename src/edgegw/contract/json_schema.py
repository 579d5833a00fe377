"""Types -> JSON Schema (draft-07, which AsyncAPI 3 has at its heart).

A TypedDict is an object with its docstring as description; `Annotated` adds a description (a text) and keywords.
Objects may have more fields than are named: consumers ignore what they do not know.

>>> from edgegw.core.documents import keywords
>>> schema_of(Annotated[list[int] | None, "numbers", keywords(maxItems=3)], {})
{'description': 'numbers', 'type': ['array', 'null'], 'items': {'type': 'integer'}, 'maxItems': 3}
"""

from __future__ import annotations

import inspect
import types
from typing import Annotated, Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

Schema = dict[str, Any]

_PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean", types.NoneType: "null"}


def document_schema(model: type, name: str, title: str) -> Schema:
    """The whole schema of a document, with everything that it is made of in `definitions`. `name`: its `$id`."""
    definitions: dict[str, Schema] = {}
    body = _object(model, definitions)
    head = {"$schema": "http://json-schema.org/draft-07/schema#", "$id": name, "title": title}
    return {**head, **body, **({"definitions": dict(sorted(definitions.items()))} if definitions else {})}


def schema_of(hint: Any, definitions: dict[str, Schema]) -> Schema:
    """The schema of a type. TypedDicts are put into `definitions` and referred to."""
    if is_typeddict(hint):
        if hint.__name__ not in definitions:
            definitions[hint.__name__] = {}  # it may contain itself
            definitions[hint.__name__] = _object(hint, definitions)
        return {"$ref": f"#/definitions/{hint.__name__}"}
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _annotated(arguments[0], arguments[1:], definitions)
    if origin is Literal:
        return {"const": arguments[0]} if len(arguments) == 1 else {"enum": list(arguments)}
    if origin in (Union, types.UnionType):
        return _either([schema_of(argument, definitions) for argument in arguments])
    if origin is list:
        return {"type": "array", "items": schema_of(arguments[0], definitions)}
    if origin is dict:
        values = schema_of(arguments[1], definitions)
        return {"type": "object", **({"additionalProperties": values} if values else {})}
    return {} if hint is Any else {"type": _PLAIN[hint]}


def _object(model: type, definitions: dict[str, Schema]) -> Schema:
    hints = get_type_hints(model, include_extras=True)
    optional = {key for key, hint in hints.items() if get_origin(hint) is NotRequired}
    bare = {key: get_args(hint)[0] if key in optional else hint for key, hint in hints.items()}
    properties = {key: schema_of(hint, definitions) for key, hint in bare.items()}
    schema: Schema = {"description": " ".join(inspect.cleandoc(model.__doc__ or "").split()), "type": "object"}
    return {**schema, "required": [key for key in hints if key not in optional], "properties": properties}


def _annotated(hint: Any, notes: tuple[Any, ...], definitions: dict[str, Schema]) -> Schema:
    """The last text is the description: an alias may have one, and its use another."""
    texts = [note for note in notes if isinstance(note, str)]
    keywords = {key: _plain(value) for note in notes if isinstance(note, tuple) for key, value in note}
    schema = schema_of(hint, definitions)
    if "$ref" in schema and notes:
        schema = {"allOf": [schema]}  # draft-07 ignores what stands beside $ref
    described = {"description": texts[-1]} if texts else {}
    return {**described, **schema, **described, **keywords}


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _either(branches: list[Schema]) -> Schema:
    """`X or null` as one schema where JSON Schema can say so."""
    others = [branch for branch in branches if branch != {"type": "null"}]
    if len(others) == len(branches) or len(others) > 1 or "$ref" in others[0]:
        return {"anyOf": branches}
    only = others[0]
    if "enum" in only:
        return {**only, "enum": [*only["enum"], None]}
    return {**only, "type": [only["type"], "null"]} if "type" in only else {"anyOf": branches}
