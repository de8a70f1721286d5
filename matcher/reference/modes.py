"""Speed and cost of each mode, and how much fits into a container."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from matcher.reference._files import frozen, in_order, load
from matcher.schema.tables import MODES

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Container:
    """A 20-foot dry container (ISO 668, size 1CC).

    Parameters
    ----------
    payload_kg
        Gross mass of 30,480 kg less a tare of 2,280 kg.
    volume_m3
        Internal volume, 5.90 x 2.35 x 2.39 m.
    """

    payload_kg: float = 28_200.0
    volume_m3: float = 33.2


CONTAINER: Final = Container()

AIR_KG_PER_M3: Final = 1_000_000 / 6_000
"""Air freight charges a cubic metre as at least so many kg: 6,000 cm³ a kg (IATA convention).

The chargeable weight of a unit is the larger of its weight and its volume times this.
"""


@dataclass(frozen=True, slots=True)
class Modes:
    """One value per mode, in the order of `matcher.schema.tables.MODES`; arrays are read-only.

    Parameters
    ----------
    speed_km_per_day
        Kilometres travelled in a day, stops on the way included.
    handling_days
        Days of waiting and handling at both ends together.
    cost_usd_per_container, cost_usd_per_container_km
        Freight of a 20-foot container: fixed, and per km travelled.
    cost_usd_per_kg, cost_usd_per_kg_km
        Freight of a chargeable kg: fixed, and per km travelled.
    detour
        Kilometres travelled per km of distance: of the great circle, for sea of the sea network.
    """

    speed_km_per_day: Floats
    handling_days: Floats
    cost_usd_per_container: Floats
    cost_usd_per_container_km: Floats
    cost_usd_per_kg: Floats
    cost_usd_per_kg_km: Floats
    detour: Floats


@cache
def modes() -> Modes:
    """Speed and cost of sea, air, road and rail; each figure's source stands in ``modes.csv``.

    Examples
    --------
    >>> float(modes().detour[MODES.index("road")])
    1.3
    """
    long = load(
        "modes.csv",
        mode=pl.String,
        column=pl.String,
        value=pl.Float64,
        unit=pl.String,
        source=pl.String,
    )
    rows = in_order(long.pivot("column", index="mode", values="value"), "mode", MODES)
    return Modes(**{name: frozen(rows[name]) for name in rows.columns if name != "mode"})


def units_per_container(weight_kg: ArrayLike, volume_m3: ArrayLike) -> Floats:
    """How many units fill a 20-foot container, by weight or by volume, whichever is first.

    ``min(payload_kg / weight_kg, volume_m3 of the container / volume_m3)``. Not rounded: a unit
    larger than a container gives a fraction, and then pays for several containers.

    Parameters
    ----------
    weight_kg, volume_m3
        Weight and volume of a unit, packed; above 0. They broadcast.

    Examples
    --------
    >>> float(units_per_container(2_820.0, 1.0))
    10.0
    """
    weight, volume = np.asarray(weight_kg, float), np.asarray(volume_m3, float)
    units: Floats = np.minimum(CONTAINER.payload_kg / weight, CONTAINER.volume_m3 / volume)
    return units
