"""Cities, ports and airports by the names that people write."""

from __future__ import annotations

import polars as pl
import pytest

from matcher.reference.economies import ECONOMIES
from matcher.reference.gazetteer import find, folded, names, spots


@pytest.mark.parametrize(
    ("text", "economy", "name", "latitude", "longitude"),
    [  # coordinates in degrees, as atlases have them
        ("Stuttgart", "DE", "Stuttgart", 48.78, 9.18),
        ("gdansk", "PL", "Gdańsk", 54.35, 18.65),
        ("Gdańsk", "PL", "Gdańsk", 54.35, 18.65),
        ("LODZ", "PL", "Łódź", 51.77, 19.46),
        ("Łódź", "PL", "Łódź", 51.77, 19.46),
        ("sao paulo", "BR", "São Paulo", -23.55, -46.63),
        ("Monterrey", "MX", "Monterrey", 25.67, -100.32),
        ("Nuevo Laredo", "MX", "Nuevo Laredo", 27.48, -99.52),
        ("ha noi", "VN", "Hanoi", 21.03, 105.85),
        ("Tromsø", "NO", "Tromso", 69.65, 18.96),  # a port
        ("Misato, Saitama", "JP", "Misato, Saitama", 35.83, 139.87),  # named so
        ("Springfield, mo", "US", "Springfield", 37.21, -93.29),
    ],
)
def test_a_place_is_found_by_its_name(
    text: str, economy: str, name: str, latitude: float, longitude: float
) -> None:
    [spot] = find(text, economy)
    assert (spot.name, spot.economy) == (name, economy)
    assert (spot.latitude, spot.longitude) == pytest.approx((latitude, longitude), abs=0.05)


@pytest.mark.parametrize(
    ("code", "economy", "name"),
    [
        ("VNHPH", "VN", "Haiphong"),  # UN/LOCODE
        ("vnhph", "VN", "Haiphong"),
        ("HAN", "VN", "Noi Bai International Airport"),  # IATA
        ("STR", "DE", "Stuttgart Airport"),
    ],
)
def test_ports_and_airports_are_found_by_their_codes(code: str, economy: str, name: str) -> None:
    assert [spot.name for spot in find(code, economy)] == [name]


@pytest.mark.parametrize(
    ("text", "economy", "regions"),
    [
        ("Springfield", "US", ["IL", "MA", "MO"]),
        ("Suzhou", "CN", ["01", "04"]),  # in Anhui and in Jiangsu
        ("Suzhou, 04", "CN", ["04"]),
        ("Springfield, TX", "US", []),
        ("Stuttgart", "PL", []),
        ("HAN", "DE", []),  # an airport elsewhere
        ("Nowhere", "DE", []),
        ("", "DE", []),
        ("...", "DE", []),
    ],
)
def test_namesakes_are_told_apart_and_nothing_is_guessed(
    text: str, economy: str, regions: list[str]
) -> None:
    assert [spot.region for spot in find(text, economy)] == regions


def test_every_city_is_found_by_its_own_name() -> None:
    for economy in ("CN", "DE", "PL", "TR", "VN", "AZ", "IS", "JP"):
        for name in names(economy):
            assert find(name, economy), (name, economy)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("São Paulo", "sao-paulo"),
        ("Łódź", "lodz"),
        ("ŁÓDŹ", "Lodz"),
        ("Đà Nẵng", "Da Nang"),
        ("Malmö", "MALMO"),
        ("København", "Kobenhavn"),
        ("Ağrı", "agri"),
        ("Gießen", "Giessen"),
    ],
)
def test_accents_case_and_punctuation_do_not_count(one: str, other: str) -> None:
    assert folded(one) == folded(other)


def test_every_spot_is_on_the_globe_and_in_a_known_economy() -> None:
    frame = spots()
    assert frame.height > 8_000
    assert set(frame["economy"]) <= {*ECONOMIES, "XK"}
    assert frame["latitude"].is_between(-90, 90).all()
    assert frame["longitude"].is_between(-180, 180).all()
    assert sum(frame.null_count().row(0)) == 0


@pytest.mark.parametrize("economy", ["US", "CN", "IN", "DE", "ZA", "SG", "GL", "TV", "VA"])
def test_the_list_knows_something_of_the_economy(economy: str) -> None:
    assert spots().filter(pl.col("economy") == economy).height > 0
