"""The known name that somebody may have meant."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property

from rapidfuzz import fuzz, process

# Longer texts are compared by their beginning: nobody mistypes that much of a name.
LONGEST = 100


class Nearest:
    """Finds the known name nearest to a text: equal but for case and punctuation, or similar.

    Similarity is looked for in at most `BUDGET` comparisons over the life of the object, about half
    a second, so that many unknown ids among many known ones stay cheap.
    """

    BUDGET = 10_000_000

    def __init__(self, known: Iterable[str]) -> None:
        self._known = list(known)
        self._left = self.BUDGET

    def same(self, text: str) -> str | None:
        """The known name that differs by case and punctuation only."""
        return self._folded.get(_folded(text))

    @cached_property
    def _folded(self) -> dict[str, str]:
        """The known names by what is left of them; made when first asked: most input is right."""
        return {_folded(name): name for name in reversed(self._known)}

    def find(self, text: str, cutoff: float = 0.6) -> str | None:
        """The nearest known name, if one is at least as similar as ``cutoff``, from 0 to 1."""
        same = self.same(text)
        if same is not None or self._left < len(self._known):
            return same
        self._left -= len(self._known)
        near = process.extractOne(
            text[:LONGEST], self._known, scorer=fuzz.ratio, score_cutoff=100 * cutoff
        )
        return None if near is None else near[0]

    def fix(self, text: str, otherwise: str) -> str:
        """The advice for an unknown text."""
        near = self.find(text)
        return otherwise if near is None else f"did you mean '{near}'? Otherwise {otherwise}"


def _folded(text: str) -> str:
    """Letters and digits only, in lower case, without a copy number such as `` (2)``."""
    return re.sub(r"[\W_]", "", re.sub(r"\s*\(\d+\)$", "", text).casefold())
