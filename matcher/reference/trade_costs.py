"""Days and cost of exporting and importing a container, for 40 economies."""

from __future__ import annotations

from functools import cache

import polars as pl

from matcher.reference._files import load

_FILE = "trade_costs_doing_business_2009.csv"


@cache
def trade_costs() -> pl.DataFrame:
    """Days and cost to export and to import a 20-foot container, by economy.

    The figures run from the warehouse to the departure of the ship, and from the arrival of the
    ship to the warehouse: documents, customs, port handling and the inland haul to and from the
    port are in, for a landlocked economy the transit through its neighbour too; sea freight and
    duties are out.

    Returns
    -------
    polars.DataFrame
        Columns of the table ``trade_costs`` of a network: ``economy`` (ISO 3166-1 alpha-2),
        ``export_days``, ``export_cost_usd_per_container``, ``import_days``,
        ``import_cost_usd_per_container``; sorted by economy.

    Notes
    -----
    Source: World Bank, *Doing Business 2009*, Trading across borders, as tabulated by ESCAP.

    Examples
    --------
    >>> trade_costs().row(by_predicate=pl.col("economy") == "SG")
    ('SG', 5.0, 456.0, 3.0, 439.0)
    """
    frame = load(
        _FILE,
        economy=pl.String,
        name=pl.String,
        export_documents=pl.Int64,
        export_days=pl.Float64,
        export_cost_usd_per_container=pl.Float64,
        import_documents=pl.Int64,
        import_days=pl.Float64,
        import_cost_usd_per_container=pl.Float64,
    )
    return frame.drop("name", "export_documents", "import_documents").sort("economy")
