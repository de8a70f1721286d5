"""Economies and currencies that a network may name, and how economies value goods for duty.

Both lists come from the Unicode Common Locale Data Repository (CLDR) as shipped by Babel.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Final

from babel import Locale
from babel.numbers import get_territory_currencies

# Pinned, so that what a network may name changes with a release and not with the calendar.
AS_OF: Final = date(2026, 1, 1)

# CLDR codes that ISO 3166-1 reserves exceptionally and that are parts of other economies:
# Ascension, Diego Garcia, Ceuta and Melilla, European Union, Canary Islands, Tristan da Cunha.
# XK (Kosovo) stays: ISO leaves it to users, and customs and the World Bank treat it as an economy.
_NOT_ECONOMIES: Final = frozenset({"AC", "DG", "EA", "EU", "IC", "TA"})


def _tender(territory: str) -> list[str]:
    codes: list[str] = get_territory_currencies(territory, AS_OF, AS_OF, tender=True)
    return codes


def _economies() -> dict[str, str]:
    names = Locale("en").territories
    return {
        code: str(names[code])
        for code in sorted(names)
        if len(code) == 2
        and code.isalpha()
        and code not in _NOT_ECONOMIES
        and _tender(code)  # leaves out regions, pseudo-locales and Antarctica
    }


ECONOMIES: Final[Mapping[str, str]] = MappingProxyType(_economies())
"""ISO 3166-1 alpha-2 code to English name: every economy with a currency in use, and XK."""


def _currencies() -> dict[str, str]:
    names = Locale("en").currencies
    codes = {currency for economy in ECONOMIES for currency in _tender(economy)}
    return {code: str(names[code]) for code in sorted(codes)}


CURRENCIES: Final[Mapping[str, str]] = MappingProxyType(_currencies())
"""ISO 4217 code to English name: every currency that is legal tender in an economy."""

FOB_VALUATION: Final = frozenset({"AU", "BW", "CA", "LS", "NA", "NZ", "PR", "SZ", "US", "ZA"})
"""Economies whose customs value leaves out international freight and insurance (FOB).

All others value goods on arrival (CIF), as Article 8.2 of the WTO Customs Valuation Agreement
leaves to each member. The provisions are named in ``data/SOURCES.md``.
"""
