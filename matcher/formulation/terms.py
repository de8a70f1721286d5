"""The terms of bids and suppliers that reach over several awards: one function a term.

Discounts have a file of their own, `matcher.formulation.discounts`.
"""

from __future__ import annotations

import numpy as np

from matcher.formulation.builder import Builder, resource_use
from matcher.formulation.concerned import (
    Index,
    in_consortium,
    keeps_incumbent,
    ramp_share,
    starts_vehicles,
    tooled_once,
)
from matcher.program import Segment
from matcher.tolerances import ROUNDING, STATED


def ramps(b: Builder) -> None:
    """(12) In a period of its ramp-up a bid takes so much of a resource: Σ ρ_ar q_d x_a ≤ α·K_rt.

    The sum is over the awards of the bid that are due in the period, α is the share stated.
    """
    c = b.candidates
    rows, resource, use = resource_use(b.arrays, c)
    period = b.arrays.demands.period[c.demand[rows]]
    room = ramp_share(b.arrays, c.bid[rows], period)
    at = np.flatnonzero(room < 1)
    rows, resource, use, period = rows[at], resource[at], use[at], period[at]
    room = room[at] * b.arrays.periods.capacity[resource, period]
    num_resources, num_periods = b.arrays.periods.capacity.shape
    code = (c.bid[rows].astype(np.int64) * num_resources + resource) * num_periods + period
    _, first, member = np.unique(code, return_index=True, return_inverse=True)
    limit = room[first]
    keys = ((c.bid[rows[first]], b.keys.bid), *b.keys.slots(resource[first], period[first]))
    b.add_rows(
        Segment("ramp", first.size, keys),
        [(member, b.x[rows], use / np.where(limit > 0, limit, 1.0)[member])],
        -np.inf,
        np.where(limit > 0, 1.0, 0.0),
    )


def lines(b: Builder) -> None:
    """(12) A bid pays its tooling once a line: an award needs Y_lb, which costs the tooling."""
    bids = b.arrays.bids
    shared = tooled_once(b.arrays, b.candidates)
    rows = np.flatnonzero(shared >= 0)
    tooled, member = np.unique(shared[rows], return_inverse=True)
    line, bid = np.divmod(tooled, bids.supplier.size)
    tooling = b.add_columns(
        Segment(
            "tooling",
            tooled.size,
            ((line.astype(np.int32), b.keys.line), (bid.astype(np.int32), b.keys.bid)),
        ),
        cost=bids.tooling_cost[bid],
        upper=np.ones(tooled.size),
        integer=True,
    )
    _needs(b, "line", rows, tooling[member])


def vehicles(b: Builder) -> None:
    """(17) Each started vehicle costs: x_a q_d / V_a ≤ y_a + n_a, n_a = 0, 1, … vehicles more.

    The first is part of the cost of y_a, each of the n_a others costs the lane's fixed cost.
    """
    c = b.candidates
    rows = np.flatnonzero(starts_vehicles(c))
    loads = b.quantity[c.demand[rows]] / c.vehicle_units[rows]
    keys = b.keys.candidates(c, rows)
    most = np.maximum(np.ceil(b.upper[rows] * loads * (1 - STATED)), 1.0)
    more = b.add_columns(
        Segment("vehicles", rows.size, keys),
        cost=c.vehicle_cost[rows],
        upper=most - 1,
        integer=True,
    )
    b.vehicles[rows] = more
    each = np.arange(rows.size)
    # Counted in vehicles, so that a solver's rounding is no larger a part of one than `STATED`.
    b.add_rows(
        Segment("vehicles", rows.size, keys),
        [(each, b.x[rows], loads), (each, b.y[rows], -1.0), (each, more, -1.0)],
        -np.inf,
        0.0,
    )


def bundles(b: Builder) -> None:
    """(14) The bids of a bundle are awarded together: Σ y_a = B over the candidates of each bid.

    A bid without a candidate keeps the others from being awarded. That each gets the whole
    quantity of its demand is the size of its candidates.
    """
    c, bundle = b.candidates, b.arrays.bids.bundle
    bundled = np.flatnonzero(bundle >= 0)
    together = b.add_columns(
        Segment(
            "bundle",
            len(b.keys.bundle),
            ((np.arange(len(b.keys.bundle), dtype=np.int32), b.keys.bundle),),
        ),
        cost=np.zeros(len(b.keys.bundle)),
        upper=np.ones(len(b.keys.bundle)),
        integer=True,
    )
    rows = np.flatnonzero(bundle[c.bid] >= 0)
    b.add_rows(
        Segment("bundle", bundled.size, ((bundled.astype(np.int32), b.keys.bid),)),
        [
            (np.searchsorted(bundled, c.bid[rows]), b.y[rows], 1.0),
            (np.arange(bundled.size), together[bundle[bundled]], -1.0),
        ],
        0.0,
        0.0,
    )


def consortia(b: Builder) -> None:
    """(11) For each demand a consortium reaches its MOQ or nothing; it is coordinated once.

    v_dk = 1 where consortium k has an award of demand d: Σ x_a ≥ (MOQ / q_d)·v_dk over its
    candidates, each of which needs v_dk. v_dk ≤ V_k, which costs the coordination; a consortium
    without a MOQ needs no v.
    """
    c = b.candidates
    consortium, moq, cost = in_consortium(b.arrays, c)
    costly, first = np.unique(consortium[cost > 0], return_index=True)
    used = np.full(len(b.keys.consortium), -1)
    used[costly] = b.add_columns(
        Segment("consortium", costly.size, ((costly, b.keys.consortium),)),
        cost=cost[cost > 0][first],
        upper=np.ones(costly.size),
        integer=True,
    )
    alone = np.flatnonzero((cost > 0) & (moq == 0))
    _needs(b, "consortium_use", alone, used[consortium[alone]])

    pooled = np.flatnonzero(moq > 0)
    code = c.demand[pooled].astype(np.int64) * used.size + consortium[pooled]
    _, first, member = np.unique(code, return_index=True, return_inverse=True)
    demand, of = c.demand[pooled[first]], consortium[pooled[first]]
    least = moq[pooled[first]] / b.quantity[demand]
    keys = ((demand, b.keys.demand), (of, b.keys.consortium))
    pool = b.add_columns(
        Segment("pool", first.size, keys),
        cost=np.zeros(first.size),
        upper=np.where(least <= 1 + ROUNDING, 1.0, 0.0),
        integer=True,
    )
    _needs(b, "pool", pooled, pool[member])
    each = np.arange(first.size)
    b.add_rows(
        Segment("pool_moq", first.size, keys),
        [(member, b.x[pooled], 1.0), (each, pool, -np.minimum(least, 1.0))],
        0.0,
        np.inf,
    )
    linked = np.flatnonzero(used[of] >= 0)
    each = np.arange(linked.size)
    b.add_rows(
        Segment(
            "pool_use",
            linked.size,
            ((demand[linked], b.keys.demand), (of[linked], b.keys.consortium)),
        ),
        [(each, pool[linked], 1.0), (each, used[of[linked]], -1.0)],
        -np.inf,
        0.0,
    )


def switching(b: Builder) -> None:
    """(10) Leaving an incumbent costs once: cost·(1 − w), w = 1 if it has an award it may keep.

    The constant is part of the program's offset, also where the incumbent has no candidate.
    """
    cost, saved = keeps_incumbent(b.arrays, b.candidates)
    b.offset += float(cost.sum())
    supplier = b.candidates.supplier.astype(np.int64)
    # A row for one lead firm and a row for all of them are two costs, and both may be saved.
    for row in saved:
        column, of, _ = b.presence(row, supplier, b.keys.supplier)
        b.add_cost(column, -cost[of])


def _needs(b: Builder, name: str, rows: Index, column: Index) -> None:
    """Each award of the candidates ``rows`` needs its ``column``: Σ y_a ≤ column.

    The sum is over the options of a demand and bid, of which one is taken; a bid that may be split
    has a row for each.
    """
    c, bids = b.candidates, b.arrays.bids
    pair = c.demand[rows].astype(np.int64) * bids.supplier.size + c.bid[rows]
    code = np.where(bids.split[c.bid[rows]], -1 - rows, pair)
    _, first, member = np.unique(code, return_index=True, return_inverse=True)
    at = rows[first]
    b.add_rows(
        Segment(name, first.size, ((c.demand[at], b.keys.demand), (c.bid[at], b.keys.bid))),
        [(member, b.y[rows], 1.0), (np.arange(first.size), column[first], -1.0)],
        -np.inf,
        0.0,
    )
