"""How far a lorry or a train goes from one economy to another, over land borders and links."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array

from matcher.reference._files import load
from matcher.reference.gazetteer import centre_of
from matcher.reference.routes import great_circle_km

# Borders on the map that goods do not cross by land, as of 2026; each both ways.
CLOSED: Final = frozenset(
    {
        frozenset(pair.split("-"))
        for pair in (
            "AM-AZ",  # closed since 1991
            "AM-TR",  # closed since 1993
            "DZ-MA",  # closed since 1994
            "EH-DZ",  # the berm between them is mined
            "CN-IN",  # no road for general goods
            "BT-CN",  # no road
            "AF-CN",  # no road
            "IN-MM",  # the crossings do not take general goods
            "BD-MM",  # no road that is open
            "IN-PK",  # trade suspended since 2019, the last crossing closed in 2025
            "IL-LB",
            "IL-SY",
            "KP-KR",
            "CO-PA",  # no road through the Darien Gap
            "CU-US",  # Guantanamo
            "ES-MA",  # Ceuta and Melilla, which no land joins to Spain
            "RU-UA",  # war
            "BY-UA",  # war
        )
    }
)


LONGEST_DETOUR: Final = 2.5
"""Ways over land that are so many times longer than straight ones are not taken."""


def land_detour(economies: Sequence[str], *, by_rail: bool = False) -> NDArray[np.float64]:
    """How much longer the way over land is than straight, by the economies it leads through.

    Parameters
    ----------
    economies
        ISO 3166-1 alpha-2.
    by_rail
        Whether only borders count that trains cross.

    Returns
    -------
    numpy.ndarray
        Shape (economies, economies), symmetric: the shortest way from centre to centre of the
        economies on the way, over the straight one; at least 1. It is 1 between neighbours, and
        infinite where no land borders and fixed links lead there or the way is more than
        `LONGEST_DETOUR` times as long. Whether two *places* are joined by land is for
        `matcher.reference.land.landmass_of` to say: Penang is in the economy that shares Borneo
        with Indonesia, and yet no road leads from there to Jakarta.

    Notes
    -----
    Source: GeoNames (CC BY 4.0); borders that are closed to goods (`CLOSED`), those that trains
    cross, and fixed links from general knowledge, as of 2026. The centre of an economy is that of
    its cities by population.

    Examples
    --------
    From Italy to its neighbour France, around the Adriatic Sea to Greece, and to Japan:

    >>> land_detour(["IT", "FR", "GR", "JP"])[0].round(1).tolist()
    [1.0, 1.0, 1.4, inf]

    Trains from Thailand to Viet Nam would have to pass through China:

    >>> land_detour(["TH", "MY", "VN"], by_rail=True)[0].round(1).tolist()
    [1.0, 1.0, inf]
    """
    from scipy.sparse.csgraph import dijkstra  # loads slowly

    names, edges = _graph(by_rail)
    index = {name: i for i, name in enumerate(names)}
    detour = np.full((len(economies), len(economies)), np.inf)
    np.fill_diagonal(detour, 1.0)
    rows = [i for i, economy in enumerate(economies) if economy in index]
    if not rows:
        return detour
    nodes = np.array([index[economies[i]] for i in rows])
    way = dijkstra(edges, directed=False, indices=nodes)[:, nodes]
    points = [centre_of(economies[i]) for i in rows]
    latitude, longitude = np.array(points).T
    straight = great_circle_km(
        latitude[:, None], longitude[:, None], latitude[None, :], longitude[None, :]
    )
    longer = np.maximum(way / np.maximum(straight, 1.0), 1.0)
    # Neighbours are as near as their border, whatever the ways between others.
    adjacent = edges[nodes][:, nodes].toarray() > 0
    longer[adjacent | adjacent.T] = 1.0
    np.fill_diagonal(longer, 1.0)
    detour[np.ix_(rows, rows)] = np.where(longer <= LONGEST_DETOUR, longer, np.inf)
    return detour


@cache
def _graph(by_rail: bool) -> tuple[list[str], csr_array]:
    """The economies that have borders, and the distance of the centres of neighbours, in km."""
    frame = load(
        "land_borders.csv",
        economy=pl.String,
        neighbour=pl.String,
        kind=pl.String,
        rail=pl.Boolean,
    )
    rows = frame.filter(pl.col("rail") | (not by_rail)).select("economy", "neighbour").iter_rows()
    pairs = [(a, b) for a, b in rows if frozenset((a, b)) not in CLOSED]
    names = sorted({name for pair in pairs for name in pair})
    index = {name: i for i, name in enumerate(names)}
    ends = np.array([(index[a], index[b]) for a, b in pairs])
    centre = np.array([centre_of(name) for name in names])
    (lat_1, lon_1), (lat_2, lon_2) = centre[ends[:, 0]].T, centre[ends[:, 1]].T
    km = np.maximum(great_circle_km(lat_1, lon_1, lat_2, lon_2), 1.0)
    return names, csr_array((km, (ends[:, 0], ends[:, 1])), shape=(len(names),) * 2)
