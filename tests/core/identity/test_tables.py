"""Our tables against the machine-readable ones of GS1."""

from __future__ import annotations

import importlib.util
import json
from types import ModuleType
from typing import Any

import pytest

from edgegw.core.identity import epc_tables, gs1_dictionary
from edgegw.core.identity.bits import Writer
from edgegw.core.identity.epc import SCHEMES, FixedScheme
from edgegw.core.identity.epc_plus import PLUS_SCHEMES
from edgegw.core.identity.epc_tables import Partitions
from edgegw.core.identity.epc_values import FORMATS, write_value
from edgegw.core.identity.gs1_syntax import AI_LENGTHS, ENTRIES
from tests.core.identity.support import DATA

STANDARDS = DATA / "standards"
TDT: dict[str, dict[str, Any]] = json.loads((STANDARDS / "tdt_binary.json").read_text())
HEADERS = {scheme.name: header for header, scheme in SCHEMES.items()}
PARTITIONS: dict[str, Partitions] = {
    "sgtin-96": epc_tables.SGTIN,
    "sgtin-198": epc_tables.SGTIN,
    "itip-110": epc_tables.SGTIN,
    "itip-212": epc_tables.SGTIN,
    "sscc-96": epc_tables.SSCC,
    "gsrn-96": epc_tables.SSCC,
    "gsrnp-96": epc_tables.SSCC,
    "sgln-96": epc_tables.SGLN,
    "sgln-195": epc_tables.SGLN,
    "gdti-96": epc_tables.SGLN,
    "gdti-113": epc_tables.SGLN,
    "gdti-174": epc_tables.SGLN,
    "sgcn-96": epc_tables.SGLN,
    "grai-96": epc_tables.GRAI,
    "grai-170": epc_tables.GRAI,
    "giai-96": epc_tables.GIAI_96,
    "giai-202": epc_tables.GIAI_202,
    "cpi-96": epc_tables.CPI_96,
}


def tool(name: str) -> ModuleType:
    """A script of tools/, which is no package."""
    path = DATA.parents[1] / "tools" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_dictionary_is_what_the_tool_makes_of_the_release() -> None:
    text = (STANDARDS / "gs1-syntax-dictionary.txt").read_text(encoding="utf-8")
    assert gs1_dictionary.__file__ is not None
    made = tool("gs1_dictionary").generate(text)
    with open(gs1_dictionary.__file__, encoding="utf-8") as shipped:
        assert shipped.read() == made
    assert f"Release: {gs1_dictionary.RELEASE}" in text


@pytest.mark.parametrize("name", sorted(TDT))
def test_header_and_length(name: str) -> None:
    assert HEADERS[name] == int(TDT[name]["header"], 2)
    scheme = SCHEMES[HEADERS[name]]
    assert isinstance(scheme, FixedScheme) == bool(TDT[name]["length"] or name in ("gid-96", "usdod-96"))
    if isinstance(scheme, FixedScheme):
        assert scheme.bits == int(TDT[name]["length"] or 96)


@pytest.mark.parametrize("name", sorted(PARTITIONS))
def test_partitions(name: str) -> None:
    rows = PARTITIONS[name]
    options = TDT[name]["options"]
    assert len(options) == len(rows) == 7
    for row, option in zip(rows, options, strict=True):
        prefix, reference = option["fields"][1:3]
        assert (row.prefix_bits, row.prefix_digits) == (prefix["bitLength"], prefix["length"])
        assert row.reference_bits == reference["bitLength"]
        if reference.get("length") is not None:
            assert row.reference_digits == reference["length"]


@pytest.mark.parametrize("name", [name for name in sorted(TDT) if name.endswith("+")])
def test_ais_of_the_plus_schemes(name: str) -> None:
    assert list(PLUS_SCHEMES[HEADERS[name]].ais) == TDT[name]["options"][0]["encodedAI"]


def test_table_f_has_the_same_ais_and_lengths() -> None:
    rows = json.loads((STANDARDS / "TDT_TableF.json").read_text())["rows"]
    assert {row["a"] for row in rows} == set(FORMATS)
    for row in rows:
        if row["b"].startswith("Fixed") and not row.get("i"):
            bits = Writer()
            write_value(row["a"], "1" * int(row["d"]), bits)
            assert bits.size == int(row["e"]), row["a"]


@pytest.mark.parametrize(("column", "value"), [("b", "9"), ("c", "E"), ("d", "e"), ("e", "."), ("f", "_"), ("g", "/")])
def test_table_b_has_the_same_numbers_of_bits(column: str, value: str) -> None:
    for row in json.loads((STANDARDS / "TDT_TableB.json").read_text())["rows"][:90]:
        length = int(row["a"])
        bits = Writer()
        write_value("8030", value * length, bits)
        assert bits.size == 3 + 7 + int(row[column]), (column, length)


def test_every_ai_is_told_by_its_first_two_digits() -> None:
    assert all(AI_LENGTHS[ai[:2]] == len(ai) for ai in ENTRIES)
