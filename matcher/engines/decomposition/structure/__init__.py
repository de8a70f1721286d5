"""What a program is made of: selections, facilities, and the rows that couple them.

Recognised by shape alone, so that it holds for any program that looks like this:

- a *selection* is a row Σ x = 1. Its columns are *assignments*; an assignment may have a decision y
  of its own with lower·y ≤ x ≤ upper·y, and a row may limit how many decisions of a selection are
  taken;
- a *facility* is a binary column that must be 1 where an assignment that is linked to it is taken
  (y ≤ z);
- a *packing* row Σ a x + Σ b y ≤ room, with a, b ≥ 0, may grant its room only with a facility;
- every other row is *foreign*: it can be priced, and so a bound holds under it. The search for
  plans knows it if it is a sum over assignments (a side constraint, see
  `matcher.engines.decomposition.structure.side_constraints`), and does not otherwise.

A row within one selection that no selection can break says nothing and is left out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_array

from matcher.engines.decomposition.kernels.compiled import compiled
from matcher.engines.decomposition.kernels.selection import Bools, Index, select
from matcher.engines.decomposition.structure.side_constraints import (
    SideConstraints,
    side_constraints_of,
)
from matcher.program import Floats, Program, always_met

_SLACK = 1e-9


@dataclass(frozen=True, slots=True)
class Structure:
    """A program taken apart. Assignments are sorted by selection.

    Parameters
    ----------
    column_upper
        Upper bounds; 0 for columns that can never be anything else.
    start
        First assignment of each selection, and the number of assignments; shape (selections + 1,).
    x, y
        Columns of each assignment; ``y`` is -1 where it has no decision, and then it is free.
    lower, upper
        Share of its selection that an assignment has if it is taken.
    most
        Largest number of decisions taken in each selection.
    facility
        Column of each assignment's facility; -1 for none.
    link
        For each facility-linked assignment the row that links it; -1 for none.
    packing
        Packing rows; ``packing_facility`` is the column that grants each its room, or -1.
    foreign
        Rows that are none of these.
    side
        The foreign rows as side constraints; ``None`` if there is one that cannot be.
    """

    program: Program
    column_upper: Floats
    start: Index
    x: Index
    y: Index
    lower: Floats
    upper: Floats
    most: Index
    facility: Index
    link: Index
    packing: Index
    packing_facility: Index
    foreign: Index
    side: SideConstraints | None

    @property
    def num_selections(self) -> int:
        """Number of selections."""
        return int(self.start.size - 1)

    @property
    def num_assignments(self) -> int:
        """Number of assignments."""
        return int(self.x.size)

    @property
    def selection(self) -> Index:
        """Selection of each assignment."""
        return np.repeat(np.arange(self.num_selections), np.diff(self.start))

    @property
    def is_free(self) -> Bools:
        """Whether an assignment needs no decision."""
        free: Bools = self.y < 0
        return free

    @property
    def decider(self) -> Index:
        """Column that says whether an assignment is taken: its decision, or its share."""
        return np.where(self.y >= 0, self.y, self.x)

    @property
    def coupling(self) -> Index:
        """Rows that couple selections: links, packing and foreign rows."""
        return np.sort(np.concatenate([self.link[self.link >= 0], self.packing, self.foreign]))

    @property
    def is_searchable(self) -> bool:
        """Whether the search for plans knows every row."""
        return self.side is not None

    @property
    def handed_over(self) -> str:
        """The names of the rows that are priced but not searched under; empty without any."""
        if self.is_searchable:
            return ""
        blocks = self.program.row_blocks
        ends = np.cumsum([block.size for block in blocks])
        found = np.unique(np.searchsorted(ends, self.foreign, side="right"))
        return ", ".join(dict.fromkeys(blocks[i].name for i in found))


def structure_of(program: Program) -> Structure | None:
    """Take a program apart; ``None`` if it has no selections, or assignments of another kind."""
    return _structure(program, program.upper)


def _structure(program: Program, column_upper: Floats) -> Structure | None:
    rows = _Rows(program, column_upper)
    balance = rows.balances()
    if balance.size == 0:
        return None
    inside = np.full(program.num_rows, -1)
    inside[balance] = np.arange(balance.size)
    at = np.flatnonzero(inside[rows.row] >= 0)
    assignment_selection, assignment_x = inside[rows.row[at]], rows.column[at]
    order = np.lexsort((assignment_x, assignment_selection))
    selection, x = assignment_selection[order], assignment_x[order]
    if (program.lower[x] != 0).any():
        return None
    assignment_of = np.full(program.num_columns, -1)
    assignment_of[x] = np.arange(x.size)

    y, lower, upper, sizes = rows.decisions(assignment_of, column_upper[x])
    impossible = lower > np.minimum(upper, 1.0) + _SLACK
    if impossible.any():
        closed = column_upper.copy()
        closed[x[impossible]] = 0.0
        closed[y[impossible]] = 0.0
        return _structure(program, closed)
    start = np.searchsorted(selection, np.arange(balance.size + 1))
    selection_of = np.full(program.num_columns, -1)
    selection_of[x] = selection
    decided = y >= 0
    selection_of[y[decided]] = selection[decided]
    most, counts = rows.most(selection_of, y, selection, balance.size)

    told = np.zeros(program.num_rows, dtype=np.bool_)
    for known in (balance, sizes, counts):
        told[known] = True
    told |= always_met(program, column_upper)
    facility, link = rows.links(told, assignment_of, y, upper)
    told[link[link >= 0]] = True
    packing, packing_facility = rows.packings(told, assignment_of, y, facility)
    told[packing] = True
    unknown = np.flatnonzero(~told)
    found = Structure(
        program,
        column_upper,
        start,
        x,
        y,
        lower,
        upper,
        most,
        facility,
        link,
        packing,
        packing_facility,
        np.empty(0, dtype=np.int64),
        None,
    )
    foreign = unknown[~_implied(found, rows, unknown, selection_of)]
    is_known = np.zeros(program.num_columns, dtype=np.bool_)
    for columns in (x, y, facility):
        is_known[columns[columns >= 0]] = True
    side = side_constraints_of(program, foreign, is_known, column_upper)
    return replace(found, foreign=foreign, side=side)


class _Rows:
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
        np.minimum.at(most, of[whole], np.floor(p.row_upper[rows[whole]] + _SLACK).astype(np.int64))
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
        is_facility &= (self.value[a] > 0) & (ratio >= reach - _SLACK)
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


def _implied(found: Structure, rows: _Rows, which: Index, selection_of: Index) -> Bools:
    """Which rows are each of one selection alone and met by whatever it selects."""
    p = found.program
    of = np.full(p.num_rows, -1)
    of[rows.row] = selection_of[rows.column]
    alone = rows.all_of((selection_of[rows.column] == of[rows.row]) & (of[rows.row] >= 0))
    met = np.zeros(which.size, dtype=np.bool_)
    inner = np.flatnonzero(alone[which])
    if inner.size == 0:
        return met
    position = np.full(p.num_rows, -1)
    position[which[inner]] = np.arange(inner.size)
    at = np.flatnonzero(position[rows.row] >= 0)
    starts = np.searchsorted(position[rows.row[at]], np.arange(inner.size + 1))
    assignment_of = np.full(p.num_columns, -1)
    assignment_of[found.x] = np.arange(found.num_assignments)
    decided = np.flatnonzero(found.y >= 0)
    decision_of = np.full(p.num_columns, -1)
    decision_of[found.y[decided]] = decided
    least, greatest = _extremes(
        starts,
        assignment_of[rows.column[at]],
        decision_of[rows.column[at]],
        rows.value[at],
        of[which[inner]],
        found.start,
        found.lower,
        found.upper,
        found.is_free,
        found.most,
    )
    met[inner] = (least >= p.row_lower[which[inner]] - _SLACK) & (
        greatest <= p.row_upper[which[inner]] + _SLACK
    )
    return met


@compiled
def _extremes(
    starts: Index,
    assignment: Index,
    decision: Index,
    value: Floats,
    selection: Index,
    start: Index,
    lower: Floats,
    upper: Floats,
    is_free: Bools,
    most: Index,
) -> tuple[Floats, Floats]:
    """Bounds on what each row, of one selection, can add up to."""
    size = 0
    for d in range(start.size - 1):
        size = max(size, start[d + 1] - start[d])
    cost, fixed = np.empty(size), np.empty(size)
    order, taken, share = np.empty(size, np.int64), np.empty(size + 1, np.int64), np.empty(size + 1)
    numbers, places = np.empty((3, size + 1)), np.empty((4, size + 1), np.int64)
    few, free = np.empty((4, size + 1)), np.empty(size + 1, np.bool_)
    ends = np.empty((2, selection.size))
    for row in range(selection.size):
        a, b = start[selection[row]], start[selection[row] + 1]
        n = b - a
        for side in range(2):
            sign = 1.0 - 2.0 * side
            cost[:n] = 0.0
            fixed[:n] = 0.0
            for entry in range(starts[row], starts[row + 1]):
                if assignment[entry] >= 0:
                    cost[assignment[entry] - a] += sign * value[entry]
                else:
                    fixed[decision[entry] - a] += sign * value[entry]
            # Where a decision is rewarded and needs no share, take the reward as given.
            given = 0.0
            num = 0
            for i in range(n):
                low = lower[a + i]
                if fixed[i] < 0.0 and low <= 0.0:
                    given += fixed[i]
                    fixed[i] = 0.0
            # Of assignments that count the same, only the roomiest matter: a bound may take their
            # best.
            for i in range(n):
                low, roomier = lower[a + i], 0
                for j in range(n):
                    if cost[j] != cost[i] or fixed[j] != fixed[i]:
                        continue
                    if is_free[a + i] or is_free[a + j]:
                        continue
                    low = min(low, lower[a + j])
                    more = upper[a + j] - upper[a + i]
                    if more > 0.0 or (more == 0.0 and j < i):
                        roomier += 1
                if roomier < most[selection[row]]:
                    few[0, num], few[1, num], few[2, num] = cost[i], fixed[i], low
                    few[3, num], free[num], order[num] = upper[a + i], is_free[a + i], num
                    num += 1
            bound, _, _ = select(
                few[0, :num],
                few[1, :num],
                few[2, :num],
                few[3, :num],
                free[:num],
                most[selection[row]],
                np.inf,
                order[:num],
                taken,
                share,
                numbers,
                places,
            )
            ends[side, row] = sign * (bound + given)
    return ends[0], ends[1]
