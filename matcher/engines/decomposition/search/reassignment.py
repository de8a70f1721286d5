"""The compiled reassignment moves of single sources: shift, swap, push out, close, open."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from matcher.engines.decomposition.kernels.compiled import compiled, compiled_inline
from matcher.engines.decomposition.kernels.selection import Bools, Index
from matcher.engines.decomposition.search.moves import Assignments
from matcher.program import Floats

FULL = 1e-9
"""Loads may sum to this share more than the room, by rounding."""

# Penalties change by this factor at a time, between these shares of a selection's cost.
_TURN, _LEAST, _MOST = 1.05, 0.01, 100.0
# Shares of shifts that push out another selection, and of these that swap.
_PUSHES, _SWAPS = 0.6, 0.6


class AssignmentState(NamedTuple):
    """A plan: the assignment of each selection, and what follows from it.

    Selections that take assignments of one group are a ring of ``after`` and ``before``, entered at
    ``first`` (-1 if there is none).
    """

    assignment: Index
    load: Floats
    users: Index
    first: Index
    after: Index
    before: Index
    size: Index


@compiled
def clear(state: AssignmentState) -> None:
    state.assignment[:] = -1
    state.load[:] = 0.0
    state.users[:] = 0
    state.first[:] = -1
    state.size[:] = 0


@compiled_inline
def take_out(
    d: int, unit: Floats, guide: Floats, assignments: Assignments, state: AssignmentState
) -> tuple[float, float]:
    """Take a selection's assignment away; gives the changes of cost and of overload."""
    i = state.assignment[d]
    cost, over = -assignments.cost[i] - assignments.fixed[i] - guide[i], 0.0
    for k in range(assignments.row_start[i], assignments.row_start[i + 1]):
        row = assignments.row[k]
        load = assignments.by_share[k] + assignments.by_taking[k]
        over -= unit[row] * min(max(state.load[row] - assignments.room[row], 0.0), load)
        state.load[row] -= load
    facility = assignments.facility[i]
    if facility >= 0:
        state.users[facility] -= 1
        if state.users[facility] == 0:
            cost -= assignments.facility_cost[facility]
    group = assignments.group[i]
    if state.after[d] == d:
        state.first[group] = -1
    else:
        state.after[state.before[d]] = state.after[d]
        state.before[state.after[d]] = state.before[d]
        state.first[group] = state.after[d]
    state.size[group] -= 1
    state.assignment[d] = -1
    return cost, over


@compiled_inline
def put_in(
    i: int, unit: Floats, guide: Floats, assignments: Assignments, state: AssignmentState
) -> tuple[float, float]:
    """Let a selection without an assignment take one; gives the changes of cost and of overload."""
    cost, over = change_if_in(i, unit, guide, assignments, state)
    d = assignments.selection[i]
    for k in range(assignments.row_start[i], assignments.row_start[i + 1]):
        state.load[assignments.row[k]] += assignments.by_share[k] + assignments.by_taking[k]
    facility = assignments.facility[i]
    if facility >= 0:
        state.users[facility] += 1
    group = assignments.group[i]
    first = state.first[group]
    if first < 0:
        state.first[group] = d
        state.after[d], state.before[d] = d, d
    else:
        last = state.before[first]
        state.after[d], state.before[d] = first, last
        state.after[last], state.before[first] = d, d
    state.size[group] += 1
    state.assignment[d] = i
    return cost, over


@compiled_inline
def change_if_in(
    i: int, unit: Floats, guide: Floats, assignments: Assignments, state: AssignmentState
) -> tuple[float, float]:
    """What taking an assignment would change in cost and overload."""
    cost, over = assignments.cost[i] + assignments.fixed[i] + guide[i], 0.0
    for k in range(assignments.row_start[i], assignments.row_start[i + 1]):
        row = assignments.row[k]
        load = assignments.by_share[k] + assignments.by_taking[k]
        over += unit[row] * min(max(state.load[row] + load - assignments.room[row], 0.0), load)
    facility = assignments.facility[i]
    if facility >= 0 and state.users[facility] == 0:
        cost += assignments.facility_cost[facility]
    return cost, over


@compiled
def put_all(taken: Index, assignments: Assignments, state: AssignmentState) -> None:
    unit, guide = np.ones(state.load.size), np.zeros(assignments.cost.size)
    for i in taken:
        if state.assignment[assignments.selection[i]] < 0:
            put_in(i, unit, guide, assignments, state)


@compiled
def construct(
    order: Index,
    shut: Bools,
    penalty: float,
    unit: Floats,
    guide: Floats,
    assignments: Assignments,
    state: AssignmentState,
) -> None:
    for d in order:
        put_in(
            cheapest(d, -1, shut, penalty, unit, guide, assignments, state),
            unit,
            guide,
            assignments,
            state,
        )


@compiled_inline
def cheapest(
    d: int,
    avoided: int,
    shut: Bools,
    penalty: float,
    unit: Floats,
    guide: Floats,
    assignments: Assignments,
    state: AssignmentState,
) -> int:
    """A selection's assignment that adds least to cost and penalties; what is shut comes last."""
    least, chosen = np.inf, assignments.start[d]
    for i in range(assignments.start[d], assignments.start[d + 1]):
        cost, over = change_if_in(i, unit, guide, assignments, state)
        value = cost + penalty * over
        facility = assignments.facility[i]
        if facility >= 0 and (facility == avoided or shut[facility]):
            value += 1e3 * penalty
        if value < least:
            least, chosen = value, i
    best: int = chosen
    return best


@compiled_inline
def assignment_in(d: int, group: int, assignments: Assignments) -> int:
    """An assignment of a selection in a group; -1 if it has none."""
    low, high = assignments.member_start[group], assignments.member_start[group + 1]
    while low < high:
        middle = (low + high) // 2
        if assignments.member[middle] < assignments.start[d]:
            low = middle + 1
        else:
            high = middle
    if (
        low < assignments.member_start[group + 1]
        and assignments.member[low] < assignments.start[d + 1]
    ):
        assignment: int = assignments.member[low]
        return assignment
    return -1


@compiled_inline
def some_assignment(d: int, ranked: Index, span: Index, assignments: Assignments) -> int:
    """A random assignment of a selection, more likely a cheap one."""
    assignment: int = ranked[assignments.start[d] + int(span[d] * np.random.random() ** 3)]
    return assignment


@compiled_inline
def some_user(group: int, state: AssignmentState) -> int:
    """A random selection that takes an assignment of a group that is in use."""
    d = state.first[group]
    for _ in range(np.random.randint(state.size[group])):
        d = state.after[d]
    user: int = d
    return user


@compiled_inline
def shift(
    d: int,
    new: int,
    price: float,
    shut: Bools,
    unit: Floats,
    guide: Floats,
    assignments: Assignments,
    state: AssignmentState,
    log: Index,
    undone: Index,
) -> tuple[int, float, float]:
    """Give a selection another assignment; it may push out a selection, which may take its place.

    Gives the number of selections moved, noted in ``log`` with the assignments they had in
    ``undone``, and the changes of cost and of overload.
    """
    old = state.assignment[d]
    here, there = assignments.group[old], assignments.group[new]
    other = -1
    pushes = there >= 0 and here != there and state.size[there] > 0
    if pushes and np.random.random() < _PUSHES:
        other = some_user(there, state)
    log[0], undone[0] = d, old
    cost, over = take_out(d, unit, guide, assignments, state)
    if other >= 0:
        log[1], undone[1] = other, state.assignment[other]
        c, o = take_out(other, unit, guide, assignments, state)
        cost, over = cost + c, over + o
    c, o = put_in(new, unit, guide, assignments, state)
    cost, over = cost + c, over + o
    if other < 0:
        return 1, cost, over
    i = -1
    if here >= 0 and np.random.random() < _SWAPS:
        i = assignment_in(other, here, assignments)
    if i < 0:
        i = cheapest(other, -1, shut, price, unit, guide, assignments, state)
    c, o = put_in(i, unit, guide, assignments, state)
    return 2, cost + c, over + o


@compiled_inline
def undo(
    at: int,
    unit: Floats,
    guide: Floats,
    assignments: Assignments,
    state: AssignmentState,
    log: Index,
    undone: Index,
) -> None:
    """Give the first ``at`` selections of ``log`` the assignments back that they had."""
    for j in range(at):
        take_out(log[j], unit, guide, assignments, state)
    for j in range(at):
        put_in(undone[j], unit, guide, assignments, state)


@compiled_inline
def empty(
    facility: int,
    at: int,
    price: float,
    shut: Bools,
    unit: Floats,
    guide: Floats,
    assignments: Assignments,
    state: AssignmentState,
    log: Index,
    undone: Index,
) -> tuple[int, float, float]:
    """Send the users of a facility elsewhere; noted from ``at`` on, see `shift`."""
    cost, over, begun = 0.0, 0.0, at
    while state.users[facility] > 0:
        d = state.first[facility]
        log[at], undone[at] = d, state.assignment[d]
        at += 1
        c, o = take_out(d, unit, guide, assignments, state)
        cost, over = cost + c, over + o
    for j in range(begun, at):
        i = cheapest(log[j], facility, shut, price, unit, guide, assignments, state)
        c, o = put_in(i, unit, guide, assignments, state)
        cost, over = cost + c, over + o
    return at, cost, over


@compiled_inline
def fill(
    facility: int,
    at: int,
    price: float,
    unit: Floats,
    guide: Floats,
    assignments: Assignments,
    state: AssignmentState,
    log: Index,
    undone: Index,
) -> tuple[int, float, float]:
    """Let selections come to a facility where they gain by it; noted from ``at`` on, see `shift`.

    The first pays for the facility, which is not held against it.
    """
    cost, over, begun = 0.0, 0.0, at
    for m in range(assignments.member_start[facility], assignments.member_start[facility + 1]):
        i = assignments.member[m]
        d = assignments.selection[i]
        old = state.assignment[d]
        if at - begun >= state.assignment.size:
            break
        if assignments.facility[old] == facility:
            continue
        out_c, out_o = take_out(d, unit, guide, assignments, state)
        in_c, in_o = change_if_in(i, unit, guide, assignments, state)
        gain = out_c + in_c + price * (out_o + in_o)
        if state.users[facility] == 0:
            gain -= assignments.facility_cost[facility]
        if gain < 0.0 and in_o <= 0.0:
            log[at], undone[at] = d, old
            at += 1
            c, o = put_in(i, unit, guide, assignments, state)
            cost, over = cost + out_c + c, over + out_o + o
        else:
            put_in(old, unit, guide, assignments, state)
    return at, cost, over


@compiled_inline
def recount(unit: Floats, assignments: Assignments, state: AssignmentState) -> tuple[float, float]:
    """Cost and overload of a plan; loads are counted anew, so that rounding does not add up."""
    state.load[:] = 0.0
    cost, over = 0.0, 0.0
    for d in range(state.assignment.size):
        i = state.assignment[d]
        cost += assignments.cost[i] + assignments.fixed[i]
        for k in range(assignments.row_start[i], assignments.row_start[i + 1]):
            state.load[assignments.row[k]] += assignments.by_share[k] + assignments.by_taking[k]
    for facility in range(state.users.size):
        if state.users[facility] > 0:
            cost += assignments.facility_cost[facility]
    for row in range(state.load.size):
        over += unit[row] * max(state.load[row] - assignments.room[row], 0.0)
    return cost, over


@compiled_inline
def fits(assignments: Assignments, state: AssignmentState) -> bool:
    """Whether no row is overloaded."""
    for row in range(state.load.size):
        if state.load[row] > assignments.room[row] + FULL * abs(assignments.room[row]):
            return False
    return True


@compiled_inline
def turn(penalty: Floats, over: float, level: float) -> None:
    """Raise the penalty of one unit of overload if there is one, lower it if there is none.

    Parameters
    ----------
    penalty
        The penalty, shape (1,).
    level
        What a selection costs on average.
    """
    change = _TURN if over > 1e-7 else 1.0 / _TURN
    penalty[0] = min(max(penalty[0] * change, _LEAST * level), _MOST * level)


@compiled_inline
def gained(at: int, guide: Floats, state: AssignmentState, log: Index, undone: Index) -> float:
    """How much of the change of cost by a move is only what room is thought to be worth."""
    worth = 0.0
    for j in range(at):
        worth += guide[state.assignment[log[j]]] - guide[undone[j]]
    return worth
