"""What nobody shall read in a fault, a log or a mailed report: passwords that were written where they do not belong.

No key of a configuration takes a password, but people write `password: ...`, or a broker as a URL. What a fault says
and shows of such a file is masked. The patterns have limits: a hostile file shall not keep them busy.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

MASK: Final = "***"
SHORTEST: Final = 4
"""A secret of fewer characters could be part of any word."""
MOST: Final = 100

_NAME: Final = r"(?:pas{1,3}w\w{0,9}|pass[_-]?(?:word|phrase|code)|pass\b|pwd|secret|token|api[_-]?key)"
_KEY: Final = rf"(?![\w.-]{{0,40}}_(?:file|credential)\b)[\w.-]{{0,40}}{_NAME}[\w.-]{{0,40}}"
_ASSIGNED: Final = re.compile(rf"(?i)\b({_KEY}[\"']?\s{{0,9}}[:=：]\s{{0,9}})(\S.*)")
"""A key that tells a secret, and the rest of its line: where a secret ends only its author knows."""
_OUTER: Final = r"(?<![\w./-])(?:[\w\[\]-]{1,40}\.){1,4}"
_BESIDE: Final = re.compile(rf"(?i)((?:^|[,{{\['\"]|{_OUTER})\s{{0,9}}{_NAME}\s{{1,9}})\S+")
"""The same without a colon, where a key begins; not in a path, as files are called mqtt.password, too."""
_IN_URL: Final = re.compile(r"(\w{1,9}://)?[^\s'\"/@:]{0,200}:[^\s'\"]{0,200}@")
"""Name and password before a host, with the scheme of the URL or without."""
_TOKEN: Final = re.compile(rf"[^\s'\"“”\[\]{{}},!&*#|>]{{{SHORTEST},}}")


def masked(text: str, secrets: Iterable[str] = ()) -> str:
    """Without what looks like a secret, and without `secrets`.

    >>> masked("mqtt: {password: hunter2, port: 1883}"), masked("mqtt://edge:hunter2@broker:1883")
    ('mqtt: {password: ***', 'mqtt://***@broker:1883')
    >>> masked("password_file: /etc/edgegw/mqtt.password")
    'password_file: /etc/edgegw/mqtt.password'
    """
    for pattern in (_ASSIGNED, _BESIDE):
        text = pattern.sub(rf"\1{MASK}", text)
    text = _IN_URL.sub(rf"\1{MASK}@", text)
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text


def secrets_in(source: str) -> tuple[str, ...]:
    """The words that stand as secrets in the text of a configuration, the longest first.

    >>> secrets_in("mqtt:\\n  password: hunter2 # ours\\n")
    ('hunter2',)
    """
    said = (rest.partition(" #")[0] for line in source.split("\n") for _, rest in _ASSIGNED.findall(line))
    found = {word for text in said for word in _TOKEN.findall(text)}
    return tuple(sorted(found, key=len, reverse=True)[:MOST])
