"""A configuration file -> the frozen models, or every fault in it at once.

bytes -> tree of texts with places (`yaml_text`) -> models (`examine`) -> what parts say of each other (`crosscheck`)
"""

from __future__ import annotations

import stat
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from edgegw.config import crosscheck
from edgegw.config.examine import MAX_FAULTS, Examination
from edgegw.config.model import Config
from edgegw.config.secrets import masked, secrets_in
from edgegw.config.tree import Finding, Mapping, Place
from edgegw.config.yaml_text import MAX_BYTES, decode, read
from edgegw.errors import ConfigError, Fault

LONGEST_SAID = 500
"""What a fault quotes is the author's, and may be as long as the file."""


class Loaded(NamedTuple):
    """A configuration without faults. The warnings are in the order of the file, `root` is what it says where."""

    config: Config
    warnings: tuple[Fault, ...]
    root: Mapping


def load(path: Path) -> Config:
    """The configuration in a file. Raises ConfigError with every fault of it."""
    return load_with_warnings(path).config


def load_with_warnings(path: Path) -> Loaded:
    """Like `load`, with what is allowed but looks like a mistake."""
    return parse(read_source(path), str(path), path.parent)


def read_source(path: Path) -> bytes:
    """The bytes of a regular file, not many more than a configuration may have. Raises ConfigError."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            kind = "a folder" if path.is_dir() else "not a regular file"
            raise ConfigError([Fault(str(path), 0, 0, "", f"is {kind}", "name the YAML file itself")])
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError([Fault(str(path), 0, 0, "", "there is no such file", "check the path")]) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        hint = "run edgegw as a user who may read it" if isinstance(error, PermissionError) else "check the path"
        raise ConfigError([Fault(str(path), 0, 0, "", f"cannot be read ({reason})", hint)]) from None


def parse(source: bytes | str, name: str, folder: Path | None = None) -> Loaded:
    """The configuration in a text. `name` stands in the faults; relative paths count from `folder`."""
    text = source if isinstance(source, str) else decode(source)
    if isinstance(text, Finding):
        raise ConfigError(as_faults([text], name))
    reading = read(text)
    findings = reading.findings
    config = None
    if reading.root is not None:
        examination = Examination(reading.root, folder)
        config = examination.config()
        findings += examination.faults
        if len(findings) <= MAX_FAULTS:
            findings += islice(crosscheck.faults(reading.root), MAX_FAULTS)
    if reading.root is None or config is None or findings:
        raise ConfigError(as_faults(findings, name, secrets_in(text)))
    return Loaded(config, as_faults(crosscheck.warnings(config, reading.root), name), reading.root)


def as_faults(findings: Iterable[Finding], name: str, secrets: Sequence[str] = ()) -> tuple[Fault, ...]:
    """In the order of the file, each thing once (an alias repeats what it stands for), and not too many."""
    once: dict[tuple[Place, str, str], Finding] = {}
    for finding in findings:
        once.setdefault((finding.place, finding.key, finding.problem), finding)
    ordered = sorted(once.values(), key=lambda finding: finding.place)
    faults = [
        Fault(name, *place, *(_sayable(word, secrets) for word in words)) for place, *words in ordered[:MAX_FAULTS]
    ]
    if len(ordered) > MAX_FAULTS:
        faults.append(Fault(name, 0, 0, "", f"has more than {MAX_FAULTS} faults", "the rest is not shown"))
    return tuple(faults)


def _sayable(text: str, secrets: Sequence[str]) -> str:
    text = masked(text[: 4 * LONGEST_SAID], secrets)
    return printable(text if len(text) <= LONGEST_SAID else f"{text[:LONGEST_SAID]}...")


def printable(text: str) -> str:
    """Without the control characters of a hostile file, which would act on the terminal."""
    return "".join(char if char.isprintable() else "?" for char in text)
