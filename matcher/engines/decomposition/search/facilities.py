"""Facility local search: sets of facilities, judged by a bound, then by a search of assignments.

Where selections are assigned whole and facilities cost much more than assignments, one facility
more or less means that many selections move, and hardly any way to there is downhill. So each try
here closes a facility, opens one, or does both, and draws what the new set may cost, as in
simulated annealing. A few steps of prices on what has little room give a bound on every plan of the
set (Lagrangian relaxation, see `bound_of_set`), a hundred times faster than a search within it, and
without noise: most sets are given up there. In the others assignments are searched, from warm to
cold, beginning with those that the prices think of where a selection has to move; and what that
search ends with decides whether to stay (iterated local search: Lourenço, Martin and Stützle, in
*Handbook of Metaheuristics*, 2003).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from matcher.engines.decomposition.kernels.compiled import compiled_inline, compiled_plain
from matcher.engines.decomposition.kernels.selection import Bools, Index
from matcher.engines.decomposition.search.moves import Assignments
from matcher.engines.decomposition.search.reassignment import (
    Workspace,
    gained,
    keep,
    put_in,
    recount,
    shift,
    some_assignment,
    some_user,
    take_out,
    turn,
    undo,
)
from matcher.program import Floats

# Shares of tries that open a facility only, and that close one for it; the others close one only.
_OPEN, _SWAP = 0.2, 0.6
# So often is a change looked for that may be worth a try, or an assignment whose facility is as
# wanted.
_LOOKS = 20
# Steps of prices for a try and for the first set, and the share of the limit by which they aim
# above it: aimed at the limit itself, they would not get there.
_STEPS, _FIRST_STEPS, _ABOVE = 30, 90, 0.002
# Steps are halved after so many without a higher bound.
_PATIENCE = 3
# A search within a set: moves a selection, temperatures as shares of a selection's cost, and the
# factor by which the penalty is raised, so that the search ends without overload if it can.
_SETTLE, _SETTLE_HOT, _SETTLE_COLD, _DEARER = 200, 0.02, 0.003, 4.0


class FacilityBounds(NamedTuple):
    """What is known of sets of facilities before they are tried.

    A set costs at least ``bound``, and ``with_facility`` more of each open facility, ``without`` of
    each other; it holds the sum of ``room`` of open facilities, of which ``need`` is needed. Shapes
    (facilities,).
    """

    bound: float
    with_facility: Floats
    without: Floats
    room: Floats
    need: float


class FacilitySet(NamedTuple):
    """A set of facilities being tried, and room to work in.

    By facility: whether it is shut. By row that has little room: its price for the set where the
    search stands, the price being tried, that of the highest bound of a try, what it is loaded
    above its room, and the facility that grants the room (-1 for none). By selection: least cost at
    the prices tried, the assignment that has it, and the assignment before the try. ``loose`` are
    assignments without a facility.
    """

    shut: Bools
    price: Floats
    tried: Floats
    highest: Floats
    over: Floats
    owner: Index
    least: Floats
    assignment: Index
    before: Index
    loose: Index


def facility_set_of(
    assignments: Assignments, shut: Bools, price: Floats, owner: Index
) -> FacilitySet:
    """Where a search begins.

    Parameters
    ----------
    shut
        The facilities that are not in the set, by facility.
    price, owner
        Price of each row that has little room, and the facility that grants the room (-1 for none).
    """
    rows, n = price.size, assignments.most.size
    facilities = FacilitySet(
        shut=shut.copy(),
        price=price.copy(),
        tried=np.zeros(rows),
        highest=np.zeros(rows),
        over=np.zeros(rows),
        owner=owner,
        least=np.zeros(n),
        assignment=np.zeros(n, dtype=np.int64),
        before=np.zeros(n, dtype=np.int64),
        loose=np.flatnonzero(assignments.facility < 0),
    )
    bound_of_set(_FIRST_STEPS, np.inf, assignments, facilities)
    facilities.price[:] = facilities.highest
    return facilities


@compiled_plain
def search_facilities(  # noqa: C901, PLR0912 - one compiled loop
    tries: int,
    warmth: float,
    seed: int,
    best: float,
    bounds: FacilityBounds,
    facilities: FacilitySet,
    work: Workspace,
) -> float:
    """Try so many sets; the best plan that fits is kept, its value is returned.

    Where no change of the set is worth a try, assignments are searched within the present one.

    Parameters
    ----------
    warmth
        Temperature at which sets are accepted.
    best
        Value of the best plan so far.
    """
    np.random.seed(seed)
    state = work.state
    for _ in range(tries):
        price = work.penalty[0]
        cost, over = recount(work)
        limit = cost + price * over - warmth * np.log(1.0 - np.random.random())
        for facility in range(facilities.shut.size):
            facilities.shut[facility] = state.users[facility] == 0
        closed, opened = _change(limit, bounds, facilities.shut, work)
        is_new = closed >= 0 or opened >= 0
        if is_new:
            if closed >= 0:
                facilities.shut[closed] = True
            if opened >= 0:
                facilities.shut[opened] = False
            if bound_of_set(_STEPS, limit, work.assignments, facilities) > limit:
                continue
        for d in range(state.assignment.size):
            facilities.before[d] = state.assignment[d]
        if is_new:
            _follow(opened, facilities, work)
        best = _settle(price, best, facilities, work)
        new_cost, new_over = recount(work)
        if new_cost + price * new_over <= limit:
            over = new_over
            if is_new:
                for row in range(facilities.price.size):
                    facilities.price[row] = facilities.highest[row]
        else:
            for d in range(state.assignment.size):
                take_out(d, work)
            for d in range(state.assignment.size):
                put_in(facilities.before[d], work)
        turn(over, work)
    return best


@compiled_inline
def _follow(opened: int, facilities: FacilitySet, work: Workspace) -> None:
    """Move selections as the prices tried think: out of what is shut, into the new facility."""
    of = work.assignments.facility
    for d in range(work.state.assignment.size):
        facility, new = of[work.state.assignment[d]], of[facilities.assignment[d]]
        if (facility >= 0 and facilities.shut[facility]) or (opened >= 0 and new == opened):
            take_out(d, work)
            put_in(facilities.assignment[d], work)


@compiled_inline
def _change(limit: float, bounds: FacilityBounds, shut: Bools, work: Workspace) -> tuple[int, int]:
    """A facility to close and one to open; each -1 if there is none.

    Sets that are known to cost more than the limit are passed over, and those that hold too little.
    """
    least, held, num_open = bounds.bound, 0.0, 0
    for facility in range(shut.size):
        least += bounds.without[facility] if shut[facility] else bounds.with_facility[facility]
        if not shut[facility]:
            held += bounds.room[facility]
            num_open += 1
    for _ in range(_LOOKS):
        closed, opened = -1, -1
        kind = np.random.random()
        value, holds = least, held
        if kind >= _OPEN and num_open > 1:
            nth = np.random.randint(num_open)
            for facility in range(shut.size):
                if not shut[facility]:
                    if nth == 0:
                        closed = facility
                    nth -= 1
            value += bounds.without[closed] - bounds.with_facility[closed]
            holds -= bounds.room[closed]
        if kind < _OPEN + _SWAP:
            opened = _near(closed, shut, work)
            if opened >= 0:
                value += bounds.with_facility[opened] - bounds.without[opened]
                holds += bounds.room[opened]
        is_one = closed >= 0 or opened >= 0
        if is_one and value <= max(limit, least) and (holds >= bounds.need or holds > held):
            return closed, opened
    return -1, -1


@compiled_inline
def _near(closed: int, shut: Bools, work: Workspace) -> int:
    """A shut facility that some user of the closed one could use, or anybody without one; or -1."""
    d = (
        np.random.randint(work.state.assignment.size)
        if closed < 0
        else some_user(closed, work.state)
    )
    for _ in range(_LOOKS):
        facility = work.assignments.facility[some_assignment(d, work)]
        if facility >= 0 and shut[facility]:
            found: int = facility
            return found
    return -1


@compiled_plain
def bound_of_set(
    steps: int, limit: float, assignments: Assignments, facilities: FacilitySet
) -> float:
    """A bound on what plans cost that open all facilities of the set and no others.

    With prices p on rows that have little room r, it is the sum of facilities' costs and of the
    least cost of each selection, what it loads rows with paid at p, less p · r. Prices rise by
    Polyak's subgradient step (Held, Wolfe and Crowder, Mathematical Programming 6, 1974).

    Parameters
    ----------
    steps
        Of prices, at most, beginning from those of the set; the best are left in ``highest``.
    limit
        Where to stop; infinite for the highest bound that the steps reach.
    """
    tried, over = facilities.tried, facilities.over
    value, pace, vain = -np.inf, 1.0, 0
    for row in range(tried.size):
        tried[row] = facilities.price[row]
    for _ in range(steps):
        bound = _bound(assignments, facilities)
        if bound > value:
            value, vain = bound, 0
            for row in range(tried.size):
                facilities.highest[row] = tried[row]
        else:
            vain += 1
        if vain == _PATIENCE:
            pace, vain = pace / 2, 0
        steep = 0.0
        for row in range(tried.size):
            if tried[row] > 0.0 or over[row] > 0.0:
                steep += over[row] ** 2
        if value > limit or steep <= 0.0:
            break
        aim = value if limit == np.inf else limit
        step = pace * (aim + _ABOVE * abs(aim) - bound) / steep
        for row in range(tried.size):
            tried[row] = max(tried[row] + step * over[row], 0.0)
    return value


@compiled_inline
def _bound(assignments: Assignments, facilities: FacilitySet) -> float:
    """The bound of the set at the prices tried; leaves what rows are loaded above their room."""
    over, least = facilities.over, facilities.least
    for d in range(least.size):
        least[d] = np.inf
    for i in facilities.loose:
        _compare(i, assignments, facilities)
    bound = 0.0
    for facility in range(facilities.shut.size):
        if not facilities.shut[facility]:
            bound += assignments.facility_cost[facility]
            for m in range(
                assignments.member_start[facility], assignments.member_start[facility + 1]
            ):
                _compare(assignments.member[m], assignments, facilities)
    for row in range(over.size):
        over[row] = 0.0
        if facilities.owner[row] < 0 or not facilities.shut[facilities.owner[row]]:
            over[row] = -assignments.room[row]
            bound -= facilities.tried[row] * assignments.room[row]
    for d in range(least.size):
        bound += least[d]
        if least[d] < np.inf:
            i = facilities.assignment[d]
            for k in range(assignments.row_start[i], assignments.row_start[i + 1]):
                over[assignments.row[k]] += assignments.by_share[k] + assignments.by_taking[k]
    return bound


@compiled_inline
def _compare(i: int, assignments: Assignments, facilities: FacilitySet) -> None:
    """Let a selection take an assignment if that costs less than what it has."""
    cost = assignments.cost[i] + assignments.fixed[i]
    for k in range(assignments.row_start[i], assignments.row_start[i + 1]):
        cost += facilities.tried[assignments.row[k]] * (
            assignments.by_share[k] + assignments.by_taking[k]
        )
    d = assignments.selection[i]
    if cost < facilities.least[d]:
        facilities.least[d], facilities.assignment[d] = cost, i


@compiled_inline
def _settle(price: float, best: float, facilities: FacilitySet, work: Workspace) -> float:
    """Search assignments to what is not shut; gives the best value, see `search_facilities`."""
    of, state = work.assignments.facility, work.state
    cost, over = recount(work)
    moves = _SETTLE * state.assignment.size
    hot, cold = _SETTLE_HOT * work.level, _SETTLE_COLD * work.level
    heat, cooling = hot, (cold / hot) ** (1.0 / max(moves, 1))
    dearer = _DEARER ** (1.0 / max(moves, 1))
    for _ in range(moves):
        heat *= cooling
        price *= dearer
        d = np.random.randint(state.assignment.size)
        new = state.assignment[d]
        for _ in range(_LOOKS):
            i = some_assignment(d, work)
            if of[i] < 0 or not facilities.shut[of[i]]:
                new = i
                break
        if new == state.assignment[d]:
            continue
        at, more_cost, more_over = shift(d, new, price, facilities.shut, work)
        change = more_cost + price * more_over
        if change <= 0.0 or np.random.random() < np.exp(-change / heat):
            cost += more_cost - gained(at, work)
            over += more_over
            if over < 1e-7 and cost + 1e-9 * abs(cost) < best and keep(work):
                best = cost
        else:
            undo(at, work)
    return best
