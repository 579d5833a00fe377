"""ISO/IEC 15434 messages: `[)>` RS `06` GS, data identifiers of ANSI MH10.8.2, RS EOT.

Which data identifiers name a unit:

    25S                 unique item: agency, company, serial (ISO/IEC 15459-4)   urn:jaif:id:obj:25S...
    J, 1J ... 6J        licence plate of a transport unit (ISO/IEC 15459-1)      urn:jaif:id:obj:J...
    18S                 CAGE code and serial                                     urn:epc:id:adi:CAGE..SERIAL
    17V or 7V, S, 1P    CAGE code, serial, part number unless the serial is      urn:epc:id:adi:CAGE.PART.SERIAL
                        unique without it
    9N, S               pharmacy product number of IFA and serial                urn:ifa:ppn:PPN:SERIAL

The level that 1J to 6J tell is not identity: a licence plate is unique without it. Aerospace labels meet
their RFID tags on the `adi` URI (TDS 6.3.18).

>>> identify_iso15434("[)>\\x1e06\\x1d17V1A2B3\\x1d1PPQ7\\x1dSM37\\x1e\\x04").unit
'urn:epc:id:adi:1A2B3.PQ7.M37'
"""

from __future__ import annotations

import re

from edgegw.core.identity.alphabets import escape_urn
from edgegw.core.identity.digits import percent_encode
from edgegw.core.identity.gs1_identity import identify_elements
from edgegw.core.identity.gs1_message import GS, parse_element_string
from edgegw.core.identity.value import Identity, Pairs, Refusal, refuse

SCHEME = "iso15434"
RS, EOT = "\x1e", "\x04"
_START = re.compile(r">?\[\)>\x1e?(?P<format>\d\d)\x1d?")
_ELEMENT = re.compile(r"(\d{0,3}[A-Z])(.*)", re.DOTALL)
_PLATES = ("J", "1J", "2J", "3J", "4J", "5J", "6J")
_PLATE = re.compile(r"[0-9A-Z./:+\-]{4,50}")
_CAGE = re.compile(r"[A-HJ-NP-Z0-9]{5,6}")
_ADI_PART = re.compile(r"[0-9A-Z/\-]{0,32}")
_ADI_SERIAL = re.compile(r"[0-9A-Z/\-]{1,30}")
_PPN = re.compile(r"[0-9A-Z]{6,22}")
_PPN_SERIAL = re.compile(r"[\x21-\x7e]{1,20}")


def looks_like_iso15434(text: str) -> bool:
    return text.startswith(("[)>", ">[)>"))


def identify_iso15434(text: str) -> Identity:
    """Format 06, and format 05, which holds GS1 elements. The trailer may be missing, and so may the first RS."""
    start = _START.match(text)
    if start is None:
        return refuse(SCHEME, "a format number such as 06 should follow [)> RS (ISO/IEC 15434, 5)")
    body = text[start.end() :].split(RS)[0].rstrip(EOT)
    if start["format"] == "05":
        message = parse_element_string(body)
        if isinstance(message, Refusal):
            return refuse(SCHEME, message.reason)
        return identify_elements(message.elements, SCHEME)
    if start["format"] != "06":
        return refuse(SCHEME, f"format {start['format']} holds no data identifiers, only 06 does")
    return _identify_06(body)


def _identify_06(body: str) -> Identity:
    elements = []
    for field in filter(None, body.split(GS)):
        match = _ELEMENT.fullmatch(field)
        if match is None:
            return refuse(SCHEME, f"{field[:40]!r} does not start with a data identifier (ANSI MH10.8.2)")
        if match[2]:
            elements.append((match[1], match[2]))
    return _identify_elements(tuple(elements))


def _identify_elements(elements: Pairs) -> Identity:
    data = dict(elements)
    for identify in (_item, _plate, _enterprise_serial, _part_serial, _pharmacy_pack):
        used = identify(data)
        if isinstance(used, Refusal):
            return refuse(SCHEME, used.reason)
        if used:
            unit, dis = used
            if twice := [di for di, value in elements if di in dis and value != data[di]]:
                return refuse(SCHEME, f"{twice[0]} comes twice with different values")
            ai = tuple((di, data[di]) for di in dis)
            rest = tuple(element for element in elements if element[0] not in dis)
            epc_uri = unit if unit.startswith("urn:epc:") else ""
            return Identity("unit", unit, SCHEME, ai, rest, epc_uri)
    reason = "no data identifier here names one unit: that takes 25S, 18S, J, or S with its manufacturer"
    return Identity("class", "", SCHEME, attributes=elements, reason=reason)


_Found = tuple[str, tuple[str, ...]] | Refusal | None


def _item(data: dict[str, str]) -> _Found:
    return _iso15459("25S", "25S", data)


def _plate(data: dict[str, str]) -> _Found:
    return next((_iso15459(di, "J", data) for di in _PLATES if di in data), None)


def _iso15459(di: str, family: str, data: dict[str, str]) -> _Found:
    value = data.get(di)
    if value is None:
        return None
    if not _PLATE.fullmatch(value):
        return Refusal(f"{di}: {value[:60]!r} is not 4 to 50 capitals, digits and - . / : + (ISO/IEC 15459-3)")
    return f"urn:jaif:id:obj:{family}{percent_encode(value)}", (di,)


def _enterprise_serial(data: dict[str, str]) -> _Found:
    """18S: five characters of CAGE code, then a serial unique for that company."""
    value = data.get("18S")
    return None if value is None else _adi(value[:5], "", value[5:], ("18S",))


def _part_serial(data: dict[str, str]) -> _Found:
    company = next((di for di in ("17V", "7V") if di in data), None)
    if company is None or "S" not in data:
        return None
    dis = (company, "1P", "S") if "1P" in data else (company, "S")
    return _adi(data[company], data.get("1P", ""), data["S"], dis)


def _adi(cage: str, part: str, serial: str, dis: tuple[str, ...]) -> _Found:
    """The pure identity URI of an aerospace and defence item (TDS 6.3.18)."""
    if not _CAGE.fullmatch(cage):
        return Refusal(f"{cage[:40]!r} is neither a CAGE code nor a DoDAAC")
    if not (_ADI_PART.fullmatch(part) and _ADI_SERIAL.fullmatch(serial)):
        return Refusal(
            f"part {part[:40]!r} or serial {serial[:40]!r} has characters or a length that TDS 6.3.18 forbids"
        )
    return f"urn:epc:id:adi:{cage}.{escape_urn(part)}.{escape_urn(serial)}", dis


def _pharmacy_pack(data: dict[str, str]) -> _Found:
    if "9N" not in data or "S" not in data:
        return None
    ppn, serial = data["9N"], data["S"]
    if not _PPN.fullmatch(ppn) or ppn[-2:] != _ppn_check(ppn[:-2]):
        return Refusal(f"9N: {ppn[:40]!r} is no pharmacy product number: its check digits do not fit (IFA, PPN)")
    if not _PPN_SERIAL.fullmatch(serial):
        return Refusal(f"S: {serial[:40]!r} is not 1 to 20 printable characters (IFA)")
    return f"urn:ifa:ppn:{ppn}:{percent_encode(serial)}", ("9N", "S")


def _ppn_check(body: str) -> str:
    """Character codes, weighted 2, 3, 4 ... from the left, modulo 97 (IFA Coding System, 2.2)."""
    return f"{sum(code * weight for weight, code in enumerate(body.encode(), 2)) % 97:02}"
