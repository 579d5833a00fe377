"""Places as EPCIS names them.

>>> place_uri("0614141000012")
'https://id.gs1.org/414/0614141000012'
>>> place_uri("urn:epc:id:sgln:0614141.00001.DOCK-5")
'https://id.gs1.org/414/0614141000012/254/DOCK-5'
"""

from __future__ import annotations

import re
from typing import Final

from edgegw.core.epcis.canonical import canonical_value
from edgegw.core.identity.gs1_identity import HOST
from edgegw.core.identity.gs1_syntax import ENTRIES

_GLN: Final = re.compile(r"\d{13}", re.ASCII)
_PLACE: Final = f"{HOST}/414/"
_URI: Final = re.compile(r"(?!urn:epc:)[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+", re.ASCII)


def place_uri(text: str) -> str:
    """The URI of a place: a GLN, an SGLN or a Digital Link as canonical Digital Link, any other URI as it is.

    Raises ValueError with a sentence.
    """
    uri = canonical_value(f"{_PLACE}{text}" if _GLN.fullmatch(text) else text).removesuffix("/254/0")
    if uri.startswith(_PLACE):
        if fault := ENTRIES["414"].fault(uri.removeprefix(_PLACE).split("/")[0]):
            raise ValueError(fault)
        return uri
    if not _URI.fullmatch(text):
        raise ValueError("is neither a GLN nor a URI")
    return text
