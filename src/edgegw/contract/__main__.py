"""Writes the contract into a folder: `python -m edgegw.contract [FOLDER]`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import yaml

from edgegw.contract.asyncapi import asyncapi_document, schema_files
from edgegw.contract.json_schema import document_schema

_HEAD = "# Made by python -m edgegw.contract from src/edgegw/core/documents.py.\n"


def contract_files() -> dict[str, str]:
    """Name and text of every file of the contract."""
    schemas = {
        name: json.dumps(document_schema(model, identifier, name.split(".")[0]), indent=2, ensure_ascii=False) + "\n"
        for name, (model, identifier) in schema_files().items()
    }
    return {"asyncapi.yaml": _HEAD + yaml.safe_dump(asyncapi_document(), sort_keys=False, width=120), **schemas}


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in contract_files().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("docs/contract"))
    main(parser.parse_args().folder)
