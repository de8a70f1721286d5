"""SideConstraints rows: foreign rows that the search knows by what it costs to break them.

Shares, limits and budgets are sums over what is selected that may not go above a room, or below a
least amount. The search lets them be broken at a rate a unit, which grows while they are. A sum
that has a column of its own, Σ a x − t = 0, is put in the place of that column; a target's column
for the amount by which it is missed gives the rate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array, diags_array, vstack

from matcher.engines.decomposition.kernels.selection import Bools, Index
from matcher.program import Floats, Program

# Sums in the places of their columns may fill rows: beyond so many times the entries of the whole
# program, and so many, they are left alone.
_FILL, _FEW = 2, 100_000
_SLACK = 1e-6


@dataclass(frozen=True, slots=True)
class SideConstraints:
    """Rows ``matrix @ columns`` ≤ ``room`` over assignments' columns and facilities.

    Parameters
    ----------
    matrix
        Shape (side constraints, columns).
    room
        Right-hand sides.
    rate
        What a unit above the room costs; infinite where it may not be.
    row, sign
        Row of the program that each is, and -1 where that is a least amount, else 1.
    column, solve_row, solve_value
        Columns that are sums, the row of each and its coefficient there.
    missed, missed_of, missed_share
        Columns for amounts that are missed, the side constraint of each, and what a unit above its
        room makes of it.
    """

    matrix: csr_array
    room: Floats
    rate: Floats
    row: Index
    sign: Floats
    column: Index
    solve_row: Index
    solve_value: Floats
    missed: Index
    missed_of: Index
    missed_share: Floats

    def fill(self, program: Program, x: Floats) -> None:
        """Give sums and missed amounts the values that go with what is selected in ``x``."""
        above = self.matrix @ x - self.room
        x[self.missed] = np.maximum(above[self.missed_of], 0.0) * self.missed_share
        x[self.column] = 0.0
        rest = program.row_upper[self.solve_row] - program.matrix[self.solve_row] @ x
        x[self.column] = rest / self.solve_value


# Longer than a page: each step needs what all those before it found.
# long: one derivation, in the order of its steps
def side_constraints_of(  # noqa: PLR0915 - one derivation, in the order of its steps
    program: Program, foreign: Index, is_known: Bools, upper: Floats
) -> SideConstraints | None:
    """The foreign rows as side constraints; ``None`` if some of them cannot be.

    Parameters
    ----------
    is_known
        Whether each column is an assignment's or a facility.
    upper
        Upper bounds of the columns.
    """
    p = program
    low, high = p.row_lower[foreign], p.row_upper[foreign]
    needed = upper > 0
    needed[_only_harms(csr_array(p.matrix[foreign]), low, high, p, is_known)] = False
    entries = csr_array(p.matrix[foreign] @ diags_array(needed.astype(np.float64)))
    entries.eliminate_zeros()
    row = np.repeat(np.arange(foreign.size), np.diff(entries.indptr))
    other = np.flatnonzero(~is_known[entries.indices])
    if p.integer[entries.indices[other]].any():
        return None
    num_other = np.bincount(row[other], minlength=foreign.size)
    solves = (low == high) & (num_other == 1)
    at = other[solves[row[other]]]
    solve, column, coefficient = row[at], entries.indices[at].astype(np.int64), entries.data[at]
    if np.unique(column).size < column.size:
        return None

    known = csr_array(entries @ diags_array(is_known.astype(np.float64)))
    known.eliminate_zeros()
    # What each sum is: the rest of its row, divided by its coefficient.
    sums = csr_array(diags_array(-1.0 / coefficient) @ known[solve])
    given = high[solve] / coefficient
    if not _lie_within(sums, given, upper, p.lower[column], p.upper[column]):
        return None
    kept = np.flatnonzero(~solves)
    by_sum = csr_array(entries[kept][:, column])
    fill = int(np.diff(sums.indptr)[by_sum.indices].sum())
    if fill > _FILL * p.matrix.nnz + _FEW:
        return None
    matrix = csr_array(known[kept] + by_sum @ sums)
    constant = by_sum @ given

    is_sum = np.zeros(p.num_columns, dtype=np.bool_)
    is_sum[column] = True
    at = other[~solves[row[other]] & ~is_sum[entries.indices[other]]]
    missed, of, value = entries.indices[at].astype(np.int64), row[at], entries.data[at]
    times = np.bincount(p.matrix.indices, minlength=p.num_columns)
    alone = np.unique(of).size == of.size and (times[missed] == 1).all()
    if not alone or (p.cost[missed] < 0).any() or (p.lower[missed] != 0).any():
        return None
    position = np.full(foreign.size, -1)
    position[kept] = np.arange(kept.size)
    helped = position[of]
    sides: list[tuple[csr_array, Floats, Floats, Index, Floats]] = []
    missed_of = np.full(missed.size, -1)
    for sign, limit in ((1.0, high[kept]), (-1.0, -low[kept])):
        sided = np.flatnonzero(np.isfinite(limit))
        helps = np.flatnonzero(sign * value < 0)
        rate = np.full(kept.size, np.inf)
        rate[helped[helps]] = p.cost[missed[helps]] / np.abs(value[helps])
        begin = sum(row.size for _, _, _, row, _ in sides)
        at_side = np.full(kept.size, -1)
        at_side[sided] = begin + np.arange(sided.size)
        missed_of[helps] = at_side[helped[helps]]
        room = limit[sided] - sign * constant[sided]
        signs = np.full(sided.size, sign)
        sides.append((sign * matrix[sided], room, rate[sided], foreign[kept[sided]], signs))
    parts, *others = zip(*sides, strict=True)
    rooms, rates, rows, signs = (np.concatenate(each) for each in others)
    there = missed_of >= 0
    return SideConstraints(
        matrix=csr_array(vstack(parts)),
        room=rooms,
        rate=rates,
        row=rows,
        sign=signs,
        column=column,
        solve_row=foreign[solve],
        solve_value=coefficient,
        missed=missed[there],
        missed_of=missed_of[there],
        missed_share=1.0 / np.abs(value[there]),
    )


def _lie_within(sums: csr_array, given: Floats, upper: Floats, low: Floats, high: Floats) -> bool:
    """Whether sums of columns from 0 to ``upper`` lie within limits whatever is selected."""
    least, most = sums.minimum(0.0) @ upper + given, sums.maximum(0.0) @ upper + given
    slack = _SLACK * np.maximum(1.0, np.maximum(np.abs(least), np.abs(most)))
    return bool((least >= low - slack).all() and (most <= high + slack).all())


def _only_harms(
    rows: csr_array, low: Floats, high: Floats, program: Program, is_known: Bools
) -> Index:
    """Columns that are best left at 0, such as the use of a supplier that nobody can use."""
    row = np.repeat(np.arange(low.size), np.diff(rows.indptr))
    helps = np.where(rows.data > 0, np.isfinite(low[row]), np.isfinite(high[row]))
    useful = np.bincount(rows.indices, weights=helps, minlength=program.num_columns) > 0
    harms = ~is_known & ~useful & (program.cost >= 0) & (program.lower == 0) & program.integer
    return np.flatnonzero(harms)
