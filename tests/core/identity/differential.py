"""The same random tags and scans to us and to others; every disagreement must have a known reason.

The test suite runs a sample. The full run prints how often each reason came up:

    python -m tests.core.identity.differential 100000

Others: epcpy 0.1.8 for tags, biip 5.2.0 for scans; development dependencies only.
"""

from __future__ import annotations

import random
import string
import sys
from collections import Counter
from collections.abc import Callable, Iterator

import biip
from biip.gs1_messages import GS1Message
from epcpy.utils.common import ConvertException
from epcpy.utils.parsers import hex_to_tag_encodable

from edgegw.core.identity import EncodedEpc, Identity, Refusal, encode_epc, identify_epc
from edgegw.core.identity.alphabets import CSET_82, escape_urn
from edgegw.core.identity.digits import with_check_digit
from edgegw.core.identity.epc import SCHEMES, FixedScheme
from edgegw.core.identity.gs1_message import GS, Message, parse_element_string
from edgegw.core.identity.gs1_syntax import ENTRIES
from edgegw.core.identity.urn import parse_urn

AGREE = "agree: the same value"
BOTH_REFUSE = "agree: refused"
UNEXPLAINED = "unexplained"
_SERIAL_CHARACTERS = "".join(sorted(CSET_82))


# Tags


def random_tag(source: random.Random) -> EncodedEpc:
    """Half of them legal tags of random units, half random bits."""
    return _random_unit(source) if source.random() < 0.5 else _random_bits(source)


def _random_unit(source: random.Random) -> EncodedEpc:
    """A random EPC URI in a random scheme that can hold it; tried again if the scheme cannot."""
    while True:
        scheme = source.choice([scheme.name for header, scheme in SCHEMES.items() if header < 0x80])
        uri = _random_uri(scheme, source)
        tag = encode_epc(uri, scheme, filter_value=source.randrange(8))
        if isinstance(tag, EncodedEpc):
            return tag


def _random_uri(scheme: str, source: random.Random) -> str:
    family = scheme.partition("-")[0]
    number = str(source.randrange(10 ** source.randrange(1, 11)))
    text = "".join(source.choice(_SERIAL_CHARACTERS) for _ in range(source.randrange(1, 17)))
    serial = number if scheme.endswith("96") or scheme == "itip-110" or family == "cpi" else escape_urn(text)
    if family in ("gid", "usdod", "adi"):
        return {
            "gid": f"urn:epc:id:gid:{source.randrange(2**28)}.{source.randrange(2**24)}.{number}",
            "usdod": f"urn:epc:id:usdod:{source.choice(['1A2B3', 'W81X9C'])}.{number}",
            "adi": f"urn:epc:id:adi:W81X9C.PQ-{number}.{source.choice(['', '%23'])}M{number}",
        }[family]
    prefix = _digits(source.randrange(6, 13), source)
    reference = _digits(max(0, _DIGITS[family] - len(prefix)), source) if family in _DIGITS else ""
    fields = {
        "giai": (prefix, serial),
        "cpi": (prefix, number if scheme == "cpi-96" else f"A{number}", number),
        "itip": (prefix, reference, "01", "02", serial),
        "sscc": (prefix, reference),
        "gsrn": (prefix, reference),
        "gsrnp": (prefix, reference),
        "sgcn": (prefix, reference, number.zfill(11)),
    }.get(family, (prefix, reference, serial))
    return f"urn:epc:id:{family}:{'.'.join(fields)}"


_DIGITS = {"sgtin": 13, "itip": 13, "sscc": 17, "gsrn": 17, "gsrnp": 17, "sgln": 12, "grai": 12, "gdti": 12, "sgcn": 12}


def _digits(length: int, source: random.Random) -> str:
    return "".join(source.choice(string.digits) for _ in range(length))


def _random_bits(source: random.Random) -> EncodedEpc:
    """Random bits under the header of a random scheme of TDS 1.x; texts mostly of legal characters."""
    header = source.choice([h for h, scheme in SCHEMES.items() if h < 0x80 and scheme.name != "gdti-113"])
    scheme = SCHEMES[header]
    size = scheme.bits if isinstance(scheme, FixedScheme) else source.randrange(80, 300)
    value = header << size - 8 | source.getrandbits(size - 8)
    if source.random() < 0.8:
        value = _with_partition(value, size, header, source)
    if "98" in SCHEMES[header].name or size > 96:
        value = _with_text(value, size, source)
    words = -(-size // 16) * 16
    value <<= words - size
    if source.random() < 0.1:
        value |= 1 << source.randrange(words)
    return EncodedEpc(value.to_bytes(words // 8), words)


def _with_partition(value: int, size: int, header: int, source: random.Random) -> int:
    """A partition that exists, and fields small enough for their digits most of the time."""
    shift = size - 14
    value = value & ~(7 << shift) | source.randrange(7) << shift
    small = (1 << size - 14) - 1
    if size == 96 and header not in (0x2F, 0x35):
        mask = source.getrandbits(size - 14) | source.getrandbits(size - 14)
        return value & ~small | value & small & mask & source.getrandbits(size - 14)
    return value


def _with_text(value: int, size: int, source: random.Random) -> int:
    """Seven-bit characters, then zeros, in the last bits."""
    width = min(140, (size - 58) // 7 * 7)
    length = source.randrange(1, width // 7 + 1)
    text = "".join(source.choice(_SERIAL_CHARACTERS) for _ in range(length))
    field = 0
    for char in text:
        field = field << 7 | ord(char)
    field <<= width - 7 * length
    return value >> width << width | field


def compare_tag(epc: bytes, bits: int) -> str:
    ours = identify_epc(epc, bits)
    try:
        theirs = str(hex_to_tag_encodable(epc.hex().upper()).epc_uri)
    except ConvertException:
        theirs = ""
    except (ValueError, IndexError, KeyError, AttributeError, TypeError):
        theirs = ""
    if ours.kind == "invalid" or ours.kind == "raw":
        return BOTH_REFUSE if not theirs else _why_accepted(ours)
    if not theirs:
        return _why_refused(ours)
    parsed = parse_urn(ours.epc_uri)
    if not isinstance(parsed, Refusal) and parsed.uri == theirs:
        return AGREE
    return _UNALIGNED if ours.scheme == "adi-var" else f"{UNEXPLAINED}: {ours.epc_uri} {theirs}"


_UNALIGNED = "epcpy takes any six zeros in ADI-var for the end, we those between characters (TDS 14.4.8)"


_ACCEPTED = {  # a part of our reason: why we are right
    "more than 0 digits": "epcpy drops a 1 in a field of no digits: two tags would be one unit (TDS 14.4.3)",
    "18.1.2": "epcpy ignores bits after the EPC, which shall be zero (TDS 18.1.2)",
    "last 24 bits": "epcpy ignores bits of SSCC-96 and GSRN-96 that the coding table sets to zero (TDS 14.6.2, 14.6.6)",
    "more than": "epcpy prints fields of more digits than their partition has (TDS 14.4.3, 14.4.4)",
    "after the end of the string": "epcpy skips zero characters inside a string (TDS 14.4.2)",
    "no character": "epcpy lets characters outside of table A-1 or G-1 pass (TDS 14.4.2, 14.4.8)",
    "is empty": "epcpy accepts a serial of no characters (TDS 14.4.2, 14.4.5)",
    "too many digits": "epcpy prints part references of more digits than the partition has (TDS 14.4.4)",
    "longer than 30": "epcpy prints GIAIs of more than 30 characters (TDS 14.4.5)",
    "too early": "epcpy reads beyond the end of the tag (TDS 14.4.8)",
    "has # elsewhere": "epcpy lets # stand inside an ADI (TDS 6.3.18)",
}


def _why_accepted(ours: Identity) -> str:
    return next((why for part, why in _ACCEPTED.items() if part in ours.reason), f"{UNEXPLAINED}: {ours.reason}")


def _why_refused(ours: Identity) -> str:
    if ours.scheme in ("grai-170", "giai-202", "gdti-174", "sgln-195", "itip-212", "sgtin-198") and "%" in ours.epc_uri:
        return "epcpy counts an escape as three characters of the serial (TDS 14.3.2: one)"
    if ours.scheme == "gdti-113" or ours.scheme.endswith("+"):
        return "epcpy does not know GDTI-113, withdrawn by TDS 1.9, nor the schemes of TDS 2.x (TDS 14.2)"
    if ours.scheme == "adi-var":
        return _UNALIGNED
    if ours.scheme == "giai-202" and ":" in ours.epc_uri[20:]:
        return "epcpy refuses a colon in a GIAI, which is in table A-1 and needs no escape (TDS 5, 6.3.5)"
    return f"{UNEXPLAINED}: epcpy refuses {ours.epc_uri}"


# Scans


def random_scan(source: random.Random) -> str:
    """Two to four elements, most of them legal, some with a character changed."""
    ais = source.sample(sorted(ENTRIES), source.randrange(1, 4))
    if source.random() < 0.7:
        ais.insert(0, "01")
    text = ""
    for place, ai in enumerate(ais):
        text += ai + _random_value(ai, source)
        if not ENTRIES[ai].predefined and place < len(ais) - 1:
            text += GS
    if source.random() < 0.15:
        spot = source.randrange(len(text))
        text = text[:spot] + source.choice(_SERIAL_CHARACTERS) + text[spot + 1 :]
    return text


def _random_value(ai: str, source: random.Random) -> str:
    value = ""
    for part in ENTRIES[ai].components:
        if part.optional and source.random() < 0.5:
            break
        alphabet = {"N": string.digits, "Y": string.digits + string.ascii_uppercase}.get(part.charset)
        length = source.randint(part.shortest, part.longest)
        piece = "".join(source.choice(alphabet or _SERIAL_CHARACTERS) for _ in range(length))
        value += with_check_digit(piece[:-1]) if "csum" in part.checks else _date(piece, part.checks, source)
    return value


def _date(piece: str, checks: tuple[str, ...], source: random.Random) -> str:
    if not {"yymmdd", "yymmd0"} & set(checks):
        return piece
    return f"{source.randrange(100):02}{source.randrange(1, 13):02}{source.randrange(1, 29):02}"


def compare_scan(text: str) -> str:
    ours = parse_element_string(text)
    try:
        theirs = [(str(e.ai.ai), e.value) for e in GS1Message.parse(text).element_strings]
    except biip.ParseError:
        theirs = []
    if isinstance(ours, Refusal):
        return BOTH_REFUSE if not theirs else _why_biip_accepts(ours.reason)
    if not theirs:
        return _why_biip_refuses(ours)
    return AGREE if dict(theirs) == dict(ours.elements) else f"{UNEXPLAINED}: {ours} {theirs}"


_BIIP_ACCEPTS = {
    "check digit": "biip notes a wrong check digit beside the value (General Specifications 7.9: the data are wrong)",
    "check characters": "biip does not check the check characters of a GMN (General Specifications 7.9.5)",
    "comes twice": "biip takes the same AI with two values (General Specifications 4.14)",
    "does not start with a company prefix": "biip does not look at company prefixes (syntax dictionary, gcppos1)",
    "does not exist": "biip does not check this date or time (General Specifications 3.4 to 3.9)",
    "is no ": "biip does not check this code list (General Specifications 3, the AI's own paragraph)",
    "must not": "biip does not check this number (General Specifications 3, the AI's own paragraph)",
    "piece ": "biip does not check pieces and totals (General Specifications 3.9.6)",
    "coupon": "biip does not look into coupons (AI 8110, 8112)",
    "holds more than digits": "biip does not look into coupons (AI 8110, 8112)",
    "% that": "biip does not check percent-encoding (General Specifications 3.8)",
    "position/total": "biip does not check birth sequences (AI 7258)",
    "is not ": "biip allows more characters or another length here (syntax dictionary, the AI's components)",
    "no Application Identifier": "biip knows AIs that the dictionary does not have",
}


def _why_biip_accepts(reason: str) -> str:
    return next((why for part, why in _BIIP_ACCEPTS.items() if part in reason), f"{UNEXPLAINED}: {reason}")


def _why_biip_refuses(ours: Message) -> str:
    if len(dict(ours.elements).get("7007", "")) == 12:
        return "biip takes a range of harvest dates for a time (General Specifications 3.8.8)"
    return f"{UNEXPLAINED}: biip refuses {ours.as_bracketed()}"


def reasons(count: int, seed: int) -> Iterator[tuple[str, str, str]]:
    """`count` of each: what was compared, the input, the reason."""
    source = random.Random(seed)
    for _ in range(count):
        epc, bits = random_tag(source)
        yield "tag", epc.hex().upper(), compare_tag(epc, bits)
    for _ in range(count):
        text = random_scan(source)
        yield "scan", text, compare_scan(text)


def tally(count: int, seed: int, report: Callable[[str], object]) -> Counter[tuple[str, str]]:
    counts: Counter[tuple[str, str]] = Counter()
    for what, given, reason in reasons(count, seed):
        if reason.startswith(UNEXPLAINED):
            report(f"{what} {given!r}: {reason}")
            reason = UNEXPLAINED
        counts[what, reason] += 1
    return counts


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    counts = tally(count, 1, print)
    for (what, reason), number in sorted(counts.items()):
        print(f"{what:5} {number:7}  {reason}")
    return 1 if any(reason == UNEXPLAINED for _, reason in counts) else 0


if __name__ == "__main__":
    sys.exit(main())
