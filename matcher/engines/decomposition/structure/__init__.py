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

from dataclasses import dataclass

import numpy as np

from matcher.engines.decomposition.kernels.selection import Bools, Index, Selections
from matcher.engines.decomposition.structure.implied import implied
from matcher.engines.decomposition.structure.rows import SLACK, Rows
from matcher.engines.decomposition.structure.side_constraints import (
    SideConstraints,
    side_constraints_of,
)
from matcher.program import Floats, Program, always_met


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
    def selections(self) -> Selections:
        """What the compiled kernels need to know of the selections."""
        return Selections(self.start, self.lower, self.upper, self.is_free, self.most)

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
        blocks = self.program.row_segments
        ends = np.cumsum([block.size for block in blocks])
        found = np.unique(np.searchsorted(ends, self.foreign, side="right"))
        return ", ".join(dict.fromkeys(blocks[i].name for i in found))


def structure_of(program: Program) -> Structure | None:
    """Take a program apart; ``None`` if it has no selections, or assignments of another kind."""
    return _structure(program, program.upper)


def _structure(program: Program, column_upper: Floats) -> Structure | None:
    rows = Rows(program, column_upper)
    balance = rows.balances()
    if balance.size == 0:
        return None
    selection, x = _by_selection(rows, balance)
    if (program.lower[x] != 0).any():
        return None
    assignment_of = np.full(program.num_columns, -1)
    assignment_of[x] = np.arange(x.size)

    y, lower, upper, sizes = rows.decisions(assignment_of, column_upper[x])
    impossible = lower > np.minimum(upper, 1.0) + SLACK
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

    told = always_met(program, column_upper)
    for known in (balance, sizes, counts):
        told[known] = True
    facility, link = rows.links(told, assignment_of, y, upper)
    told[link[link >= 0]] = True
    packing, packing_facility = rows.packings(told, assignment_of, y, facility)
    told[packing] = True
    unknown = np.flatnonzero(~told)
    selections = Selections(start, lower, upper, y < 0, most)
    foreign = unknown[~implied(rows, unknown, x, y, selections, selection_of)]
    is_known = np.zeros(program.num_columns, dtype=np.bool_)
    for columns in (x, y, facility):
        is_known[columns[columns >= 0]] = True
    return Structure(
        program,
        column_upper,
        start=start,
        x=x,
        y=y,
        lower=lower,
        upper=upper,
        most=most,
        facility=facility,
        link=link,
        packing=packing,
        packing_facility=packing_facility,
        foreign=foreign,
        side=side_constraints_of(program, foreign, is_known, column_upper),
    )


def _by_selection(rows: Rows, balance: Index) -> tuple[Index, Index]:
    """The selection and the column of each assignment, in order."""
    inside = np.full(rows.program.num_rows, -1)
    inside[balance] = np.arange(balance.size)
    at = np.flatnonzero(inside[rows.row] >= 0)
    selection, x = inside[rows.row[at]], rows.column[at]
    order = np.lexsort((x, selection))
    return selection[order], x[order]
