"""Where places lie: by coordinates, or by the name or code of a city, port or airport."""

from __future__ import annotations

from typing import Any

import pytest

from matcher.errors import InputError, Issue
from tests.networks import Row, network


def issues_of(*places: Row) -> list[Issue]:
    """All issues of a network with these places; everybody is at the first."""
    try:
        return list(at_first(*places).warnings)
    except InputError as error:
        return list(error.issues)


def at_first(*places: Row) -> Any:
    """A network in which the first place makes and needs all."""
    nowhere: Row = {"economy": None, "latitude": None, "longitude": None}
    rows = [nowhere | {"place": f"P{i}"} | place for i, place in enumerate(places)]
    first = rows[0]["place"]
    return network(
        places=rows,
        demands=[{"place": first}],
        suppliers=[{"supplier": "S", "place": first}],
        bids=[{"bid": "B", "supplier": "S"}],
        duties=[],
    )


@pytest.mark.parametrize("city", [None, "Stuttgart"])
@pytest.mark.parametrize(
    ("stated", "lacking"), [("latitude", "longitude"), ("longitude", "latitude")]
)
def test_half_a_pair_of_coordinates_is_no_place(
    city: str | None, stated: str, lacking: str
) -> None:
    (issue,) = issues_of({"economy": "DE", "city": city, stated: 9.0})
    assert (issue.code, issue.column) == ("missing_place", lacking)
    assert issue.problem == f"is empty, though {stated} is stated"


def point_of(**place: Any) -> tuple[float, float]:
    made = at_first(place)
    assert made.warnings == ()
    latitude, longitude = made.places.select("latitude", "longitude").row(0)
    return float(latitude), float(longitude)


@pytest.mark.parametrize(
    ("city", "economy", "point"),
    [
        ("Stuttgart", "DE", (48.78, 9.18)),
        ("stuttgart", "DE", (48.78, 9.18)),
        ("Ha Noi", "VN", (21.02, 105.84)),
        ("São Paulo", "BR", (-23.55, -46.64)),  # accents, or none
        ("Sao Paulo", "BR", (-23.55, -46.64)),
        ("Łódź", "PL", (51.77, 19.47)),
        ("Lodz", "PL", (51.77, 19.47)),
        ("Springfield, MO", "US", (37.22, -93.3)),
        ("springfield , il", "US", (39.8, -89.64)),
        ("Suzhou, 04", "CN", (31.3, 120.6)),
        ("VNHPH", "VN", (20.909, 106.74)),  # UN/LOCODE of the port
        ("HAN", "VN", (21.214, 105.803)),  # IATA code of the airport
        ("str", "DE", (48.691, 9.194)),
        ("Nuuk", "GL", (64.18, -51.72)),  # small, but the largest of its economy
    ],
)
def test_a_city_gives_the_coordinates(city: str, economy: str, point: tuple[float, float]) -> None:
    assert point_of(city=city, economy=economy) == pytest.approx(point, abs=0.02)


def test_coordinates_count_beside_a_city() -> None:
    # A works 20 km from the centre of Stuttgart.
    assert point_of(city="Stuttgart", economy="DE", latitude=48.7, longitude=8.95) == (48.7, 8.95)


def test_a_city_beside_coordinates_need_not_be_in_the_list() -> None:
    point = point_of(city="Hanau-Steinheim", economy="DE", latitude=50.1, longitude=8.9)
    assert point == (50.1, 8.9)
    # Nor do namesakes matter then.
    assert point_of(city="Springfield", economy="US", latitude=44.0, longitude=-123.0)[0] == 44.0


def only(found: list[Issue], code: str) -> Issue:
    assert [issue.code for issue in found] == [code], found
    return found[0]


@pytest.mark.parametrize(
    ("city", "economy", "regions"),
    [
        ("Springfield", "US", ("Springfield, IL", "Springfield, MA", "Springfield, MO")),
        ("Suzhou", "CN", ("Suzhou, 01", "Suzhou, 04")),
    ],
)
def test_namesakes_are_asked_back(city: str, economy: str, regions: tuple[str, ...]) -> None:
    issue = only(issues_of({"city": city, "economy": economy}), "ambiguous_city")
    assert (issue.row, issue.column, issue.value) == (2, "city", city)
    assert f"is the name of {len(regions)} cities in {economy}" in issue.problem
    for region in regions:
        assert region in issue.problem
        # What the message offers is an answer.
        assert point_of(city=region, economy=economy)
    assert regions[0] in issue.fix


@pytest.mark.parametrize(
    ("city", "economy", "fix"),
    [
        ("Stutgart", "DE", "did you mean 'Stuttgart'?"),
        ("Gdnask", "PL", "did you mean 'Gdańsk'?"),
        ("Haifong", "VN", "did you mean 'Haiphong'?"),
        ("Xyzzy", "DE", "enter latitude and longitude"),
        ("Springfield, TX", "US", "Springfield"),
        ("Stuttgart", "PL", "enter latitude and longitude"),  # it is in Germany
    ],
)
def test_an_unknown_city_is_named_with_what_may_be_meant(city: str, economy: str, fix: str) -> None:
    issue = only(issues_of({"city": city, "economy": economy}), "unknown_city")
    assert (issue.row, issue.column, issue.value) == (2, "city", city)
    assert fix in issue.fix


def test_without_city_and_coordinates_a_place_is_nowhere() -> None:
    issue = only(issues_of({"economy": "DE"}), "missing_place")
    assert (issue.row, issue.column, issue.severity) == (2, "city", "error")


def test_every_place_is_named_in_its_row() -> None:
    found = issues_of(
        {"economy": "VN", "city": "Hanoi"},
        {"economy": "DE"},
        {"economy": "US", "city": "Springfield"},
        {"economy": "DE", "city": "Stutgart"},
    )
    assert [(issue.code, issue.row) for issue in found] == [
        ("missing_place", 3),
        ("ambiguous_city", 4),
        ("unknown_city", 5),
    ]


def test_a_wrong_cell_is_not_named_twice() -> None:
    assert [i.code for i in issues_of({"economy": "DE", "latitude": 95.0, "longitude": 9.0})] == [
        "out_of_range"
    ]
    assert [i.code for i in issues_of({"economy": "Atlantis", "city": "Poseidonis"})] == [
        "unknown_economy"
    ]


def test_coordinates_far_from_their_city_are_warned_of_and_count() -> None:
    # Stuttgart is some 530 km from Hamburg.
    place: Row = {"economy": "DE", "city": "Stuttgart", "latitude": 53.55, "longitude": 10.0}
    issue = only(issues_of(place), "place_off_city")
    assert (issue.severity, issue.row, issue.value) == ("warning", 2, "Stuttgart")
    assert "53" in issue.problem
    assert "which count" in issue.problem
    assert at_first(place).places["latitude"].to_list() == [53.55]


@pytest.mark.parametrize(
    ("economy", "latitude", "longitude", "other"),
    [
        ("DE", 9.18, 48.78, "SO"),  # swapped: in the sea off Somalia
        ("VN", 105.8 - 90, 21.0, "TD"),  # nonsense in the Sahara
        ("US", 39.8, 89.64, "CN"),  # a sign lost: Springfield in Xinjiang
        ("BR", 23.55, -46.64, "AG"),  # in the Atlantic
        ("AU", 33.9, 151.2, "JP"),
    ],
)
def test_swapped_coordinates_and_lost_signs_are_warned_of(
    economy: str, latitude: float, longitude: float, other: str
) -> None:
    issue = only(
        issues_of({"economy": economy, "latitude": latitude, "longitude": longitude}),
        "place_off_economy",
    )
    assert (issue.severity, issue.row, issue.value) == ("warning", 2, "P0")
    assert f"{other} is nearer" in issue.problem


@pytest.mark.parametrize(
    ("economy", "latitude", "longitude"),
    [
        ("NO", 69.65, 18.96),  # Tromso
        ("AU", -23.70, 133.88),  # Alice Springs, far from any other town
        ("GL", 64.18, -51.72),  # Nuuk
        ("RU", 68.97, 33.09),  # Murmansk
        ("US", 21.31, -157.86),  # Honolulu
        ("US", 64.84, -147.72),  # Fairbanks
        ("CL", -53.16, -70.91),  # Punta Arenas
        ("FR", 43.7, 7.25),  # Nice, near Italy
        ("DE", 47.56, 7.62),  # at the Swiss border, next to Basel
        ("MX", 32.5, -117.0),  # Tijuana
        ("CN", 39.47, 75.99),  # Kashgar
        ("PT", 37.74, -25.67),  # Ponta Delgada, on the Azores
        ("ES", 28.1, -15.41),  # Las Palmas, off Africa
    ],
)
def test_lonely_places_and_places_at_borders_are_not_warned_of(
    economy: str, latitude: float, longitude: float
) -> None:
    assert point_of(economy=economy, latitude=latitude, longitude=longitude)
