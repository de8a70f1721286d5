"""Merging: what the search and the prices each think of, put together by an exact engine.

The columns of the best plan and those on which the prices' mean is not zero make a small program
(relaxation induced neighbourhoods: Danna, Rothberg and Le Pape, Mathematical Programming 102,
2005). Where even that is large, most selections stay as they are and only a cluster of those that
share suppliers is solved anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array

from matcher.engines.base import Engine, Limits
from matcher.engines.decomposition.kernels.selection import Bools, Index
from matcher.engines.decomposition.structure import Structure
from matcher.engines.decomposition.structure.blocks import Piece
from matcher.program import Block, Floats, Program

_SEEN = 0.01
"""An item counts as thought of if the prices' mean has this share of it."""

SELECTIONS = 200
"""Selections that an exact engine can be expected to do well on within seconds."""

# Or else so many items.
_ITEMS = 1_500
# An exact engine needs so long to be of use, and so much an item.
_SHORTEST_S, _ITEM_S = 2.0, 7e-3


def around(
    structure: Structure,
    x: Floats | None,
    mean: Floats,
    rises: Floats | None,
    width: float,
    rng: np.random.Generator,
) -> Bools:
    """Columns to solve anew: those thought of, of a cluster of selections, with their hubs.

    Columns that are neither of an item nor a hub are always among them.

    Parameters
    ----------
    x
        The best plan; without one, all selections are solved, and may be left to what is free.
    rises
        What each item costs more if it is taken, shape (items,); needed for widths above 1.
    width
        How many items, as a multiple of those thought of; the next ones are those that cost least.
    """
    s = structure
    chosen = np.ones(s.num_selections, dtype=np.bool_)
    if x is None:
        items = (mean[s.x] > _SEEN) | s.is_free
    else:
        if not is_whole(s, x, mean):
            chosen = _cluster(s, x, rng)
        items = chosen[s.selection] & _thought_of(s, x, mean)
    inside = chosen[s.selection]
    more = int((width - 1.0) * items.sum())
    if more > 0 and rises is not None:
        near = np.flatnonzero(inside & ~items & np.isfinite(rises))
        items[near[np.argsort(rises[near], kind="stable")[:more]]] = True
    return columns_of(s, items)


def columns_of(structure: Structure, items: Bools) -> Bools:
    """Columns of some items with their hubs, and all that are neither of an item nor a hub."""
    s = structure
    columns = s.column_upper > 0
    for known in (s.x, s.y, s.hub):
        columns[known[known >= 0]] = False
    columns[s.x[items]] = True
    for theirs in (s.y[items], s.hub[items]):
        columns[theirs[theirs >= 0]] = True
    return columns


def is_whole(structure: Structure, x: Floats, mean: Floats) -> bool:
    """Whether all selections can be solved anew at once."""
    return is_small(structure) or int(_thought_of(structure, x, mean).sum()) <= _ITEMS


def is_small(structure: Structure) -> bool:
    """Whether all selections can be solved anew at once, whatever is thought of."""
    return structure.num_selections <= 1.5 * SELECTIONS


def seconds_needed(structure: Structure, x: Floats, mean: Floats) -> float:
    """Time in which an exact engine usually finds something in what is thought of."""
    share = 1.0 if is_whole(structure, x, mean) else SELECTIONS / structure.num_selections
    num = share * int(_thought_of(structure, x, mean).sum())
    return max(_SHORTEST_S, _ITEM_S * num)


def _thought_of(s: Structure, x: Floats, mean: Floats) -> Bools:
    return (mean[s.x] > _SEEN) | (x[s.x] > 0)


def restricted(program: Program, free: Bools, least: Floats, most: Floats) -> Piece:
    """The program of the ``free`` columns alone.

    Parameters
    ----------
    least, most
        What the other columns come to in each row, shape (rows,); where these differ, the free
        columns may count on whichever they need, so that the program is a relaxation.
    """
    columns = np.flatnonzero(free)
    part = csr_array(csr_array(program.matrix)[:, columns])
    rows = np.flatnonzero(np.diff(part.indptr) > 0)
    return Piece(
        replace(
            program,
            name=f"{program.name}, a part",
            cost=program.cost[columns],
            matrix=csr_array(part[rows]),
            row_lower=program.row_lower[rows] - most[rows],
            row_upper=program.row_upper[rows] - least[rows],
            lower=program.lower[columns],
            upper=program.upper[columns],
            integer=program.integer[columns],
            row_blocks=(Block("row", rows.size),),
            column_blocks=(Block("column", columns.size),),
            offset=0.0,
        ),
        columns,
    )


def solve_anew(
    structure: Structure,
    x: Floats | None,
    free: Bools,
    improver: Engine,
    limits: Limits,
    stop: Callable[[], bool],
) -> tuple[Floats | None, bool]:
    """The best values found for the ``free`` columns, and whether there was nothing more to find.

    Values are ``None`` if none are better than ``x``.
    """
    program = structure.program
    given = program.matrix @ np.where(free, 0.0, program.lower if x is None else x)
    part = restricted(program, free, given, given)
    start = None if x is None else x[part.columns]
    outcome = improver.solve(part.program, limits, start=start, cancelled=stop)
    settled = outcome.stopped in ("proved", "gap_limit")
    if x is None or outcome.x is None or outcome.best is None:
        return outcome.x, settled
    if outcome.best >= part.program.objective(x[part.columns]) - 1e-9 * abs(outcome.best):
        return None, settled
    return outcome.x, settled


def _cluster(s: Structure, x: Floats, rng: np.random.Generator) -> Bools:
    """About `SELECTIONS` selections, gathered from one outwards by the suppliers they share."""
    used = np.flatnonzero(x[s.x] > 0)
    group = _groups(s)
    chosen = np.zeros(s.num_selections, dtype=np.bool_)
    chosen[rng.integers(s.num_selections)] = True
    seen = np.zeros(int(group.max(initial=0)) + 2, dtype=np.bool_)
    while True:
        mine = used[chosen[s.selection[used]]]
        groups = np.unique(group[mine])
        groups = groups[(groups >= 0) & ~seen[groups]]
        if groups.size == 0:
            return chosen
        seen[rng.permutation(groups)[: max(1, groups.size // 2)]] = True
        reached = np.unique(s.selection[used[seen[group[used]] & (group[used] >= 0)]])
        reached = reached[~chosen[reached]]
        left = SELECTIONS - int(chosen.sum())
        chosen[rng.permutation(reached)[:left]] = True
        if left <= reached.size:
            return chosen


def _groups(s: Structure) -> Index:
    """What items compete for: their hub's column, or else the packing row that they are in."""
    group = s.hub.copy()
    item_of = np.full(s.program.num_columns, -1)
    item_of[s.x] = np.arange(s.num_items)
    rows = csr_array(s.program.matrix[s.packing])
    row = np.repeat(np.arange(s.packing.size), np.diff(rows.indptr))
    item = item_of[rows.indices]
    alone = (item >= 0) & (s.hub[np.maximum(item, 0)] < 0)
    group[item[alone]] = s.program.num_columns + row[alone]
    return group
