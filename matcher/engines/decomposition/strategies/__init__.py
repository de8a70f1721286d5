"""Strategies: one for each kind of work that takes a subproblem from a first plan to a proof."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import Enum

import numpy as np

from matcher.engines.decomposition.state import SubproblemState


class Work(Enum):
    """The kinds of work: two phases that come first, and what is chosen from after them."""

    BEGIN = "begin"
    PRICES = "prices"
    SEARCH = "search"
    CONTENTION = "contention"
    BOUND = "bound"
    MERGE = "merge"
    EXACT = "exact"


class Strategy(ABC):
    """How one kind of work is done on a subproblem.

    ``seconds`` is what was spent on it so far, ``vain_rounds`` how many of the last rounds did not
    narrow the gap.
    """

    def __init__(self, state: SubproblemState) -> None:
        self.state = state
        self.seconds = 0.0
        self.vain_rounds = 0

    @property
    def weight(self) -> float:
        """How much of the time this work deserves."""
        return 1.0

    @property
    def least_s(self) -> float:
        """Seconds that a round needs to be of use; 0 if that is left to others."""
        return 0.0

    @property
    @abstractmethod
    def is_possible(self) -> bool:
        """Whether there is such work to do, once the subproblem has its prices."""

    @property
    def share_s(self) -> float:
        """Share of the time left that the subproblem must have for this work to be worthwhile."""
        return -np.inf

    @abstractmethod
    def run(self, seconds: float, /) -> None:
        """Do it for about some time."""
