"""The character sets of GS1, as sets for checks and as the escapes that URIs want.

`CSET_82` is what serials may hold (General Specifications 7.11-1, TDS table A-1), `CSET_39` component and
part numbers (7.11-2, TDS table G-1).
"""

from __future__ import annotations

import re
import string

CSET_82 = frozenset(string.digits + string.ascii_letters + "!\"%&'()*+,-./:;<=>?_")
CSET_39 = frozenset(string.digits + string.ascii_uppercase + "#-/")

_URN_ESCAPES = {ord(c): f"%{ord(c):02X}" for c in '"%&/<>?#'}  # TDS tables A-1 and G-1, column "URI form"
_ESCAPE = re.compile("%([0-9A-Fa-f]{2})")


def escape_urn(text: str) -> str:
    """`text` as a field of an EPC URI: `32a/b` becomes `32a%2Fb` (TDS 5)."""
    return text if text.isalnum() else text.translate(_URN_ESCAPES)


def unescape(text: str) -> str:
    """Percent-escapes of one ASCII byte each, undone once; a `%` that starts none stays as it is."""
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text) if "%" in text else text
