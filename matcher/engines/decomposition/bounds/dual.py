"""What the relaxations have in common: priced rows, and columns that only their bounds hold."""

from __future__ import annotations

import numpy as np

from matcher.engines.decomposition.bounds.knapsacks import Knapsacks
from matcher.engines.decomposition.bounds.prices import PricedRows, Relaxation
from matcher.engines.decomposition.kernels.selection import Index
from matcher.engines.decomposition.structure import Structure
from matcher.program import Floats

# More than any selection or assignment can cost, save or be paid: so many times the dearest column.
_DECISIVE = 1e3


class LagrangianDual(Relaxation):
    """A relaxed program of which the parts are selections, knapsacks, and columns by themselves.

    Parameters
    ----------
    structure
        The program, taken apart.
    rows
        Rows with a price.
    knapsacks
        Which decide for their facilities; ``None`` where nobody does.
    assignments
        Assignments in the order in which the relaxation counts them.
    """

    def __init__(
        self, structure: Structure, rows: Index, knapsacks: Knapsacks | None, assignments: Index
    ) -> None:
        s, p = structure, structure.program
        self.structure = s
        self._knapsacks = knapsacks
        self._rows = PricedRows(p, rows)
        self._x: Index = s.x[assignments]
        self._y: Index = s.y[assignments]
        self._decided = np.flatnonzero(self._y >= 0)
        by_itself = s.column_upper > 0
        by_itself[self._x] = False
        by_itself[self._y[self._decided]] = False
        if knapsacks is not None:
            by_itself[knapsacks.facility[knapsacks.facility >= 0]] = False
        self._by_itself = np.flatnonzero(by_itself)
        self._decisive = _DECISIVE * float(np.abs(p.cost).max(initial=1.0))

    def _limits(self, lower: Floats | None, upper: Floats | None) -> tuple[Floats, Floats]:
        """Bounds of the columns: those given, or else the program's own."""
        s = self.structure
        return (
            s.program.lower if lower is None else lower,
            s.column_upper if upper is None else upper,
        )

    def _bonus(self, lower: Floats, upper: Floats) -> Floats:
        """What decisions are paid so that they keep to their bounds; shape (decided,)."""
        y = self._y[self._decided]
        held, shut = (lower[y] > 0.5).astype(np.float64), (upper[y] < 0.5).astype(np.float64)
        bonus: Floats = self._decisive * (held - shut)
        return bonus

    def _decide_rest(self, reduced: Floats, lower: Floats, upper: Floats, columns: Floats) -> float:
        """Put columns that are in no part at their better bound; gives what they cost."""
        rest = self._by_itself
        columns[rest] = np.where(reduced[rest] < 0, upper[rest], lower[rest])
        return float(reduced[rest] @ columns[rest])

    def _costs_of_rest(self, reduced: Floats) -> tuple[Floats, Floats]:
        """What it costs more to hold a column at 0 and at 1, as far as it is in no part."""
        num, rest = self.structure.program.num_columns, self._by_itself
        at_zero, at_one = np.zeros(num), np.zeros(num)
        at_zero[rest] = np.maximum(-reduced[rest], 0.0)
        at_one[rest] = np.maximum(reduced[rest], 0.0)
        return at_zero, at_one
