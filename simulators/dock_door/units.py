"""What a scenario calls a unit -> the tag on it and the label on it.

>>> case = Unit.parse("01/09506000134352/21/1001")
>>> case.key, case.epc.hex(), case.label
('https://id.gs1.org/01/09506000134352/21/1001', '30164433400d1ec0000003e9', ']d20109506000134352211001')
>>> Unit.parse("01/09506000134352/21/1001", round_number=2).key
'https://id.gs1.org/01/09506000134352/21/3001'
"""

from __future__ import annotations

import re
from typing import NamedTuple, Self

from edgegw.core.identity import Refusal, encode_element_string, encode_epc, identify_epc
from edgegw.core.identity.digits import with_check_digit
from edgegw.core.identity.gs1_identity import HOST

SERIALS_A_ROUND = 1000
"""Units of the same kind in one scenario have serial numbers that differ by less."""

_GTIN = re.compile(r"01/([0-9]{14})/21/([0-9]{1,12})")
_SSCC = re.compile(r"00/([0-9]{17})[0-9]")
_HEX = re.compile(r"([0-9A-Fa-f]{4}){2,31}")


class Unit(NamedTuple):
    """key: what events call it; label: what a scanner reads of it, "" for a tag without one."""

    key: str
    epc: bytes
    label: str

    @classmethod
    def parse(cls, text: str, round_number: int = 0) -> Self:
        """`01/GTIN/21/SERIAL`, `00/SSCC`, or the hexadecimal EPC of any other tag.

        Each round has units of its own: the same text with a higher serial number. Raises ValueError.
        """
        further = round_number * SERIALS_A_ROUND
        if gtin := _GTIN.fullmatch(text):
            return cls._gs1(f"01/{gtin[1]}/21/{int(gtin[2]) + further}", "sgtin-96", "]d2")
        if sscc := _SSCC.fullmatch(text):
            fresh = with_check_digit(f"{int(sscc[1]) + further:017d}")
            if not round_number and text != f"00/{fresh}":
                raise ValueError(f"{text!r} is no SSCC: with its check digit it is 00/{fresh}")
            return cls._gs1(f"00/{fresh}", "sscc-96", "]C1")
        if _HEX.fullmatch(text):
            return cls._bare((int(text, 16) + further).to_bytes(len(text) // 2))
        raise ValueError(f"{text!r} is no unit: write 01/GTIN/21/SERIAL, 00/SSCC or the hexadecimal EPC of a tag")

    @classmethod
    def _gs1(cls, path: str, scheme: str, symbology: str) -> Self:
        key = f"{HOST}/{path}"
        tag, label = encode_epc(key, scheme), encode_element_string(key)
        for made in (tag, label):
            if isinstance(made, Refusal):
                raise ValueError(f"{path!r} is no unit: {made.reason}")
        assert not isinstance(tag, Refusal)
        return cls(key, tag.epc, f"{symbology}{label}")

    @classmethod
    def _bare(cls, epc: bytes) -> Self:
        identity = identify_epc(epc, 8 * len(epc))
        return cls(identity.unit or identity.epc_uri, epc, "")
