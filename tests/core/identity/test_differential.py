"""A sample of the differential run (`differential.py`): nothing unexplained, and the explanations are needed."""

from __future__ import annotations

from tests.core.identity.differential import AGREE, UNEXPLAINED, tally

SAMPLE = 2000


def test_every_disagreement_has_a_paragraph() -> None:
    said: list[str] = []
    counts = tally(SAMPLE, 7, said.append)
    assert said == []
    assert counts["tag", UNEXPLAINED] == counts["scan", UNEXPLAINED] == 0
    assert counts["tag", AGREE] > SAMPLE * 0.4
    assert counts["scan", AGREE] > SAMPLE * 0.4
    paragraphs = [reason for _, reason in counts if not reason.startswith("agree")]
    assert len(paragraphs) > 8
    assert all(any(word in reason for word in ("TDS", "General", "dictionary", "AI")) for reason in paragraphs)
