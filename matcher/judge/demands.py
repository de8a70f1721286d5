"""The awards of each demand together: quantities, suppliers, tiers, bundles and consortia."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl

from matcher.evaluation.awards import Awards
from matcher.network.arrays import Arrays
from matcher.plan.findings import CODES, Finding
from matcher.tolerances import STATED


def demands(arrays: Arrays, awards: Awards) -> Iterable[Finding]:
    """What the awards of a demand break together."""
    options = awards.options
    frame = pl.DataFrame(
        {
            "demand": options.demand,
            "supplier": awards.supplier,
            "bid": options.bid,
            "consortium": arrays.bids.consortium[options.bid],
            "mode": options.mode,
            "tier": options.tier,
            "quantity": awards.quantity,
        }
    )
    yield from _totals(arrays, frame)
    yield from _share_caps(arrays, frame)
    yield from _ways(arrays, frame)
    yield from _pools(arrays, frame)


def _totals(arrays: Arrays, frame: pl.DataFrame) -> Iterable[Finding]:
    """Quantity and number of suppliers of each demand."""
    needs, keys = arrays.demands, arrays.network.demands["demand"]
    totals = (
        frame.group_by("demand")
        .agg(quantity=pl.col("quantity").sum(), suppliers=pl.col("supplier").n_unique())
        .sort("demand")
    )
    for d, quantity, count in totals.iter_rows():
        needed, slack = float(needs.quantity[d]), STATED * float(needs.quantity[d])
        if quantity > needed + slack:
            yield _about(keys[d], "over_demand", quantity, needed)
        if needs.single_source[d]:
            if count > 1 or quantity < needed - slack:
                yield _about(keys[d], "single_source", count, 1)
        elif count > needs.max_suppliers[d]:
            yield _about(keys[d], "most_suppliers", count, needs.max_suppliers[d])
        if count < needs.min_suppliers[d]:
            yield _about(keys[d], "fewest_suppliers", count, needs.min_suppliers[d])


def _share_caps(arrays: Arrays, frame: pl.DataFrame) -> Iterable[Finding]:
    """The largest share of a demand that one supplier may have."""
    needs, network = arrays.demands, arrays.network
    shares = (
        frame.group_by("demand", "supplier")
        .agg(pl.col("quantity").sum())
        .sort("demand", "supplier")
    )
    d, quantity = shares["demand"].to_numpy(), shares["quantity"].to_numpy()
    limit = needs.share_cap[d] * needs.quantity[d]
    over = quantity > limit + STATED * needs.quantity[d]
    for i in np.flatnonzero(over & (needs.share_cap[d] < 1)):
        who = network.suppliers["supplier"][shares["supplier"][int(i)]]
        yield _about(
            network.demands["demand"][int(d[i])], "share_cap", quantity[i], limit[i], f", {who}"
        )


def _ways(arrays: Arrays, frame: pl.DataFrame) -> Iterable[Finding]:
    """What one bid may get of a demand, and in how many tiers and modes."""
    network = arrays.network
    by_bid = (
        frame.group_by("demand", "bid")
        .agg(ways=pl.struct("mode", "tier").n_unique(), quantity=pl.col("quantity").sum())
        .sort("demand", "bid")
    )
    for demand, bid, ways, quantity in by_bid.iter_rows():
        key, source = network.demands["demand"][demand], f" from {network.bids['bid'][bid]}"
        most = float(arrays.bids.max_quantity[bid])
        if quantity > most + STATED * float(arrays.demands.quantity[demand]):
            yield _about(key, "above_max_quantity", quantity, most, source)
        if ways > 1 and not arrays.bids.split[bid]:
            yield _about(key, "one_tier_and_mode", ways, 1, source)


def _pools(arrays: Arrays, frame: pl.DataFrame) -> Iterable[Finding]:
    """What a consortium makes of a demand together, if anything, reaches its MOQ."""
    network = arrays.network
    pooled = (
        frame.filter(pl.col("consortium") >= 0)
        .group_by("demand", "consortium")
        .agg(pl.col("quantity").sum())
        .sort("demand", "consortium")
    )
    for demand, consortium, quantity in pooled.iter_rows():
        moq = float(arrays.consortia.moq[consortium])
        if quantity < moq - STATED * float(arrays.demands.quantity[demand]):
            key = network.demands["demand"][demand]
            source = f" from {network.consortia['consortium'][consortium]}"
            yield _about(key, "consortium_moq", quantity, moq, source)


def bundles(arrays: Arrays, awards: Awards) -> Iterable[Finding]:
    """Bids of a bundle are awarded all of their demands, or nothing."""
    bids, bundle = arrays.bids, arrays.bids.bundle
    made = np.bincount(awards.options.bid, weights=awards.quantity, minlength=bundle.size)
    members = np.flatnonzero(bundle >= 0)
    needed = arrays.demands.quantity[bids.demand[members]]
    size = int(bundle.max(initial=-1)) + 1
    num_bids = np.bincount(bundle[members], minlength=size)
    is_used = np.bincount(bundle[members], weights=made[members] > 0, minlength=size) > 0
    is_whole = np.abs(made[members] - needed) <= STATED * needed
    num_whole = np.bincount(bundle[members], weights=is_whole, minlength=size)
    names = arrays.network.bids["bundle"].drop_nulls().unique().sort()
    for i in np.flatnonzero(is_used & (num_whole < num_bids)):
        yield _about(names[int(i)], "bundle", num_whole[i], num_bids[i])


def _about(key: str, code: str, claimed: float, actual: float, who: str = "") -> Finding:
    return Finding(code, key, f"{key}{who}: {CODES[code]}", float(claimed), float(actual))
