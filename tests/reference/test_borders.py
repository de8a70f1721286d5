"""Which economies land joins: borders that goods cross, and bridges and tunnels."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from matcher.reference._files import load
from matcher.reference.borders import CLOSED, LONGEST_DETOUR, land_detour
from matcher.reference.economies import ECONOMIES


def joined(one: str, other: str) -> bool:
    return bool(np.isfinite(land_detour([one, other])[0, 1]))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("PL", "DE"),
        ("PT", "VN"),  # all across Eurasia
        ("ZA", "EG"),  # all along Africa, and from there to Asia
        ("EG", "CN"),
        ("MX", "CA"),
        ("GB", "FR"),  # Channel Tunnel
        ("DK", "SE"),  # Oresund
        ("SG", "MY"),  # causeway
        ("BH", "SA"),  # causeway
        ("HK", "MO"),  # bridge
        ("BW", "ZA"),
        ("DO", "HT"),
        ("BR", "AR"),
        ("AM", "TR"),  # closed between the two, but not by way of Georgia
    ],
)
def test_land_leads_from_one_to_the_other(one: str, other: str) -> None:
    assert joined(one, other)
    assert joined(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CO", "PA"),  # no road through the Darien Gap
        ("BR", "MX"),
        ("KR", "CN"),  # the border in between is closed
        ("KR", "KP"),
        ("JP", "RU"),
        ("AU", "NZ"),
        ("AU", "ID"),
        ("PH", "MY"),
        ("TW", "CN"),
        ("LK", "IN"),
        ("IS", "NO"),
        ("MT", "IT"),
        ("CY", "TR"),
        ("CU", "US"),  # Guantanamo
        ("US", "RU"),
        ("MG", "ZA"),
    ],
)
def test_no_land_leads_from_one_to_the_other(one: str, other: str) -> None:
    assert not joined(one, other)
    assert not joined(other, one)


@pytest.mark.parametrize(
    ("one", "other", "by_rail"),
    [
        ("PL", "DE", True),
        ("CN", "DE", True),  # by way of Kazakhstan or Mongolia
        ("GB", "FR", True),
        ("DK", "SE", True),
        ("US", "MX", True),
        ("VN", "CN", True),
        ("TH", "KH", False),  # out of use
        ("SA", "BH", False),  # the causeway has no track
        ("HK", "MO", False),
        ("DO", "HT", False),
    ],
)
def test_trains_need_a_track_over_the_border(one: str, other: str, by_rail: bool) -> None:
    assert joined(one, other)
    assert np.isfinite(land_detour([one, other], by_rail=True)[0, 1]) == by_rail


def test_an_economy_is_joined_to_itself_even_without_any_border() -> None:
    assert land_detour(["IS", "DE"]).tolist() == [[1.0, np.inf], [np.inf, 1.0]]


def test_a_network_in_one_economy_or_in_none() -> None:
    assert land_detour([]).shape == (0, 0)
    assert land_detour(["VN"]).tolist() == [[1.0]]


def borders() -> pl.DataFrame:
    return load(
        "land_borders.csv",
        economy=pl.String,
        neighbour=pl.String,
        kind=pl.String,
        rail=pl.Boolean,
    )


def test_every_border_is_listed_once_between_known_economies() -> None:
    pairs = [frozenset(pair) for pair in borders().select("economy", "neighbour").iter_rows()]
    assert all(len(pair) == 2 for pair in pairs)
    assert len(set(pairs)) == len(pairs)
    # Kosovo's code is not of ISO 3166, but in use.
    assert {economy for pair in pairs for economy in pair} <= {*ECONOMIES, "XK"}
    assert set(borders()["kind"]) == {"land border", "fixed link"}


def test_closed_borders_are_on_the_map() -> None:
    pairs = {frozenset(pair) for pair in borders().select("economy", "neighbour").iter_rows()}
    assert pairs >= CLOSED


@pytest.mark.parametrize(
    ("economy", "neighbours"),
    [
        ("PT", {"ES"}),
        ("DE", {"AT", "BE", "CH", "CZ", "DK", "FR", "LU", "NL", "PL"}),
        ("LS", {"ZA"}),
        ("MN", {"CN", "RU"}),
    ],
)
def test_the_neighbours_of_an_economy(economy: str, neighbours: set[str]) -> None:
    rows = borders().select("economy", "neighbour").iter_rows()
    assert {b if a == economy else a for a, b in rows if economy in (a, b)} == neighbours


@pytest.mark.parametrize(
    ("one", "other", "least", "most"),
    [
        ("PL", "DE", 1.0, 1.0),  # neighbours
        ("MX", "US", 1.0, 1.0),
        ("PL", "ES", 1.0, 1.2),  # by Germany and France, which is nearly straight
        ("IT", "GR", 1.3, 1.6),  # around the Adriatic Sea
        ("DE", "NO", 1.2, LONGEST_DETOUR),  # over the Oresund
    ],
)
def test_a_way_around_a_sea_is_longer(one: str, other: str, least: float, most: float) -> None:
    for ends in ([one, other], [other, one]):
        assert least <= land_detour(ends)[0, 1] <= most


def test_trains_do_not_go_all_the_way_around() -> None:
    # From Thailand to Viet Nam there is a way by Laos and China; nobody takes it.
    assert np.isinf(land_detour(["TH", "VN"], by_rail=True)[0, 1])
    assert np.isfinite(land_detour(["TH", "VN"])[0, 1])
