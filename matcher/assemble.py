"""From a solution of the program to a plan that people can read."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from matcher.arrays import Arrays, Bools, Floats
from matcher.candidates import Candidates, Rejections
from matcher.eligibility import REASONS
from matcher.figures import count
from matcher.landed_cost import TERMS
from matcher.plan import AWARD_SCHEMA, SUPPLIER_SCHEMA, UNMET_SCHEMA, Costs
from matcher.tables import MODES

# A demand counts as covered when no more than this share of it is missing.
COVERED = 1e-6


def awards_frame(
    arrays: Arrays, candidates: Candidates, rows: NDArray[np.int64], quantity: Floats
) -> pl.DataFrame:
    """The awards of ``rows`` of the candidates, one row each, sorted by demand and bid."""
    network, c = arrays.network, candidates.take(rows)
    start = pl.lit(network.start)

    def label(table: str, column: str, index: np.ndarray) -> pl.Series:
        return network.table(table)[column].gather(index)

    frame = pl.DataFrame(
        {
            "demand": label("demands", "demand", c.demand),
            "supplier": label("suppliers", "supplier", c.supplier),
            "bid": label("bids", "bid", c.bid),
            "component": label("components", "component", arrays.demands.component[c.demand]),
            "mode": pl.Series(MODES).gather(c.mode),
            "tier": (c.tier - arrays.bids.tier_start[c.bid] + 1).astype(np.int64),
            "quantity": quantity,
            **{f"{term}_per_unit": c.terms[i] for i, term in enumerate(TERMS)},
            "landed_cost_per_unit": c.unit_cost,
            "landed_cost": c.unit_cost * quantity,
            "fixed_cost": c.fixed_cost,
            "ship_days": np.ceil(c.ship - 1e-9),
            "arrive_days": np.ceil(c.arrive - 1e-9),
            "slack_days": c.slack,
        }
    )
    return frame.with_columns(
        order_date=start,
        ship_date=start + pl.duration(days=pl.col("ship_days").cast(pl.Int64)),
        arrival_date=start + pl.duration(days=pl.col("arrive_days").cast(pl.Int64)),
    ).select(pl.col(name).cast(dtype) for name, dtype in AWARD_SCHEMA.items())


def suppliers_frame(network_suppliers: pl.DataFrame, awards: pl.DataFrame) -> pl.DataFrame:
    """The suppliers used, with what they are awarded and what onboarding them costs."""
    used = awards.group_by("supplier").agg(
        num_awards=pl.len().cast(pl.Int64), landed_cost=pl.col("landed_cost").sum()
    )
    return (
        used.join(network_suppliers.select("supplier", "onboarding_cost"), on="supplier")
        .sort("supplier")
        .select(*SUPPLIER_SCHEMA)
    )


def unmet_frame(
    arrays: Arrays,
    candidates: Candidates,
    rejections: Rejections,
    awards: pl.DataFrame,
    *,
    is_proven: bool,
) -> pl.DataFrame:
    """The demands that are not fully covered, each with the reason.

    Parameters
    ----------
    is_proven
        Whether no plan covers more; if not, a bid may be unused for no reason at all.
    """
    demands = arrays.network.demands.select("demand", demanded="quantity").with_row_index("row")
    missing = (
        demands.join(
            awards.group_by("demand").agg(awarded=pl.col("quantity").sum()),
            on="demand",
            how="left",
            maintain_order="left",
        )
        .with_columns(quantity=pl.col("demanded") - pl.col("awarded").fill_null(0.0))
        .with_columns(share=pl.col("quantity") / pl.col("demanded"))
        .filter(pl.col("share") > COVERED)
    )
    used_up = is_used_up(arrays, awards)
    reasons = [
        _held_back(arrays, int(row), candidates, used_up, is_proven)
        or _all_rejected(int(row), rejections)
        for row in missing["row"]
    ]
    return missing.with_columns(reason=pl.Series(reasons, dtype=pl.String)).select(*UNMET_SCHEMA)


def is_used_up(arrays: Arrays, awards: pl.DataFrame) -> Bools:
    """For each bid, whether a resource that it needs has no room left."""
    usages, network = arrays.usages, arrays.network
    made = (
        network.bids.select("bid")
        .join(
            awards.group_by("bid").agg(pl.col("quantity").sum()),
            on="bid",
            how="left",
            maintain_order="left",
        )["quantity"]
        .fill_null(0.0)
        .to_numpy()
    )
    load = np.bincount(
        usages.resource,
        weights=usages.use_per_unit * made[usages.bid],
        minlength=usages.capacity.size,
    )
    full = load >= usages.capacity * (1 - COVERED)
    used_up = np.zeros(network.bids.height, dtype=np.bool_)
    used_up[usages.bid[full[usages.resource]]] = True
    return used_up


def _held_back(
    arrays: Arrays, demand: int, candidates: Candidates, used_up: Bools, is_proven: bool
) -> str:
    """Why bids that pass every gate make no more; empty if there are none."""
    start, stop = np.searchsorted(candidates.demand, [demand, demand + 1])
    bids = np.unique(candidates.bid[start:stop])
    if bids.size == 0:
        return ""
    demands, full = arrays.demands, int(used_up[bids].sum())
    suppliers = np.unique(arrays.bids.supplier[bids]).size
    most, fewest = min(int(demands.max_suppliers[demand]), suppliers), demands.min_suppliers[demand]
    cap = float(demands.share_cap[demand])
    parts = []
    if suppliers < fewest:
        parts.append(f"at least {fewest} suppliers are asked for and only {suppliers} can be had")
    elif cap * most < 1 - COVERED:
        parts.append(
            f"with a share cap of {cap:.0%}, {count(most, 'supplier')} cover no more "
            f"than {cap * most:.0%}"
        )
    if full:
        parts.append(f"{count(full, 'bid')} out of capacity")
    if full < bids.size and not (parts and full == 0):
        parts.append(
            f"{count(bids.size - full, 'bid')} "
            + (
                "held back by award sizes, share caps, supplier counts or rules"
                if is_proven
                else "may have more to give: nobody has proven that the plan cannot use it"
            )
        )
    return f"{count(bids.size, 'bid')} passed every gate: " + "; ".join(parts)


def _all_rejected(demand: int, rejections: Rejections) -> str:
    start, stop = np.searchsorted(rejections.demand, [demand, demand + 1])
    if start == stop:
        return "no supplier bids for this component"
    reason, distance = rejections.reason[start:stop], rejections.distance[start:stop]
    names, units = list(REASONS), list(REASONS.values())
    parts = [
        f"{names[code]}: "
        f"{count(np.unique(rejections.bid[start:stop][reason == code]).size, 'bid')}, "
        f"nearest {distance[reason == code].min():,.6g} {units[code]}"
        for code in np.unique(reason)
    ]
    return "every bid fails a gate (" + "; ".join(parts) + ")"


def costs_of(awards: pl.DataFrame, suppliers: pl.DataFrame) -> Costs:
    """Totals of a plan, in the network's currency."""
    landed, fixed = float(awards["landed_cost"].sum()), float(awards["fixed_cost"].sum())
    onboarding = float(suppliers["onboarding_cost"].sum())
    return Costs(
        landed=landed, fixed=fixed, onboarding=onboarding, total=landed + fixed + onboarding
    )
