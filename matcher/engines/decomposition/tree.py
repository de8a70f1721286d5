"""Branch and bound on hubs: what a bound leaves open is mostly which suppliers are used.

Every node fixes some hubs to 0 or 1, and its prices begin where those of its parent ended. The
least bound of all open nodes is a bound for the whole.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from matcher.engines.decomposition.prices import Ascent, Relaxation, aim, ascend
from matcher.program import Floats

# Columns whose mean lies this far from one half, or further, are decided.
_DECIDED = 0.49


@dataclass(order=True)
class _Node:
    bound: float
    number: int
    prices: Floats = field(compare=False)
    mean: Floats = field(compare=False)
    lower: Floats = field(compare=False)
    upper: Floats = field(compare=False)
    is_settled: bool = field(compare=False, default=False)


class Tree:
    """The open nodes, least bound first."""

    STEPS = 150
    """Steps that the prices of a node are given."""

    def __init__(self, relaxation: Relaxation, root: Ascent) -> None:
        s = relaxation.structure
        self._relaxation = relaxation
        self._hubs = np.unique(s.hub[s.hub >= 0])
        self._decisions = s.y[s.y >= 0]
        self._number = 0
        self._open = [_Node(root.bound, 0, root.prices, root.mean, s.program.lower, s.column_upper)]
        self._closed = np.inf
        self._mean = root.mean

    @property
    def bound(self) -> float:
        """Least bound of all nodes that no plan has closed."""
        return min(self._open[0].bound if self._open else np.inf, self._closed)

    @property
    def mean(self) -> Floats:
        """Mean columns of the open node with the least bound, or else of the last one."""
        if self._open:
            self._mean = self._open[0].mean
        return self._mean

    @property
    def is_finished(self) -> bool:
        """Whether there is nothing left to branch on."""
        return not self._open

    def grow(
        self, until: float, cutoff: Callable[[], float], rise: Callable[[float], bool]
    ) -> None:
        """Branch on open nodes until a time, by the performance counter.

        Parameters
        ----------
        cutoff
            Nodes with a bound of at least this need no branching.
        rise
            Told the bound of the whole after each node; ends the growth when it says so.
        """
        while self._open and time.perf_counter() < until:
            node = heapq.heappop(self._open)
            if node.bound >= cutoff():
                self._closed = min(self._closed, node.bound)
                continue
            column = self._most_open(node)
            if column >= 0:
                for value in (0.0, 1.0):
                    self._add(node, column, value, cutoff)
            elif not node.is_settled:
                self._add(node, -1, 0.0, cutoff)
            else:
                self._closed = min(self._closed, node.bound)
            if rise(self.bound):
                return
        rise(self.bound)

    def _add(self, node: _Node, column: int, value: float, cutoff: Callable[[], float]) -> None:
        """Add a child with a column fixed; without one, the node itself with better prices."""
        lower, upper = node.lower, node.upper
        if column >= 0:
            lower, upper = lower.copy(), upper.copy()
            lower[column] = upper[column] = value
        ascent = ascend(
            self._relaxation,
            node.prices,
            target=aim(node.bound, cutoff()),
            steps=self.STEPS * (1 if column >= 0 else 8),
            first=0.02,
            deflection=0.1,
            last=0.05,
            lower=lower,
            upper=upper,
            stop=lambda bound: bound >= cutoff(),
        )
        self._number += 1
        bound = max(ascent.bound, node.bound)
        added = _Node(
            bound, self._number, ascent.prices, ascent.mean, lower, upper, is_settled=column < 0
        )
        heapq.heappush(self._open, added)

    def _most_open(self, node: _Node) -> int:
        """The hub that the node is least decided about, or else the item; -1 if there is none."""
        for columns in (self._hubs, self._decisions):
            free = columns[node.lower[columns] < node.upper[columns]]
            if free.size:
                openness = np.abs(node.mean[free] - 0.5)
                at = int(np.argmin(openness))
                if openness[at] < _DECIDED:
                    return int(free[at])
        return -1
