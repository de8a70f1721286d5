"""Outlines of land: a quiet background for maps, and which places are on one landmass."""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from matcher.reference._files import frozen, load

Floats = NDArray[np.float64]

NEAR_DEG: Final = 0.09
"""A place so near to an outline, in degrees, is on its land: outlines are that coarse (10 km)."""

_GRID_DEG: Final = 0.05
_AT_ONCE: Final = 1_024  # points that are held against the largest outline: 20 MB

# Bridges and tunnels between outlines, as a point on either side: latitude, longitude.
_FIXED_LINKS: Final = (
    ((51.30, 0.70), (50.50, 2.50)),  # Channel Tunnel
    ((55.45, 12.00), (56.00, 13.60)),  # Oresund
    ((55.45, 12.00), (55.30, 10.40)),  # Great Belt
    ((55.30, 10.40), (55.60, 9.30)),  # Little Belt
)
# Islands that the outlines leave out and a fixed link joins to the land beside them: south, west,
# north and east in degrees, and a point of that land as latitude and longitude.
_JOINED: Final = (
    ((1.20, 103.55, 1.48, 104.10), (1.60, 103.50)),  # Singapore
    ((5.20, 100.15, 5.50, 100.35), (5.40, 100.50)),  # Penang
    ((7.70, 98.20, 8.22, 98.45), (8.30, 98.50)),  # Phuket
    ((22.10, 113.50, 22.60, 114.40), (22.70, 114.10)),  # Hong Kong and Macao
    ((24.40, 118.00, 24.60, 118.20), (24.60, 117.90)),  # Xiamen
    ((25.70, 50.30, 26.40, 50.70), (26.20, 49.80)),  # Bahrain
)


_found: dict[tuple[int, int], int] = {}
"""The outline of each cell of the grid that was asked for."""


@cache
def outlines() -> tuple[Floats, ...]:
    """Closed outlines of land, shape (points, 2): longitude and latitude in degrees.

    Source: Natural Earth, see ``data/SOURCES.md``. Precise to about 0.1 degrees (11 km).
    """
    frame = load("land.csv", ring=pl.Int64(), longitude=pl.Float64(), latitude=pl.Float64())
    rings = frame.partition_by("ring", maintain_order=True)
    return tuple(frozen(ring.select("longitude", "latitude").to_numpy()) for ring in rings)


def landmass_of(latitude: ArrayLike, longitude: ArrayLike) -> NDArray[np.int64]:
    """The landmass of each place, as a number; -1 on an island that the outlines leave out.

    Bridges and tunnels join landmasses; so Great Britain belongs to Eurasia.

    Parameters
    ----------
    latitude, longitude
        Degrees, shape (places,).

    Examples
    --------
    Stuttgart, London, Penang and Jakarta:

    >>> landmass = landmass_of([48.8, 51.5, 5.4, -6.2], [9.2, -0.1, 100.3, 106.8])
    >>> bool(landmass[0] == landmass[1] == landmass[2]), bool(landmass[2] == landmass[3])
    (True, False)
    """
    points = np.column_stack([np.asarray(longitude, float), np.asarray(latitude, float)])
    # Many plants of one park are one point: outlines are no finer. What was found is kept, as a
    # network is screened again to be judged and explained.
    cells = np.round(points / _GRID_DEG).astype(np.int64)
    distinct, place = np.unique(cells, axis=0, return_inverse=True)
    keys = [(x, y) for x, y in distinct.tolist()]
    new = [key for key in keys if key not in _found]
    if new:
        _found.update(zip(new, _outline_of(np.array(new) * _GRID_DEG).tolist(), strict=True))
    on = np.array([_found[key] for key in keys], dtype=np.int64)[place.ravel()]
    for (south, west, north, east), land in _JOINED:
        is_in = ((points >= (west, south)) & (points <= (east, north))).all(axis=1)
        if is_in.any():
            on[is_in] = _outline_of(np.array([land[::-1]]))
    return np.where(on >= 0, _joined_outlines()[on], -1)


@cache
def _joined_outlines() -> NDArray[np.int64]:
    """The number of each outline; outlines that a fixed link joins have the same."""
    number = np.arange(len(outlines()))
    for ends in _FIXED_LINKS:
        one, other = number[_outline_of(np.array(ends)[:, ::-1])]
        number[number == other] = one
    return number


def _outline_of(points: Floats) -> NDArray[np.int64]:
    """The outline around each point, or else the nearest one within `NEAR_DEG`, or else -1."""
    found = np.full(len(points), -1, dtype=np.int64)
    boxes = [(ring, ring.min(axis=0), ring.max(axis=0)) for ring in outlines()]
    for number, (ring, low, high) in enumerate(boxes):
        rows = np.flatnonzero((found < 0) & ((points >= low) & (points <= high)).all(axis=1))
        for some in np.split(rows, range(_AT_ONCE, rows.size, _AT_ONCE)):
            found[some[_are_inside(points[some], ring)]] = number
    nearest = np.full(len(points), NEAR_DEG)
    for number, (ring, low, high) in enumerate(boxes):
        is_near = ((points >= low - NEAR_DEG) & (points <= high + NEAR_DEG)).all(axis=1)
        for row in np.flatnonzero(is_near & ((found < 0) | (nearest < NEAR_DEG))):
            distance = _distance(points[row], ring)
            if distance < nearest[row]:
                found[row], nearest[row] = number, distance
    return found


def _are_inside(points: Floats, ring: Floats) -> NDArray[np.bool_]:
    """Whether a ray to the east of each point crosses the outline an odd number of times."""
    (x1, y1), (x2, y2) = ring[:-1].T, ring[1:].T
    x, y = points[:, :1], points[:, 1:]
    spans = (y1 > y) != (y2 > y)
    slope = (x2 - x1) / np.where(y2 == y1, 1.0, y2 - y1)
    inside: NDArray[np.bool_] = (spans & (x1 + (y - y1) * slope > x)).sum(axis=1) % 2 == 1
    return inside


def _distance(point: Floats, ring: Floats) -> float:
    """Distance to the outline in degrees of latitude."""
    flat = np.array([np.cos(np.radians(point[1])), 1.0])
    start, end = (ring[:-1] - point) * flat, (ring[1:] - point) * flat
    along = end - start
    length = np.maximum((along**2).sum(axis=1), 1e-12)
    share = np.clip(-(start * along).sum(axis=1) / length, 0.0, 1.0)
    return float(np.hypot(*(start + share[:, None] * along).T).min())
