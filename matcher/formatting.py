"""Figures and names as people read them: money, quantities, gaps and reasons in one manner."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date

NONE = "–"

OUTCOME_LABELS = {"awarded": "awarded", "beaten": "not selected", "rejected": "rejected"}


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


def emissions(kg: float) -> str:
    """Emissions in tonnes or, below one, in kg.

    >>> emissions(1_234_000.0), emissions(0.25)
    ('1,234 t CO₂e', '0.25 kg CO₂e')
    """
    size, unit = (1e3, "t") if kg >= 1e3 else (1.0, "kg")
    amount = kg / size
    decimals = 0 if amount >= 100 else 1 if amount >= 10 else 2
    return f"{amount:,.{decimals}f} {unit} CO₂e"


def days(value: float | None) -> str:
    """Days to a tenth, rounded down: what is in hand is never overstated."""
    if value is None or not math.isfinite(value):
        return NONE
    return _signed(f"{math.floor(value * 10 + 1e-6) / 10:.1f}")


def day(value: date | None) -> str:
    """A date as ISO 8601."""
    return NONE if value is None else value.isoformat()


def gap(value: float | None) -> str:
    """A gap between a plan and its bound, such as ``0.09%``, rounded up.

    Less than the gap is would be claimed more than was proven.

    >>> gap(0.00085), gap(0.0), gap(None)
    ('0.09%', '0.00%', 'unknown')
    """
    if value is None or not math.isfinite(value):
        return "unknown"
    return f"{rounded_gap(value) * 100:,.2f}%"


def rounded_gap(value: float) -> float:
    """A gap rounded up to a hundredth of a percent, as `gap` shows it."""
    return max(math.ceil(value * 1e4 - 1e-6), 0) / 1e4


def plural(noun: str) -> str:
    """The plural of a noun of this project, such as ``economies``."""
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}s"


def count(number: float, noun: str) -> str:
    """A number with its noun, such as ``1 award``, ``3 awards`` or ``2.5 days``.

    >>> count(1, "award"), count(2, "economy"), count(2.5, "day")
    ('1 award', '2 economies', '2.5 days')
    """
    return f"{quantity(number)} {noun if number == 1 else plural(noun)}"


def is_or_are(number: float, noun: str) -> str:
    """A number with its noun and verb, such as ``1 demand is`` or ``3 demands are``."""
    return f"{count(number, noun)} {'is' if number == 1 else 'are'}"


def named(noun: str, names: Sequence[str], most: int = 5) -> str:
    """A noun with its names, such as ``demands D1, D2``; of many only the first."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{noun if len(names) == 1 else plural(noun)} {', '.join(names[:most])}{more}"


def distance(value: float, unit: str, currency: str) -> str:
    """By how much a gate is failed, in its unit; empty where there is nothing to measure.

    ``unit`` is that of a `matcher.screening.gates.Gate`.

    >>> distance(1.0, "days", "USD"), distance(0.1069, "network currency per unit", "USD")
    ('1 day', '0.1069 USD per unit')
    """
    if unit in ("days", "units", "standards"):
        return count(value, unit.removesuffix("s"))
    if unit == "network currency per unit":
        return f"{unit_cost(value)} {currency} per unit"
    if unit == "share":
        return count(round(value * 100, 2), "percentage point")
    return f"{quantity(value)} {unit}" if unit in ("km", "ppm") else ""


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
