"""The compiled moves of the search: take selections out, and put each back as it fits best."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from matcher.engines.decomposition.kernels.compiled import compiled, compiled_plain
from matcher.engines.decomposition.kernels.selection import Bools, Index, select
from matcher.program import Floats

COVERED = 1e-9
"""A selection that lacks less than this share is whole."""

# Most selections taken out by a move about others than facilities, and by any move.
_LARGEST_MOVE = 12
_ROOM = 64
# Moves that begin with a selection that lacks something, as long as there are such.
_MENDING = 0.5
# Assignments of a selection that a move looks at: those that fit, the cheapest first.
_LOOKED_AT = 20


class Assignments(NamedTuple):
    """What the moves need to know of a program, by assignment unless stated.

    Assignments take ``by_share`` of a row for their whole selection and ``by_taking`` for being
    taken at all; these and ``row`` have an entry for each pair of assignment and row, ``row_start``
    says where an assignment's begin. ``worth`` is what taking the whole selection takes of all rows
    at their prices. ``ranked`` lists the assignments of each selection by what they cost at the
    prices, least first. ``has_twins`` tells selections of which several assignments load one row.
    ``member`` lists assignments by ``group``: by what they compete for. Rows from ``num_packing``
    on are side: what a unit above their room costs is their ``rate``, and facilities load them by
    ``facility_load``.
    """

    start: Index
    selection: Index
    cost: Floats
    fixed: Floats
    lower: Floats
    upper: Floats
    is_free: Bools
    most: Index
    worth: Floats
    ranked: Index
    row_start: Index
    row: Index
    by_share: Floats
    by_taking: Floats
    room: Floats
    facility: Index
    facility_cost: Floats
    group: Index
    member_start: Index
    member: Index
    has_twins: Bools
    penalty: float
    num_packing: int
    rate: Floats
    facility_row_start: Index
    facility_row: Index
    facility_load: Floats


class SelectionState(NamedTuple):
    """A plan: each selection's assignments and shares, loads of rows, and users of facilities."""

    assignment: Index
    share: Floats
    num: Index
    load: Floats
    users: Index


@compiled
def lacking(state: SelectionState) -> Floats:
    """Share of each selection that nobody has."""
    lacking = np.ones(state.num.size)
    for d in range(state.num.size):
        for j in range(state.num[d]):
            lacking[d] -= state.share[d, j]
    return lacking


@compiled_plain
def _load_side(row: int, more: float, assignments: Assignments, state: SelectionState) -> float:
    """Load a side constraint; gives what breaking it costs more."""
    room = assignments.room[row]
    before = max(state.load[row] - room, 0.0)
    state.load[row] += more
    more_owed: float = assignments.rate[row] * (max(state.load[row] - room, 0.0) - before)
    return more_owed


@compiled_plain
def _owed(assignments: Assignments) -> float:
    """What the side constraints cost while nothing is selected."""
    owed = 0.0
    for row in range(assignments.num_packing, assignments.room.size):
        owed += assignments.rate[row] * max(-assignments.room[row], 0.0)
    return owed


@compiled_plain
def _change(d: int, sign: int, assignments: Assignments, state: SelectionState) -> float:
    """Count a selection in (sign 1) or out (-1); gives what it costs."""
    value, lacking = 0.0, 1.0
    for j in range(state.num[d]):
        i, part = state.assignment[d, j], state.share[d, j]
        value += assignments.cost[i] * part + assignments.fixed[i]
        lacking -= part
        for k in range(assignments.row_start[i], assignments.row_start[i + 1]):
            load = assignments.by_share[k] * part + assignments.by_taking[k]
            if assignments.row[k] < assignments.num_packing:
                state.load[assignments.row[k]] += sign * load
            else:
                value += sign * _load_side(assignments.row[k], sign * load, assignments, state)
        facility = assignments.facility[i]
        if facility >= 0:
            before = state.users[facility]
            state.users[facility] += sign
            if before == 0 or state.users[facility] == 0:
                value += assignments.facility_cost[facility]
                for k in range(
                    assignments.facility_row_start[facility],
                    assignments.facility_row_start[facility + 1],
                ):
                    load = sign * assignments.facility_load[k]
                    value += sign * _load_side(
                        assignments.facility_row[k], load, assignments, state
                    )
    if lacking > COVERED:
        value += assignments.penalty * lacking
    return value


@compiled
def recount(assignments: Assignments, state: SelectionState) -> float:
    """Count load, facilities and cost of a plan from nothing; gives the cost."""
    state.load[:] = 0.0
    state.users[:] = 0
    value = _owed(assignments)
    for d in range(state.num.size):
        value += _change(d, 1, assignments, state)
    return value


@compiled
def _bench(assignments: Assignments) -> tuple[Floats, Index, Bools]:
    """Room to work in for the largest selection."""
    size = 1
    for d in range(assignments.start.size - 1):
        size = max(size, assignments.start[d + 1] - assignments.start[d])
    return (
        np.empty((8, size + 1)),
        np.empty((7, size + 1), np.int64),
        np.empty(size + 1, np.bool_),
    )


@compiled_plain
def _put_in(
    d: int,
    charge: float,
    shut: int,
    facility_part: float,
    assignments: Assignments,
    state: SelectionState,
    bench: tuple[Floats, Index, Bools],
) -> float:
    """Put a selection in as it fits best; gives what it costs.

    ``charge`` is the part of the prices that it reckons with, ``shut`` a facility that it may not
    use, ``facility_part`` the part of a closed facility's cost that it reckons with.
    """
    numbers, places, free = bench
    m = 0
    for at in range(assignments.start[d], assignments.start[d + 1]):
        i = assignments.ranked[at]
        facility = assignments.facility[i]
        if facility >= 0 and facility == shut:
            continue
        high, owed, owed_once = assignments.upper[i], 0.0, 0.0
        for k in range(assignments.row_start[i], assignments.row_start[i + 1]):
            row = assignments.row[k]
            if row >= assignments.num_packing:
                if state.load[row] > assignments.room[row]:
                    owed += assignments.rate[row] * assignments.by_share[k]
                    owed_once += assignments.rate[row] * assignments.by_taking[k]
                continue
            rest = (
                assignments.room[assignments.row[k]]
                - state.load[assignments.row[k]]
                - assignments.by_taking[k]
            )
            if rest < -COVERED:
                high = -1.0
            elif rest < high * assignments.by_share[k]:
                high = rest / assignments.by_share[k]
        # Rounding may take a hair off an assignment that has to have it all.
        if assignments.lower[i] - COVERED <= high < assignments.lower[i]:
            high = assignments.lower[i]
        if high <= COVERED or high < assignments.lower[i]:
            continue
        fixed = assignments.fixed[i] + owed_once
        if facility >= 0 and state.users[facility] == 0:
            fixed += facility_part * assignments.facility_cost[facility]
        numbers[0, m] = assignments.cost[i] + charge * assignments.worth[i] + owed
        numbers[1, m] = fixed
        numbers[2, m] = assignments.lower[i]
        numbers[3, m] = high
        free[m] = assignments.is_free[i] and fixed == 0.0
        places[0, m] = m
        places[1, m] = i
        m += 1
        if m == _LOOKED_AT:
            break
    while True:
        _, _, size = select(
            numbers[0, :m],
            numbers[1, :m],
            numbers[2, :m],
            numbers[3, :m],
            free[:m],
            assignments.most[d],
            assignments.penalty,
            places[0, :m],
            places[2],
            numbers[4],
            numbers[5:],
            places[3:],
        )
        size = min(size, state.assignment.shape[1])
        state.num[d] = size
        for j in range(size):
            state.assignment[d, j] = places[1, places[2, j]]
            state.share[d, j] = numbers[4, j]
        value = _change(d, 1, assignments, state)
        if not assignments.has_twins[d]:
            return value
        # Each assignment fits by itself; the last that does not fit beside the others has to go.
        worst = -1
        for j in range(size):
            i = state.assignment[d, j]
            for k in range(assignments.row_start[i], assignments.row_start[i + 1]):
                if assignments.row[k] >= assignments.num_packing:
                    break
                room = assignments.room[assignments.row[k]]
                if state.load[assignments.row[k]] > room + 1e-9 * max(1.0, abs(room)):
                    worst = places[2, j]
        if worst < 0:
            return value
        _change(d, -1, assignments, state)
        m -= 1
        for row in range(4):
            numbers[row, worst] = numbers[row, m]
        free[worst] = free[m]
        places[1, worst] = places[1, m]
        for j in range(m):
            places[0, j] = j


@compiled
def construct(order: Index, shut: Bools, assignments: Assignments, state: SelectionState) -> float:
    """Put in one selection after the other; gives the cost of the plan."""
    state.num[:] = 0
    state.load[:] = 0.0
    state.users[:] = 0
    # The room of a closed facility seems to be taken; where some are closed, the others open for
    # free.
    bench = _bench(assignments)
    blocked = np.zeros(assignments.room.size)
    for i in range(assignments.facility.size):
        if assignments.facility[i] >= 0 and shut[assignments.facility[i]]:
            for k in range(assignments.row_start[i], assignments.row_start[i + 1]):
                if assignments.row[k] >= assignments.num_packing:
                    break
                blocked[assignments.row[k]] = 2.0 * abs(assignments.room[assignments.row[k]]) + 1.0
    state.load[:] = blocked
    value = _owed(assignments)
    for d in order:
        value += _put_in(d, 1.0, -1, 0.0 if shut.any() else 1.0, assignments, state, bench)
    state.load[:] -= blocked
    return value


@compiled
def anneal(
    moves: int,
    heat: float,
    seed: int,
    value: float,
    facility_moves: float,
    short: Index,
    assignments: Assignments,
    state: SelectionState,
) -> float:
    """Make so many moves at one temperature; gives the cost of the plan.

    ``short`` lists selections that lack something: many moves begin there.
    """
    np.random.seed(seed)
    width = state.assignment.shape[1]
    return _moves(
        moves,
        heat,
        value,
        facility_moves,
        short,
        assignments,
        state,
        _bench(assignments),
        np.empty((2, _ROOM), np.int64),
        np.zeros(state.num.size, np.bool_),
        np.empty((_ROOM, width), np.int64),
        np.empty((_ROOM, width)),
    )


@compiled_plain
def _moves(
    moves: int,
    heat: float,
    value: float,
    facility_moves: float,
    short: Index,
    assignments: Assignments,
    state: SelectionState,
    bench: tuple[Floats, Index, Bools],
    outs: Index,
    is_out: Bools,
    old_assignment: Index,
    old_share: Floats,
) -> float:
    out, old_num = outs[0], outs[1]
    num_selections, num_facilities = state.num.size, state.users.size
    for _ in range(moves):
        size, shut, facility_part, more = 0, -1, 1.0, 0
        if np.random.random() < facility_moves:
            facility = np.random.randint(num_facilities)
            first, last = assignments.member_start[facility], assignments.member_start[facility + 1]
            if state.users[facility] > 0:
                shut = facility
                for k in range(first, last):
                    d = assignments.selection[assignments.member[k]]
                    if size < _ROOM and not is_out[d] and _uses(d, facility, assignments, state):
                        is_out[d] = True
                        out[size] = d
                        size += 1
            else:
                facility_part = 0.0
                for _ in range(3 + np.random.randint(12)):
                    d = assignments.selection[
                        assignments.member[first + np.random.randint(last - first)]
                    ]
                    if not is_out[d]:
                        is_out[d] = True
                        out[size] = d
                        size += 1
            more = min(size + np.random.randint(4), _ROOM)
        if size == 0:
            if short.size > 0 and np.random.random() < _MENDING:
                out[0] = short[np.random.randint(short.size)]
            else:
                out[0] = np.random.randint(num_selections)
            is_out[out[0]] = True
            size = 1
            more = 2 + np.random.randint(_LARGEST_MOVE - 1)
        size = _relatives(out, size, more, is_out, assignments, state)

        change = 0.0
        for q in range(size):
            d = out[q]
            is_out[d] = False
        for q in range(size - 1, 0, -1):
            j = np.random.randint(q + 1)
            out[q], out[j] = out[j], out[q]
        for q in range(size):
            d = out[q]
            old_num[q] = state.num[d]
            for j in range(state.num[d]):
                old_assignment[q, j], old_share[q, j] = state.assignment[d, j], state.share[d, j]
            change -= _change(d, -1, assignments, state)
            state.num[d] = 0
        charge = np.random.random()
        allowed = -heat * np.log(np.random.random() + 1e-300)
        for q in range(size):
            change += _put_in(out[q], charge, shut, facility_part, assignments, state, bench)
        if change <= allowed:
            value += change
            continue
        for q in range(size):
            _change(out[q], -1, assignments, state)
        for q in range(size):
            d = out[q]
            state.num[d] = old_num[q]
            for j in range(old_num[q]):
                state.assignment[d, j], state.share[d, j] = old_assignment[q, j], old_share[q, j]
            _change(d, 1, assignments, state)
    return value


@compiled_plain
def _uses(d: int, group: int, assignments: Assignments, state: SelectionState) -> bool:
    """Whether a selection has an assignment of a group."""
    found = False
    for j in range(state.num[d]):
        found |= assignments.group[state.assignment[d, j]] == group
    return found


@compiled_plain
def _relatives(
    out: Index, size: int, more: int, is_out: Bools, assignments: Assignments, state: SelectionState
) -> int:
    """Add selections that use what those in ``out`` could use, until there are ``more``."""
    for _ in range(60):
        if size >= more:
            break
        d = out[np.random.randint(size)]
        i = assignments.start[d] + np.random.randint(
            assignments.start[d + 1] - assignments.start[d]
        )
        group = assignments.group[i]
        if group < 0:
            continue
        first, last = assignments.member_start[group], assignments.member_start[group + 1]
        d = assignments.selection[assignments.member[first + np.random.randint(last - first)]]
        if is_out[d] or (not _uses(d, group, assignments, state) and np.random.random() < 0.9):
            continue
        is_out[d] = True
        out[size] = d
        size += 1
    return size
