"""Figures as people read them: money, quantities, shares and days in one manner everywhere."""

from __future__ import annotations

import math
from datetime import date

NONE = "–"


def money(value: float | None) -> str:
    """A sum in whole units of the currency, such as ``1,234,567``; with cents below 1,000."""
    if value is None or not math.isfinite(value):
        return NONE
    return _signed(f"{value:,.2f}" if abs(value) < 1000 else f"{value:,.0f}")


def short_money(value: float) -> str:
    """A sum for a chart, such as ``1.23 M``: three significant digits."""
    for size, suffix in ((1e9, " bn"), (1e6, " M"), (1e3, " k")):
        if abs(value) >= size * 0.9995:
            return _signed(f"{_significant(value / size, 3)}{suffix}")
    return _signed(_significant(value, 3))


def unit_cost(value: float | None) -> str:
    """Money per unit with at least four significant digits, such as ``0.2053`` or ``21.80``."""
    if value is None or not math.isfinite(value):
        return NONE
    digits = 4 if value == 0 else 3 - math.floor(math.log10(abs(value)))
    return _signed(f"{value:,.{min(max(digits, 2), 6)}f}")


def quantity(value: float | None) -> str:
    """A quantity without superfluous decimals, such as ``24,000`` or ``0.125``."""
    if value is None or not math.isfinite(value):
        return NONE
    if 0 < abs(value) < 0.0005:
        return _signed(f"{value:.3g}")
    text = f"{value:,.3f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else _signed(text)


def share(value: float | None, decimals: int = 1) -> str:
    """A share as a percentage, such as ``12.5%``."""
    if value is None or not math.isfinite(value):
        return NONE
    return _signed(f"{value * 100:.{decimals}f}%")


def days(value: float | None) -> str:
    """Days to a tenth, rounded down: what is in hand is never overstated."""
    if value is None or not math.isfinite(value):
        return NONE
    return _signed(f"{math.floor(value * 10 + 1e-6) / 10:.1f}")


def day(value: date | None) -> str:
    """A date as ISO 8601."""
    return NONE if value is None else value.isoformat()


def count(number: int, noun: str) -> str:
    """A number with its noun, such as ``1 award`` or ``3 awards``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _signed(text: str) -> str:
    """The text with a true minus sign, and none before a zero."""
    if text.startswith("-"):
        return f"−{text[1:]}" if any(c in "123456789" for c in text) else text[1:]
    return text


def _significant(value: float, digits: int) -> str:
    if value == 0:
        return "0"
    # Rounded first: 0.9997 has one digit more before the point once it is 1.00.
    value = float(f"{value:.{digits - 1}e}")
    return f"{value:.{max(digits - 1 - math.floor(math.log10(abs(value))), 0)}f}"
