"""Prices on the selections: what each pays to be served.

Each *knapsack*, a packing row with the facility that grants its room, serves whom it pays to serve.
Where any assignment could have the whole of its selection, a selection decides nothing by itself,
so this bound is as high as that of splitting the assignments
(`matcher.engines.decomposition.bounds.coupling_dual`); it has one price a selection instead of two
an assignment, and ascends much faster (Díaz and Fernández, Journal of the Operational Research
Society 53, 2002, for single sources).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from matcher.engines.decomposition.bounds.knapsacks import Knapsacks
from matcher.engines.decomposition.bounds.prices import (
    ROUNDING,
    Pace,
    PricedRows,
    ReducedCosts,
    Relaxation,
    Relaxed,
)
from matcher.engines.decomposition.structure import Structure
from matcher.program import Floats


def fits_demand_dual(structure: Structure) -> bool:
    """Whether pricing selections loses nothing: each assignment may have all of its selection."""
    s = structure
    return bool(
        (s.upper >= 1.0).all()
        and (s.most >= 1).all()
        and Knapsacks(s).assignment.size == s.num_assignments
    )


class DemandDual(Relaxation):
    """The relaxed program in which selections and rows outside of knapsacks have prices.

    Parameters
    ----------
    structure
        A program of which every assignment is in a knapsack.
    """

    def __init__(self, structure: Structure) -> None:
        s, p = structure, structure.program
        self.structure = s
        self.pace, self.node_pace = Pace(0.5, 0.01, 0.3, 800), Pace(1.0, 0.05, 0.2, 50)
        self._knapsacks = Knapsacks(s)
        assignment = self._knapsacks.assignment
        self._rows = PricedRows(p, np.setdiff1d(s.coupling, self._knapsacks.rows))
        self._selection = s.selection[assignment]
        self._x, self._y = s.x[assignment], s.y[assignment]
        self._decided = np.flatnonzero(self._y >= 0)
        boxed = s.column_upper > 0
        boxed[self._x] = False
        boxed[self._y[self._decided]] = False
        boxed[self._knapsacks.facility[self._knapsacks.facility >= 0]] = False
        self._boxed = np.flatnonzero(boxed)
        # More than an assignment can be paid or cost.
        self._decisive = 1e3 * float(np.abs(p.cost).max(initial=1.0))

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
        lower = p.lower if lower is None else lower
        upper = s.column_upper if upper is None else upper
        n, m = s.num_selections, self._x.size
        reduced, paid, forced = self._charged(prices, lower, upper)
        columns, copies = np.zeros(p.num_columns), np.zeros(2 * m)
        value = p.offset + float(prices[:n].sum()) + forced
        value += self._knapsacks.solve(reduced, paid, lower, upper, columns, copies, _alone)
        columns[self._x] = copies[:m]
        columns[self._y[self._decided]] = copies[m:][self._decided]
        boxed = self._boxed
        columns[boxed] = np.where(reduced[boxed] < 0, upper[boxed], lower[boxed])
        value += float(reduced[boxed] @ columns[boxed])
        gradient = np.empty(self.size)
        gradient[:n] = 1.0 - np.bincount(self._selection, copies[:m], n)
        worth, gradient[n:] = self._rows.settle(prices[n:], columns)
        value += worth
        return Relaxed(value - ROUNDING * (abs(value) + 1e-3 * forced), gradient, columns)

    def reduced_costs(
        self, prices: Floats, lower: Floats | None = None, upper: Floats | None = None
    ) -> ReducedCosts:
        """What it costs to hold a column; see `Relaxation`."""
        s, p = self.structure, self.structure.program
        lower = p.lower if lower is None else lower
        upper = s.column_upper if upper is None else upper
        reduced, paid, _ = self._charged(prices, lower, upper)
        at_zero, at_one = np.zeros(p.num_columns), np.zeros(p.num_columns)
        boxed = self._boxed
        at_zero[boxed] = np.maximum(-reduced[boxed], 0.0)
        at_one[boxed] = np.maximum(reduced[boxed], 0.0)
        reduced_cost = np.zeros(s.num_assignments)
        without, with_facility = self._knapsacks.reduced_costs(
            reduced, paid, lower, upper, reduced_cost, _alone
        )
        has_facility = self._knapsacks.facility >= 0
        at_zero[self._knapsacks.facility[has_facility]] = without[has_facility]
        at_one[self._knapsacks.facility[has_facility]] = with_facility[has_facility]
        at_one[self._y[self._decided]] = reduced_cost[self._knapsacks.assignment[self._decided]]
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
        y = self._y[self._decided]
        bonus = self._decisive * ((lower[y] > 0.5) * 1.0 - (upper[y] < 0.5))
        paid[m + self._decided] += bonus
        shut = upper[self._x] <= 0
        paid[:m][shut] = -self._decisive
        return reduced, paid, float(np.maximum(bonus, 0.0).sum())


def _alone(part: Callable[[int, int], float], size: int) -> float:
    return part(0, size)
