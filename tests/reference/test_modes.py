"""Mode data and containers."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matcher.reference.modes import (
    AIR_KG_PER_M3,
    CONTAINER,
    Modes,
    modes,
    units_per_container,
)
from matcher.schema.tables import MODES

SEA, AIR, ROAD, RAIL = range(4)
POSITIVE = st.floats(1e-6, 1e6)


def test_every_mode_has_every_figure_and_arrays_are_read_only() -> None:
    for field in dataclasses.fields(Modes):
        array = getattr(modes(), field.name)
        assert array.shape == (len(MODES),)
        assert np.isfinite(array).all()
        assert (array >= 0).all()
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1.0
    assert (modes().speed_km_per_day > 0).all()
    assert (modes().detour >= 1).all()


def test_sea_sails_at_fourteen_knots() -> None:
    # 14 knots x 1.852 km x 24 h = 622.272 km a day
    assert modes().speed_km_per_day[SEA] == pytest.approx(14 * 1.852 * 24, rel=1e-3)


def test_sea_freight_is_the_least_squares_line_through_the_named_rates() -> None:
    # SCFI, week 38 of 2025, USD a TEU from Shanghai, and km by sea (SOURCES.md):
    # Rotterdam, Genoa, Dubai, Melbourne, Singapore, Busan, Kobe.
    km = [19_580, 16_148, 10_574, 9_632, 4_099, 869, 1_420]
    usd = [1_052, 1_638, 991, 1_159, 422, 138, 321]
    per_km, fixed = np.polyfit(km, usd, 1)
    assert modes().cost_usd_per_container_km[SEA] == pytest.approx(per_km, rel=0.02)
    assert modes().cost_usd_per_container[SEA] == pytest.approx(fixed, rel=0.02)


def test_air_freight_spans_the_world_banks_range() -> None:
    # 1.50 USD a kg over 1,000 km, 4.50 over 15,000 km.
    for km, usd in [(1_000, 1.50), (15_000, 4.50)]:
        rate = modes().cost_usd_per_kg[AIR] + km * modes().cost_usd_per_kg_km[AIR]
        assert rate == pytest.approx(usd, abs=0.01)


def test_freight_is_charged_by_container_or_by_weight_never_by_both() -> None:
    by_container = modes().cost_usd_per_container_km > 0
    assert by_container.tolist() == [True, False, True, True]
    assert np.array_equal(modes().cost_usd_per_kg_km > 0, ~by_container)


def test_a_container_fills_by_weight_or_by_volume() -> None:
    # 28,200 / 10 = 2,820 by weight against 33.2 / 0.001 = 33,200 by volume, and
    # 33.2 / 0.1 = 332 by volume against 28,200 / 1 = 28,200 by weight.
    assert units_per_container([10.0, 1.0], [0.001, 0.1]) == pytest.approx([2_820, 332])


def test_a_unit_larger_than_a_container_takes_several() -> None:
    assert float(units_per_container(1_000.0, 66.4)) == pytest.approx(0.5)


@given(POSITIVE, POSITIVE, st.floats(1, 1000))
def test_lighter_and_smaller_units_never_fit_fewer(
    weight: float, volume: float, factor: float
) -> None:
    units = units_per_container(weight, volume)
    assert units > 0
    assert units * weight <= CONTAINER.payload_kg * (1 + 1e-12)
    assert units * volume <= CONTAINER.volume_m3 * (1 + 1e-12)
    assert units_per_container(weight * factor, volume) <= units
    assert units_per_container(weight, volume * factor) <= units


def test_bulky_goods_fly_by_volume() -> None:
    # A box of 60 x 50 x 40 cm is 120,000 cm³: charged as 120,000 / 6,000 = 20 kg.
    assert pytest.approx(20.0) == 0.6 * 0.5 * 0.4 * AIR_KG_PER_M3
