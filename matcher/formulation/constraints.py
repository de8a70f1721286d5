"""The rules of docs/model.md: one function a rule, each adding one labelled segment of rows.

`RULES` is the table of contents. The numbers in brackets are those of the model.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from matcher.formulation.builder import Builder, distinct, resource_use, shares_bid
from matcher.formulation.discounts import discounts
from matcher.formulation.rules import stated_rules
from matcher.formulation.terms import (
    bundles,
    consortia,
    lines,
    ramps,
    switching,
    vehicles,
)
from matcher.program import Segment
from matcher.screening.award_options import expand

# A remaining share below this is too small to divide by.
SLIGHT = 1e-3


def demand_balance(b: Builder) -> None:
    """(1) What is awarded and what is unmet add up to the demand: Σ x_a + u_d = 1."""
    d = b.quantity.size
    each = np.arange(d)
    b.add_rows(
        Segment("demand", d, ((each.astype(np.int32), b.keys.demand),)),
        [(b.candidates.demand.astype(np.int64), b.x, 1.0), (each, b.u, 1.0)],
        1.0,
        1.0,
    )


def award_size(b: Builder) -> None:
    """(2) An award lies between its smallest and largest size: lower·y_a ≤ x_a ≤ upper·y_a."""
    rows = np.flatnonzero(b.y >= 0)
    each = np.arange(rows.size)
    keys = b.keys.candidates(b.candidates, rows)
    b.add_rows(
        Segment("largest_award", rows.size, keys),
        [(each, b.x[rows], 1.0), (each, b.y[rows], -b.upper[rows])],
        -np.inf,
        0.0,
    )
    rows = rows[b.lower[rows] > 0]
    each = np.arange(rows.size)
    b.add_rows(
        Segment("smallest_award", rows.size, b.keys.candidates(b.candidates, rows)),
        [(each, b.x[rows], 1.0), (each, b.y[rows], -b.lower[rows])],
        0.0,
        np.inf,
    )


def awards_forced(b: Builder) -> None:
    """(2) What the largest award forces: with m = max upper and k = ⌈1/m⌉, Σ y_a ≥ k − u_d/r.

    With r = 1 − (k − 1)·m, the share left to a k-th award. It follows from the award sizes (fewer
    than k awards leave at least r unmet, and each further one saved leaves m ≥ r more), but no
    relaxation sees it: a 70 % share cap needs at least two suppliers. Where r is next to nothing,
    k − 1 and r = m say almost as much with a coefficient that solvers can bear.
    """
    c = b.candidates
    largest = np.zeros(b.quantity.size)
    np.maximum.at(largest, c.demand, b.upper)
    decided = np.ones(b.quantity.size, dtype=np.bool_)
    decided[c.demand[b.y < 0]] = False
    demands = np.flatnonzero(decided & (largest > 0))
    largest = largest[demands]
    fewest = np.ceil(1.0 / largest)
    rest = 1.0 - (fewest - 1.0) * largest
    slight = rest < SLIGHT
    fewest, rest = np.where(slight, fewest - 1.0, fewest), np.where(slight, largest, rest)
    some = fewest > 1
    demands, fewest, rest = demands[some], fewest[some], rest[some]
    position = np.full(b.quantity.size, -1)
    position[demands] = np.arange(demands.size)
    rows = np.flatnonzero(position[c.demand] >= 0)
    each = np.arange(demands.size)
    b.add_rows(
        Segment("awards_forced", demands.size, ((demands.astype(np.int32), b.keys.demand),)),
        [(position[c.demand[rows]], b.y[rows], 1.0), (each, b.u[demands], 1.0 / rest)],
        fewest,
        np.inf,
    )


def order_multiple(b: Builder) -> None:
    """(2) An award is a whole number of order multiples: x_a = step_a · k_a."""
    rows = np.flatnonzero(b.multiple >= 0)
    each = np.arange(rows.size)
    b.add_rows(
        Segment("order_multiple", rows.size, b.keys.candidates(b.candidates, rows)),
        [(each, b.x[rows], 1.0), (each, b.multiple[rows], -b.step[rows])],
        0.0,
        0.0,
    )


def share_cap(b: Builder) -> None:
    """(2) A supplier with several candidates for a demand stays under the share cap in all."""
    c, cap = b.candidates, b.arrays.demands.share_cap
    code = c.demand.astype(np.int64) * b.z.size + c.supplier
    _, first, member, count = np.unique(
        code, return_index=True, return_inverse=True, return_counts=True
    )
    limited = (count > 1) & (cap[c.demand[first]] < 1)
    position = np.cumsum(limited) - 1
    rows = np.flatnonzero(limited[member])
    groups = first[limited]
    b.add_rows(
        Segment(
            "share_cap",
            groups.size,
            ((c.demand[groups], b.keys.demand), (c.supplier[groups], b.keys.supplier)),
        ),
        [(position[member[rows]], b.x[rows], 1.0)],
        -np.inf,
        cap[c.demand[groups]],
    )


def one_tier_and_mode(b: Builder) -> None:
    """(3) A demand–bid takes one tier and mode, unless the bid allows a split: Σ y_a ≤ 1."""
    c = b.candidates
    shared = np.flatnonzero(shares_bid(c) & ~b.arrays.bids.split[c.bid])
    code = c.demand[shared].astype(np.int64) * b.arrays.bids.supplier.size + c.bid[shared]
    groups, first, member = np.unique(code, return_index=True, return_inverse=True)
    rows = shared[first]
    b.add_rows(
        Segment(
            "one_tier_and_mode",
            groups.size,
            ((c.demand[rows], b.keys.demand), (c.bid[rows], b.keys.bid)),
        ),
        [(member, b.y[shared], 1.0)],
        -np.inf,
        1.0,
    )


def largest_of_split(b: Builder) -> None:
    """(3) The awards of a split bid together stay under its largest quantity for one demand."""
    c, bids = b.candidates, b.arrays.bids
    shared = np.flatnonzero(
        shares_bid(c) & bids.split[c.bid] & np.isfinite(bids.max_quantity[c.bid])
    )
    code = c.demand[shared].astype(np.int64) * bids.supplier.size + c.bid[shared]
    groups, first, member = np.unique(code, return_index=True, return_inverse=True)
    rows = shared[first]
    b.add_rows(
        Segment(
            "largest_of_split",
            groups.size,
            ((c.demand[rows], b.keys.demand), (c.bid[rows], b.keys.bid)),
        ),
        [(member, b.x[shared], 1.0)],
        -np.inf,
        bids.max_quantity[c.bid[rows]] / b.quantity[c.demand[rows]],
    )


def capacity(b: Builder) -> None:
    """(4) Awards fit into each resource: Σ ρ_ar q_d x_a ≤ K_rt, or K_rt z_s where z_s exists.

    A network with periods t has a row for the awards due in each. Multiplying by z_s costs nothing
    in whole numbers and makes the relaxation tighter.
    """
    c, capacities = b.candidates, b.arrays.periods.capacity
    rows, resource, use = resource_use(b.arrays, c)
    num_periods = capacities.shape[1]
    slot = resource.astype(np.int64) * num_periods + b.arrays.demands.period[c.demand[rows]]
    used, position = np.unique(slot, return_inverse=True)
    limit = capacities.ravel()[used]
    scale = np.where(limit > 0, limit, 1.0)
    owner = np.full(used.size, -1)
    owner[position] = c.supplier[rows]
    z = b.z[owner]
    linked = np.flatnonzero(z >= 0)
    right = np.where(limit > 0, 1.0, 0.0)
    b.add_rows(
        Segment("capacity", used.size, b.keys.slots(*np.divmod(used, num_periods))),
        [(position, b.x[rows], use / scale[position]), (linked, z[linked], -right[linked])],
        -np.inf,
        np.where(z >= 0, 0.0, right),
    )


def supplier_use(b: Builder) -> None:
    """(5) An award needs the supplier to be onboarded: y_a ≤ z_s, or x_a ≤ upper·z_s without y."""
    z = b.z[b.candidates.supplier]
    for name, rows, column, size in (
        ("use", np.flatnonzero((z >= 0) & (b.y >= 0)), b.y, np.ones(b.x.size)),
        ("use_by_quantity", np.flatnonzero((z >= 0) & (b.y < 0)), b.x, b.upper),
    ):
        each = np.arange(rows.size)
        b.add_rows(
            Segment(name, rows.size, b.keys.candidates(b.candidates, rows)),
            [(each, column[rows], 1.0), (each, z[rows], -size[rows])],
            -np.inf,
            0.0,
        )


def suppliers_per_demand(b: Builder) -> None:
    """(6) A demand is awarded to n_min to n_max suppliers, or to none at all.

    Σ_s w_ds ≤ n_max, and Σ_s w_ds ≥ n_min·w_ds for every s.
    """
    c, demands = b.candidates, b.arrays.demands
    bidding = distinct(c.demand, c.supplier, demands.quantity.size)
    at_least, at_most = demands.min_suppliers > 1, demands.max_suppliers < bidding
    counted = (at_least | at_most)[c.demand]
    if not counted.any():
        return
    column, demand, supplier = b.presence(
        np.where(counted, c.demand, -1).astype(np.int64),
        c.supplier.astype(np.int64),
        b.keys.supplier,
    )
    limited = np.flatnonzero(at_most)
    position = np.full(demands.quantity.size, -1)
    position[limited] = np.arange(limited.size)
    at = np.flatnonzero(at_most[demand])
    b.add_rows(
        Segment("most_suppliers", limited.size, ((limited.astype(np.int32), b.keys.demand),)),
        [(position[demand[at]], column[at], 1.0)],
        -np.inf,
        demands.max_suppliers[limited].astype(np.float64),
    )
    at = np.flatnonzero(at_least[demand])
    # Row i speaks for presence at[i]; it counts every presence of the same demand.
    order = np.searchsorted(demand[at], demand[at], side="left")
    count = np.searchsorted(demand[at], demand[at], side="right") - order
    row, offset = expand(count)
    other = order[row] + offset
    b.add_rows(
        Segment(
            "fewest_suppliers",
            at.size,
            (
                (demand[at].astype(np.int32), b.keys.demand),
                (supplier[at].astype(np.int32), b.keys.supplier),
            ),
        ),
        [
            (row.astype(np.int64), column[at][other], 1.0),
            (np.arange(at.size), column[at], -demands.min_suppliers[demand[at]].astype(np.float64)),
        ],
        0.0,
        np.inf,
    )


RULES: tuple[Callable[[Builder], None], ...] = (
    demand_balance,
    award_size,
    awards_forced,
    order_multiple,
    share_cap,
    one_tier_and_mode,
    largest_of_split,
    capacity,
    ramps,
    supplier_use,
    lines,
    vehicles,
    bundles,
    consortia,
    switching,
    discounts,
    suppliers_per_demand,
    stated_rules,
)
