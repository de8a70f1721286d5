"""Distances along the great circle and by sea."""

from __future__ import annotations

import numpy as np
import pytest
import searoute
from hypothesis import given
from hypothesis import strategies as st

from matcher.reference.routes import MAX_INLAND_KM, great_circle_km, sea_routes

PLACES = {
    "Singapore": (1.265, 103.820),
    "Rotterdam": (51.950, 4.140),
    "Ho Chi Minh City": (10.776, 106.700),
    "Phu My": (10.590, 107.010),
    "Laem Chabang": (13.080, 100.880),
    "Bangkok": (13.750, 100.500),
    "Shenzhen": (22.540, 114.060),
    "Busan": (35.100, 129.040),
    "Tokyo": (35.600, 139.770),
    "Los Angeles": (33.730, -118.260),
    "Suva": (-18.140, 178.440),
    "Apia": (-13.830, -171.770),
    "Vientiane": (17.970, 102.600),
    "Ulaanbaatar": (47.920, 106.920),
    "Kathmandu": (27.700, 85.320),
    "Kabul": (34.530, 69.170),
    "Baku": (40.370, 49.870),
    "Dushanbe": (38.560, 68.780),
    "Tashkent": (41.300, 69.240),
    "Bishkek": (42.870, 74.600),
    "Almaty": (43.240, 76.900),
    "Astana": (51.170, 71.430),
    "Denver": (39.740, -104.990),
    "Moscow": (55.750, 37.620),
}
NAMES = list(PLACES)
POINTS = np.array(list(PLACES.values()))
LATITUDE, LONGITUDE = st.floats(-90, 90), st.floats(-180, 180)
LINKED = st.sampled_from([i for i, name in enumerate(NAMES) if name not in {
    "Dushanbe", "Tashkent", "Bishkek", "Almaty", "Astana"}])  # fmt: skip


def sea_km(*pairs: tuple[str, str]) -> np.ndarray:
    origin, destination = ([NAMES.index(pair[side]) for pair in pairs] for side in (0, 1))
    return sea_routes(POINTS, origin, destination).sea_km


def test_great_circle_by_hand() -> None:
    # Singapore (1.265 N, 103.820 E) to Rotterdam (51.950 N, 4.140 E), spherical law of cosines:
    # cos d = sin 1.265 sin 51.950 + cos 1.265 cos 51.950 cos 99.680
    #       = 0.022077 x 0.787473 + 0.999756 x 0.616349 x -0.168145
    #       = 0.017385 - 0.103611 = -0.086226
    # d = arccos(-0.086226) = 1.657130 rad; x 6371.0088 km = 10,557.6 km
    singapore, rotterdam = PLACES["Singapore"], PLACES["Rotterdam"]
    assert great_circle_km(*singapore, *rotterdam) == pytest.approx(10_557.6, abs=0.5)


def test_great_circle_of_known_arcs() -> None:
    # A quarter of the circumference: pi / 2 x 6371.0088 = 10,007.56 km; a degree: 111.195 km.
    quarter = np.pi / 2 * 6371.0088
    assert great_circle_km(0, 0, 90, 0) == pytest.approx(quarter)
    assert great_circle_km(0, 0, 0, 90) == pytest.approx(quarter)
    assert great_circle_km(0, 0, 0, -180) == pytest.approx(2 * quarter)
    assert great_circle_km(0, 179.5, 0, -179.5) == pytest.approx(quarter / 90)


@given(LATITUDE, LONGITUDE, LATITUDE, LONGITUDE, LATITUDE, LONGITUDE)
def test_great_circle_is_a_distance(
    a: float, b: float, c: float, d: float, e: float, f: float
) -> None:
    direct = great_circle_km(a, b, c, d)
    assert 0 <= direct <= np.pi * 6371.0088 + 1e-6
    assert great_circle_km(a, b, a, b) == 0
    assert direct == pytest.approx(great_circle_km(c, d, a, b), abs=1e-6)
    # Near antipodes the formula holds to some 0.1 km only.
    assert direct <= great_circle_km(a, b, e, f) + great_circle_km(e, f, c, d) + 0.5


@pytest.mark.parametrize(
    ("origin", "destination", "nautical_miles"),
    [
        # Legs logged by the master of the cruise ship Pacific Princess, April 2013.
        ("Phu My", "Laem Chabang", 607),
        ("Laem Chabang", "Singapore", 802),
    ],
)
def test_sea_distance_of_voyages_made(origin: str, destination: str, nautical_miles: float) -> None:
    # The network is a simplified one: 2 % allows for its straight legs and for port approaches.
    assert sea_km((origin, destination)) == pytest.approx([nautical_miles * 1.852], rel=0.02)


@pytest.mark.parametrize(
    ("origin", "destination"),
    [
        ("Singapore", "Rotterdam"),
        ("Ho Chi Minh City", "Bangkok"),
        ("Shenzhen", "Los Angeles"),
        ("Busan", "Rotterdam"),
        ("Suva", "Apia"),  # across the date line
    ],
)
def test_sea_distance_is_that_of_the_searoute_package(origin: str, destination: str) -> None:
    (a, b), (c, d) = PLACES[origin], PLACES[destination]
    theirs = searoute.searoute([b, a], [d, c], units="km").properties["length"]
    assert sea_km((origin, destination)) == pytest.approx([theirs], rel=0.01)


def test_asia_reaches_europe_through_suez_and_not_along_siberia() -> None:
    # Tokyo to Rotterdam: some 20,900 km by Suez, 14,000 km by the Northern Sea Route.
    assert sea_km(("Tokyo", "Rotterdam")) > 20_000


@given(LINKED, LINKED, LINKED)
def test_sea_distance_is_a_distance(a: int, b: int, c: int) -> None:
    routes = sea_routes(POINTS, [a, b, a, b, a], [b, a, c, c, a])
    ab, ba, ac, bc, aa = routes.sea_km
    assert ab == pytest.approx(ba)
    assert ac <= ab + bc + 1e-6
    assert aa == 0
    # No way over land and sea is shorter than the great circle between the places.
    assert ab + routes.inland_km[0] >= great_circle_km(*POINTS[a], *POINTS[b]) - 1e-6


@pytest.mark.parametrize("inland", ["Dushanbe", "Tashkent", "Bishkek", "Almaty", "Astana"])
def test_central_asia_has_no_sea_link(inland: str) -> None:
    at, singapore = NAMES.index(inland), NAMES.index("Singapore")
    routes = sea_routes(POINTS, [at, singapore], [singapore, at])
    assert np.isinf(routes.sea_km).all()
    assert np.isinf(routes.inland_km).all()


@pytest.mark.parametrize(
    ("inland", "port", "haul_km"),
    [  # great circle to the port that its trade really uses
        ("Vientiane", (18.8, 105.7), 340),  # Vinh, Viet Nam
        ("Ulaanbaatar", (38.98, 117.79), 1_325),  # Tianjin
        ("Kathmandu", (22.03, 88.06), 690),  # Kolkata and Haldia
        ("Kabul", (24.84, 66.98), 1_100),  # Karachi
        ("Baku", (42.15, 41.65), 710),  # Poti, on the Black Sea
        ("Denver", (33.73, -118.26), 1_340),  # Los Angeles
        ("Moscow", (59.93, 30.2), 635),  # Saint Petersburg
    ],
)
def test_other_inland_places_use_a_sensible_port(
    inland: str, port: tuple[float, float], haul_km: float
) -> None:
    points = np.array([PLACES[inland], port])
    routes = sea_routes(points, [0, 1], [1, 1])
    own_haul = routes.inland_km[0] - routes.inland_km[1] / 2
    assert own_haul == pytest.approx(haul_km, abs=60)
    assert own_haul < MAX_INLAND_KM
    assert routes.sea_km[0] < 200  # it joins the network beside that port


def test_order_of_the_pairs_does_not_matter() -> None:
    rng = np.random.default_rng(7)
    origin, destination = rng.integers(0, len(NAMES), (2, 300))
    routes = sea_routes(POINTS, origin, destination)
    shuffled = rng.permutation(300)
    again = sea_routes(POINTS, origin[shuffled], destination[shuffled])
    assert np.array_equal(routes.sea_km[shuffled], again.sea_km)


def test_no_pairs_is_fine_and_results_are_read_only() -> None:
    assert sea_routes(POINTS, [], []).sea_km.shape == (0,)
    with pytest.raises(ValueError, match="read-only"):
        sea_routes(POINTS, [0], [1]).sea_km[0] = 0.0
