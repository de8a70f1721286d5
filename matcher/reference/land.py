"""Outlines of land, as a quiet background for maps."""

from __future__ import annotations

from functools import cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from matcher.reference._files import frozen, load


@cache
def outlines() -> tuple[NDArray[np.float64], ...]:
    """Closed outlines of land, shape (points, 2): longitude and latitude in degrees.

    Source: Natural Earth, see ``data/SOURCES.md``. Precise to about 0.1 degrees (11 km).
    """
    frame = load("land.csv", ring=pl.Int64(), longitude=pl.Float64(), latitude=pl.Float64())
    rings = frame.partition_by("ring", maintain_order=True)
    return tuple(frozen(ring.select("longitude", "latitude").to_numpy()) for ring in rings)
