"""Economies and currencies."""

from __future__ import annotations

import pytest

from matcher.reference.economies import CURRENCIES, ECONOMIES, FOB_VALUATION
from matcher.reference.trade_costs import trade_costs


def test_every_economy_of_iso_3166_but_antarctica_and_kosovo_besides() -> None:
    # ISO 3166-1 assigns 249 codes; AQ has no currency, and XK is added.
    assert len(ECONOMIES) == 249 - 1 + 1
    assert "AQ" not in ECONOMIES
    assert ECONOMIES["XK"] == "Kosovo"


@pytest.mark.parametrize("code", ["VN", "TH", "TW", "HK", "MO", "KZ", "US", "DE", "GB"])
def test_known_economies(code: str) -> None:
    assert code in ECONOMIES


@pytest.mark.parametrize("code", ["EU", "UN", "EZ", "XA", "XB", "ZZ", "IC", "SU", "UK", "vn", ""])
def test_regions_reserved_and_former_codes_are_not_economies(code: str) -> None:
    assert code not in ECONOMIES


@pytest.mark.parametrize("code", ["USD", "EUR", "VND", "THB", "TWD", "HKD", "CNY", "KZT"])
def test_currencies_in_use(code: str) -> None:
    assert code in CURRENCIES


@pytest.mark.parametrize("code", ["DEM", "ITL", "XAU", "XDR", "XXX", "CLF", "usd", ""])
def test_former_currencies_metals_and_units_of_account_are_refused(code: str) -> None:
    assert code not in CURRENCIES


def test_codes_have_their_form_and_a_name() -> None:
    assert all(len(code) == 2 and code.isupper() and name for code, name in ECONOMIES.items())
    assert all(len(code) == 3 and code.isupper() and name for code, name in CURRENCIES.items())


def test_the_other_reference_data_speak_of_known_economies() -> None:
    assert set(trade_costs()["economy"]) <= ECONOMIES.keys()
    assert ECONOMIES.keys() >= FOB_VALUATION
    assert not FOB_VALUATION & {"VN", "TH", "DE", "JP", "CN"}  # CIF
