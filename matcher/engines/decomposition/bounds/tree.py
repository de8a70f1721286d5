"""Branch and bound on facilities: what a bound leaves open is mostly which suppliers are used.

Every node fixes some facilities to 0 or 1, and its prices begin where those of its parent ended.
What would lift a node's bound above the best plan is fixed the other way (reduced-cost fixing). The
least bound of all open nodes is a bound for the whole, and what is fixed in all of them is fixed.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from matcher.engines.decomposition.bounds.prices import Ascent, Relaxation, aim, ascend
from matcher.program import Floats

# Columns whose mean lies this far from one half, or further, are decided.
_DECIDED = 0.49
_FREE = -1
# No column is fixed where the gap is worth more than so many selections: no reduced cost is as
# high.
_HOPELESS = 10.0
# A node with nothing left to decide is given so many times the steps, once.
_SETTLE = 8

States = NDArray[np.int8]
"""Of each binary column 0 or 1 if it is fixed at that, -1 if not."""


@dataclass(order=True)
class _Node:
    bound: float
    number: int
    prices: Floats = field(compare=False)
    mean: NDArray[np.float32] = field(compare=False)
    states: States = field(compare=False)
    is_settled: bool = field(compare=False, default=False)


class Tree:
    """The open nodes, least bound first.

    Parameters
    ----------
    relaxation
        What gives the bounds.
    root
        The prices found without branching.
    cutoff
        Asked for a bound from which on nothing needs to be looked at: no better plan counts.
    """

    def __init__(self, relaxation: Relaxation, root: Ascent, cutoff: Callable[[], float]) -> None:
        s, p = relaxation.structure, relaxation.structure.program
        self._relaxation = relaxation
        self._cutoff = cutoff
        binary = p.integer & (p.lower >= 0) & (p.upper <= 1)
        self._binary = np.flatnonzero(binary)
        position = np.full(p.num_columns, -1)
        position[self._binary] = np.arange(self._binary.size)
        self._facilities = position[np.unique(s.facility[s.facility >= 0])]
        self._decisions = position[s.y[s.y >= 0]]
        self._number = 0
        self._closed = np.inf
        self._mean = root.mean.astype(np.float32)
        states = np.full(self._binary.size, _FREE, dtype=np.int8)
        states[p.lower[self._binary] > 0.5] = 1
        states[s.column_upper[self._binary] < 0.5] = 0
        self._open = [_Node(root.bound, 0, root.prices, self._mean, states)]
        self._left_alone: list[_Node] = []
        self._common = states
        self._fix()

    @property
    def bound(self) -> float:
        """Least bound of all nodes that no plan has closed."""
        return min(self._open[0].bound if self._open else np.inf, self._closed)

    def idea(self, rng: np.random.Generator) -> Floats:
        """Mean columns of an open node, more likely one with a low bound; else of the last one."""
        nodes = sorted(self._open)
        if nodes:
            self._mean = nodes[int(len(nodes) * rng.random() ** 2)].mean
        return self._mean.astype(np.float64)

    @property
    def is_finished(self) -> bool:
        """Whether there is nothing left to branch on."""
        return not self._open

    @property
    def num_left(self) -> int:
        """Number of assignments that a plan below the cutoff may take, as far as is known."""
        return int((self._common[self._decisions] != 0).sum())

    def limits(self) -> tuple[Floats, Floats]:
        """Bounds of the columns that every plan below the cutoff keeps to."""
        return self._bounds(self._common)

    def grow(self, until: float, on_bound: Callable[[float], bool]) -> None:
        """Branch on open nodes until a time, by the performance counter.

        Parameters
        ----------
        on_bound
            Told the bound of the whole after each node; ends the growth when it says so.
        """
        while self._open and time.perf_counter() < until:
            node = heapq.heappop(self._open)
            if node.bound >= self._cutoff():
                self._closed = min(self._closed, node.bound)
                continue
            column = self._most_open(node)
            if column >= 0:
                for value in (0, 1):
                    self._add(node, column, value)
            elif not node.is_settled:
                self._add(node, -1, 0)
            else:
                self._closed = min(self._closed, node.bound)
                self._left_alone.append(node)
            if on_bound(self.bound):
                break
        self._fix()
        on_bound(self.bound)

    def _add(self, node: _Node, column: int, value: int) -> None:
        """Add a child with a column fixed; without one, the node itself with better prices."""
        states = node.states.copy()
        if column >= 0:
            states[column] = value
        lower, upper = self._bounds(states)
        pace = self._relaxation.node_pace
        ascent = ascend(
            self._relaxation,
            node.prices,
            target=aim(node.bound, self._cutoff()),
            pace=pace,
            mean=node.mean.astype(np.float64),
            steps=pace.steps * (1 if column >= 0 else _SETTLE),
            lower=lower,
            upper=upper,
            stop=lambda bound: bound >= self._cutoff(),
        )
        self._number += 1
        bound = max(ascent.bound, node.bound)
        added = _Node(
            bound,
            self._number,
            ascent.prices,
            ascent.mean.astype(np.float32),
            self._fixed(ascent.prices, ascent.bound, states),
            is_settled=column < 0,
        )
        heapq.heappush(self._open, added)

    def _fix(self) -> None:
        """Note what is fixed wherever a better plan may be; of an unbranched root, fix it anew."""
        if self._number == 0 and self._open:
            root = self._open[0]
            root.states = self._fixed(root.prices, root.bound, root.states)
        nodes = self._open + self._left_alone
        if nodes:
            common = nodes[0].states.copy()
            for node in nodes[1:]:
                common[common != node.states] = _FREE
            self._common = common

    def _fixed(self, prices: Floats, bound: float, states: States) -> States:
        """``states``, and what would lift the bound at these prices to the cutoff."""
        cutoff, s = self._cutoff(), self._relaxation.structure
        if not np.isfinite(cutoff) or not np.isfinite(bound):
            return states
        if cutoff - bound > _HOPELESS * abs(bound) / s.num_selections:
            return states
        reduced_costs = self._relaxation.reduced_costs(prices, *self._bounds(states))
        states = states.copy()
        free = states == _FREE
        states[free & (bound + reduced_costs.at_one[self._binary] >= cutoff)] = 0
        states[free & (bound + reduced_costs.at_zero[self._binary] >= cutoff)] = 1
        return states

    def _bounds(self, states: States) -> tuple[Floats, Floats]:
        s = self._relaxation.structure
        lower, upper = s.program.lower.copy(), s.column_upper.copy()
        lower[self._binary], upper[self._binary] = states == 1, states != 0
        return lower, upper

    def _most_open(self, node: _Node) -> int:
        """The facility least decided about in the node, or else the assignment; -1 for none."""
        for columns in (self._facilities, self._decisions):
            free = columns[node.states[columns] == _FREE]
            if free.size:
                openness = np.abs(node.mean[self._binary[free]] - 0.5)
                at = int(np.argmin(openness))
                if openness[at] < _DECIDED:
                    return int(free[at])
        return -1
