"""Recipes of synthetic networks: how large, how tight, and what they are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from math import ceil, isqrt
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from matcher.errors import InputError, Issue

SMALLEST, LARGEST = 100, 5_000_000

# About this share of the demand–bid pairs passes every gate with the shares below.
PASS_SHARE: Final = 0.85
# Members of a family for each bid on one of its components: suppliers do not bid on everything.
MEMBERS_PER_BID: Final = 1 / 0.6


class Good(NamedTuple):
    """What a component family makes: reference price in US dollars, packed weight and volume.

    ``standard`` is the industry standard that some of its components ask for.
    """

    name: str
    hs: str
    price: float
    weight_kg: float
    volume_m3: float
    standard: str


# Orders of magnitude, not market data.
GOODS: Final = (
    Good("Wire harness", "8544", 12.0, 0.9, 0.004, "IPC/WHMA-A-620"),
    Good("Printed circuit board", "8534", 6.0, 0.08, 0.0002, "IPC-A-600"),
    Good("Plastic housing", "3926", 1.2, 0.15, 0.0015, "IATF 16949"),
    Good("Stamped bracket", "7326", 0.9, 0.4, 0.0002, "IATF 16949"),
    Good("Die-cast housing", "7616", 7.0, 1.1, 0.002, "IATF 16949"),
    Good("Transmission shaft", "8483", 14.0, 1.8, 0.0008, "IATF 16949"),
    Good("Ball bearing", "8482", 3.0, 0.25, 0.0001, "IATF 16949"),
    Good("Rubber seal", "4016", 0.4, 0.03, 0.0001, "IATF 16949"),
    Good("Connector", "8536", 1.5, 0.02, 0.00008, "UL"),
    Good("Transformer", "8504", 9.0, 0.8, 0.0007, "UL"),
    Good("Electric motor", "8501", 16.0, 1.2, 0.001, "UL"),
    Good("Circuit assembly", "8538", 28.0, 0.3, 0.001, "IPC-A-610"),
    Good("Valve body", "8481", 11.0, 1.5, 0.0009, "ISO 3834-2"),
    Good("Steel spring", "7320", 0.6, 0.12, 0.0001, "IATF 16949"),
    Good("Iron casting", "7325", 5.0, 3.2, 0.0012, "ISO 3834-2"),
    Good("Carton", "4819", 0.8, 0.5, 0.004, "FSC CoC"),
)

# Probability that a supplier of each size class holds a standard that its customers ask for.
HELD: Final = {
    "ISO 9001": (0.90, 0.95, 0.98, 1.00),
    "ISO 14001": (0.60, 0.75, 0.90, 0.97),
    "SA 8000": (0.55, 0.70, 0.85, 0.95),
}
INDUSTRY_HELD: Final = (0.80, 0.88, 0.95, 0.99)
# Share of components that ask for each of these, and for the industry standard of their good.
ASKED: Final = {"ISO 9001": 0.80, "ISO 14001": 0.06, "SA 8000": 0.04}
INDUSTRY_ASKED: Final = 0.35

# Share of the suppliers up to which each size class but the last goes.
SIZE_LIMITS: Final = (0.30, 0.75, 0.95)
# What the price holds, the mark-up for it, and how often each size class offers it.
INCOTERMS: Final = ("EXW", "FCA", "CPT", "CIP", "DAP", "DDP")
MARKUP: Final = (0.0, 0.01, 0.05, 0.06, 0.08, 0.14)
OFFERED: Final = (
    (0.50, 0.40, 0.05, 0.00, 0.05, 0.00),
    (0.25, 0.50, 0.10, 0.05, 0.10, 0.00),
    (0.10, 0.45, 0.10, 0.15, 0.15, 0.05),
    (0.05, 0.35, 0.10, 0.20, 0.20, 0.10),
)
# Resource hours that a dollar of goods takes, at the reference price.
HOURS_PER_USD: Final = 0.02
# How far demands for one component lie from their mean.
QUANTITY_SPREAD: Final = 0.1
TIER_DISCOUNT: Final = 0.02
# Goods fly if that costs less than this share of their price, at about so many dollars a kg.
AIR_SHARE, AIR_USD_PER_KG, AIR_KG_PER_M3 = 0.08, 1.8, 167.0


def _of(default: Any, low: float, high: float) -> Any:
    """A field with a default and inclusive limits."""
    return field(default=default, metadata={"limits": (low, high)})


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to make a synthetic network; `matcher.generate.generate` follows it.

    The defaults are the features of the benchmark ladder. All money is in US dollars.

    Parameters
    ----------
    suppliers, demands
        How many.
    bids_per_demand
        Mean number of bids for the component of a demand. About 85 % of the pairs pass the gates.
    demands_per_component
        Mean number of demands for one component; they differ by 10 % in quantity.
    connected
        Whether a supplier serves 1 to 4 component families that share its capacity, so that the
        network is one piece. Otherwise a supplier serves one family, and the network falls into
        as many pieces as there are families.
    lead_firms
        How many; each has one plant.
    parks_per_city
        Industrial parks around each of the shipped cities.
    clustering
        Share of suppliers that settle in one of the three home parks of their first family.
    size_sigma
        Standard deviation of the logarithm of a supplier's size; 1 gives the largest 5 % of the
        suppliers a quarter of all capacity.
    demand_value
        Median value of a demand at the reference price, in US dollars.
    demand_sigma
        Standard deviation of the logarithm of a demand's value.
    price_sigma
        Standard deviation of the logarithm of the price that a supplier asks, over the reference.
    use_sigma
        Standard deviation of the logarithm of resource use per unit, over the reference.
    capacity_used
        Share of all capacity that all demands would take: 0.7 is tight, 0.3 is loose.
    moq_share
        MOQ, as a share of a demand.
    share_cap
        Largest share of a demand that one supplier may be awarded.
    max_suppliers
        Most suppliers a demand; 0 for no limit.
    tooling_share
        Tooling cost of an award, as a share of a demand's value.
    onboarding_share
        Onboarding cost of a supplier, as a share of the value that its capacity can make.
    tiers
        Price breaks a bid, 0 to 3; each lowers the price by 2 %.
    due_days
        Earliest and latest due date, in days after ``start``.
    expired_share
        Share of certificates that end before most due dates.
    ceiling_share
        Share of demands with a landed-cost ceiling, at 1.15 to 1.45 times the reference price.
    limit_share
        Share of demands with a limit on defects, and share with one on on-time deliveries.
    start
        The network's start.

    Raises
    ------
    InputError
        With every parameter that is out of range.
    """

    suppliers: int = _of(100, 2, 1_000_000)
    demands: int = _of(200, 1, 1_000_000)
    bids_per_demand: float = _of(25.0, 1, 1_000)
    demands_per_component: float = _of(2.0, 1, 1_000)
    connected: bool = True
    lead_firms: int = _of(4, 1, 1_000)
    parks_per_city: int = _of(3, 1, 20)
    clustering: float = _of(0.6, 0, 1)
    size_sigma: float = _of(1.0, 0, 3)
    demand_value: float = _of(50_000.0, 1, 1e9)
    demand_sigma: float = _of(0.8, 0, 3)
    price_sigma: float = _of(0.10, 0, 1)
    use_sigma: float = _of(0.25, 0, 1)
    capacity_used: float = _of(0.70, 0.01, 10)
    moq_share: float = _of(0.15, 0, 1)
    share_cap: float = _of(0.70, 0.01, 1)
    max_suppliers: int = _of(3, 0, 1_000)
    tooling_share: float = _of(0.02, 0, 10)
    onboarding_share: float = _of(0.08, 0, 10)
    tiers: int = _of(0, 0, 3)
    due_days: tuple[int, int] = (75, 195)
    expired_share: float = _of(0.03, 0, 1)
    ceiling_share: float = _of(0.10, 0, 1)
    limit_share: float = _of(0.10, 0, 1)
    start: date = date(2027, 1, 4)

    def __post_init__(self) -> None:
        issues = []
        for each in fields(self):
            low, high = each.metadata.get("limits", (None, None))
            value = getattr(self, each.name)
            if low is not None and not low <= value <= high:
                issues.append(
                    _issue(
                        each.name,
                        value,
                        f"is not from {low:,g} to {high:,g}",
                        f"the default is {each.default:,g}",
                    )
                )
        if not 0 <= self.due_days[0] <= self.due_days[1] <= 10_000:
            issues.append(
                _issue(
                    "due_days",
                    self.due_days,
                    "is not a range of days",
                    "write the earliest, then the latest day, from 0 to 10,000",
                )
            )
        pairs = self.demands * self.bids_per_demand
        if pairs > 2 * LARGEST:
            issues.append(
                _issue(
                    "demands",
                    self.demands,
                    f"gives {pairs:,.0f} demand–bid pairs",
                    f"ask for at most {2 * LARGEST:,} in all",
                )
            )
        if issues:
            raise InputError(issues)

    @property
    def members_per_family(self) -> float:
        """Suppliers that serve a component family, on average."""
        return self.bids_per_demand * MEMBERS_PER_BID


def recipe_for(candidates: int, **changes: Any) -> Recipe:
    """A recipe that gives about so many candidates.

    A pair of a demand and a bid counts once: where a road leads over a border it has a second
    candidate beside that by sea or air, so that all in all there are more.

    Demands have about 20 candidates each, 50 from half a million candidates on, and fewer in
    networks of less than 400.

    Parameters
    ----------
    candidates
        From 100 to 5,000,000.
    changes
        Any other parameter of `Recipe`.

    Examples
    --------
    >>> recipe_for(10_000).demands
    500
    """
    if not SMALLEST <= candidates <= LARGEST:
        raise InputError(
            [
                _issue(
                    "candidates",
                    candidates,
                    f"is not from {SMALLEST:,} to {LARGEST:,}",
                    "write a number in between",
                )
            ]
        )
    per_demand = 50 if candidates >= 500_000 else min(20, isqrt(candidates))
    demands = max(candidates // per_demand, 1)
    bids = per_demand / PASS_SHARE
    sized = {
        "suppliers": max(demands // 2, ceil(bids * MEMBERS_PER_BID)),
        "demands": demands,
        "bids_per_demand": bids,
        "lead_firms": min(max(demands // 50, 2), 40),
    }
    return Recipe(**(sized | changes))


PRESETS: Final[Mapping[str, Recipe]] = MappingProxyType(
    {
        "small": recipe_for(4_000),
        "medium": recipe_for(20_000),
        "large": recipe_for(100_000, suppliers=2_000),
        "huge": recipe_for(1_000_000),
    }
)
"""Recipes by name: about 4,000, 20,000, 100,000 and 1,000,000 pairs with candidates."""


def _issue(name: str, value: object, problem: str, fix: str) -> Issue:
    return Issue(
        code="bad_recipe", table="recipe", column=name, value=str(value), problem=problem, fix=fix
    )
