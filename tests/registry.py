"""The registry as component and program tests see it. What it is really asked, unit and live tests show."""

from __future__ import annotations

import pytest

from components.proof.stored_image import StoredImage


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A registry that has every image it is asked for; gives the tags and digests."""
    questions: list[str] = []

    async def lookup(_: StoredImage, reference: str) -> str:
        questions.append(reference)
        return reference

    monkeypatch.setattr(StoredImage, "_lookup", lookup)
    return questions
