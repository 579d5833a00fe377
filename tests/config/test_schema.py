"""The JSON Schema that editors use, and the two examples that people copy."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest
import yaml
from pydantic import BaseModel

from edgegw.config import schema
from edgegw.config.load import load_with_warnings
from edgegw.config.model import Config
from tests.config.support import ANNOTATED, CONFIG_DIR, HEAD, MINIMAL

SCHEMA_FILE = CONFIG_DIR / "edgegw.schema.json"
VALIDATOR = jsonschema.Draft7Validator(schema.json_schema())


def models(annotation: Any = Config) -> Iterator[type[BaseModel]]:
    """Every model that a type leads to."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from models(field.annotation)
    for argument in get_args(annotation):
        yield from models(argument)


MODELS = sorted(set(models()), key=lambda model: model.__name__)
KEYS = [(model, key) for model in MODELS for key in model.model_fields]


def key_id(value: Any) -> str:
    return value.__name__ if isinstance(value, type) else str(value)


def test_the_file_is_up_to_date() -> None:
    generated = "run: python -m edgegw.config.schema > config/edgegw.schema.json"
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema.text(), generated


def test_it_is_draft_7() -> None:
    jsonschema.Draft7Validator.check_schema(schema.json_schema())
    written = json.dumps(schema.json_schema())
    assert not re.search(r"\$defs|prefixItems|unevaluated|\"null\"", written)


def test_no_keyword_stands_uselessly_beside_a_reference() -> None:
    def parts(part: Any) -> Iterator[dict[str, Any]]:
        if isinstance(part, dict):
            yield part
        for child in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
            yield from parts(child)

    references = [part for part in parts(schema.json_schema()) if "$ref" in part]
    assert references
    assert all(len(part) == 1 for part in references)


@pytest.mark.parametrize("example", [MINIMAL, ANNOTATED], ids=lambda path: path.name)
def test_examples_are_good_for_editor_and_gateway(example: Path) -> None:
    text = example.read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=./edgegw.schema.json\n")
    assert list(VALIDATOR.iter_errors(yaml.safe_load(text))) == []
    assert load_with_warnings(example).warnings == ()


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "readers: [{name: a, host: h, power_dbm: 99}]\n",
        HEAD + "readers: [{name: a, host: h, start: {gpi: 1, every_s: 2}}]\n",
        HEAD + "readers: [{name: a, host: h, mode: null}]\n",
        HEAD + "reders: []\n",
        "site: a\n",
    ],
)
def test_the_editor_refuses_what_the_gateway_refuses(text: str) -> None:
    assert list(VALIDATOR.iter_errors(yaml.safe_load(text)))


def test_every_pattern_is_explained() -> None:
    written = json.dumps(schema.json_schema())
    assert written.count('"pattern"') == written.count('"patternErrorMessage"') > 5


@pytest.mark.parametrize(("model", "key"), KEYS, ids=key_id)
def test_every_key_says_what_it_means(model: type[BaseModel], key: str) -> None:
    assert model.model_fields[key].description
    assert model.__doc__


@pytest.mark.parametrize(("model", "key"), KEYS, ids=key_id)
def test_the_annotated_example_shows_every_key(model: type[BaseModel], key: str) -> None:
    """As many places with that key as there are models with it, so that none is forgotten."""
    text = ANNOTATED.read_text(encoding="utf-8")
    written = model.model_fields[key].alias or key
    shown = re.findall(rf"^ *(?:# |- )?{written}:(?: |$)", text, re.MULTILINE)
    distinct = {model.__name__ for model, other in KEYS if other == key}
    assert len(shown) >= len(distinct - ({"Sides", "Places"} if key in ("inside", "outside") else set()))
    assert shown


def test_the_annotated_example_tells_the_defaults() -> None:
    """Where a model has a plain default, the comment repeats it."""
    told = 0
    for line in ANNOTATED.read_text(encoding="utf-8").splitlines():
        shown = re.match(r" *(?:# |- )?(\w+):.*# default: ([^;,]+?)(?:;|,| *$)", line)
        if not shown or not shown.group(2) or shown.group(2).startswith(("as set", "none", "the ", "inside ", "never")):
            continue
        key, default = shown.groups()
        known = {_written(model.model_fields[key].default) for model in MODELS if key in model.model_fields}
        assert default in known | {"edgegw-SITE-GATEWAY", "1883", "5084", "inside", "outside"}, line
        told += 1
    assert told > 35


def _written(default: object) -> str:
    """A default as YAML would have it."""
    if isinstance(default, bool):
        return str(default).lower()
    return json.dumps(default) if default == "" else str(default)
