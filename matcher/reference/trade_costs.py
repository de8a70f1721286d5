"""Days and cost of getting goods out of an economy and into one, for 191 economies."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Final

import polars as pl

from matcher.reference._files import load
from matcher.reference.blocs import blocs

MEASURED_ON: Final = date(2019, 5, 1)
"""When the figures of clearance were collected, with the members of the time."""


@cache
def trade_costs() -> pl.DataFrame:
    """Days and cost to export and to import, by economy: by sea, and by other modes.

    By sea the figures run from the warehouse to the departure of the ship, and from the arrival of
    the ship to the warehouse: documents, customs, port handling and the inland haul to and from
    the port are in, for a landlocked economy the transit through its neighbour too; sea freight
    and duties are out. By air, road and rail only documents and customs count.

    Returns
    -------
    polars.DataFrame
        Columns of the table ``trade_costs`` of a network: ``economy`` (ISO 3166-1 alpha-2), days
        and US dollars a 20-foot container by sea, days and US dollars a consignment of a container
        by other modes; sorted by economy. Null where the source has no figure.

    Notes
    -----
    Sources: World Bank, *Doing Business 2015* (Taiwan: *Doing Business 2009*) by sea, and *Doing
    Business 2020*, time and cost of documents and at the border, by other modes. Members of the
    European Union that were measured with another member have the median of the others.

    Examples
    --------
    >>> trade_costs().row(by_predicate=pl.col("economy") == "SG")[:5]
    ('SG', 6.0, 460.0, 4.0, 440.0)
    """
    by_sea = load(
        "trade_costs.csv",
        economy=pl.String,
        name=pl.String,
        export_days=pl.Float64,
        export_cost_usd_per_container=pl.Float64,
        import_days=pl.Float64,
        import_cost_usd_per_container=pl.Float64,
        year=pl.Int64,
    ).drop("name", "year")
    clearance = load(
        "customs_clearance_doing_business_2020.csv",
        economy=pl.String,
        export_hours=pl.Float64,
        export_cost_usd=pl.Float64,
        import_hours=pl.Float64,
        import_cost_usd=pl.Float64,
    ).select(
        "economy",
        export_clearance_days=pl.col("export_hours") / 24,
        export_clearance_cost_usd="export_cost_usd",
        import_clearance_days=pl.col("import_hours") / 24,
        import_clearance_cost_usd="import_cost_usd",
    )
    clearance = _across_the_outer_border(clearance)
    return by_sea.join(clearance, on="economy", how="full", coalesce=True).sort("economy")


def _across_the_outer_border(clearance: pl.DataFrame) -> pl.DataFrame:
    """The figures with those put right that were measured where there are no customs.

    Between members of the European Union there is nothing to pay, so a cost of 0 tells that the
    partner was a member. Such figures become the median of the members with another partner.
    """
    economies = clearance["economy"].to_list()
    inside = blocs(["DE", *economies], MEASURED_ON).no_customs[0, 1:]
    member = pl.Series(inside)
    for way in ("export", "import"):
        days, cost = f"{way}_clearance_days", f"{way}_clearance_cost_usd"
        is_outer = member & (clearance[cost] > 0)
        usual = clearance.filter(is_outer).select(days, cost).median()
        clearance = clearance.with_columns(
            pl.when(member & ~is_outer).then(usual[name].item()).otherwise(name).alias(name)
            for name in (days, cost)
        )
    return clearance


@cache
def assumed_trade_costs() -> dict[str, float]:
    """What is assumed of an economy without figures: the median of all that have them."""
    row = trade_costs().drop("economy").median().row(0, named=True)
    return {name: float(value) for name, value in row.items()}
