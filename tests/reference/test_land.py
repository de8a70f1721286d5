"""Which places are on one landmass, and where bridges and tunnels join them."""

from __future__ import annotations

import numpy as np
import pytest

from matcher.reference.land import landmass_of, outlines

PLACES = {
    "Stuttgart": (48.78, 9.18),
    "Hamburg": (53.55, 10.0),
    "Copenhagen": (55.68, 12.57),
    "Odense": (55.40, 10.39),
    "Aarhus": (56.16, 10.21),
    "Malmo": (55.61, 13.0),
    "Gdansk": (54.35, 18.65),
    "Oslo": (59.91, 10.75),
    "Istanbul": (41.01, 28.95),
    "London": (51.51, -0.13),
    "Dublin": (53.33, -6.25),
    "Belfast": (54.6, -5.93),
    "Reykjavik": (64.14, -21.9),
    "Palermo": (38.12, 13.36),
    "Valletta": (35.9, 14.51),
    "Nicosia": (35.17, 33.36),
    "Penang": (5.41, 100.33),
    "Singapore": (1.3, 103.8),
    "Johor Bahru": (1.49, 103.74),
    "Batam": (1.12, 104.05),
    "Kuching": (1.55, 110.35),
    "Pontianak": (-0.03, 109.33),
    "Jakarta": (-6.21, 106.85),
    "Hong Kong": (22.28, 114.17),
    "Macao": (22.2, 113.55),
    "Shenzhen": (22.54, 114.07),
    "Xiamen": (24.48, 118.08),
    "Haikou": (20.04, 110.32),
    "Taipei": (25.05, 121.53),
    "Manama": (26.22, 50.58),
    "Dammam": (26.43, 50.1),
    "Colombo": (6.93, 79.85),
    "Chennai": (13.09, 80.28),
    "Tokyo": (35.69, 139.69),
    "Busan": (35.1, 129.04),
    "Cape Town": (-33.93, 18.42),
    "Gaborone": (-24.65, 25.91),
    "Monterrey": (25.68, -100.32),
    "Laredo": (27.51, -99.51),
    "Havana": (23.13, -82.38),
    "Panama City": (8.99, -79.52),
    "Bogota": (4.61, -74.08),
    "Sydney": (-33.87, 151.21),
    "Hobart": (-42.88, 147.33),
    "Auckland": (-36.85, 174.76),
}


def landmass(*names: str) -> list[int]:
    latitude, longitude = zip(*(PLACES[name] for name in names), strict=True)
    return landmass_of(latitude, longitude).tolist()


@pytest.mark.parametrize(
    "names",
    [
        ("Stuttgart", "Hamburg", "Gdansk", "Istanbul"),
        ("Hamburg", "Aarhus", "Odense", "Copenhagen", "Malmo", "Oslo"),  # bridges all the way
        ("Stuttgart", "London"),  # Channel Tunnel
        ("Penang", "Johor Bahru", "Singapore"),  # bridge and causeway
        ("Shenzhen", "Hong Kong", "Macao", "Xiamen"),
        ("Dammam", "Manama"),
        ("Kuching", "Pontianak"),  # both on Borneo
        ("Belfast", "Dublin"),
        ("Cape Town", "Gaborone"),
        ("Monterrey", "Laredo"),
        ("Panama City", "Bogota"),  # one landmass; that no road leads on is for borders to say
    ],
)
def test_one_landmass(names: tuple[str, ...]) -> None:
    numbers = landmass(*names)
    assert numbers == [numbers[0]] * len(names)
    assert numbers[0] >= 0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Penang", "Jakarta"),
        ("Penang", "Kuching"),
        ("Kuching", "Jakarta"),
        ("Dublin", "Stuttgart"),
        ("Belfast", "London"),
        ("Batam", "Singapore"),
        ("Reykjavik", "Oslo"),
        ("Palermo", "Stuttgart"),
        ("Nicosia", "Istanbul"),
        ("Haikou", "Shenzhen"),
        ("Taipei", "Xiamen"),
        ("Colombo", "Chennai"),
        ("Tokyo", "Busan"),
        ("Havana", "Laredo"),
        ("Sydney", "Hobart"),
        ("Sydney", "Auckland"),
    ],
)
def test_water_between(one: str, other: str) -> None:
    first, second = landmass(one, other)
    assert first != second


def test_small_islands_are_on_no_landmass() -> None:
    assert landmass("Valletta", "Batam") == [-1, -1]


def test_a_quay_is_on_the_land_behind_it() -> None:
    # Outlines are coarse, so that Copenhagen's harbour is off the shore, if by less than 10 km.
    harbour = landmass_of([55.69], [12.61])
    assert harbour.tolist() == landmass("Hamburg")
    # In the middle of the North Sea there is nothing near.
    assert landmass_of([56.0], [3.0]).tolist() == [-1]


def test_a_place_does_not_depend_on_the_others() -> None:
    names = list(PLACES)
    together = landmass(*names)
    assert together == [landmass(name)[0] for name in names]
    assert landmass_of([], []).shape == (0,)


def test_outlines_are_closed() -> None:
    for ring in outlines():
        assert np.array_equal(ring[0], ring[-1])
