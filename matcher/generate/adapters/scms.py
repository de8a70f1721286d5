"""A network from the SCMS delivery history: what was bought, offered again to be planned.

Order lines are demands, manufacturing sites are suppliers, items are components; prices, freight,
days and volumes are those that the file shows. Every choice is written at the function that makes
it, and every line left out is counted in the network's warnings.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl

from matcher.errors import InputError, Issue
from matcher.generate.adapters.scms_lines import (
    DIRECT,
    NO_DATE,
    NO_WEIGHT,
    country_table,
    read_lines,
    site_table,
)
from matcher.network import Network
from matcher.read import network_from_tables
from matcher.screening.landed_cost import INSURED_SHARE

DENSITY_KG_PER_M3 = 200.0
"""The file has no volumes. At this density air freight counts the weight, as was observed."""

MIN_SHIPMENTS = 5
"""A place with fewer dated lines than this takes the lead time of all places."""

_GOODS = ("EXW", "FCA")
_DELIVERED = {"CIF": "CIF", "CIP": "CIP", "DDU": "DAP", "DDP": "DDP"}
# Medicaments in doses; diagnostic reagents, as numbered from 2007 to 2021.
_HS = {"ARV": "300490", "ACT": "300490", "ANTM": "300490", "HRDT": "382200", "MRDT": "382200"}


def scms_network(
    path: str | Path,
    *,
    years: Collection[int] = (2010,),
    countries: Collection[str] | None = None,
    capacity_factor: float = 1.25,
    start: date | None = None,
) -> Network:
    """The order lines of some years as a network.

    Parameters
    ----------
    path
        The CSV file of the SCMS delivery history.
    years
        Lines whose scheduled delivery falls into these years become demands.
    countries
        Countries of delivery as the file spells them; by default all.
    capacity_factor
        Capacity of a supplier per year, as a multiple of its busiest year in the file.
    start
        The day on which orders are placed; by default the first order date of the chosen lines,
        so that they are planned together, as one framework tender would.

    Returns
    -------
    Network
        In US dollars. Its warnings count what was left out and what was assumed.

    Raises
    ------
    InputError
        The file is not the SCMS delivery history, or no line is chosen.

    Notes
    -----
    Only lines that went from the manufacturer to the client (``Direct Drop``) are used: for those
    from a regional store the file shows neither the manufacturer's freight nor its delivery.

    - bids: one for each site, item and term at the median price of the chosen years. With EXW
      and FCA the price is that of the goods and freight comes from the lanes. With CIP, CIF, DDU
      (today DAP) and DDP it is what was paid in all (value + freight + insurance), and holds for
      that country and mode alone.
    - lead time of a place: the lower quartile of days from order to delivery, over all years.
    - days of a lane: the median from order to delivery on it, less that lead time, and at least
      0; where it was never used, that of the country and mode, or of the mode.
    - cost per kg of a lane: freight ÷ weight of all EXW and FCA lines on it, with the same steps.
    - trade costs are zero: freight and days were observed from door to door, so what export and
      import take is inside. Duties are zero, for the file shows none.
    - capacity: by weight, see ``capacity_factor``.
    - capital costs nothing and nothing is defective, for the file says nothing of either.

    A manufacturer that grants poor countries a lower price appears with one price, the median; so
    part of what `matcher.generate.adapters.compare` finds is such prices shared out anew.
    """
    if capacity_factor <= 0:
        raise InputError(
            [
                Issue(
                    code="out_of_range",
                    table="options",
                    column="capacity_factor",
                    value=str(capacity_factor),
                    problem="is not above 0",
                    fix="give 1 or more",
                )
            ]
        )
    lines = read_lines(path)
    chosen = choose_lines(lines, Path(path).name, years, countries)
    direct = lines.filter(
        pl.col("fulfilled") == DIRECT,
        pl.col("supplier").is_not_null(),
        pl.col("destination").is_not_null(),
    ).pipe(_with_modes)
    begin = start or min(
        d for d in (chosen["ordered"].min(), chosen["scheduled"].min()) if isinstance(d, date)
    )
    bids = _bids(direct, chosen, years)
    routes = _routes(direct, chosen, bids)
    tables = _plain_tables(chosen, bids, years, begin) | {
        "bids": _with_lead_times(direct, bids),
        "resources": _resources(direct, bids, capacity_factor * len(set(years))),
        "usages": bids.select("bid", resource="supplier", use_per_unit="unit_kg"),
        "lanes": routes.select("origin", "destination", "mode", "days", "cost_per_kg"),
    }
    network = network_from_tables(tables)
    warnings = _warnings(lines, chosen, bids, routes, Path(path).name, years, countries)
    return replace(network, warnings=(*network.warnings, *warnings))


def choose_lines(
    lines: pl.DataFrame, file: str, years: Collection[int], countries: Collection[str] | None
) -> pl.DataFrame:
    """The lines that become demands: direct drops of the years and countries, sites known."""
    in_slice = lines.filter(_in_slice(years, countries))
    chosen = in_slice.filter(pl.col("supplier").is_not_null(), pl.col("destination").is_not_null())
    if chosen.is_empty():
        known = lines.filter(pl.col("fulfilled") == DIRECT)
        raise InputError(
            [
                Issue(
                    code="empty_table",
                    table=file,
                    problem=f"holds no direct drop of the years {sorted(years)}"
                    + ("" if countries is None else f" to {sorted(countries)}"),
                    fix="choose among the years "
                    f"{known['scheduled'].dt.year().unique().sort().to_list()}"
                    f" and the countries {', '.join(known['country'].unique().sort())}",
                )
            ]
        )
    return chosen.with_columns(demand=pl.lit("line-") + pl.col("line")).pipe(_with_modes)


def _in_slice(years: Collection[int], countries: Collection[str] | None) -> pl.Expr:
    inside = (pl.col("fulfilled") == DIRECT) & pl.col("scheduled").dt.year().is_in(sorted(years))
    return inside if countries is None else inside & pl.col("country").is_in(sorted(countries))


def _with_modes(lines: pl.DataFrame) -> pl.DataFrame:
    """A line without a mode takes the one most used to its country; air decides a draw."""
    usual = (
        lines.drop_nulls("mode")
        .group_by("country", "mode")
        .len()
        .sort(
            "country",
            "len",
            pl.col("mode") != "air",
            "mode",
            descending=[False, True, False, False],
        )
        .group_by("country", maintain_order=True)
        .agg(usual=pl.col("mode").first())
    )
    return (
        lines.join(usual, on="country", how="left")
        .with_columns(mode=pl.coalesce("mode", "usual", pl.lit("air")))
        .drop("usual")
    )


def _bids(direct: pl.DataFrame, chosen: pl.DataFrame, years: Collection[int]) -> pl.DataFrame:
    """One bid for each site, item and term; delivered terms also by country and mode."""
    for_goods = pl.col("term").is_in(_GOODS) & (pl.col("freight_basis") != "included")
    offers = (
        direct.filter(
            pl.col("scheduled").dt.year().is_in(sorted(years)),
            pl.col("item").is_in(chosen["item"].unique().to_list()),
        )
        .with_columns(
            goods=for_goods,
            # A price "freight included" under EXW or FCA was in fact a delivered one.
            incoterm=pl.when(for_goods)
            .then("term")
            .otherwise(pl.col("term").replace_strict(_DELIVERED, default="DAP")),
            named_place=pl.when(~for_goods).then("destination"),
            bound_mode=pl.when(~for_goods).then("mode"),
            unit_price=pl.when(for_goods)
            .then(pl.col("value") / pl.col("quantity"))
            .otherwise(
                (pl.col("value") + pl.col("freight") + pl.col("insurance").fill_null(0.0))
                / pl.col("quantity")
            ),
        )
        .drop_nulls("unit_price")
    )
    keys = ["supplier", "item", "incoterm", "named_place", "bound_mode"]
    bids = (
        offers.group_by(keys)
        .agg(
            price=pl.col("unit_price").median().round(6),
            modes=pl.col("mode").unique().sort().str.join(";"),
            origin=pl.col("origin").first(),
            unit_kg=pl.col("unit_kg").first(),
        )
        .sort(keys)
    )
    return bids.select(
        bid=pl.format("b{}", pl.int_range(1, pl.len() + 1).cast(pl.String).str.zfill(4)),
        supplier="supplier",
        component="item",
        price="price",
        currency=pl.lit("USD"),
        incoterm="incoterm",
        named_place="named_place",
        modes="modes",
        origin="origin",
        unit_kg="unit_kg",
    )


def _days(direct: pl.DataFrame) -> pl.DataFrame:
    """Lines with a true order date, and the days from order to delivery."""
    return direct.with_columns(
        total_days=(pl.col("delivered") - pl.col("ordered")).dt.total_days().cast(pl.Float64),
    ).filter(pl.col("total_days") >= 0)


def _lead_times(direct: pl.DataFrame) -> pl.DataFrame:
    """Production lead time of each place of origin, in days."""
    dated = _days(direct)
    of_all = dated["total_days"].quantile(0.25, "nearest")
    own = dated.group_by("origin").agg(
        num_dated=pl.len(), lead_time_days=pl.col("total_days").quantile(0.25, "nearest")
    )
    return (
        direct.select("origin")
        .unique()
        .join(own, on="origin", how="left")
        .select(
            "origin",
            lead_time_days=pl.when(pl.col("num_dated") >= MIN_SHIPMENTS)
            .then("lead_time_days")
            .otherwise(pl.lit(of_all))
            .fill_null(0.0),
        )
    )


def _with_lead_times(direct: pl.DataFrame, bids: pl.DataFrame) -> pl.DataFrame:
    """The table of bids: with lead time, and on-time rate of the supplier over all years."""
    on_time = direct.group_by("supplier").agg(
        on_time_rate=(pl.col("delivered") <= pl.col("scheduled")).mean().round(4)
    )
    return (
        bids.join(_lead_times(direct), on="origin", how="left")
        .join(on_time, on="supplier", how="left")
        .drop("origin", "unit_kg")
    )


def _routes(direct: pl.DataFrame, chosen: pl.DataFrame, bids: pl.DataFrame) -> pl.DataFrame:
    """Every lane that a bid can take to a demand, with days, cost per kg and their basis.

    Air and sea reach every country, at the figures of the nearest wider group if need be; a
    lorry only drives where one was seen to.
    """
    needed = (
        bids.join(
            chosen.select("item", "destination").unique(), left_on="component", right_on="item"
        )
        .filter(pl.col("named_place").is_null() | (pl.col("named_place") == pl.col("destination")))
        .select("origin", "destination", mode=pl.col("modes").str.split(";"))
        .explode("mode")
        .unique()
    )
    seen = direct.select("origin", "destination", "mode").unique()
    needed = pl.concat(
        [
            needed.filter(pl.col("mode") != "road"),
            needed.filter(pl.col("mode") == "road").join(
                seen, on=["origin", "destination", "mode"]
            ),
        ]
    )
    paid = direct.filter(
        pl.col("term").is_in(_GOODS), pl.col("freight_basis") == "stated", pl.col("freight") > 0
    )
    steps = (["origin", "destination", "mode"], ["destination", "mode"], ["mode"])
    for i, keys in enumerate(steps):
        needed = needed.join(
            _days(direct).group_by(keys).agg(pl.col("total_days").median().alias(f"days_{i}")),
            on=keys,
            how="left",
        ).join(
            paid.group_by(keys).agg(
                (pl.col("freight").sum() / pl.col("kg").sum()).alias(f"cost_{i}")
            ),
            on=keys,
            how="left",
        )
    total = pl.coalesce("days_0", "days_1", "days_2")
    return (
        needed.join(_lead_times(direct), on="origin", how="left")
        .with_columns(
            days=(total - pl.col("lead_time_days")).clip(lower_bound=0.0).fill_null(0.0),
            # Where only delivered prices were seen no bid asks for freight, so 0 is never charged.
            cost_per_kg=pl.coalesce("cost_0", "cost_1", "cost_2", pl.lit(0.0)).round(6),
            is_observed=pl.col("days_0").is_not_null(),
        )
        .sort("origin", "destination", "mode")
    )


def _resources(direct: pl.DataFrame, bids: pl.DataFrame, factor: float) -> pl.DataFrame:
    """Capacity in kg: the factor times the most that the site delivered in one year."""
    busiest = (
        direct.group_by("supplier", year=pl.col("delivered").dt.year())
        .agg(pl.col("kg").sum())
        .group_by("supplier")
        .agg(pl.col("kg").max())
    )
    return (
        bids.select("supplier")
        .unique()
        .join(busiest, on="supplier")
        .select(
            resource="supplier",
            supplier="supplier",
            name=pl.lit("deliveries"),
            unit=pl.lit("kg"),
            capacity=(pl.col("kg") * factor).round(3),
        )
    )


# long: every table has a block
def _plain_tables(
    chosen: pl.DataFrame, bids: pl.DataFrame, years: Collection[int], start: date
) -> dict[str, pl.DataFrame]:
    """The tables that need no estimate."""
    insured = chosen.drop_nulls(["insurance", "freight"])
    worth = INSURED_SHARE * (float(insured["value"].sum()) + float(insured["freight"].sum()))
    premium = float(insured["insurance"].sum()) / worth if worth else 0.0
    where = pl.concat(
        [
            site_table()
            .drop_nulls("supplier")
            .filter(pl.col("place").is_in(bids["origin"].to_list()))
            .select("place", "economy", "latitude", "longitude"),
            country_table()
            .filter(pl.col("place").is_in(chosen["destination"].to_list()))
            .select("place", "economy", "latitude", "longitude"),
        ]
    ).unique("place", keep="first", maintain_order=True)
    zero = pl.lit(0.0)
    return {
        "network": pl.DataFrame(
            {
                "name": f"SCMS direct drops {', '.join(str(year) for year in sorted(set(years)))}",
                "currency": "USD",
                "start": start,
                "carrying_rate": 0.0,
                "insurance_rate": round(premium, 6),
            }
        ),
        "lead_firms": chosen.group_by(lead_firm="project").agg(
            name=pl.format("SCMS for {}", pl.col("country").first()),
            economy=pl.col("destination_economy").first(),
        ),
        "places": where.with_columns(name=pl.col("place")),
        "components": chosen.group_by(component="item").agg(
            name=pl.col("item").first(),
            hs=pl.when(~pl.col("class").first().str.contains("Ancillary")).then(
                pl.col("group").first().replace_strict(_HS, default=None)
            ),
            unit=pl.lit("pack"),
            weight_kg=pl.col("unit_kg").first(),
            volume_m3=pl.col("unit_kg").first() / DENSITY_KG_PER_M3,
        ),
        "demands": chosen.select(
            "demand",
            "quantity",
            lead_firm="project",
            component="item",
            place="destination",
            due="scheduled",
        ),
        # The file does not state sizes; the sites are plants of pharmaceutical firms.
        "suppliers": bids.group_by("supplier").agg(
            name=pl.col("supplier").first(),
            place=pl.col("origin").first(),
            size_class=pl.lit("large"),
        ),
        "trade_costs": where.select("economy")
        .unique()
        .select(
            "economy",
            export_days=zero,
            export_cost_usd_per_container=zero,
            import_days=zero,
            import_cost_usd_per_container=zero,
            export_clearance_days=zero,
            export_clearance_cost_usd=zero,
            import_clearance_days=zero,
            import_clearance_cost_usd=zero,
        ),
        "duties": where.select("economy").unique().select(destination="economy", rate=zero),
    }


# long: every warning is a sentence
def _warnings(
    lines: pl.DataFrame,
    chosen: pl.DataFrame,
    bids: pl.DataFrame,
    routes: pl.DataFrame,
    file: str,
    years: Collection[int],
    countries: Collection[str] | None,
) -> list[Issue]:
    """What was left out and what was assumed, with counts."""
    in_slice = lines.filter(_in_slice(years, countries))
    lost = in_slice.filter(pl.col("supplier").is_null())
    asked = sorted(lost["site"].unique().to_list())
    priced = chosen.join(
        bids.select("component").unique(), left_on="item", right_on="component", how="anti"
    )
    counts = (
        (
            "left_out",
            lines.filter(pl.col("fulfilled") != DIRECT).height,
            "Fulfill Via",
            "lines came from a regional store and are left out",
        ),
        (
            "left_out",
            lost.height,
            "Manufacturing Site",
            f"lines are left out: their site is unknown ({', '.join(asked)})",
        ),
        (
            "left_out",
            in_slice.filter(pl.col("destination").is_null()).height,
            "Country",
            "lines are left out: their country is not in the table of countries",
        ),
        (
            "assumed",
            chosen.filter(pl.col("ordered_text") == NO_DATE).height,
            "PO Sent to Vendor Date",
            "lines have no order date and say nothing of days",
        ),
        (
            "assumed",
            chosen.filter(pl.col("weight_text") == NO_WEIGHT).height,
            "Weight (Kilograms)",
            "lines have no weight; the item's median is used",
        ),
        (
            "assumed",
            chosen.filter(pl.col("unit_kg_basis") != "item")["item"].n_unique(),
            "Weight (Kilograms)",
            "items were never weighed alone; similar items stand in",
        ),
        (
            "assumed",
            chosen.filter(pl.col("freight_basis") == "included").height,
            "Freight Cost (USD)",
            "lines have a price with freight included",
        ),
        (
            "assumed",
            chosen["freight"].null_count(),
            "Freight Cost (USD)",
            "lines have an unknown freight, invoiced separately",
        ),
        (
            "assumed",
            chosen["insurance"].null_count(),
            "Line Item Insurance (USD)",
            "lines have no insurance; 0 is taken",
        ),
        (
            "assumed",
            routes.filter(~pl.col("is_observed")).height,
            "Shipment Mode",
            f"of {routes.height} lanes were never used; country or mode stand in",
        ),
        (
            "left_out",
            priced.height,
            "Freight Cost (USD)",
            "lines have an item without any known delivered price, and so no bid",
        ),
    )
    return [
        Issue(
            code=code,
            table=file,
            column=column,
            value=str(count),
            problem=text,
            fix="see the notes of matcher.generate.adapters.scms.scms_network",
            severity="warning",
        )
        for code, count, column, text in counts
        if count
    ]
