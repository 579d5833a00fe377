"""`edgegw decode`: which unit is this tag or scan, and why?"""

from __future__ import annotations

import json
import string
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO, Literal, get_args

import click

from edgegw.core.identity import Identity, ScanRules, identify_epc, identify_scan
from edgegw.core.identity.explain import explain_epc
from edgegw.core.identity.gs1_syntax import ENTRIES
from edgegw.core.identity.value import Pairs, refuse

Way = Literal["auto", "epc", "scan"]
Assume = Literal["auto", "gs1", "digital-link", "15434", "plain"]
LONGEST_LINE = 65_536
_SHORTEST_EPC_HEX = 16  # 64 bits: a shorter text is rather a serial number
_SHOWN_BITS = 24


@click.command()
@click.argument("texts", metavar="[EPC|SCAN]...", nargs=-1)
@click.option("--as", "way", type=click.Choice(get_args(Way)), default="auto", help="What the arguments are.")
@click.option(
    "--assume",
    type=click.Choice(get_args(Assume)),
    default="auto",
    help="What a scan without AIM identifier is, as in a scanner's settings.",
)
@click.option("--gs", default="", help="What stands for the GS character, for example '<GS>' or '|'.")
@click.option("--jsonl", is_flag=True, help="Read JSON lines from standard input, answer each with one.")
def decode(texts: tuple[str, ...], way: Way, assume: Assume, gs: str, jsonl: bool) -> None:
    """Explain which unit an RFID tag's EPC (hexadecimal) or a scanned text is.

    With --jsonl, each line of standard input is {"epc": HEX} or {"scan": TEXT} (JSON escapes such as \\u001d
    carry control characters; "bits" and "pc" may come with an EPC), and each is answered in order with
    unit, kind (unit, class, location, raw, invalid), scheme, ai, epc_uri, attributes and reason.

    \b
    Examples:
      edgegw decode 3066C4409047E140075BCD15
      edgegw decode ']d2010950600013435221A1'
      edgegw decode --gs '|' ']C1010950600013435210LOT|21A1'
      edgegw decode --jsonl < reads.jsonl > units.jsonl
    """
    rules = ScanRules(assume=assume, gs=gs)
    if jsonl:
        for answer in _answers(sys.stdin.buffer, rules):
            click.echo(answer)
        return
    if not texts:
        raise click.UsageError("give an EPC or a scan, or --jsonl and lines on standard input")
    click.echo("\n\n".join(_explain(text, way, rules) for text in texts))


# JSON lines


def _answers(lines: BinaryIO, rules: ScanRules) -> Iterator[str]:
    while line := lines.readline(LONGEST_LINE + 1):
        if len(line) > LONGEST_LINE:
            while line and not line.endswith(b"\n"):
                line = lines.readline(LONGEST_LINE)
            yield _as_json(refuse("line", f"a line is longer than {LONGEST_LINE} bytes"))
        elif line.strip():
            yield _as_json(_identify_line(line, rules))


def _identify_line(line: bytes, rules: ScanRules) -> Identity:
    try:
        read: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        return refuse("line", f"a line is no JSON: {error}")
    if isinstance(read, dict) and isinstance(read.get("scan"), str):
        return identify_scan(read["scan"], rules)
    if isinstance(read, dict) and isinstance(read.get("epc"), str):
        return _identify_hex(read["epc"], read.get("bits"), read.get("pc"))
    return refuse("line", 'a line is neither {"epc": HEX} nor {"scan": TEXT}')


def _as_json(identity: Identity) -> str:
    return json.dumps(
        {
            "unit": identity.unit,
            "kind": identity.kind,
            "scheme": identity.scheme,
            "ai": dict(identity.ai),
            "epc_uri": identity.epc_uri,
            "attributes": dict(identity.attributes),
            "reason": identity.reason,
        }
    )


# Hexadecimal EPCs


def _identify_hex(text: str, bits: object = None, pc: object = None) -> Identity:
    """`bits` defaults to four for each digit; `pc` is a number or hexadecimal text."""
    try:
        word = int(pc, 16) if isinstance(pc, str) else pc
    except ValueError:
        return refuse("line", f"pc {pc!r} is not hexadecimal")
    if not (word is None or isinstance(word, int)) or not (bits is None or isinstance(bits, int)):
        return refuse("line", "bits and pc should be numbers")
    epc = _from_hex(text)
    if epc is None:
        return refuse("epc", f"{text[:40]!r} is not hexadecimal")
    return identify_epc(epc, len(_squeeze(text)) * 4 if bits is None else bits, word)


def _from_hex(text: str) -> bytes | None:
    digits = _squeeze(text)
    if not digits or not set(digits) <= set(string.hexdigits):
        return None
    return bytes.fromhex(digits + "0" * (len(digits) % 2))


def _squeeze(text: str) -> str:
    return "".join(text.split())


# For people


def _explain(text: str, way: Way, rules: ScanRules) -> str:
    is_epc = way == "epc" or (way == "auto" and _is_epc(text, rules))
    identity = _identify_hex(text) if is_epc else identify_scan(text, rules)
    lines = [click.style(_printable(text), bold=True), *_describe(identity)]
    epc = _from_hex(text) if is_epc else None
    if epc is not None:
        lines += ["", *_describe_bits(epc, len(_squeeze(text)) * 4)]
    return "\n".join(lines)


def _is_epc(text: str, rules: ScanRules) -> bool:
    """Hexadecimal with the header of an EPC scheme, or such that no scan looks like it."""
    epc = _from_hex(text)
    if epc is None or len(_squeeze(text)) < _SHORTEST_EPC_HEX:
        return False
    known = identify_epc(epc, len(_squeeze(text)) * 4).kind != "raw"
    return known or (identify_scan(text, rules).kind == "raw" and len(epc) % 2 == 0)


def _describe(identity: Identity) -> Iterator[str]:
    verdict = {"unit": "one unit", "class": "a kind of thing, no unit", "location": "a place"}
    yield _row("is", f"{verdict.get(identity.kind, identity.kind)}, read as {identity.scheme}")
    if identity.unit:
        yield _row("key", identity.unit)
    if identity.reason:
        yield _row("why", identity.reason)
    yield from _describe_pairs(identity.ai, "identity")
    yield from _describe_pairs(identity.attributes, "attribute")
    if identity.epc_uri and identity.epc_uri != identity.unit:
        yield _row("EPC URI", identity.epc_uri)


def _describe_pairs(pairs: Pairs, role: str) -> Iterator[str]:
    for name, value in pairs:
        entry = ENTRIES.get(name)
        title = f"({name}) {entry.title}" if entry else name
        yield _row(role, f"{title}: {_printable(value)}")


def _printable(text: str) -> str:
    """Control characters by their names, so that a missing or misplaced GS can be seen."""
    named = text.translate({0x1D: "<GS>", 0x1E: "<RS>", 0x04: "<EOT>"})
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in named)


def _row(label: str, text: str) -> str:
    return f"  {label:<10}{text}"


def _describe_bits(epc: bytes, bits: int) -> Iterator[str]:
    yield _row("bits", "meaning")
    for field in explain_epc(epc, bits):
        shown = field.bits if len(field.bits) <= _SHOWN_BITS else f"{field.bits[: _SHOWN_BITS - 3]}..."
        place = f"{field.start}-{field.start + len(field.bits) - 1}"
        yield f"  {place:<10}{shown:<{_SHOWN_BITS}}  {field.name}: {field.value}"
