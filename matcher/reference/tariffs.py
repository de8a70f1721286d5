"""What an economy charges by default on imports: its most-favoured-nation tariff."""

from __future__ import annotations

from functools import cache

import polars as pl

from matcher.reference._files import load


@cache
def tariffs() -> pl.DataFrame:
    """Most-favoured-nation tariffs, simple mean over products; most of them of manufactures.

    Returns
    -------
    polars.DataFrame
        ``economy`` (ISO 3166-1 alpha-2), ``rate`` (share of the customs value), ``year``, and
        ``goods``: what the mean is over; sorted by economy. A mean says little of a single good:
        state the rate of its HS code where duty decides.

    Notes
    -----
    Source: World Bank, World Development Indicators (WITS, from UNCTAD TRAINS and WTO).

    Examples
    --------
    >>> tariffs().row(by_predicate=pl.col("economy") == "DE")
    ('DE', 0.041, 2019, 'manufactures')
    """
    return load("tariffs.csv", economy=pl.String, rate=pl.Float64, year=pl.Int64, goods=pl.String)
