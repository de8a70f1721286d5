"""From a solution of the program to a plan that people can read."""

from __future__ import annotations

import numpy as np
import polars as pl

from matcher.evaluation import Evaluation, evaluate
from matcher.formatting import count, distance, is_or_are
from matcher.network.arrays import Arrays, Bools, Floats, index_of
from matcher.plan import AWARD_SCHEMA, SUPPLIER_SCHEMA, UNMET_SCHEMA
from matcher.schema.tables import MODES
from matcher.screening.award_options import AwardOptions
from matcher.screening.candidates import Candidates, Rejections
from matcher.screening.gates import GATES
from matcher.screening.landed_cost import TERMS
from matcher.screening.transport_links import TransportLinks
from matcher.tolerances import ROUNDING, STATED


def evaluate_candidates(
    arrays: Arrays, links: TransportLinks, made: Candidates, quantity: Floats
) -> Evaluation:
    """What awards of candidates come to; ``quantity`` in units, shape (candidates,)."""
    pair = np.arange(made.size, dtype=np.int32)
    options = AwardOptions(
        pair, made.demand, made.bid, made.link, made.mode, made.tier, made.lower, made.upper
    )
    return evaluate(arrays, links, options, quantity)


def awards_frame(
    arrays: Arrays, made: Candidates, quantity: Floats, fixed_cost: Floats
) -> pl.DataFrame:
    """The awards of candidates, one row each, sorted by demand and bid as those are.

    ``fixed_cost`` has the tooling of a line only where the award pays it.
    """
    network, c = arrays.network, made
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
            "fixed_cost": fixed_cost,
            "co2e_kg": c.co2e_kg * quantity,
            "ship_days": np.ceil(c.ship - ROUNDING),
            "arrive_days": np.ceil(c.arrive - ROUNDING),
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
        .filter(pl.col("share") > STATED)
    )
    used_up = is_used_up(arrays, awards)
    reasons = [
        _held_back(arrays, int(row), candidates, used_up, is_proven)
        or all_rejected(int(row), rejections, arrays.network.currency)
        for row in missing["row"]
    ]
    return missing.with_columns(reason=pl.Series(reasons, dtype=pl.String)).select(*UNMET_SCHEMA)


def is_used_up(arrays: Arrays, awards: pl.DataFrame) -> Bools:
    """Whether a resource that a bid needs has no room left in a period: shape (bids, periods)."""
    usages, network, capacity = arrays.usages, arrays.network, arrays.periods.capacity
    period = network.demands.select("demand", period=pl.Series(arrays.demands.period))
    made = (
        awards.join(period, on="demand")
        .group_by("bid", "period")
        .agg(pl.col("quantity").sum())
        .sort("bid", "period")
    )
    quantity = np.zeros((network.bids.height, capacity.shape[1]))
    quantity[index_of(made["bid"], network.bids["bid"]), made["period"].to_numpy()] = made[
        "quantity"
    ].to_numpy()
    load = np.zeros(capacity.shape)
    np.add.at(load, usages.resource, usages.use_per_unit[:, None] * quantity[usages.bid])
    full = load >= capacity * (1 - STATED)
    used_up = np.zeros(quantity.shape, dtype=np.bool_)
    np.logical_or.at(used_up, usages.bid, full[usages.resource])
    return used_up


def _held_back(
    arrays: Arrays, demand: int, candidates: Candidates, used_up: Bools, is_proven: bool
) -> str:
    """Why bids that pass every gate make no more; empty if there are none."""
    start, stop = np.searchsorted(candidates.demand, [demand, demand + 1])
    bids = np.unique(candidates.bid[start:stop])
    if bids.size == 0:
        return ""
    demands = arrays.demands
    full = int(used_up[bids, demands.period[demand]].sum())
    suppliers = np.unique(arrays.bids.supplier[bids]).size
    most, fewest = min(int(demands.max_suppliers[demand]), suppliers), demands.min_suppliers[demand]
    cap = float(demands.share_cap[demand])
    parts = []
    if suppliers < fewest:
        parts.append(too_few(int(fewest), suppliers, "supplier"))
    elif cap * most < 1 - STATED:
        parts.append(
            f"with a share cap of {cap:.0%}, {count(most, 'supplier')} can cover no more "
            f"than {cap * most:.0%}"
        )
    if full:
        parts.append(f"{is_or_are(full, 'bid')} out of capacity")
    if full < bids.size and not (parts and full == 0):
        rest = bids.size - full
        parts.append(
            f"{is_or_are(rest, 'bid')} limited by award sizes, share caps, supplier counts or rules"
            if is_proven
            else f"{count(rest, 'bid')} might cover more, as it is not proven that the plan cannot "
            f"use {'it' if rest == 1 else 'them'}"
        )
    return f"{count(bids.size, 'bid')} passed every gate: " + "; ".join(parts)


def too_few(fewest: float, found: int, noun: str) -> str:
    """That more suppliers, or economies, are required than there are."""
    verb = "is" if found == 1 else "are"
    return f"at least {is_or_are(fewest, noun)} required, but only {found} {verb} available"


def all_rejected(demand: int, rejections: Rejections, currency: str) -> str:
    """The gates that keep every bid from a demand, each with the nearest to passing it."""
    start, stop = np.searchsorted(rejections.demand, [demand, demand + 1])
    if start == stop:
        return "no supplier bids for this component"
    reason, missed = rejections.reason[start:stop], rejections.distance[start:stop]
    parts = []
    for code in np.unique(reason):
        bids = np.unique(rejections.bid[start:stop][reason == code]).size
        gate = GATES[code]
        nearest = distance(float(missed[reason == code].min()), gate.unit, currency)
        label = gate.label
        parts.append(
            f"{label[0].lower()}{label[1:]} ({count(bids, 'bid')}"
            + (f", the nearest by {nearest})" if nearest else ")")
        )
    return "every bid fails a gate: " + "; ".join(parts)
