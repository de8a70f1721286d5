"""Greenhouse gases of carrying goods, by mode and distance."""

from __future__ import annotations

from functools import cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from matcher.reference._files import load
from matcher.schema.tables import MODES

Floats = NDArray[np.float64]


def freight_emissions(km: Floats, inland_km: Floats) -> Floats:
    """Emissions of carrying a kg of goods, in kg CO₂e, well to wheel.

    = km × grams a tonne-km ÷ 10⁶; by sea the hauls to and from the sea network come on top, by
    lorry.

    Parameters
    ----------
    km
        Kilometres travelled, shape (links, modes) in the order of `matcher.schema.tables.MODES`;
        nan where a mode has no way.
    inland_km
        Kilometres to and from the sea network, shape (links,); infinite where it is out of reach.

    Returns
    -------
    numpy.ndarray
        Shape (links, modes); nan where there is no way.

    Notes
    -----
    Source: UK Government (DESNZ), conversion factors of 2025, for freight and for the making of
    its fuel; air with radiative forcing.

    Examples
    --------
    A thousand km by sea, air, road and rail, and a hundred to the coast:

    >>> freight_emissions(np.full((1, 4), 1_000.0), np.array([100.0])).round(4).tolist()
    [[0.0294, 1.4835, 0.0962, 0.0347]]
    """
    grams = np.column_stack([_grams(mode, km[:, i]) for i, mode in enumerate(MODES)])
    emitted: Floats = km * grams / 1e6
    haul = np.where(np.isfinite(km[:, MODES.index("sea")]), inland_km, 0.0)
    emitted[:, MODES.index("sea")] += haul * _grams("road", haul) / 1e6
    return emitted


def _grams(mode: str, km: Floats) -> Floats:
    """Grams CO₂e a tonne-km: of the first distance band of the mode that reaches so far."""
    bands = factors().filter(pl.col("mode") == mode)
    upper, grams = bands["up_to_km"].fill_null(np.inf).to_numpy(), bands["grams"].to_numpy()
    band = np.searchsorted(upper, np.nan_to_num(km, posinf=0.0))
    return grams[band]


@cache
def factors() -> pl.DataFrame:
    """Grams CO₂e of a tonne-km by mode, in bands of distance; sorted by mode and distance."""
    return load(
        "emissions.csv", mode=pl.String, up_to_km=pl.Float64, grams=pl.Float64, source=pl.String
    ).sort("mode", "up_to_km", nulls_last=True)
