"""What can be awarded at all, of candidates and demands: limits that no plan exceeds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from matcher.formulation.builder import resource_use
from matcher.formulation.concerned import ramp_share
from matcher.formulation.instances import Index
from matcher.network.arrays import Arrays, Bools, Floats
from matcher.screening.candidates import Candidates
from matcher.tolerances import STATED


@dataclass(frozen=True, slots=True)
class Reachable:
    """Candidates that some plan may award.

    Parameters
    ----------
    most
        The most units of each candidate.
    reach
        The most units of each demand.
    lacking
        Bids of bundles that have no such candidate; nothing of their bundles is here.
    """

    arrays: Arrays
    candidates: Candidates
    most: Floats
    reach: Floats
    lacking: Index

    def within(self, reach: Floats) -> Reachable:
        """The same for demands that no plan awards more of than ``reach``."""
        rows = np.flatnonzero(reach[self.candidates.demand] > 0)
        kept = self.candidates.take(rows)
        return Reachable(self.arrays, kept, self.most[rows], reach, self.lacking)


def reachable(arrays: Arrays, c: Candidates) -> Reachable:
    """The candidates that fit into their resources and bundles."""
    most = np.minimum(c.upper, _room(arrays, c))
    kept: Bools = (most > 0) & (c.lower <= most * (1 + STATED))
    bundle = arrays.bids.bundle
    bundled = bundle >= 0
    bundled[c.bid[kept]] = False
    lacking = np.flatnonzero(bundled)
    kept &= ~np.isin(bundle[c.bid], bundle[lacking])
    rows = np.flatnonzero(kept)
    return Reachable(arrays, c.take(rows), most[rows], arrays.demands.quantity, lacking)


def _room(arrays: Arrays, c: Candidates) -> Floats:
    """The units of each candidate that its resources can make for it alone."""
    rows, resource, use = resource_use(arrays, c)
    needed = c.demand[rows]
    period = arrays.demands.period[needed]
    whole = arrays.periods.capacity[resource, period] * ramp_share(arrays, c.bid[rows], period)
    room = np.full(c.size, np.inf)
    some = use > 0
    np.minimum.at(room, rows[some], (whole * arrays.demands.quantity[needed])[some] / use[some])
    step = arrays.bids.order_multiple[c.bid]
    stepped = np.flatnonzero((step > 0) & np.isfinite(room))
    room[stepped] = np.floor(room[stepped] / step[stepped] + STATED) * step[stepped]
    return room


# long: one query, in steps that stand on each other
def reach_of(p: Reachable, instance: Index) -> pl.DataFrame:
    """What each instance can be awarded of each demand: suppliers, and most units.

    ``instance`` has one entry a candidate, -1 for none. A bid gives its largest candidate, or all
    of them if it may be split; a supplier what its bids give, up to the share cap and to a resource
    that all of them use; a demand what as many suppliers as it may have give.
    """
    arrays, c = p.arrays, p.candidates
    bids, demands = arrays.bids, arrays.demands
    pair = ["instance", "demand", "supplier"]
    frame = pl.DataFrame(
        {
            "instance": instance,
            "demand": c.demand,
            "supplier": c.supplier,
            "bid": c.bid,
            "most": p.most,
            "split": bids.split[c.bid],
            "largest": bids.max_quantity[c.bid],
        }
    )
    rows, resource, use = resource_use(arrays, c)
    per_unit = use / demands.quantity[c.demand[rows]]
    capacity = arrays.periods.capacity[resource, demands.period[c.demand[rows]]]
    together = pl.min_horizontal(pl.col("most").sum(), pl.col("largest").first())
    by_bid = (
        frame.filter(pl.col("instance") >= 0)
        .group_by(*pair, "bid")
        .agg(most=pl.when(pl.col("split").first()).then(together).otherwise(pl.col("most").max()))
    )
    by_supplier = by_bid.group_by(pair).agg(pl.col("most").sum(), bids=pl.len())
    room = (
        frame[rows.astype(np.int64)]
        .select(*pair, "bid")
        .with_columns(
            pl.Series("resource", resource),
            pl.Series("use", per_unit),
            pl.Series("capacity", capacity),
        )
        .filter(pl.col("instance") >= 0, pl.col("use") > 0)
        .group_by(*pair, "resource")
        .agg(
            using=pl.col("bid").n_unique(),
            room=pl.col("capacity").first() / pl.col("use").min(),
        )
        .join(by_supplier, on=pair)
        .filter(pl.col("using") == pl.col("bids"))
        .group_by(pair)
        .agg(pl.col("room").min())
    )
    of_demand = pl.DataFrame(
        {
            "demand": np.arange(demands.quantity.size, dtype=np.int32),
            "reach": p.reach,
            "cap": demands.share_cap * demands.quantity,
            "may_have": demands.max_suppliers,
        }
    )
    return (
        by_supplier.join(room, on=pair, how="left")
        .join(of_demand, on="demand")
        .with_columns(most=pl.min_horizontal("most", "room", "cap"))
        .sort("instance", "demand", "most", descending=[False, False, True])
        .group_by("instance", "demand", maintain_order=True)
        .agg(
            suppliers=pl.len(),
            most=pl.min_horizontal(
                pl.col("most").head(pl.col("may_have").first()).sum(), pl.col("reach").first()
            ),
        )
    )
