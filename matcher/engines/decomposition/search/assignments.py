"""What the moves need to know of a program, as arrays."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array, vstack

from matcher.engines.decomposition.kernels.selection import Bools, Index
from matcher.engines.decomposition.search.moves import Assignments
from matcher.engines.decomposition.structure import Structure
from matcher.engines.decomposition.structure.side_constraints import SideConstraints
from matcher.program import Floats

# A side constraint that may not be broken costs so many times its price a unit at first.
_AT_FIRST = 2.0


class _Entries(NamedTuple):
    """What assignments and facilities take of packing rows and, after these, of side constraints.

    ``of``, ``row``, ``by_share`` and ``by_taking`` have an entry for each pair of an assignment and
    a row: what its share takes, and what being taken takes.
    """

    of: Index
    row: Index
    by_share: Floats
    by_taking: Floats
    room: Floats
    facility_row_start: Index
    facility_row: Index
    facility_load: Floats


def assignments_of(s: Structure, prices: Floats) -> tuple[Assignments, Index]:
    """What the moves need to know, and the column of each facility."""
    assert s.side is not None
    p = s.program
    facilities = np.unique(s.facility[s.facility >= 0])
    facility = np.where(s.facility >= 0, np.searchsorted(facilities, s.facility), -1)
    entries = _entries(s, facilities)
    of, row = entries.of, entries.row
    row_start = np.searchsorted(of, np.arange(s.num_assignments + 1))
    price = np.maximum(np.append(prices[s.packing], s.side.sign * prices[s.side.row]), 0.0)
    worth = np.bincount(of, price[row] * entries.by_share, s.num_assignments).astype(np.float64)
    group = _groups(s, facility, facilities.size, row_start, row)
    member = np.argsort(group, kind="stable")
    num_groups = facilities.size + s.packing.size
    cost, fixed = p.cost[s.x], np.where(s.y >= 0, p.cost[s.y], 0.0)
    facility_cost = p.cost[facilities]
    dearest = float((np.abs(cost) + np.abs(fixed)).max(initial=0.0))
    rates = _rates(s.side, price[s.packing.size :], cost)
    return Assignments(
        start=s.start,
        selection=s.selection,
        cost=cost,
        fixed=fixed,
        lower=s.lower,
        upper=s.upper,
        is_free=s.is_free,
        most=s.most,
        worth=worth,
        ranked=np.lexsort((cost + worth + fixed / s.upper, s.selection)),
        row_start=row_start,
        row=row,
        by_share=entries.by_share,
        by_taking=entries.by_taking,
        room=entries.room,
        facility=facility,
        facility_cost=facility_cost,
        group=group,
        member_start=np.searchsorted(group[member], np.arange(num_groups + 1)),
        member=member,
        has_twins=_have_twins(s, of, row),
        penalty=10.0 * (1.0 + dearest + float(facility_cost.max(initial=0.0))),
        num_packing=s.packing.size,
        rate=np.append(np.zeros(s.packing.size), rates),
        facility_row_start=entries.facility_row_start,
        facility_row=entries.facility_row,
        facility_load=entries.facility_load,
    ), facilities


def _entries(s: Structure, facilities: Index) -> _Entries:
    assert s.side is not None
    p = s.program
    decided = np.flatnonzero(s.y >= 0)
    assignment_of, is_x = np.full(p.num_columns, -1), np.zeros(p.num_columns, dtype=np.bool_)
    assignment_of[s.x], is_x[s.x] = np.arange(s.num_assignments), True
    assignment_of[s.y[decided]] = decided
    rows = csr_array(vstack([p.matrix[s.packing], s.side.matrix]))
    num_packing, num_all = s.packing.size, rows.shape[0]
    row = np.repeat(np.arange(num_all), np.diff(rows.indptr))
    column, value = rows.indices, rows.data
    room = np.append(p.row_upper[s.packing], s.side.room)
    grants = np.append(s.packing_facility, np.full(num_all - num_packing, -1))[row] == column
    np.add.at(room, row[grants], -value[grants])
    by_facility = np.flatnonzero((assignment_of[column] < 0) & (row >= num_packing))
    by_facility = by_facility[np.lexsort((row[by_facility], column[by_facility]))]
    loading = np.searchsorted(facilities, column[by_facility])
    facility_row, facility_load = row[by_facility], value[by_facility]
    used = (assignment_of[column] >= 0) & (s.column_upper[column] > 0)
    used &= (value > 0) | (row >= num_packing)
    row, column, value = row[used], column[used], value[used]
    num_rows = max(num_all, 1)
    pair, entry = np.unique(assignment_of[column] * num_rows + row, return_inverse=True)
    return _Entries(
        of=pair // num_rows,
        row=pair % num_rows,
        by_share=np.bincount(entry, value * is_x[column], pair.size).astype(np.float64),
        by_taking=np.bincount(entry, value * ~is_x[column], pair.size).astype(np.float64),
        room=room,
        facility_row_start=np.searchsorted(loading, np.arange(facilities.size + 1)),
        facility_row=facility_row,
        facility_load=facility_load,
    )


def _groups(
    s: Structure, facility: Index, num_facilities: int, row_start: Index, row: Index
) -> Index:
    """What each assignment competes for: its facility, or else its first packing row, or -1."""
    first = np.full(s.num_assignments, -1)
    loads = np.flatnonzero(np.diff(row_start) > 0)
    loads = loads[row[row_start[loads]] < s.packing.size]
    first[loads] = row[row_start[loads]]
    return np.where(facility >= 0, facility, np.where(first >= 0, num_facilities + first, -1))


def _have_twins(s: Structure, of: Index, row: Index) -> Bools:
    """Selections of which several assignments load one packing row."""
    packs = row < s.packing.size
    loaded = (s.selection[of] * max(s.packing.size, 1) + row)[packs]
    _, at, times = np.unique(loaded, return_index=True, return_counts=True)
    have_twins = np.zeros(s.num_selections, dtype=np.bool_)
    have_twins[s.selection[of[packs][at[times > 1]]]] = True
    return have_twins


def _rates(side: SideConstraints, price: Floats, cost: Floats) -> Floats:
    """What a unit above each side constraint costs at first.

    Rows that may not be broken cost a multiple of their price, and no less than what an assignment
    costs on average for what it loads on average.
    """
    load = abs(side.matrix).sum(axis=1) / np.maximum(np.diff(side.matrix.indptr), 1)
    usual = np.abs(cost).mean() / np.where(load > 0, load, 1.0)
    rates: Floats = np.where(np.isinf(side.rate), np.maximum(_AT_FIRST * price, usual), side.rate)
    return rates
