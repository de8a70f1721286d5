"""The awards of a plan, as options of its network with quantities."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import polars as pl

from matcher.network.arrays import Arrays, Bools, Floats, Ints, index_of
from matcher.plan.findings import CODES, Finding
from matcher.schema.tables import MODES
from matcher.screening.award_options import AwardOptions, Pairs, sized, usable_modes
from matcher.screening.delivery import delivery
from matcher.screening.landed_cost import duty_rates, landed_cost, tier_once
from matcher.screening.transport_links import TransportLinks, transport_links
from matcher.tolerances import STATED

# Puts every mode that is late behind every one that is not, whatever they cost.
LATE = 1e15


@dataclass(frozen=True, slots=True)
class Awards:
    """The awards that can be understood, as options with quantities.

    ``runs`` tells whether the mode connects the places; where not, days and costs mean nothing.
    """

    frame: pl.DataFrame
    options: AwardOptions
    links: TransportLinks
    supplier: Ints
    quantity: Floats
    runs: Bools
    labels: list[str]


# long: one test of the rows after the other, in the order in which they are told
def understand(arrays: Arrays, frame: pl.DataFrame, findings: list[Finding]) -> Awards:
    """Turn the award rows of a plan into options; rows that make no sense are named and left out.

    An award that states no tier gets the one its quantity reaches, and without a mode the
    cheapest that arrives in time.
    """
    network = arrays.network
    frame = frame.with_row_index("row", offset=1)

    def drop(bad: pl.Expr, code: str, about: str, actual: pl.Expr | None = None) -> None:
        nonlocal frame
        faulty = frame.filter(bad)
        if actual is not None:
            faulty = faulty.with_columns(actual=actual)
        findings.extend(
            Finding(
                code,
                f"award {row['row']}",
                f"{row['demand']} from {row['bid']}: {CODES[code]}",
                _plain(row[about]),
                row.get("actual"),
            )
            for row in faulty.iter_rows(named=True)
        )
        frame = frame.filter(~bad)

    drop(~pl.col("demand").is_in(network.demands["demand"].implode()), "unknown_demand", "demand")
    drop(~pl.col("bid").is_in(network.bids["bid"].implode()), "unknown_bid", "bid")
    drop(
        ~(pl.col("quantity").is_finite() & (pl.col("quantity") > 0)).fill_null(False),
        "bad_quantity",
        "quantity",
    )
    bids = network.bids.select(
        "bid", bid_supplier="supplier", bid_component="component", bid_demand="demand"
    )
    needs = network.demands.select("demand", needed="component")
    frame = frame.join(bids, on="bid", how="left", maintain_order="left").join(
        needs, on="demand", how="left", maintain_order="left"
    )
    drop(
        (pl.col("supplier") != pl.col("bid_supplier")).fill_null(False),
        "wrong_supplier",
        "supplier",
        pl.col("bid_supplier"),
    )
    drop(
        pl.col("bid_component") != pl.col("needed"),
        "wrong_component",
        "bid_component",
        pl.col("needed"),
    )
    drop(
        (pl.col("component") != pl.col("needed")).fill_null(False),
        "wrong_component",
        "component",
        pl.col("needed"),
    )
    drop(
        (pl.col("bid_demand") != pl.col("demand")).fill_null(False),
        "other_demand",
        "demand",
        pl.col("bid_demand"),
    )
    drop(~pl.col("mode").is_in(MODES).fill_null(True), "unknown_mode", "mode")
    bid = index_of(frame["bid"], network.bids["bid"])
    tiers = np.diff(arrays.bids.tier_start)[bid]
    frame = frame.with_columns(num_tiers=pl.Series(tiers, dtype=pl.Int64))
    drop(
        ~pl.col("tier").is_between(1, pl.col("num_tiers")).fill_null(True),
        "unknown_tier",
        "tier",
        pl.col("num_tiers").cast(pl.String),
    )
    return _resolved(arrays, frame, findings)


def _plain(value: float | str | None) -> float | str | None:
    """A value as JSON can hold it: what is not finite becomes text."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _resolved(arrays: Arrays, frame: pl.DataFrame, findings: list[Finding]) -> Awards:
    """Settle link, tier and mode of each award; one that stands twice counts once."""
    network, bids = arrays.network, arrays.bids
    demand = index_of(frame["demand"], network.demands["demand"])
    bid = index_of(frame["bid"], network.bids["bid"])
    quantity = frame["quantity"].to_numpy().astype(np.float64)
    origin = arrays.suppliers.place[bids.supplier[bid]]
    destination = arrays.demands.place[demand]
    links = transport_links(arrays, origin, destination)
    pairs = Pairs(demand, bid, links.find(origin, destination))
    tier = _tiers(arrays, bid, quantity, frame["tier"])
    usable = usable_modes(arrays, pairs, links)
    stated = frame["mode"].replace_strict(
        {name: i for i, name in enumerate(MODES)}, return_dtype=pl.Int32
    )
    mode = stated.fill_null(-1).to_numpy()
    if stated.null_count():
        best = _best_mode(arrays, links, pairs, tier, quantity, usable)
        mode = np.where(mode < 0, best, mode)
    row = np.arange(demand.size)
    runs = usable[row, mode]
    first = np.zeros(demand.size, dtype=np.bool_)
    keys = np.column_stack([demand, bid, mode, tier])
    first[np.unique(keys, axis=0, return_index=True)[1]] = True
    for code, bad in (("lane", ~runs), ("duplicate_award", ~first)):
        findings.extend(
            Finding(
                code,
                f"award {each['row']}",
                f"{each['demand']} from {each['bid']}: {CODES[code]}",
                MODES[mode[i]],
            )
            for i, each in zip(
                np.flatnonzero(bad), frame.filter(pl.Series(bad)).to_dicts(), strict=True
            )
        )
    kept = np.flatnonzero(first)
    frame = frame.filter(pl.Series(first))
    options = AwardOptions(
        pair=np.arange(kept.size, dtype=np.int32),
        demand=demand[kept],
        bid=bid[kept],
        link=pairs.link[kept],
        mode=mode[kept].astype(np.int32),
        tier=tier[kept],
        lower=np.zeros(kept.size),
        upper=quantity[kept],
    )
    labels = [f"{d} from {b}" for d, b in frame.select("demand", "bid").iter_rows()]
    return Awards(
        frame, options, links, bids.supplier[bid[kept]], quantity[kept], runs[kept], labels
    )


def _best_mode(
    arrays: Arrays, links: TransportLinks, pairs: Pairs, tier: Ints, quantity: Floats, usable: Bools
) -> Ints:
    """The mode an author who names none will have meant: the cheapest of those in time."""
    duties = duty_rates(arrays)
    rank = np.full(usable.shape, np.inf)
    for m in range(len(MODES)):
        rows = np.flatnonzero(usable[:, m]).astype(np.int32)
        options = sized(arrays, pairs, rows, np.full(rows.size, m, dtype=np.int32), tier[rows])
        days = delivery(arrays, links, options)
        once, _ = tier_once(arrays, links, duties, options)
        cost = landed_cost(arrays, links, duties, options, days.pipeline).sum(axis=0)
        cost += once / quantity[rows]
        late = np.maximum(-days.slack, 0.0)
        rank[rows, m] = np.where(late > 0, LATE + late, 0.0) + cost
    best: Ints = np.argmin(rank, axis=1).astype(np.int32)
    return best


def _tiers(arrays: Arrays, bid: Ints, quantity: Floats, stated: pl.Series) -> Ints:
    """The tier an award states, or else the last whose quantity it reaches."""
    start, stop = arrays.bids.tier_start[bid], arrays.bids.tier_start[bid + 1]
    reached = start.copy()
    for step in range(1, int((stop - start).max(initial=1))):
        tier = np.minimum(start + step, stop - 1)
        reached = np.where(quantity >= arrays.tiers.lower[tier] * (1 - STATED), tier, reached)
    own = stated.fill_null(0).to_numpy()
    return np.where(own > 0, start + own - 1, reached).astype(np.int32)
