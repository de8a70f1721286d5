"""Warnings about the network as a whole: what is right but probably not meant.

They run only on an input without errors, since a wrong cell would make them say what is not so.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl

from matcher.formatting import share
from matcher.reference.blocs import blocs
from matcher.reference.tariffs import tariffs
from matcher.reference.trade_costs import assumed_trade_costs, trade_costs
from matcher.tolerances import ROUNDING
from matcher.validate import rule_checks, term_checks
from matcher.validate.findings import Check, Findings, plain
from matcher.validate.places import places_lie_in_their_economy
from matcher.validate.raw import Tables


def advise(tables: Tables, findings: Findings) -> None:
    """Note every warning about the network as a whole; the input must be without errors."""
    for one in ADVICE:
        one(tables, findings)


def demands_have_bids(tables: Tables, findings: Findings) -> None:
    """Warn of a demand for which nobody bids."""
    bids = tables["bids"]
    general = bids.filter(pl.col("demand").is_null())["component"].unique()
    special = bids["demand"].drop_nulls().unique()
    hits = tables["demands"].filter(
        ~pl.col("component").is_in(general.implode()), ~pl.col("demand").is_in(special.implode())
    )
    findings.each(
        "demand_without_bid",
        tables.place("demands"),
        hits,
        lambda hit: (
            f"asks for {hit['component']}, for which there is no bid",
            "add a bid; until then the whole demand stays unmet",
        ),
        column="demand",
        severity="warning",
    )


def suppliers_have_bids(tables: Tables, findings: Findings) -> None:
    """Warn of a supplier that makes no bid."""
    hits = tables["suppliers"].filter(
        ~pl.col("supplier").is_in(tables["bids"]["supplier"].unique().implode())
    )
    findings.each(
        "supplier_without_bid",
        tables.place("suppliers"),
        hits,
        lambda _: ("makes no bid", "add one; until then it cannot be given an award"),
        column="supplier",
        severity="warning",
    )


def bids_differ(tables: Tables, findings: Findings) -> None:
    """Warn of a bid that repeats another in everything but its id: a row pasted twice.

    Each counts on its own, so that together they may give twice the largest quantity.
    """
    bids, tiers = tables["bids"], tables["tiers"]
    scales = tiers.group_by("bid").agg(pl.struct("from_quantity", "price").sort().alias("scale"))
    terms = [name for name in bids.columns if name not in ("row", "bid")]
    same = bids.join(scales, on="bid", how="left").sort("row")
    hits = same.with_columns(
        first_row=pl.col("row").first().over(*terms, "scale"),
        first_bid=pl.col("bid").first().over(*terms, "scale"),
    ).filter(pl.col("row") != pl.col("first_row"))
    findings.each(
        "same_bid_twice",
        tables.place("bids"),
        hits,
        lambda hit: (
            f"is the same as bid {hit['first_bid']} in row {hit['first_row']}; both are counted",
            "delete one of the two rows, or correct it",
        ),
        column="bid",
        severity="warning",
    )


def resources_are_used(tables: Tables, findings: Findings) -> None:
    """Warn of a capacity that limits nothing, or not all that it seems to."""
    usages, resources, bids = tables["usages"], tables["resources"], tables["bids"]
    used = usages["resource"].unique()
    findings.each(
        "resource_without_usage",
        tables.place("resources"),
        resources.filter(~pl.col("resource").is_in(used.implode())),
        lambda _: (
            f"is used by no bid, so its capacity limits nothing; {tables.place('usages')} has no "
            "row for it",
            f"add the bids that use it to {tables.place('usages')}, or delete the resource",
        ),
        column="resource",
        severity="warning",
    )
    limited = resources.filter(pl.col("resource").is_in(used.implode()))["supplier"].unique()
    findings.each(
        "bid_without_usage",
        tables.place("bids"),
        bids.filter(
            pl.col("supplier").is_in(limited.implode()),
            ~pl.col("bid").is_in(usages["bid"].unique().implode()),
        ),
        lambda hit: (
            f"uses no resource, although other bids of {hit['supplier']} do: no capacity limits it",
            f"add its rows to {tables.place('usages')}, or leave it if it needs none",
        ),
        column="bid",
        severity="warning",
    )


def order_multiples_divide(tables: Tables, findings: Findings) -> None:
    """Warn of a demand of which each bid's order multiple leaves a remainder."""
    offers = tables["bids"].select("component", "demand", "order_multiple").unique()
    wanted = tables["demands"].select("row", "demand", "component", "quantity")
    special = (
        offers.drop_nulls("demand").select("demand", "order_multiple").join(wanted, on="demand")
    )
    general = (
        offers.filter(pl.col("demand").is_null())
        .select("component", "order_multiple")
        .join(wanted, on="component")
    )
    pairs = pl.concat(
        [special.select(sorted(special.columns)), general.select(sorted(general.columns))]
    )
    steps = pl.col("quantity") / pl.col("order_multiple")
    pairs = pairs.with_columns(
        whole=(
            pl.col("order_multiple").is_null()
            | ((steps - steps.round()).abs() <= ROUNDING * steps.clip(lower_bound=1))
        ),
        rest=pl.col("quantity") - steps.floor() * pl.col("order_multiple"),
    )
    hits = (
        pairs.group_by("row", "demand", "quantity")
        .agg(
            pl.col("whole").any(),
            pl.col("rest").min(),
            pl.col("order_multiple").unique().sort().alias("multiples"),
        )
        .filter(~pl.col("whole"))
    )
    findings.each(
        "no_award_step_divides",
        tables.place("demands"),
        hits,
        lambda hit: (
            "is not a multiple of any bid's order_multiple ("
            + ", ".join(plain(value) for value in hit["multiples"][:6])
            + f"); a single supplier leaves at least {hit['rest']:.6g}",
            "change the quantity or an order_multiple, or allow several suppliers",
        ),
        column="quantity",
        severity="warning",
    )


def goods_have_duties(tables: Tables, findings: Findings) -> None:
    """Warn, once a destination, of goods for which a duty is assumed as no row states one."""
    missing = _without_duty_row(tables)
    day = tables.cell("start")
    economies = sorted({*missing["origin"], *missing["destination"]})
    assert isinstance(day, date)
    between = blocs(economies, day)
    index = pl.Enum(economies)
    crossing = tuple(
        missing[end].cast(index).to_physical().to_numpy() for end in ("origin", "destination")
    )
    is_due = ~between.no_duty[crossing] & ~(
        between.free_trade[crossing] & missing["origin_proof"].to_numpy()
    )
    hits = (
        missing.filter(pl.Series(is_due, dtype=pl.Boolean))
        .group_by("destination")
        .agg(
            pl.col("component").n_unique().alias("components"),
            pl.col("origin").unique().sort(),
            pl.col("row").min(),
        )
        .join(tariffs(), left_on="destination", right_on="economy", how="left")
    )
    for code, some in (
        ("assumed_duty", hits.filter(pl.col("rate").is_not_null())),
        ("no_duty", hits.filter(pl.col("rate").is_null())),
    ):
        findings.each(
            code,
            tables.place("demands"),
            some,
            lambda hit: (
                f"{_assumed(hit)} is taken for {hit['components']:,} "
                f"component{'s' * (hit['components'] > 1)} from {', '.join(hit['origin'][:8])}"
                f"{', …' if len(hit['origin']) > 8 else ''} into {hit['destination']}, since no "
                f"row of {tables.place('duties')} matches",
                f"add rows with the destination {hit['destination']} to {tables.place('duties')}, "
                "with the rate 0 where none is due",
            ),
            value="destination",
            severity="warning",
        )


def _without_duty_row(tables: Tables) -> pl.DataFrame:
    """What `_crossings` gives, as far as no row of the duties matches it."""
    missing = _crossings(tables)
    duties = tables["duties"]
    for length in duties["hs"].str.len_chars().unique():
        prefix = (
            pl.col("hs").str.slice(0, length)
            if length is not None
            else pl.lit(None, dtype=pl.String)
        )
        for keys in (["hs", "origin", "destination"], ["hs", "destination"]):
            rows = duties.filter(
                pl.col("hs").str.len_chars().eq_missing(pl.lit(length, dtype=pl.UInt32)),
                pl.col("origin").is_not_null() if "origin" in keys else pl.col("origin").is_null(),
            )
            missing = (
                missing.with_columns(whole=pl.col("hs"), hs=prefix)
                .join(
                    rows,
                    on=keys,
                    how="anti",
                    nulls_equal=True,
                )
                .with_columns(hs=pl.col("whole"))
                .drop("whole")
            )
    return missing


def _assumed(hit: Mapping[str, Any]) -> str:
    if hit["rate"] is None:
        return "a duty of 0"
    return (
        f"the most-favoured-nation tariff of {share(hit['rate'], 1)} "
        f"(mean over {hit['goods']}, {hit['year']})"
    )


def places_have_trade_costs(tables: Tables, findings: Findings) -> None:
    """Warn of economies for which days and cost of export and import are assumed."""
    crossings = _crossings(tables)
    crossed = sorted({*crossings["origin"], *crossings["destination"]})
    own = tables["trade_costs"].select(trade_costs().columns).drop_nulls("economy")
    known = pl.concat([own, trade_costs()]).group_by("economy").agg(pl.all().is_not_null().any())
    hits = (
        tables["places"]
        .filter(pl.col("economy").is_in(crossed))
        .group_by("economy")
        .agg(pl.col("row").min())
        .join(known, on="economy", how="left")
        .with_columns(pl.col(known.columns[1:]).fill_null(value=False))
        .filter(~pl.all_horizontal(known.columns[1:]))
    )
    findings.each(
        "assumed_trade_cost",
        tables.place("places"),
        hits,
        lambda hit: (
            f"has no trade costs {' nor '.join(_lacking(hit))}, neither built-in nor in the "
            "network; the median of all economies is taken: "
            + "; ".join(map(_medians, _lacking(hit))),
            f"add a row {hit['economy']} to {tables.place('trade_costs')}",
        ),
        column="economy",
        severity="warning",
    )


_WAYS = {
    "by sea": ("{}_days", "{}_cost_usd_per_container"),
    "by other modes": ("{}_clearance_days", "{}_clearance_cost_usd"),
}


def _lacking(known: Mapping[str, Any]) -> list[str]:
    """The ways of shipping for which not all figures are known."""
    return [
        way
        for way, columns in _WAYS.items()
        if not all(known[name.format(end)] for name in columns for end in ("export", "import"))
    ]


def _medians(way: str) -> str:
    days, cost = _WAYS[way]
    median = assumed_trade_costs()
    return f"{way} " + ", ".join(
        f"{median[days.format(end)]:.3g} days and {median[cost.format(end)]:,.0f} US dollars a "
        f"container to {end}"
        for end in ("export", "import")
    )


def _crossings(tables: Tables) -> pl.DataFrame:
    """Component, hs, origin and destination of what bids offer across a border to a demand.

    ``origin_proof``: whether all of those bids prove the origin.
    """
    economy = tables["places"].select("place", "economy")
    origin = tables["suppliers"].join(economy, on="place").select("supplier", origin="economy")
    offers = (
        tables["bids"]
        .select("supplier", "component", "demand", pl.col("origin_proof").fill_null(value=False))
        .unique()
        .join(origin, on="supplier")
        .select("component", "demand", "origin", "origin_proof")
        .unique()
    )
    wanted = (
        tables["demands"]
        .join(economy, on="place")
        .select("row", "demand", "component", destination="economy")
    )
    general = (
        offers.filter(pl.col("demand").is_null())
        .drop("demand")
        .join(wanted.group_by("component", "destination").agg(pl.col("row").min()), on="component")
    )
    special = offers.drop_nulls("demand").drop("component").join(wanted, on="demand")
    columns = ["component", "origin", "destination", "row", "origin_proof"]
    return (
        pl.concat([general.select(columns), special.select(columns)])
        .filter(pl.col("origin") != pl.col("destination"))
        .group_by("component", "origin", "destination")
        .agg(pl.col("row").min(), pl.col("origin_proof").all())
        .join(tables["components"].select("component", "hs"), on="component")
    )


ADVICE: tuple[Check, ...] = (
    demands_have_bids,
    order_multiples_divide,
    suppliers_have_bids,
    bids_differ,
    resources_are_used,
    goods_have_duties,
    places_have_trade_costs,
    places_lie_in_their_economy,
    *rule_checks.ADVICE,
    *term_checks.ADVICE,
)
