"""The awards of a plan, as options of its network with quantities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from matcher.arrays import Arrays, Floats, Ints, index_of
from matcher.finding import CODES, Finding
from matcher.links import Links, links_between
from matcher.options import Options
from matcher.tables import MODES

# An award whose quantity is this close below a tier, relatively, has reached it.
TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Awards:
    """The awards that can be understood, as options with quantities."""

    frame: pl.DataFrame
    options: Options
    links: Links
    supplier: Ints
    quantity: Floats
    labels: list[str]


def understand(arrays: Arrays, frame: pl.DataFrame, findings: list[Finding]) -> Awards:
    """Turn the award rows of a plan into options; rows that make no sense are named and left out.

    An award that states no tier gets the one its quantity reaches, and without a mode the
    cheapest that runs.
    """
    network = arrays.network
    frame = frame.with_row_index("row", offset=1)

    def drop(bad: pl.Expr, code: str, about: str, actual: pl.Expr | None = None) -> None:
        nonlocal frame
        faulty = frame.filter(bad)
        if actual is not None:
            faulty = faulty.with_columns(actual=actual)
        findings.extend(
            Finding(code, f"award {row['row']}", f"{row['demand']} from {row['bid']}: "
                    f"{CODES[code]}", row[about], row.get("actual"))
            for row in faulty.iter_rows(named=True))
        frame = frame.filter(~bad)

    drop(~pl.col("demand").is_in(network.demands["demand"].implode()), "unknown_demand", "demand")
    drop(~pl.col("bid").is_in(network.bids["bid"].implode()), "unknown_bid", "bid")
    drop(~(pl.col("quantity").is_finite() & (pl.col("quantity") > 0)).fill_null(False),
         "bad_quantity", "quantity")
    bids = network.bids.select("bid", bid_supplier="supplier", bid_component="component",
                               bid_demand="demand")
    needs = network.demands.select("demand", needed="component")
    frame = frame.join(bids, on="bid", how="left", maintain_order="left").join(
        needs, on="demand", how="left", maintain_order="left")
    drop((pl.col("supplier") != pl.col("bid_supplier")).fill_null(False), "wrong_supplier",
         "supplier", pl.col("bid_supplier"))
    drop(pl.col("bid_component") != pl.col("needed"), "wrong_component", "bid_component",
         pl.col("needed"))
    drop((pl.col("component") != pl.col("needed")).fill_null(False), "wrong_component",
         "component", pl.col("needed"))
    drop((pl.col("bid_demand") != pl.col("demand")).fill_null(False), "other_demand", "demand",
         pl.col("bid_demand"))
    drop(~pl.col("mode").is_in(MODES).fill_null(True), "unknown_mode", "mode")
    bid = index_of(frame["bid"], network.bids["bid"])
    tiers = np.diff(arrays.bids.tier_start)[bid]
    frame = frame.with_columns(num_tiers=pl.Series(tiers, dtype=pl.Int64))
    drop(~pl.col("tier").is_between(1, pl.col("num_tiers")).fill_null(True), "unknown_tier",
         "tier", pl.col("num_tiers").cast(pl.String))
    repeated = pl.struct("demand", "bid", "mode", "tier").is_duplicated()
    findings.extend(
        Finding("duplicate_award", f"award {row['row']}", f"{row['demand']} from {row['bid']}: "
                f"{CODES['duplicate_award']}") for row in frame.filter(repeated).iter_rows(
                    named=True))
    return _options(arrays, frame)


def _options(arrays: Arrays, frame: pl.DataFrame) -> Awards:
    network, bids = arrays.network, arrays.bids
    demand = index_of(frame["demand"], network.demands["demand"])
    bid = index_of(frame["bid"], network.bids["bid"])
    quantity = frame["quantity"].to_numpy().astype(np.float64)
    supplier = bids.supplier[bid]
    origin, destination = arrays.suppliers.place[supplier], arrays.demands.place[demand]
    links = links_between(arrays, origin, destination)
    link = links.find(origin, destination)
    tier = _tiers(arrays, bid, quantity, frame["tier"])
    mode = frame["mode"].replace_strict(
        {name: i for i, name in enumerate(MODES)}, return_dtype=pl.Int32)
    # An award that names no mode is taken by the cheapest that runs; an expensive guess would
    # find faults the author did not make.
    usable = bids.modes[bid] & links.connected[link]
    components, component = arrays.components, bids.component[bid]
    freight = (links.cost_per_container[link] / components.units_per_container[component][:, None]
               + links.cost_per_kg[link] * components.weight_kg[component][:, None])
    cheapest = np.argmin(np.where(usable, freight, np.inf), axis=1).astype(np.int32)
    chosen = np.where(mode.is_null().to_numpy(), cheapest, mode.fill_null(0).to_numpy())
    options = Options(pair=np.arange(demand.size, dtype=np.int32), demand=demand, bid=bid,
                      link=link, mode=chosen.astype(np.int32), tier=tier, lower=quantity,
                      upper=quantity)
    labels = [f"{d} from {b}" for d, b in frame.select("demand", "bid").iter_rows()]
    return Awards(frame, options, links, supplier, quantity, labels)


def _tiers(arrays: Arrays, bid: Ints, quantity: Floats, stated: pl.Series) -> Ints:
    """The tier an award states, or else the last whose quantity it reaches."""
    start, stop = arrays.bids.tier_start[bid], arrays.bids.tier_start[bid + 1]
    reached = start.copy()
    for step in range(1, int((stop - start).max(initial=1))):
        tier = np.minimum(start + step, stop - 1)
        reached = np.where(quantity >= arrays.tiers.lower[tier] * (1 - TOLERANCE), tier, reached)
    own = stated.fill_null(0).to_numpy()
    return np.where(own > 0, start + own - 1, reached).astype(np.int32)
