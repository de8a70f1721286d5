"""Customs unions and free trade areas, by the day."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from matcher.reference._files import load
from matcher.reference.blocs import blocs
from matcher.reference.economies import ECONOMIES

TODAY = date(2026, 1, 1)
EU = (
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU",
    "IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
)  # fmt: skip


def between(one: str, other: str, day: date = TODAY) -> tuple[bool, bool, bool]:
    """No customs, no duty, and no duty on proof of origin."""
    found = blocs([one, other], day)
    return tuple(bool(m[0, 1]) for m in (found.no_customs, found.no_duty, found.free_trade))  # type: ignore[return-value]


NOTHING, PROOF, UNION, TERRITORY = (
    (False, False, False),
    (False, False, True),
    (False, True, True),
    (True, True, True),
)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("PL", "DE", TERRITORY),
        ("MC", "FR", TERRITORY),  # part of the customs territory of the EU
        ("CH", "LI", TERRITORY),
        ("ZA", "BW", TERRITORY),  # SACU
        ("KZ", "RU", TERRITORY),  # EAEU
        ("AE", "SA", TERRITORY),  # GCC
        ("KE", "UG", TERRITORY),  # EAC
        ("TR", "DE", UNION),  # customs, but no duty
        ("SM", "IT", UNION),
        ("AD", "ES", UNION),
        ("TR", "SM", UNION),
        ("NO", "DE", PROOF),  # EEA
        ("IS", "PL", PROOF),
        ("LI", "AT", PROOF),
        ("NO", "CH", PROOF),  # EFTA
        ("MX", "US", PROOF),
        ("VN", "TH", PROOF),  # ASEAN and RCEP
        ("VN", "JP", PROOF),
        ("KR", "CN", PROOF),  # RCEP
        ("GB", "JP", PROOF),  # CPTPP
        ("BR", "AR", PROOF),  # Mercosur: origin is proven within
        ("TR", "NO", NOTHING),  # one is in the customs union, the other in the EEA
        ("CH", "DE", NOTHING),  # by an agreement of the two, which is not in the list
        ("GB", "DE", NOTHING),  # the same
        ("VN", "DE", NOTHING),
        ("IN", "CN", NOTHING),
        ("US", "CN", NOTHING),
        ("TW", "CN", NOTHING),
    ],
)
def test_what_holds_between_two_economies(
    one: str, other: str, expected: tuple[bool, bool, bool]
) -> None:
    assert between(one, other) == between(other, one) == expected


@pytest.mark.parametrize(
    ("one", "other", "last_without", "without", "first_with", "with_it"),
    [
        ("PL", "DE", date(2004, 4, 30), NOTHING, date(2004, 5, 1), TERRITORY),
        ("HR", "DE", date(2013, 6, 30), NOTHING, date(2013, 7, 1), TERRITORY),
        ("TR", "DE", date(1995, 12, 30), NOTHING, date(1995, 12, 31), UNION),
        ("KR", "CN", date(2022, 1, 31), NOTHING, date(2022, 2, 1), PROOF),  # RCEP
        ("GB", "JP", date(2024, 12, 14), NOTHING, date(2024, 12, 15), PROOF),  # CPTPP
        ("AM", "RU", date(2015, 1, 1), NOTHING, date(2015, 1, 2), TERRITORY),
        ("BO", "BR", date(2024, 8, 6), NOTHING, date(2024, 8, 7), PROOF),
    ],
)
def test_it_holds_from_the_first_day_on(
    one: str,
    other: str,
    last_without: date,
    without: tuple[bool, bool, bool],
    first_with: date,
    with_it: tuple[bool, bool, bool],
) -> None:
    assert between(one, other, last_without) == without
    assert between(one, other, first_with) == with_it


@pytest.mark.parametrize(
    ("one", "other", "last"),
    [
        ("GB", "DE", date(2020, 12, 31)),  # the end of the transition, not of membership
        ("GB", "TR", date(2020, 12, 31)),
        ("GB", "NO", date(2020, 12, 31)),
        ("VE", "BR", date(2016, 12, 1)),
    ],
)
def test_it_holds_up_to_the_last_day(one: str, other: str, last: date) -> None:
    assert between(one, other, last) != NOTHING
    assert between(one, other, date.fromordinal(last.toordinal() + 1)) == NOTHING


def test_the_european_union_of_today() -> None:
    others = sorted(set(ECONOMIES) - set(EU))
    found = blocs([*EU, *others], TODAY).no_customs[: len(EU)]
    assert found[:, : len(EU)].all()
    joined = np.flatnonzero(found[:, len(EU) :].any(axis=0))
    assert [others[i] for i in joined] == ["MC"]


def test_stronger_ties_hold_the_weaker() -> None:
    found = blocs(sorted(ECONOMIES), TODAY)
    assert (found.no_duty | ~found.no_customs).all()
    assert (found.free_trade | ~found.no_duty).all()
    for matrix in (found.no_customs, found.no_duty, found.free_trade):
        assert (matrix == matrix.T).all()
        assert matrix.diagonal().all()  # at home nothing is due


def test_every_member_is_known_with_a_day_and_a_treaty() -> None:
    frame = load(
        "trade_blocs.csv",
        economy=pl.String,
        bloc=pl.String,
        kind=pl.String,
        since=pl.Date,
        until=pl.Date,
        source=pl.String,
    )
    assert set(frame["economy"]) <= set(ECONOMIES)
    assert frame["since"].is_not_null().all()
    assert frame["source"].is_not_null().all()
    assert frame.select("economy", "bloc").is_unique().all()
    assert (frame["until"].drop_nulls() > date(1958, 1, 1)).all()
    assert frame.filter(pl.col("until") <= pl.col("since")).is_empty()
