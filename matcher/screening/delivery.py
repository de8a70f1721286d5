"""Delivery days: when an award would be made, shipped and received."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matcher.network.arrays import Arrays, Floats
from matcher.screening.award_options import AwardOptions
from matcher.screening.transport_links import SEA, TransportLinks


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
    slack = days until the due date − arrive − safety days. Export and import days are those of the
    port by sea, those of documents and customs by other modes, and fall away within one economy
    and, but by sea, within one customs territory. All in days.
    """
    economies = arrays.economies
    export_days, import_days = at_the_border(
        arrays,
        options,
        (economies.export_days, economies.import_days),
        (economies.export_clearance_days, economies.import_clearance_days),
    )
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


def at_the_border(
    arrays: Arrays,
    options: AwardOptions,
    by_sea: tuple[Floats, Floats],
    otherwise: tuple[Floats, Floats],
) -> tuple[Floats, Floats]:
    """What each option meets on leaving one economy and on entering another.

    Parameters
    ----------
    by_sea, otherwise
        A figure of export and one of import, by economy: for options by sea, and for others.
    """
    origin, destination = economies_of(arrays, options)
    sails = (origin != destination) & (options.mode == SEA)
    clears = arrays.economies.has_customs[origin, destination]
    leaving, entering = (
        np.where(sails, port[economy], np.where(clears, customs[economy], 0.0))
        for port, customs, economy in zip(by_sea, otherwise, (origin, destination), strict=True)
    )
    return leaving, entering


def economies_of(arrays: Arrays, options: AwardOptions) -> tuple[np.ndarray, np.ndarray]:
    """Economy of origin and of destination of each option, as indices."""
    origin = arrays.suppliers.place[arrays.bids.supplier[options.bid]]
    destination = arrays.demands.place[options.demand]
    return arrays.places.economy[origin], arrays.places.economy[destination]
