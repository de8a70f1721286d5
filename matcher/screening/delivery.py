"""Delivery days: when an award would be made, shipped and received."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matcher.network.arrays import Arrays, Floats
from matcher.screening.award_options import AwardOptions
from matcher.screening.transport_links import TransportLinks


@dataclass(frozen=True, slots=True)
class Delivery:
    """Days of each option, shape (options,), counted from the network's start.

    ``ship`` is the day the goods leave the origin's border, ``arrive`` the day they are at the
    demand's place; ``pipeline`` is what lies between factory gate and use, safety days included;
    ``slack`` is what is left until the due date after safety days, negative when late.
    """

    ship: Floats
    arrive: Floats
    pipeline: Floats
    slack: Floats


def delivery(arrays: Arrays, links: TransportLinks, options: AwardOptions) -> Delivery:
    """Delivery days of each option.

    arrive = production lead time + export days + transit + import days, and
    slack = days until the due date − arrive − safety days. Export and import days fall away
    within one economy. All in days.
    """
    origin, destination = economies_of(arrays, options)
    crosses = origin != destination
    economies = arrays.economies
    export_days = np.where(crosses, economies.export_days[origin], 0.0)
    import_days = np.where(crosses, economies.import_days[destination], 0.0)
    ship = arrays.bids.lead_time_days[options.bid] + export_days
    transit = links.days[options.link, options.mode]
    arrive = ship + transit + import_days
    safety = arrays.demands.safety_days[options.demand]
    return Delivery(
        ship=ship,
        arrive=arrive,
        pipeline=export_days + transit + import_days + safety,
        slack=arrays.demands.due_days[options.demand] - arrive - safety,
    )


def economies_of(arrays: Arrays, options: AwardOptions) -> tuple[np.ndarray, np.ndarray]:
    """Economy of origin and of destination of each option, as indices."""
    origin = arrays.suppliers.place[arrays.bids.supplier[options.bid]]
    destination = arrays.demands.place[options.demand]
    return arrays.places.economy[origin], arrays.places.economy[destination]
