"""The custom host name at the end of a `++` tag (TDS 2.3, 14.5.16): never identity, kept as an attribute."""

from __future__ import annotations

from edgegw.core.identity.bits import STRING_7, Bits, Illegal, Writer
from edgegw.core.identity.epc_values import read_code_40

LONGEST = 63
# Table 14-11: seven bits for what host names often hold
_SHORT = {
    0x1E: "qr.", 0x1F: "www.", 0x20: "id.", 0x23: "#", 0x5B: ".com", 0x5C: ".org", 0x5D: ".net", 0x5E: ".int",
    0x60: ".edu", 0x7B: ".gov", 0x7C: ".mil", 0x7D: ".biz", 0x7E: ".eco", 0x7F: ".med",
}  # fmt: skip
# Tables 14-12 to 14-15: seven more bits choose from one of four lists
_COUNTRIES_1 = """
    ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo bq br bs bt bw by bz
    ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg eh er es et eu fi fj fk
    fm fo fr ga gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is
    it je jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc li
"""
_COUNTRIES_2 = """
    lk lr ls lt lu lv ly ma mc md me mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl
    no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs ru rw sa sb sc sd se sg sh si sk sl
    sm sn sr ss st su sv sx sy sz tc td tf tg th tj tk tl tm tn to tr tt tv tw tz ua ug us uy uz va vc ve vg vi
    vn vu wf ws ye yt za zm zw
"""
_COMPOUND = """
    com.au net.au org.au co.at com.bd co.bd com.br net.br co.nz com.ng com.pk co.in com.in co.il co.jp co.za
    co.kr com.es com.lk co.th co.tt com.tt com.tr biz.tr com.ua co.uk co.zm com.zm com.cn org.cn net.cn gov.cn
"""
_LONG = tuple(
    tuple(f".{domain}" for domain in domains.split()) for domains in (_COUNTRIES_1, _COUNTRIES_2, _COMPOUND, "tech")
)


def read_hostname(bits: Bits) -> str:
    if not bits.take(1):
        return read_code_40(bits, bits.take(6))
    text = ""
    left = bits.take(6)
    while left > 0:
        code = bits.take(7)
        left -= 1
        if code < len(_LONG):
            text += _choose(_LONG[code], bits.take(7))
            left -= 1
        else:
            text += _SHORT.get(code) or STRING_7[code] or _choose((), code)
    if left < 0 or not text:
        raise Illegal("the host name is empty or ends inside a code (TDS 14.5.16.2)")
    return text


def _choose(texts: tuple[str, ...], code: int) -> str:
    if code >= len(texts):
        raise Illegal(f"code {code} in a host name is not assigned (TDS 14.5.16, tables 14-11 to 14-15)")
    return texts[code]


def write_hostname(hostname: str, bits: Writer) -> None:
    """As seven-bit codes, the longest abbreviation first."""
    codes: list[int] = []
    rest = hostname
    while rest:
        text, found = _abbreviation(rest)
        codes += found
        rest = rest[len(text) :]
    if not 0 < len(codes) <= LONGEST:
        raise Illegal(f"host name {hostname!r} takes {len(codes)} codes, 1 to {LONGEST} fit (TDS 14.5.16)")
    bits.put(1, 1)
    bits.put(len(codes), 6)
    for code in codes:
        bits.put(code, 7)


def _abbreviation(text: str) -> tuple[str, list[int]]:
    """What the text starts with and its codes. A country ends the name: `.co` must not eat into `.corp`."""
    for table, domains in enumerate(_LONG):
        if text in domains:
            return text, [table, domains.index(text)]
    for code, abbreviated in _SHORT.items():
        if text.startswith(abbreviated):
            return abbreviated, [code]
    if text[0] not in STRING_7:
        raise Illegal(f"{text[0]!r} cannot be in a host name (TDS 14.5.16)")
    return text[0], [ord(text[0])]
