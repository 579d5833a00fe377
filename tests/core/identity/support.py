"""Reading vectors, and tags written as hexadecimal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from edgegw.core.identity import Identity, identify_epc
from edgegw.core.identity.value import Pairs

DATA = Path(__file__).parents[2] / "data"
Row = dict[str, Any]


def rows(name: str) -> list[Row]:
    text = (DATA / "identity" / f"{name}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def identify_hex(digits: str, pc: int | None = None) -> Identity:
    return identify_epc(bytes.fromhex(digits + "0" * (len(digits) % 2)), 4 * len(digits), pc)


def gs1_elements(identity: Identity) -> dict[str, str]:
    """Identity and attributes that are Application Identifiers."""
    return {code: value for code, value in identity.ai + identity.attributes if code.isdigit()}


def bracketed(pairs: Pairs) -> str:
    return "".join(f"({ai}){value}" for ai, value in pairs)
