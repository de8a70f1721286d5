"""Emissions of freight, held against the published factors."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from matcher.reference.emissions import factors, freight_emissions
from matcher.schema.tables import MODES

SEA, AIR, ROAD, RAIL = range(len(MODES))


@pytest.mark.parametrize(
    ("mode", "up_to_km", "freight", "well_to_tank"),
    [  # grams CO2e a tonne-km: container ship, freight flights, articulated lorries, freight train
        ("sea", None, 16.12, 3.65),
        ("air", 3_700.0, 1278.35, 205.15),
        ("air", None, 899.39, 135.16),
        ("road", None, 78.00, 18.23),
        ("rail", None, 27.79, 6.91),
    ],
)
def test_a_factor_is_freight_and_the_making_of_its_fuel(
    mode: str, up_to_km: float | None, freight: float, well_to_tank: float
) -> None:
    row = factors().filter(mode=mode).filter(pl.col("up_to_km").eq_missing(pl.lit(up_to_km)))
    assert row["grams"].item() == pytest.approx(freight + well_to_tank)


def test_every_mode_has_a_factor_for_any_distance_and_a_source() -> None:
    assert set(factors()["mode"]) == set(MODES)
    assert set(factors().filter(pl.col("up_to_km").is_null())["mode"]) == set(MODES)
    assert factors()["source"].is_not_null().all()


def emitted(km: float, inland_km: float = 0.0) -> list[float]:
    return freight_emissions(np.full((1, 4), km), np.array([inland_km]))[0].tolist()


def test_a_tonne_over_a_thousand_km() -> None:
    # A kg over 1,000 km is a tonne-km.
    assert emitted(1_000.0) == pytest.approx([0.01977, 1.4835, 0.09623, 0.0347])


def test_hauls_to_and_from_the_sea_are_by_lorry_and_only_by_sea() -> None:
    # 250 km of lorry: 96.23 × 0.25 = 24.0575 grams a kg.
    assert np.subtract(emitted(1_000.0, 250.0), emitted(1_000.0)) == pytest.approx(
        [0.0240575, 0.0, 0.0, 0.0]
    )


def test_long_flights_emit_less_a_km() -> None:
    assert emitted(3_700.0)[AIR] == pytest.approx(3.7 * 1.48350)
    assert emitted(3_701.0)[AIR] == pytest.approx(3.701 * 1.03455)


def test_no_distance_no_emissions_and_no_way_no_figure() -> None:
    assert emitted(0.0) == [0.0] * 4
    km = np.array([[np.nan, 100.0, 100.0, 100.0]])
    found = freight_emissions(km, np.array([np.inf]))[0]
    assert np.isnan(found[SEA])
    assert np.isfinite(found[[AIR, ROAD, RAIL]]).all()
