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


class Workspace(NamedTuple):
    """A plan under search, and all that its moves look at.

    ``unit`` is what a unit of each row counts as overload, ``guide`` what each assignment costs
    more because of the room that it takes. ``ranked`` lists the assignments of each selection, of
    which the first ``span`` are looked at; ``tried`` the facilities that are opened and closed.
    ``level`` is what a selection costs on average, ``penalty`` (shape (1,)) what a unit of overload
    costs at present. The selections of a move are noted in ``log``, with what they had in
    ``undone``, with two to spare; the best plan that fits in ``kept``.
    """

    assignments: Assignments
    state: AssignmentState
    unit: Floats
    guide: Floats
    ranked: Index
    span: Index
    tried: Index
    level: float
    penalty: Floats
    log: Index
    undone: Index
    kept: Index


@compiled
def clear(state: AssignmentState) -> None:
    """Take all assignments away."""
    state.assignment[:] = -1
    state.load[:] = 0.0
    state.users[:] = 0
    state.first[:] = -1
    state.size[:] = 0


@compiled_inline
def take_out(d: int, work: Workspace) -> tuple[float, float]:
    """Take a selection's assignment away; gives the changes of cost and of overload."""
    assignments, state = work.assignments, work.state
    i = state.assignment[d]
    cost, over = -assignments.cost[i] - assignments.fixed[i] - work.guide[i], 0.0
    for k in range(assignments.row_start[i], assignments.row_start[i + 1]):
        row = assignments.row[k]
        load = assignments.by_share[k] + assignments.by_taking[k]
        over -= work.unit[row] * min(max(state.load[row] - assignments.room[row], 0.0), load)
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
def put_in(i: int, work: Workspace) -> tuple[float, float]:
    """Let a selection without an assignment take one; gives the changes of cost and of overload."""
    assignments, state = work.assignments, work.state
    cost, over = change_if_in(i, work)
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
def change_if_in(i: int, work: Workspace) -> tuple[float, float]:
    """What taking an assignment would change in cost and overload."""
    assignments, state = work.assignments, work.state
    cost, over = assignments.cost[i] + assignments.fixed[i] + work.guide[i], 0.0
    for k in range(assignments.row_start[i], assignments.row_start[i + 1]):
        row = assignments.row[k]
        load = assignments.by_share[k] + assignments.by_taking[k]
        over += work.unit[row] * min(max(state.load[row] + load - assignments.room[row], 0.0), load)
    facility = assignments.facility[i]
    if facility >= 0 and state.users[facility] == 0:
        cost += assignments.facility_cost[facility]
    return cost, over


@compiled
def put_all(taken: Index, work: Workspace) -> None:
    """Give every selection that has none the first of some assignments."""
    for i in taken:
        if work.state.assignment[work.assignments.selection[i]] < 0:
            put_in(i, work)


@compiled
def construct(order: Index, shut: Bools, penalty: float, work: Workspace) -> None:
    """Give one selection after the other what costs it least."""
    for d in order:
        put_in(cheapest(d, -1, shut, penalty, work), work)


@compiled_inline
def cheapest(d: int, avoided: int, shut: Bools, penalty: float, work: Workspace) -> int:
    """A selection's assignment that adds least to cost and penalties; what is shut comes last."""
    assignments = work.assignments
    least, chosen = np.inf, assignments.start[d]
    for i in range(assignments.start[d], assignments.start[d + 1]):
        cost, over = change_if_in(i, work)
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
    is_member = low < assignments.member_start[group + 1]
    if is_member and assignments.member[low] < assignments.start[d + 1]:
        found: int = assignments.member[low]
        return found
    return -1


@compiled_inline
def some_assignment(d: int, work: Workspace) -> int:
    """A random assignment of a selection, more likely a cheap one."""
    at = work.assignments.start[d] + int(work.span[d] * np.random.random() ** 3)
    found: int = work.ranked[at]
    return found


@compiled_inline
def some_user(group: int, state: AssignmentState) -> int:
    """A random selection that takes an assignment of a group that is in use."""
    d = state.first[group]
    for _ in range(np.random.randint(state.size[group])):
        d = state.after[d]
    user: int = d
    return user


@compiled_inline
def shift(d: int, new: int, price: float, shut: Bools, work: Workspace) -> tuple[int, float, float]:
    """Give a selection another assignment; it may push out a selection, which may take its place.

    Gives the number of selections moved, noted in the log, and the changes of cost and of overload.
    """
    assignments, state = work.assignments, work.state
    old = state.assignment[d]
    here, there = assignments.group[old], assignments.group[new]
    other = -1
    pushes = there >= 0 and here != there and state.size[there] > 0
    if pushes and np.random.random() < _PUSHES:
        other = some_user(there, state)
    work.log[0], work.undone[0] = d, old
    cost, over = take_out(d, work)
    if other >= 0:
        work.log[1], work.undone[1] = other, state.assignment[other]
        c, o = take_out(other, work)
        cost, over = cost + c, over + o
    c, o = put_in(new, work)
    cost, over = cost + c, over + o
    if other < 0:
        return 1, cost, over
    i = -1
    if here >= 0 and np.random.random() < _SWAPS:
        i = assignment_in(other, here, assignments)
    if i < 0:
        i = cheapest(other, -1, shut, price, work)
    c, o = put_in(i, work)
    return 2, cost + c, over + o


@compiled_inline
def undo(at: int, work: Workspace) -> None:
    """Give the first ``at`` selections of the log the assignments back that they had."""
    for j in range(at):
        take_out(work.log[j], work)
    for j in range(at):
        put_in(work.undone[j], work)


@compiled_inline
def empty(facility: int, price: float, shut: Bools, work: Workspace) -> tuple[int, float, float]:
    """Send the users of a facility elsewhere; see `shift`."""
    state = work.state
    cost, over, at = 0.0, 0.0, 0
    while state.users[facility] > 0:
        d = state.first[facility]
        work.log[at], work.undone[at] = d, state.assignment[d]
        at += 1
        c, o = take_out(d, work)
        cost, over = cost + c, over + o
    for j in range(at):
        i = cheapest(work.log[j], facility, shut, price, work)
        c, o = put_in(i, work)
        cost, over = cost + c, over + o
    return at, cost, over


@compiled_inline
def fill(facility: int, price: float, work: Workspace) -> tuple[int, float, float]:
    """Let selections come to a facility where they gain by it; see `shift`.

    The first pays for the facility, which is not held against it.
    """
    assignments, state = work.assignments, work.state
    cost, over, at = 0.0, 0.0, 0
    for m in range(assignments.member_start[facility], assignments.member_start[facility + 1]):
        i = assignments.member[m]
        d = assignments.selection[i]
        old = state.assignment[d]
        if at >= state.assignment.size:
            break
        if assignments.facility[old] == facility:
            continue
        out_c, out_o = take_out(d, work)
        in_c, in_o = change_if_in(i, work)
        gain = out_c + in_c + price * (out_o + in_o)
        if state.users[facility] == 0:
            gain -= assignments.facility_cost[facility]
        if gain < 0.0 and in_o <= 0.0:
            work.log[at], work.undone[at] = d, old
            at += 1
            c, o = put_in(i, work)
            cost, over = cost + out_c + c, over + out_o + o
        else:
            put_in(old, work)
    return at, cost, over


@compiled_inline
def recount(work: Workspace) -> tuple[float, float]:
    """Cost and overload of a plan; loads are counted anew, so that rounding does not add up."""
    assignments, state = work.assignments, work.state
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
        over += work.unit[row] * max(state.load[row] - assignments.room[row], 0.0)
    return cost, over


@compiled_inline
def keep(work: Workspace) -> bool:
    """Keep the plan, if no row is overloaded; says whether it did."""
    state, room = work.state, work.assignments.room
    for row in range(state.load.size):
        if state.load[row] > room[row] + FULL * abs(room[row]):
            return False
    for d in range(state.assignment.size):
        work.kept[d] = state.assignment[d]
    return True


@compiled_inline
def turn(over: float, work: Workspace) -> None:
    """Raise the penalty of one unit of overload if there is one, lower it if there is none."""
    change = _TURN if over > 1e-7 else 1.0 / _TURN
    penalty = work.penalty[0] * change
    work.penalty[0] = min(max(penalty, _LEAST * work.level), _MOST * work.level)


@compiled_inline
def gained(at: int, work: Workspace) -> float:
    """How much of the change of cost by a move is only what room is thought to be worth."""
    worth = 0.0
    for j in range(at):
        worth += work.guide[work.state.assignment[work.log[j]]] - work.guide[work.undone[j]]
    return worth
