"""The demand-dual relaxation: prices on the selections, what each pays to be served.

Each *knapsack*, a packing row with the facility that grants its room, serves whom it pays to serve.
Where any assignment could have the whole of its selection, a selection decides nothing by itself,
so this bound is as high as that of the coupling dual with knapsacks
(`matcher.engines.decomposition.bounds.coupling_dual`); it has one price a selection instead of two
an assignment, and ascends much faster (Díaz and Fernández, Journal of the Operational Research
Society 53, 2002, for single sources).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from matcher.engines.decomposition.bounds.dual import LagrangianDual
from matcher.engines.decomposition.bounds.knapsacks import Knapsacks, Task
from matcher.engines.decomposition.bounds.prices import ROUNDING, Pace, ReducedCosts, Relaxed
from matcher.engines.decomposition.structure import Structure
from matcher.program import Floats


def fits_demand_dual(structure: Structure) -> bool:
    """Whether the demand dual loses nothing: each assignment may have all of its selection."""
    s = structure
    return bool(
        (s.upper >= 1.0).all()
        and (s.most >= 1).all()
        and Knapsacks(s).assignment.size == s.num_assignments
    )


class DemandDual(LagrangianDual):
    """The relaxed program in which selections and rows outside of knapsacks have prices.

    Parameters
    ----------
    structure
        A program of which every assignment is in a knapsack.
    """

    def __init__(self, structure: Structure) -> None:
        s, knapsacks = structure, Knapsacks(structure)
        rows = np.setdiff1d(s.coupling, knapsacks.rows)
        super().__init__(s, rows, knapsacks, knapsacks.assignment)
        self.pace, self.node_pace = Pace(0.5, 0.01, 0.3, 800), Pace(1.0, 0.05, 0.2, 50)
        self._of = knapsacks
        self._selection = s.selection[knapsacks.assignment]

    @property
    def size(self) -> int:
        """Number of prices: of selections, then of rows."""
        return self.structure.num_selections + self._rows.rows.size

    def start(self, prices: Floats) -> Floats:
        """Prices to begin from: each selection pays what it costs at some prices of all rows.

        Parameters
        ----------
        prices
            Shape (rows of the program,).
        """
        s, p = self.structure, self.structure.program
        reduced = p.cost + p.matrix.T @ prices
        cost = reduced[s.x] + np.where(s.y >= 0, reduced[s.y], 0.0)
        return np.concatenate([np.minimum.reduceat(cost, s.start[:-1]), prices[self._rows.rows]])

    def proper(self, prices: Floats) -> Floats:
        """The nearest prices that may be; selections may have any."""
        n = self.structure.num_selections
        return np.concatenate([prices[:n], self._rows.proper(prices[n:])])

    def at(
        self, prices: Floats, lower: Floats | None = None, upper: Floats | None = None
    ) -> Relaxed:
        """Solve the relaxed program; see `Relaxation`."""
        s, p = self.structure, self.structure.program
        lower, upper = self._limits(lower, upper)
        n, m = s.num_selections, self._x.size
        reduced, paid, forced = self._charged(prices, lower, upper)
        columns, copies = np.zeros(p.num_columns), np.zeros(2 * m)
        value = p.offset + float(prices[:n].sum()) + forced
        task = Task(reduced, paid, lower, upper)
        value += self._of.solve(task, columns, copies, _alone)
        columns[self._x] = copies[:m]
        columns[self._y[self._decided]] = copies[m:][self._decided]
        value += self._decide_rest(reduced, lower, upper, columns)
        gradient = np.empty(self.size)
        gradient[:n] = 1.0 - np.bincount(self._selection, copies[:m], n)
        worth, gradient[n:] = self._rows.settle(prices[n:], columns)
        value += worth
        return Relaxed(value - ROUNDING * (abs(value) + 1e-3 * forced), gradient, columns)

    def reduced_costs(
        self, prices: Floats, lower: Floats | None = None, upper: Floats | None = None
    ) -> ReducedCosts:
        """What it costs to hold a column; see `Relaxation`."""
        lower, upper = self._limits(lower, upper)
        reduced, paid, _ = self._charged(prices, lower, upper)
        at_zero, at_one = self._costs_of_rest(reduced)
        more = np.zeros(self.structure.num_assignments)
        task = Task(reduced, paid, lower, upper)
        self._of.reduced_costs(task, at_zero, at_one, more, _alone)
        at_one[self._y[self._decided]] = more[self._of.assignment[self._decided]]
        return ReducedCosts(at_zero, at_one)

    def _charged(
        self, prices: Floats, lower: Floats, upper: Floats
    ) -> tuple[Floats, Floats, float]:
        """Cost of columns, what knapsacks are paid, and what of it keeps decisions taken."""
        s, p = self.structure, self.structure.program
        n, m = s.num_selections, self._x.size
        reduced = p.cost + self._rows.paid(prices[n:])
        paid = np.empty(2 * m)
        paid[:m] = prices[self._selection] - reduced[self._x]
        paid[m:] = np.where(self._y >= 0, -reduced[self._y], 0.0)
        bonus = self._bonus(lower, upper)
        paid[m + self._decided] += bonus
        shut = upper[self._x] <= 0
        paid[:m][shut] = -self._decisive
        return reduced, paid, float(np.maximum(bonus, 0.0).sum())


def _alone(part: Callable[[int, int], float], size: int) -> float:
    return part(0, size)
