"""What a key expects and what was found there, in words for a technician.

Both come from the JSON Schema and the tree, not from the validating library: its errors only say *where*.
"""

from __future__ import annotations

import re

from edgegw.config.schema import Schema, branches
from edgegw.config.suggest import did_you_mean
from edgegw.config.tree import Mapping, Node, Scalar, Sequence

_LONGEST_FOUND = 40


def expectation(schema: Schema) -> str:
    """Such as `a whole number from 1 to 65535` or `true, false or a mapping (ca_file, ...)`.

    >>> expectation({"type": "number", "exclusiveMinimum": 0, "maximum": 60})
    'a number above 0, at most 60'
    """
    return " or ".join(_one_expectation(branch) for branch in branches(schema))


def _one_expectation(schema: Schema) -> str:
    if "enum" in schema:
        return f"one of {', '.join(schema['enum'])}"
    if "const" in schema:
        return f"'{schema['const']}'"
    match schema.get("type"):
        case "boolean":
            return "true or false"
        case "integer" | "number":
            return _number(schema)
        case "array":
            return "a list of at least one" if schema.get("minItems") else "a list"
        case "object":
            return f"a mapping ({', '.join(schema['properties'])})"
    return _text(schema)


def _number(schema: Schema) -> str:
    kind = "a whole number" if schema["type"] == "integer" else "a number"
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f"{kind} from {low:g} to {high:g}" if high < 1e5 else f"{kind} from {low} to {high}"
    above = schema.get("exclusiveMinimum")
    limits = [f"above {above}"] if above is not None else []
    limits += [f"at most {high}"] if high is not None else []
    return " ".join([kind, ", ".join(limits)]).strip()


def _text(schema: Schema) -> str:
    if "patternErrorMessage" in schema:
        return str(schema["patternErrorMessage"])
    kind = "a file path" if schema.get("format") == "path" else "a text"
    longest = schema.get("maxLength")
    limit = f" of at most {longest} characters" if longest else ""
    return f"{kind}{limit}, not empty" if schema.get("minLength") else f"{kind}{limit}"


def found(node: Node) -> str:
    """The value as the author wrote it, shortened.

    >>> from edgegw.config.tree import Place
    >>> found(Scalar(Place(1, 1), "ten"))
    "'ten'"
    """
    if isinstance(node, Scalar):
        return "nothing" if node.is_empty else shortened(node.text)
    if isinstance(node, Sequence):
        return "a list" if node.length else "an empty list"
    keys = ", ".join(shortened(key)[1:-1] for key in list(node.entries)[:4])
    return f"a mapping ({keys}{', ...' if len(node.entries) > 4 else ''})" if keys else "an empty mapping"


def shortened(text: str) -> str:
    return repr(text if len(text) <= _LONGEST_FOUND else text[: _LONGEST_FOUND - 3] + "...")


def hint(node: Node, schema: Schema) -> str:
    """How to mend the value, from how it looks; else what the key means."""
    return _cure(node, schema) or str(schema.get("description", ""))


def _cure(node: Node, schema: Schema) -> str:
    kinds = {branch.get("type") for branch in branches(schema)}
    if isinstance(node, Scalar):
        return _scalar_cure(node.text, schema, kinds)
    if isinstance(node, Mapping) and kinds == {"array"}:
        return "begin each item of the list with '- '"
    if isinstance(node, Sequence) and kinds == {"string"}:
        return "write one text, without brackets or '- '"
    return ""


def _scalar_cure(text: str, schema: Schema, kinds: set[str | None]) -> str:
    if kinds & {"integer", "number"}:
        return _number_cure(text, kinds)
    if kinds == {"array"}:
        return f"write [{text}]" if 0 < len(text) <= _LONGEST_FOUND else ""
    words = [word for branch in branches(schema) for word in branch.get("enum", [branch.get("const")]) if word]
    if "boolean" in kinds:
        words += ["true", "false"]
    return did_you_mean(text, words)


def _number_cure(text: str, kinds: set[str | None]) -> str:
    if "number" in kinds and re.fullmatch(r"-?\d+,\d+", text):
        return f"write {text.replace(',', '.')}"
    with_unit = re.fullmatch(r"(-?\d+(?:\.\d+)?)\s*([A-Za-z%]{1,8})", text)
    return f"write {with_unit.group(1)}, the unit is in the key's name" if with_unit else ""
