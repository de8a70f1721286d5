"""The compiled moves of the search: take selections out, and put each back as it fits best."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from matcher.engines.decomposition.kernels.compiled import (
    compiled,
    compiled_inline,
    compiled_plain,
)
from matcher.engines.decomposition.kernels.selection import (
    Bench,
    Bools,
    Choices,
    Index,
    bench_for,
    largest,
    select,
)
from matcher.program import Floats

COVERED = 1e-9
"""A selection that lacks less than this share is whole."""

# Most selections taken out by a move about others than facilities, and by any move.
_LARGEST_MOVE = 12
_ROOM = 64
# Moves that close or open a facility.
_FACILITY_MOVES = 0.1
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


class _MoveBench(NamedTuple):
    """Where a move is worked out.

    What the selection at hand chooses from, in what order, and which assignments these are; the
    bench of `select`; the selections that are taken out, which these are, and what they had.
    """

    choices: Choices
    order: Index
    assignment: Index
    select: Bench
    out: Index
    is_out: Bools
    old_num: Index
    old_assignment: Index
    old_share: Floats


@compiled
def _bench(assignments: Assignments, state: SelectionState) -> _MoveBench:
    """Room for the largest selection and the largest move."""
    size = max(largest(assignments.start, 0, assignments.start.size - 1), 1)
    width = state.assignment.shape[1]
    return _MoveBench(
        Choices(
            np.empty(size),
            np.empty(size),
            np.empty(size),
            np.empty(size),
            np.empty(size, np.bool_),
        ),
        np.empty(size, np.int64),
        np.empty(size, np.int64),
        bench_for(size),
        np.empty(_ROOM, np.int64),
        np.zeros(state.num.size, np.bool_),
        np.empty(_ROOM, np.int64),
        np.empty((_ROOM, width), np.int64),
        np.empty((_ROOM, width)),
    )


@compiled_plain
def _put_in(
    d: int,
    charge: float,
    shut: int,
    facility_part: float,
    assignments: Assignments,
    state: SelectionState,
    bench: _MoveBench,
) -> float:
    """Put a selection in as it fits best; gives what it costs.

    ``charge`` is the part of the prices that it reckons with, ``shut`` a facility that it may not
    use, ``facility_part`` the part of a closed facility's cost that it reckons with.
    """
    m = _look(d, charge, shut, facility_part, assignments, state, bench)
    every, taken = bench.choices, bench.select.taken
    while True:
        choices = Choices(
            every.cost[:m], every.fixed[:m], every.lower[:m], every.upper[:m], every.is_free[:m]
        )
        _, _, size = select(
            choices, assignments.most[d], assignments.penalty, bench.order[:m], bench.select
        )
        size = min(size, state.assignment.shape[1])
        state.num[d] = size
        for j in range(size):
            state.assignment[d, j] = bench.assignment[taken[j]]
            state.share[d, j] = bench.select.share[j]
        value = _change(d, 1, assignments, state)
        if not assignments.has_twins[d]:
            return value
        # Each assignment fits by itself; the last that does not fit beside the others has to go.
        worst = _overloads(d, assignments, state)
        if worst < 0:
            return value
        _change(d, -1, assignments, state)
        m -= 1
        at = taken[worst]
        every.cost[at], every.fixed[at] = every.cost[m], every.fixed[m]
        every.lower[at], every.upper[at] = every.lower[m], every.upper[m]
        every.is_free[at] = every.is_free[m]
        bench.assignment[at] = bench.assignment[m]
        for j in range(m):
            bench.order[j] = j


@compiled_inline
def _look(
    d: int,
    charge: float,
    shut: int,
    facility_part: float,
    assignments: Assignments,
    state: SelectionState,
    bench: _MoveBench,
) -> int:
    """Put what fits of a selection on the bench, as it costs now; gives how many; see `_put_in`."""
    choices = bench.choices
    m = 0
    for at in range(assignments.start[d], assignments.start[d + 1]):
        i = assignments.ranked[at]
        facility = assignments.facility[i]
        if facility >= 0 and facility == shut:
            continue
        high, owed, owed_once = assignments.upper[i], 0.0, 0.0
        for k in range(assignments.row_start[i], assignments.row_start[i + 1]):
            row = assignments.row[k]
            by_share, by_taking = assignments.by_share[k], assignments.by_taking[k]
            if row >= assignments.num_packing:
                if state.load[row] > assignments.room[row]:
                    owed += assignments.rate[row] * by_share
                    owed_once += assignments.rate[row] * by_taking
                continue
            rest = assignments.room[row] - state.load[row] - by_taking
            if rest < -COVERED:
                high = -1.0
            elif rest < high * by_share:
                high = rest / by_share
        # Rounding may take a hair off an assignment that has to have it all.
        if assignments.lower[i] - COVERED <= high < assignments.lower[i]:
            high = assignments.lower[i]
        if high <= COVERED or high < assignments.lower[i]:
            continue
        fixed = assignments.fixed[i] + owed_once
        if facility >= 0 and state.users[facility] == 0:
            fixed += facility_part * assignments.facility_cost[facility]
        choices.cost[m] = assignments.cost[i] + charge * assignments.worth[i] + owed
        choices.fixed[m], choices.lower[m], choices.upper[m] = fixed, assignments.lower[i], high
        choices.is_free[m] = assignments.is_free[i] and fixed == 0.0
        bench.order[m], bench.assignment[m] = m, i
        m += 1
        if m == _LOOKED_AT:
            break
    return m


@compiled_plain
def _overloads(d: int, assignments: Assignments, state: SelectionState) -> int:
    """The last of a selection's assignments that loads a packing row above its room; or -1."""
    worst = -1
    for j in range(state.num[d]):
        i = state.assignment[d, j]
        for k in range(assignments.row_start[i], assignments.row_start[i + 1]):
            row = assignments.row[k]
            if row >= assignments.num_packing:
                break
            room = assignments.room[row]
            if state.load[row] > room + 1e-9 * max(1.0, abs(room)):
                worst = j
    return worst


@compiled
def construct(order: Index, shut: Bools, assignments: Assignments, state: SelectionState) -> float:
    """Put in one selection after the other; gives the cost of the plan."""
    state.num[:] = 0
    state.load[:] = 0.0
    state.users[:] = 0
    # The room of a closed facility seems to be taken; where some are closed, the others open for
    # free.
    bench = _bench(assignments, state)
    blocked = np.zeros(assignments.room.size)
    for i in range(assignments.facility.size):
        if assignments.facility[i] >= 0 and shut[assignments.facility[i]]:
            for k in range(assignments.row_start[i], assignments.row_start[i + 1]):
                if assignments.row[k] >= assignments.num_packing:
                    break
                blocked[assignments.row[k]] = 2.0 * abs(assignments.room[assignments.row[k]]) + 1.0
    state.load[:] = blocked
    value = _owed(assignments)
    # No plain -1: Numba would compile all of it anew for that one.
    nobody, closed_part = int(np.int64(-1)), 0.0 if shut.any() else 1.0
    for d in order:
        value += _put_in(d, 1.0, nobody, closed_part, assignments, state, bench)
    state.load[:] -= blocked
    return value


@compiled
def anneal(
    moves: int,
    heat: float,
    seed: int,
    value: float,
    short: Index,
    assignments: Assignments,
    state: SelectionState,
) -> float:
    """Make so many moves at one temperature; gives the cost of the plan.

    ``short`` lists selections that lack something: many moves begin there.
    """
    np.random.seed(seed)
    return _moves(moves, heat, value, short, assignments, state, _bench(assignments, state))


@compiled_plain
def _moves(
    moves: int,
    heat: float,
    value: float,
    short: Index,
    assignments: Assignments,
    state: SelectionState,
    bench: _MoveBench,
) -> float:
    facility_moves = _FACILITY_MOVES if state.users.size > 0 else 0.0
    for _ in range(moves):
        size, shut, facility_part, more = 0, int(np.int64(-1)), 1.0, 0
        if np.random.random() < facility_moves:
            facility = np.random.randint(state.users.size)
            if state.users[facility] > 0:
                shut = facility
                size = _users(facility, assignments, state, bench)
            else:
                facility_part = 0.0
                size = _guests(facility, assignments, bench)
            more = min(size + np.random.randint(4), _ROOM)
        if size == 0:
            if short.size > 0 and np.random.random() < _MENDING:
                bench.out[0] = short[np.random.randint(short.size)]
            else:
                bench.out[0] = np.random.randint(state.num.size)
            bench.is_out[bench.out[0]] = True
            size = 1
            more = 2 + np.random.randint(_LARGEST_MOVE - 1)
        size = _relatives(size, more, assignments, state, bench)
        change = _take_out(size, assignments, state, bench)
        charge = np.random.random()
        allowed = -heat * np.log(np.random.random() + 1e-300)
        for q in range(size):
            change += _put_in(bench.out[q], charge, shut, facility_part, assignments, state, bench)
        if change <= allowed:
            value += change
        else:
            _undo(size, assignments, state, bench)
    return value


@compiled_plain
def _uses(d: int, group: int, assignments: Assignments, state: SelectionState) -> bool:
    """Whether a selection has an assignment of a group."""
    found = False
    for j in range(state.num[d]):
        found |= assignments.group[state.assignment[d, j]] == group
    return found


@compiled_inline
def _users(
    facility: int, assignments: Assignments, state: SelectionState, bench: _MoveBench
) -> int:
    """Choose the users of a facility to be taken out; gives how many."""
    size = 0
    for k in range(assignments.member_start[facility], assignments.member_start[facility + 1]):
        d = assignments.selection[assignments.member[k]]
        if size < _ROOM and not bench.is_out[d] and _uses(d, facility, assignments, state):
            bench.is_out[d] = True
            bench.out[size] = d
            size += 1
    return size


@compiled_inline
def _guests(facility: int, assignments: Assignments, bench: _MoveBench) -> int:
    """Choose some that could use a facility to be taken out; gives how many."""
    first, last = assignments.member_start[facility], assignments.member_start[facility + 1]
    size = 0
    for _ in range(3 + np.random.randint(12)):
        d = assignments.selection[assignments.member[first + np.random.randint(last - first)]]
        if not bench.is_out[d]:
            bench.is_out[d] = True
            bench.out[size] = d
            size += 1
    return size


@compiled_inline
def _relatives(
    size: int, more: int, assignments: Assignments, state: SelectionState, bench: _MoveBench
) -> int:
    """Add selections that use what those out could use, until there are ``more``."""
    out, is_out = bench.out, bench.is_out
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


@compiled_inline
def _take_out(
    size: int, assignments: Assignments, state: SelectionState, bench: _MoveBench
) -> float:
    """Take the chosen out, in random order, noting what they had; gives the change of cost."""
    out, change = bench.out, 0.0
    for q in range(size):
        bench.is_out[out[q]] = False
    for q in range(size - 1, 0, -1):
        j = np.random.randint(q + 1)
        out[q], out[j] = out[j], out[q]
    for q in range(size):
        d = out[q]
        bench.old_num[q] = state.num[d]
        for j in range(state.num[d]):
            bench.old_assignment[q, j] = state.assignment[d, j]
            bench.old_share[q, j] = state.share[d, j]
        change -= _change(d, -1, assignments, state)
        state.num[d] = 0
    return change


@compiled_inline
def _undo(size: int, assignments: Assignments, state: SelectionState, bench: _MoveBench) -> None:
    """Give those that were taken out back what they had."""
    for q in range(size):
        _change(bench.out[q], -1, assignments, state)
    for q in range(size):
        d = bench.out[q]
        state.num[d] = bench.old_num[q]
        for j in range(bench.old_num[q]):
            state.assignment[d, j] = bench.old_assignment[q, j]
            state.share[d, j] = bench.old_share[q, j]
        _change(d, 1, assignments, state)
