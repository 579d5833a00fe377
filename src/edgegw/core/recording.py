"""One tag read as a line of a recording, as `edgegw replay` and `edgegw tune` take it.

>>> from edgegw.core.model import TagRead
>>> line(TagRead("dock-1", 3, bytes.fromhex("3066C4409047E140075BCD15"), 96, 1_800_000_000.25, -61.5)).strip()
'{"t":1800000000.25,"reader":"dock-1","antenna":3,"epc":"3066C4409047E140075BCD15","rssi":-61.5}'
"""

from __future__ import annotations

import json
from typing import Any

from edgegw.core.model import TagRead


def line(read: TagRead) -> str:
    """JSON with its end of line; what the reader did not say is left out."""
    fields: dict[str, Any] = {
        "t": round(read.t, 4),
        "reader": read.reader,
        "antenna": read.antenna,
        "epc": read.epc.hex().upper(),
    }
    more = {"rssi": read.rssi_dbm, "pc": read.pc, "late": read.late or None}
    given = {name: value for name, value in more.items() if value is not None}
    return json.dumps(fields | given, separators=(",", ":")) + "\n"
