"""Digital Links: hosts, stems, qualifiers, attributes, escapes."""

from __future__ import annotations

import pytest

from edgegw.core.identity import Refusal, identify_scan
from edgegw.core.identity.digital_link import parse_digital_link

GTIN = "09506000134352"


@pytest.mark.parametrize(
    "link",
    [
        f"https://id.gs1.org/01/{GTIN}/21/a%2Fb",
        f"http://x:8080/01/{GTIN}/21/a%2fb",
        f"HTTPS://SHOP.EXAMPLE/some/00/stem/01/{GTIN}/21/a%2Fb?linkType=gs1:pip#top",
        f"https://x/01/{GTIN}/22/V/10/LOT/21/a%2Fb?17=271231&&s=1",
    ],
)
def test_one_unit(link: str) -> None:
    assert identify_scan(link).unit == f"https://id.gs1.org/01/{GTIN}/21/a%2Fb"


def test_qualifiers_and_queries_are_attributes() -> None:
    identity = identify_scan(f"https://x/01/{GTIN}/10/L+1/21/S?17=271231&3103=000500&utm=a")
    assert identity.attributes == (("10", "L+1"), ("17", "271231"), ("3103", "000500"))


def test_the_key_is_the_one_of_the_path() -> None:
    identity = identify_scan(f"https://a/8004/9520614141234567?01={GTIN}")
    assert identity.unit == "https://id.gs1.org/8004/9520614141234567"


@pytest.mark.parametrize(
    "link",
    [
        f"HtTp://x/01/{GTIN}/21/A",
        f"https:///01/{GTIN}/21/A",
        f"https://x/01/{GTIN}/21/A/10/L",  # qualifiers out of order
        f"https://x/01/{GTIN}/21/A/235/B",
        f"https://x/01/{GTIN}/21/A/",
        f"https://x/01//{GTIN}",
        f"https://x/01/{GTIN}?10=L",  # a qualifier belongs into the path
        f"https://x/01/{GTIN}?21=A",
        f"https://x/01/{GTIN}?89=A",
        f"https://x/01/{GTIN}?17=",
        f"https://x/01/{GTIN}/21/A%00",
        f"https://x/01/{GTIN} ",
        "https://x/01/09506000134353/21/A",
        "https://x/ARFKk4XB0CDKWcnpq",
        "",
    ],
)
def test_no_links(link: str) -> None:
    assert isinstance(parse_digital_link(link), Refusal)


def test_escapes_are_undone_once() -> None:
    assert identify_scan(f"https://x/01/{GTIN}/21/%2525").ai[1] == ("21", "%25")
