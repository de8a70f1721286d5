"""Industrial cities of Asia and the Pacific, for synthetic networks."""

from __future__ import annotations

from functools import cache

import polars as pl

from matcher.reference._files import load


@cache
def cities() -> pl.DataFrame:
    """Industrial cities, all in economies with shipped trade costs and within reach of the sea.

    Returns
    -------
    polars.DataFrame
        ``city``, ``economy`` (ISO 3166-1 alpha-2), ``latitude`` and ``longitude`` of the centre in
        degrees, and ``geonames_id``; sorted by economy and city.

    Notes
    -----
    Source: GeoNames (CC BY 4.0).

    Examples
    --------
    >>> cities().row(by_predicate=pl.col("city") == "Rayong")
    ('Rayong', 'TH', 12.68, 101.26, 1607017)
    """
    return load(
        "cities.csv",
        city=pl.String,
        economy=pl.String,
        latitude=pl.Float64,
        longitude=pl.Float64,
        geonames_id=pl.Int64,
    )
