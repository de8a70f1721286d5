"""The rows of a program by their shapes: what `matcher.engines.decomposition.structure` tells."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from matcher.engines.decomposition.kernels.selection import Bools, Index
from matcher.program import Floats, Program

SLACK = 1e-9
"""Sizes and counts may be off by so much, by rounding."""


class Rows:
    """The entries of a program's rows, and what shapes they have."""

    def __init__(self, program: Program, column_upper: Floats) -> None:
        self.program = program
        matrix: csr_array = program.matrix
        num_rows = program.num_rows
        # Columns that are fixed at 0 are not there.
        there = (column_upper > 0)[matrix.indices]
        self.row = np.repeat(np.arange(num_rows), np.diff(matrix.indptr))[there]
        self.column = matrix.indices[there].astype(np.int64)
        self.value = matrix.data[there]
        self.count = np.bincount(self.row, minlength=num_rows)
        self.first = np.cumsum(self.count) - self.count

    def all_of(self, condition: Bools) -> Bools:
        """Rows with entries, whose entries all meet a condition."""
        met = np.bincount(self.row, weights=condition, minlength=self.program.num_rows)
        whole: Bools = (met == self.count) & (self.count > 0)
        return whole

    def balances(self) -> Index:
        """Rows Σ x = 1 of continuous columns; a column belongs to the first one it is in."""
        p = self.program
        fits = self.all_of((self.value == 1.0) & ~p.integer[self.column])
        rows = np.flatnonzero(fits & (p.row_lower == 1.0) & (p.row_upper == 1.0))
        is_one = np.zeros(p.num_rows, dtype=np.bool_)
        is_one[rows] = True
        at = np.flatnonzero(is_one[self.row])
        times = np.bincount(self.column[at], minlength=p.num_columns)
        is_one[self.row[at[times[self.column[at]] > 1]]] = False
        return np.flatnonzero(is_one)

    def decisions(
        self, assignment_of: Index, column_upper: Floats
    ) -> tuple[Index, Floats, Floats, Index]:
        """Each assignment's y (or -1), lower and upper size, and the rows that say so."""
        p = self.program
        pairs = np.flatnonzero(self.count == 2)
        a, b = self.first[pairs], self.first[pairs] + 1
        swap = assignment_of[self.column[a]] < 0
        a, b = np.where(swap, b, a), np.where(swap, a, b)
        assignment, other = assignment_of[self.column[a]], self.column[b]
        is_size = (
            (assignment >= 0)
            & (self.value[a] == 1.0)
            & (self.value[b] < 0)
            & p.integer[other]
            & (p.lower[other] == 0)
            & (p.upper[other] == 1)
            & (p.cost[other] >= 0)
        )
        at_most = is_size & (p.row_upper[pairs] == 0) & np.isneginf(p.row_lower[pairs])
        at_least = is_size & (p.row_lower[pairs] == 0) & np.isposinf(p.row_upper[pairs])
        # A decision belongs to one assignment, and grants room in no longer row.
        sized = np.flatnonzero(at_most | at_least)
        owner = np.full(p.num_columns, -1)
        owner[other[sized]] = assignment[sized]
        shared = np.zeros(p.num_columns, dtype=np.bool_)
        shared[other[sized[owner[other[sized]] != assignment[sized]]]] = True
        grants = (self.value < 0) & (self.count[self.row] > 2)
        shared[self.column[grants]] = True
        has_most = np.zeros(p.num_columns, dtype=np.bool_)
        has_most[other[at_most]] = True
        mine = sized[~shared[other[sized]] & has_most[other[sized]]]
        y = np.full(column_upper.size, -1)
        lower, upper = np.zeros(column_upper.size), column_upper.copy()
        y[assignment[mine]] = other[mine]
        low, high = mine[at_least[mine]], mine[at_most[mine]]
        np.maximum.at(lower, assignment[low], -self.value[b[low]])
        np.minimum.at(upper, assignment[high], -self.value[b[high]])
        # An assignment takes one decision; rows of a second one are rows like any other.
        told = mine[other[mine] == y[assignment[mine]]]
        return y, lower, upper, pairs[told]

    def most(
        self, selection_of: Index, y: Index, selection: Index, num: int
    ) -> tuple[Index, Index]:
        """The largest number of decisions of each selection, and the rows that limit it."""
        p = self.program
        is_decision = np.zeros(p.num_columns, dtype=np.bool_)
        is_decision[y[y >= 0]] = True
        num_decisions = np.bincount(selection[y >= 0], minlength=num)
        counts = self.all_of((self.value == 1.0) & is_decision[self.column])
        counts &= np.isneginf(p.row_lower) & np.isfinite(p.row_upper)
        rows = np.flatnonzero(counts)
        of = selection_of[self.column[self.first[rows]]]
        leader = np.full(p.num_rows, -1)
        leader[rows] = of
        same = self.all_of(selection_of[self.column] == leader[self.row])
        whole = same[rows] & (self.count[rows] == num_decisions[of])
        most = np.bincount(selection, minlength=num)
        np.minimum.at(most, of[whole], np.floor(p.row_upper[rows[whole]] + SLACK).astype(np.int64))
        return most, rows[whole]

    def links(
        self, taken: Bools, assignment_of: Index, y: Index, upper: Floats
    ) -> tuple[Index, Index]:
        """Each assignment's facility and the linking row, -1 for none: y ≤ z, or x ≤ upper·z."""
        p = self.program
        decision_of = np.full(p.num_columns, -1)
        decided = np.flatnonzero(y >= 0)
        decision_of[y[decided]] = decided
        pairs = np.flatnonzero((self.count == 2) & ~taken & (p.row_upper == 0))
        pairs = pairs[np.isneginf(p.row_lower[pairs])]
        a, b = self.first[pairs], self.first[pairs] + 1
        swap = self.value[a] < 0
        a, b = np.where(swap, b, a), np.where(swap, a, b)
        facility = self.column[b]
        by_y, by_x = decision_of[self.column[a]], assignment_of[self.column[a]]
        assignment = np.where(by_y >= 0, by_y, by_x)
        is_facility = (
            (assignment >= 0)
            & p.integer[facility]
            & (p.upper[facility] == 1)
            & (p.lower[facility] >= 0)
            & (decision_of[facility] < 0)
            & (p.cost[facility] >= 0)
        )
        reach = np.where(by_y >= 0, 1.0, upper[assignment])
        ratio = -self.value[b] / np.where(self.value[a] > 0, self.value[a], 1.0)
        is_facility &= (self.value[a] > 0) & (ratio >= reach - SLACK)
        found_facility, link = np.full(y.size, -1), np.full(y.size, -1)
        rows = np.flatnonzero(is_facility)[::-1]  # the first row of an assignment wins
        found_facility[assignment[rows]] = facility[rows]
        link[assignment[rows]] = pairs[rows]
        return found_facility, link

    def packings(
        self, taken: Bools, assignment_of: Index, y: Index, facility: Index
    ) -> tuple[Index, Index]:
        """Rows Σ a x + Σ b y ≤ room, with the facility that grants the room, or -1."""
        p = self.program
        is_facility = np.zeros(p.num_columns, dtype=np.bool_)
        is_facility[facility[facility >= 0]] = True
        assignment_at = np.full(p.num_columns, -1)
        assignment_at[assignment_of >= 0] = assignment_of[assignment_of >= 0]
        decided = np.flatnonzero(y >= 0)
        assignment_at[y[decided]] = decided
        grants = is_facility[self.column] & (self.value < 0)
        takes = (assignment_at[self.column] >= 0) & (self.value >= 0)
        fits = self.all_of(grants | takes) & ~taken & np.isneginf(p.row_lower)
        num_facilities = np.bincount(self.row[grants], minlength=p.num_rows)
        fits &= num_facilities <= 1
        granted = np.full(p.num_rows, -1)
        granted[self.row[grants]] = self.column[grants]
        # Room that comes with a facility is there only for those who pay for that facility.
        mine = takes & (facility[assignment_at[self.column]] == granted[self.row])
        fits &= (granted < 0) | self.all_of(grants | mine)
        rows = np.flatnonzero(fits)
        return rows, granted[rows]
