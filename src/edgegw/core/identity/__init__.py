"""Every unit has one identity, however it was read: RFID tag, barcode, QR code or a vendor's serial.

`identify_epc` and `identify_scan` never raise and always answer with an `Identity`; its `unit` is the key
by which the whole gateway knows the thing. `Identifier` is both with a cache and the rules of a site.

>>> tag = identify_epc(bytes.fromhex("3066C4409047E140075BCD15"), 96)
>>> label = identify_scan("]d2010950600013435221123456789")
>>> tag.unit == label.unit == identify_scan("https://x.example/01/09506000134352/21/123456789").unit
True
"""

from edgegw.core.identity.epc import identify_epc
from edgegw.core.identity.epc_encode import EncodedEpc, encode_element_string, encode_epc
from edgegw.core.identity.identifier import Identifier, RawPolicy
from edgegw.core.identity.scan import ScanRules, identify_scan
from edgegw.core.identity.value import Identity, Kind, Refusal
from edgegw.core.identity.vendor import VendorRule

__all__ = [
    "EncodedEpc",
    "Identifier",
    "Identity",
    "Kind",
    "RawPolicy",
    "Refusal",
    "ScanRules",
    "VendorRule",
    "encode_element_string",
    "encode_epc",
    "identify_epc",
    "identify_scan",
]
