"""Some clones of one gateway, as real processes."""

from __future__ import annotations

from pathlib import Path

from tests.torture.clones import NAMED_S, compete


async def test_clones_are_named_in_their_status(tmp_path: Path) -> None:
    assert max(await compete(tmp_path, 3)) <= NAMED_S
