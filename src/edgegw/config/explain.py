"""What a key expects and what was found there, in words for a technician.

Both come from the JSON Schema and the tree, not from the validating library: its errors only say *where*.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from edgegw.config import lookalikes
from edgegw.config.schema import Schema, branches
from edgegw.config.secrets import masked
from edgegw.config.suggest import did_you_mean
from edgegw.config.tree import Mapping, Node, Scalar, Sequence

_LONGEST_FOUND = 40
_LONGEST_MENDED = 200
_MOST_KEYS = 5


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
            keys = list(schema["properties"])
            return f"a mapping ({', '.join(keys[:_MOST_KEYS])}{', ...' if len(keys) > _MOST_KEYS else ''})"
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
    text = masked(text[:_LONGEST_MENDED])
    return repr(text if len(text) <= _LONGEST_FOUND else text[: _LONGEST_FOUND - 3] + "...")


def hint(node: Node, schema: Schema, *, is_item: bool = False) -> str:
    """How to mend the value, from how it looks; else what the key means. is_item: it stands in a list."""
    return slip(node) or _cure(node, schema, is_item) or str(schema.get("description", ""))


def slip(node: Node) -> str:
    """How to mend a value in which something stands that nobody sees or means; nothing if there is none."""
    if not isinstance(node, Scalar):
        return ""
    if strange := lookalikes.find(node.text):
        return f"it holds {lookalikes.named(strange.group())}: {lookalikes.cure(strange.group())}"
    return "put a space before the '#' of a comment" if re.search(r"\S#", node.text) else ""


def _cure(node: Node, schema: Schema, is_item: bool) -> str:
    kinds = {branch.get("type") for branch in branches(schema)}
    if isinstance(node, Scalar):
        return (_separated(node.text, schema) if is_item else "") or _scalar_cure(node.text, schema, kinds)
    if isinstance(node, Mapping) and kinds == {"array"}:
        example = next((f", such as - {key}: ..." for key in node.entries), "")
        return f"begin each item of the list with '- '{example}"
    if isinstance(node, Sequence) and kinds == {"object"}:
        return "delete the '- ': there is one of these, not a list"
    if isinstance(node, Sequence) and kinds == {"string"}:
        return "write one text, without brackets or '- '"
    return ""


def _scalar_cure(text: str, schema: Schema, kinds: set[str | None]) -> str:
    if kinds & {"integer", "number"}:
        return _number_cure(text, kinds)
    if kinds == {"array"}:
        return f"write [{text}]" if 0 < len(text) <= _LONGEST_FOUND else ""
    if kinds == {"object"}:
        key = next(iter(branches(schema)[0]["properties"]))
        return f"write its keys below it, indented, such as {key}: {text[:_LONGEST_FOUND]}"
    if "pattern" in schema:
        return _pattern_cure(text[:_LONGEST_MENDED], re.compile(schema["pattern"]))
    words = [word for branch in branches(schema) for word in branch.get("enum", [branch.get("const")]) if word]
    if "boolean" in kinds:
        words += ["true", "false"]
    return did_you_mean(text, words)


def _number_cure(text: str, kinds: set[str | None]) -> str:
    if "number" in kinds and re.fullmatch(r"-?\d+,\d+", text):
        return f"write {text.replace(',', '.')}"
    if with_letter := re.fullmatch(r"[A-Za-z]{1,8}\s*(\d+)", text):
        return f"write {with_letter.group(1)}"
    with_unit = re.fullmatch(r"(-?\d+(?:\.\d+)?)\s*([A-Za-z%]{1,8})", text)
    return f"write {with_unit.group(1)}, the unit is in the key's name" if with_unit else ""


def _separated(text: str, schema: Schema) -> str:
    """Several values that were written as one."""
    parts = re.split(r"[\s;]+", text[:_LONGEST_MENDED])
    if "pattern" in schema and len(parts) > 1 and all(re.match(schema["pattern"], part) for part in parts):
        return f"put ',' between them: {', '.join(parts)}"
    return ""


def _pattern_cure(text: str, pattern: re.Pattern[str]) -> str:
    """The text with a usual slip put right, if that makes it fit."""
    meant = next((mended for mended in _mended(text) if pattern.match(mended)), "")
    quote = '"' if meant.startswith("0") and ":" not in meant else ""
    return f"write {quote}{meant}{quote}" if meant else ""


def _mended(text: str) -> Iterator[str]:
    yield re.sub(r"\s+", "-", text.strip())  # dock 1
    yield "".join(text.split())  # dock-1 / 1
    yield re.sub(r"/[^/0-9]+([0-9]+)$", r"/\1", text)  # dock-1/antenna4
    yield re.sub(r"[\s_.-]+", ":", text)  # 0c2e-0901
    yield text.zfill(13) if text.isdecimal() else text  # a GLN whose zero was lost
    yield unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()  # Verpackungsplätze
