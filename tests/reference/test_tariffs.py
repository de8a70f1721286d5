"""Most-favoured-nation tariffs of the World Development Indicators."""

from __future__ import annotations

import polars as pl
import pytest

from matcher.reference.economies import ECONOMIES
from matcher.reference.tariffs import tariffs


@pytest.mark.parametrize(
    ("economy", "percent", "year"),
    [  # simple mean over manufactures, percent, as the source has it
        ("US", 3.76, 2018),
        ("MX", 5.67, 2018),
        ("VN", 8.75, 2019),
        ("TR", 4.42, 2019),
        ("NO", 0.87, 2019),
        ("SG", 0.0, 2019),
        ("BW", 8.48, 2018),
        ("ZA", 8.46, 2018),
    ],
)
def test_rows_of_the_source(economy: str, percent: float, year: int) -> None:
    row = tariffs().row(by_predicate=pl.col("economy") == economy)
    assert row == (economy, pytest.approx(percent / 100), year, "manufactures")


def test_it_is_sorted_and_plausible() -> None:
    frame = tariffs()
    assert frame["economy"].is_sorted()
    assert frame["economy"].is_unique().all()
    assert set(frame["economy"]) <= {*ECONOMIES, "XK"}
    assert frame["rate"].is_between(0.0, 0.5).all()
    assert frame["year"].is_between(2000, 2022).all()
    assert set(frame["goods"]) == {"manufactures", "all products"}
    assert frame.height == 188


def test_the_european_union_has_one_tariff() -> None:
    from tests.reference.test_blocs import EU

    rates = tariffs().filter(pl.col("economy").is_in(EU))
    assert rates.height == len(EU)
    assert rates["rate"].unique().to_list() == [0.041]
