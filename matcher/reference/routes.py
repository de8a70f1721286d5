"""Distances: along the great circle, and by sea between the ports nearest to two places.

The sea network is that of the ``searoute`` package; its northwest passage is closed, as it is
there by default. Waters that no container line crosses to the oceans are closed too: the Northern
Sea Route and its rivers, Hudson Bay, the Great Lakes, and the Caspian with the Volga-Don canal.
Otherwise Astana would ship from the mouth of the Ob, and Denver from Duluth.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from matcher.reference._files import frozen

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

EARTH_RADIUS_KM: Final = 6371.0088
"""Mean radius of the Earth, (2a + b) / 3 of WGS 84 (IUGG)."""

MAX_INLAND_KM: Final = 1_400.0
"""A place farther than this from the sea network has no sea link of its own.

Great circle. Long hauls that containers do make to a port are shorter (Ulaanbaatar to Tianjin
1,330 km, Lanzhou to Tianjin 1,280 km, Kabul to Karachi 1,100 km); Dushanbe (1,540 km), Tashkent,
Bishkek, Almaty and Astana lie beyond it, and trade by road and rail.
"""

_CLOSED_PASSAGES: Final = ("northwest",)
# South, west, north, east, in degrees.
_CLOSED_WATERS: Final = (
    (66.5, 45.0, 90.0, 180.0),  # Kara Sea to Chukchi Sea, Ob and Yenisei
    (36.0, 42.0, 49.5, 56.0),  # Caspian, Volga and Don above Rostov
    (41.0, -93.0, 49.5, -75.5),  # Great Lakes
    (51.0, -96.0, 72.0, -70.0),  # Hudson Bay
)
_SOURCES_AT_ONCE: Final = 256  # of dijkstra: 256 x 9,700 distances are 20 MB


@dataclass(frozen=True, slots=True)
class SeaRoutes:
    """Distances by sea of pairs of places; ``inf`` where there is no way.

    Parameters
    ----------
    sea_km
        From the node of the sea network nearest to the origin to the one nearest to the
        destination. 0 if it is the same node.
    inland_km
        Great circle from the origin to its node, plus from the destination to its node.
    """

    sea_km: Floats
    inland_km: Floats


@dataclass(frozen=True, slots=True)
class _Sea:
    latitude: Floats
    longitude: Floats
    edges: csr_array  # km, each edge once
    tree: cKDTree


def great_circle_km(
    latitude_1: ArrayLike, longitude_1: ArrayLike, latitude_2: ArrayLike, longitude_2: ArrayLike
) -> Floats:
    """Distance along the great circle, in km.

    Haversine formula: with h = sin²(Δφ/2) + cos φ₁ cos φ₂ sin²(Δλ/2), the distance is
    2 R arcsin √h. At most 0.6 % off the WGS 84 ellipsoid.

    Parameters
    ----------
    latitude_1, longitude_1, latitude_2, longitude_2
        Degrees; north and east are positive. They broadcast.

    Examples
    --------
    >>> round(float(great_circle_km(0, 0, 0, 180)), 1)  # half the circumference
    20015.1
    """
    phi_1, phi_2 = np.radians(latitude_1), np.radians(latitude_2)
    delta = np.radians(np.asarray(longitude_2, float) - np.asarray(longitude_1, float))
    half = np.sin((phi_2 - phi_1) / 2) ** 2 + np.cos(phi_1) * np.cos(phi_2) * np.sin(delta / 2) ** 2
    # Rounding can lift the value of antipodes above 1.
    distance: Floats = 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.clip(half, 0.0, 1.0)))
    return distance


def sea_routes(points: ArrayLike, origin: ArrayLike, destination: ArrayLike) -> SeaRoutes:
    """Distances by sea of pairs of places.

    Each place joins the sea network at its nearest node; Dijkstra's algorithm then runs once per
    distinct node, not once per pair.

    Parameters
    ----------
    points
        Latitude and longitude of the places, in degrees; shape (places, 2).
    origin, destination
        The pairs, as rows of ``points``; shape (pairs,).

    Returns
    -------
    SeaRoutes
        Arrays of shape (pairs,); both ``inf`` if either place is farther than `MAX_INLAND_KM`
        from the sea network.
    """
    sea = _sea()
    lat, lon = np.asarray(points, float).reshape(-1, 2).T
    start, end = np.asarray(origin, np.int64), np.asarray(destination, np.int64)
    node = np.asarray(sea.tree.query(on_sphere(lat, lon))[1], np.int64)
    inland = great_circle_km(lat, lon, sea.latitude[node], sea.longitude[node])
    linked = inland <= MAX_INLAND_KM

    pair = np.flatnonzero(linked[start] & linked[end])
    sea_km, inland_km = np.full(start.shape, np.inf), np.full(start.shape, np.inf)
    sea_km[pair] = _between(sea.edges, node[start[pair]], node[end[pair]])
    inland_km[pair] = inland[start[pair]] + inland[end[pair]]
    return SeaRoutes(frozen(sea_km), frozen(inland_km))


def _between(edges: csr_array, start: Ints, end: Ints) -> Floats:
    """Shortest way from ``start[i]`` to ``end[i]`` for every i, in km."""
    from scipy.sparse.csgraph import dijkstra  # loads slowly

    # The network has no direction, so the side with fewer distinct nodes is searched from.
    if np.unique(end).size < np.unique(start).size:
        start, end = end, start
    sources, source_of = np.unique(start, return_inverse=True)
    length = np.empty(start.shape)
    for first in range(0, sources.size, _SOURCES_AT_ONCE):
        batch = sources[first : first + _SOURCES_AT_ONCE]
        km = dijkstra(edges, directed=False, indices=batch)
        mine = np.flatnonzero((source_of >= first) & (source_of < first + batch.size))
        length[mine] = km[source_of[mine] - first, end[mine]]
    return length


@cache
def _sea() -> _Sea:
    """The open part of the sea network that hangs together."""
    import searoute  # these load slowly: only who asks for a way by sea waits for them
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    graph = searoute.setup_M()
    lon_lat = np.array(list(graph.nodes), float)
    index = {node: i for i, node in enumerate(graph.nodes)}
    ends = np.array(
        [
            (index[a], index[b])
            for a, b, passage in graph.edges(data="passage")
            if passage not in _CLOSED_PASSAGES
        ]
    )
    lon, lat = (lon_lat[:, 0] + 180) % 360 - 180, lon_lat[:, 1]
    is_open = np.ones(lat.size, bool)
    for south, west, north, east in _CLOSED_WATERS:
        is_open &= ~((south <= lat) & (lat <= north) & (west <= lon) & (lon <= east))
    ends = ends[is_open[ends].all(axis=1)]

    size = (lat.size, lat.size)
    links = csr_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=size)
    component = connected_components(links, directed=False)[1]
    main = np.flatnonzero(component == np.bincount(component).argmax())
    renumbered = np.full(lat.size, -1)
    renumbered[main] = np.arange(main.size)
    ends = renumbered[ends[(component[ends] == component[main[0]]).all(axis=1)]]

    lat, lon = frozen(lat[main]), frozen(lon[main])
    km = great_circle_km(lat[ends[:, 0]], lon[ends[:, 0]], lat[ends[:, 1]], lon[ends[:, 1]])
    # The date line is crossed by edges of no length, which a sparse matrix would read as absent.
    edges = csr_array((np.maximum(km, 1e-6), (ends[:, 0], ends[:, 1])), shape=(main.size,) * 2)
    return _Sea(lat, lon, edges, cKDTree(on_sphere(lat, lon)))


def on_sphere(latitude: Floats, longitude: Floats) -> Floats:
    """Points of the unit sphere; their nearest neighbour is the nearest along the great circle."""
    phi, lam = np.radians(latitude), np.radians(longitude)
    return np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)], axis=-1)
