"""Which economies a lorry or a train gets to from another, over land borders and fixed links."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array

from matcher.reference._files import load

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


@cache
def _pairs(by_rail: bool) -> tuple[tuple[str, str], ...]:
    frame = load(
        "land_borders.csv",
        economy=pl.String,
        neighbour=pl.String,
        kind=pl.String,
        rail=pl.Boolean,
    )
    rows = frame.filter(pl.col("rail") | (not by_rail)).select("economy", "neighbour").iter_rows()
    return tuple((a, b) for a, b in rows if frozenset((a, b)) not in CLOSED)


def land_connected(economies: Sequence[str], *, by_rail: bool = False) -> NDArray[np.bool_]:
    """Whether land borders and fixed links lead from one economy to another, over any between.

    Parameters
    ----------
    economies
        ISO 3166-1 alpha-2.
    by_rail
        Whether only borders count that trains cross.

    Returns
    -------
    numpy.ndarray
        Shape (economies, economies), symmetric. Whether two *places* are joined by land is for
        `matcher.reference.land.landmass_of` to say: Penang is in the economy that shares Borneo
        with Indonesia, and yet no road leads from there to Jakarta.

    Notes
    -----
    Source: GeoNames (CC BY 4.0); borders that are closed to goods (`CLOSED`), those that trains
    cross, and fixed links from general knowledge, as of 2026.

    Examples
    --------
    >>> land_connected(["PT", "VN", "GB", "JP"])[0].tolist()
    [True, True, True, False]
    >>> land_connected(["TH", "MY", "KH"], by_rail=True)[0].tolist()
    [True, True, False]
    """
    from scipy.sparse.csgraph import connected_components  # loads slowly

    pairs = _pairs(by_rail)
    names = sorted({*economies, *(name for pair in pairs for name in pair)})
    index = {name: i for i, name in enumerate(names)}
    ends = np.array([(index[a], index[b]) for a, b in pairs])
    graph = csr_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(len(names),) * 2)
    group = connected_components(graph, directed=False)[1]
    mine = group[[index[name] for name in economies]]
    return np.equal.outer(mine, mine)
