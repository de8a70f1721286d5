"""The measures of awards: what rules, discounts and objectives count.

An award of x units counts *per unit* × x + *once*; both are given for every candidate, or for
anything else that is costed and dated as candidates are.
"""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np

from matcher.network.arrays import Arrays, Floats, Ints
from matcher.schema.rules import Metric
from matcher.screening.landed_cost import DAYS_PER_YEAR

MetricName = Metric | Literal["capital"]


class Priced(Protocol):
    """Columns of candidates, or of awards, as in `matcher.screening.candidates.Candidates`."""

    @property
    def demand(self) -> Ints:
        """Index in the network's demands."""

    @property
    def bid(self) -> Ints:
        """Index in the network's bids."""

    @property
    def tier(self) -> Ints:
        """Index in the network's tiers."""

    @property
    def unit_cost(self) -> Floats:
        """Landed cost per unit, network currency."""

    @property
    def fixed_cost(self) -> Floats:
        """Cost of having the award at all, network currency."""

    @property
    def price_once(self) -> Floats:
        """What the supplier is paid besides price × quantity, network currency."""

    @property
    def co2e_kg(self) -> Floats:
        """Emissions of making and carrying a unit, kg CO₂e."""

    @property
    def ship(self) -> Floats:
        """Day after the start on which the goods leave."""

    @property
    def arrive(self) -> Floats:
        """Day after the start on which they are at the demand's place."""


def metric(arrays: Arrays, priced: Priced, name: MetricName) -> tuple[Floats, Floats]:
    """What each candidate counts, per unit of its quantity and once for its award.

    Returns
    -------
    per_unit, once : numpy.ndarray
        Shape (candidates,), in network currency where nothing else is said:

        - ``quantity``, in units: 1 and 0
        - ``value``, which the supplier is paid before discounts: the tier's price, and what
          incremental tiers add once
        - ``cost``: landed cost and fixed cost, without the tooling of a line, which belongs to no
          award alone
        - ``emissions`` of making and carrying the goods, kg CO₂e
        - ``capital``, which the supplier has tied up on average over a year: value × (1 − deposit)
          × (lead time + days from ship to arrival + payment days) ÷ 365, and 0 where it is paid
          before
    """
    if name == "quantity":
        return np.ones(priced.bid.size), np.zeros(priced.bid.size)
    if name == "emissions":
        return priced.co2e_kg, np.zeros(priced.bid.size)
    if name == "cost":
        in_line = arrays.demands.line[priced.demand] >= 0
        tooling = np.where(in_line, arrays.bids.tooling_cost[priced.bid], 0.0)
        return priced.unit_cost, priced.fixed_cost - tooling
    price = arrays.tiers.price[priced.tier]
    if name == "value":
        return price, priced.price_once
    bids = arrays.bids
    days = bids.lead_time_days[priced.bid] + bids.payment_days[priced.bid]
    years = np.maximum(days + priced.arrive - priced.ship, 0.0) / DAYS_PER_YEAR
    years *= 1 - bids.deposit[priced.bid]
    return price * years, priced.price_once * years
