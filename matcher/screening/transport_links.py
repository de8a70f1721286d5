"""Links: how goods get from one place to another by each mode, in days and money.

A link is a pair of places. Its figures come from the network's own lanes and, where those are
silent, from distance and the shipped mode data: sea distance along the shipping network, great
circle times a detour factor otherwise, which is larger over land where the economies between ask
for it. Without a lane of the network's own, road connects places of one economy; sea and air
connect places of different economies; road and rail connect places of different economies where
land borders and fixed links lead from one to the other (rail: such that trains cross), road up to
`FARTHEST_ROAD_KM` and rail from `NEAREST_RAIL_KM` on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matcher.errors import InputError, Issue
from matcher.network.arrays import Arrays, Bools, Floats, Ints, index_of
from matcher.reference.borders import land_detour
from matcher.reference.emissions import freight_emissions
from matcher.reference.land import landmass_of
from matcher.reference.modes import modes
from matcher.reference.routes import great_circle_km, sea_routes
from matcher.schema.tables import MODES

SEA, AIR, ROAD, RAIL = range(len(MODES))

# Travelled. Lorries go as far as from Lisbon to Warsaw or from Istanbul to Hamburg; farther is for
# trains, and trains are not loaded for less.
FARTHEST_ROAD_KM = 4_000.0
NEAREST_RAIL_KM = 650.0


@dataclass(frozen=True, slots=True)
class TransportLinks:
    """Figures of each link and mode, shape (links, modes); money in the network's currency.

    Parameters
    ----------
    code
        ``origin * number of places + destination``, ascending; the position is the link's index.
    connected
        Whether the mode runs on the link.
    days
        Transit, door to door, without customs.
    cost_per_container, cost_per_kg
        Freight: a part by container (20-foot) and a part by chargeable weight.
    fixed_cost
        Once for each award that takes the link, or for each vehicle that it starts.
    vehicle_units
        How many units of an award a vehicle takes; infinite where all go for one fixed cost.
    direct_km
        Great-circle distance, shape (links,).
    co2e_per_kg
        Emissions of carrying a kg of goods, kg CO₂e; see `matcher.reference.emissions`.
    """

    num_places: int
    code: Ints
    connected: Bools
    days: Floats
    cost_per_container: Floats
    cost_per_kg: Floats
    fixed_cost: Floats
    vehicle_units: Floats
    direct_km: Floats
    co2e_per_kg: Floats

    def find(self, origin: Ints, destination: Ints) -> Ints:
        """Index of the link of each pair of places; all of them must be among the links."""
        code = origin.astype(np.int64) * self.num_places + destination
        return np.searchsorted(self.code, code).astype(np.int32)


def transport_links(arrays: Arrays, origin: Ints, destination: Ints) -> TransportLinks:
    """The links of the given pairs of places, each once.

    Raises
    ------
    InputError
        A lane asks for computed days or freight where no distance can be computed.
    """
    places = arrays.places
    num_places = places.economy.size
    code = np.unique(origin.astype(np.int64) * num_places + destination)
    start, end = code // num_places, code % num_places
    same_place = start == end
    domestic = places.economy[start] == places.economy[end]

    data = modes()
    direct = great_circle_km(
        places.latitude[start], places.longitude[start], places.latitude[end], places.longitude[end]
    )
    km = direct[:, None] * data.detour[None, :]
    points = np.column_stack([places.latitude, places.longitude])
    by_sea = sea_routes(points, start, end)
    km[:, SEA] = by_sea.sea_km

    longer = _over_land(arrays, start, end)
    # A lane of the network's own may lead where none is computed: there only roads wind.
    for mode, factor in longer.items():
        km[:, mode] = direct * np.fmax(data.detour[mode], np.where(factor < np.inf, factor, 1.0))

    reachable = np.isfinite(km)
    connected = np.zeros(km.shape, dtype=np.bool_)
    by_road = (longer[ROAD] < np.inf) & (km[:, ROAD] <= FARTHEST_ROAD_KM)
    connected[:, ROAD] = domestic | by_road
    connected[:, RAIL] = ~domestic & (longer[RAIL] < np.inf) & (km[:, RAIL] >= NEAREST_RAIL_KM)
    connected[:, AIR] = ~domestic
    connected[:, SEA] = ~domestic & reachable[:, SEA]

    km[~reachable] = np.nan
    days = data.handling_days + km / data.speed_km_per_day
    per_container = (data.cost_usd_per_container + km * data.cost_usd_per_container_km) * arrays.usd
    per_kg = (data.cost_usd_per_kg + km * data.cost_usd_per_kg_km) * arrays.usd
    # Within one place nothing is handled twice: the maker's gate is the user's gate.
    for figure in (days, per_container, per_kg):
        figure[same_place] = 0.0
    fixed, vehicle_units = np.zeros(km.shape), np.full(km.shape, np.inf)
    _own_lanes(arrays, code, connected, days, per_container, per_kg, fixed, vehicle_units)
    return TransportLinks(
        num_places=num_places,
        code=code,
        connected=connected,
        days=days,
        cost_per_container=per_container,
        cost_per_kg=per_kg,
        fixed_cost=fixed,
        vehicle_units=vehicle_units,
        direct_km=direct,
        co2e_per_kg=freight_emissions(km, by_sea.inland_km * data.detour[ROAD]),
    )


def _over_land(arrays: Arrays, start: Ints, end: Ints) -> dict[int, Floats]:
    """How much longer the ways by road and by rail are for the economies between, by mode.

    Shape (links,); infinite where none leads to the other economy, and 1 within one economy.
    """
    places = arrays.places
    origin, destination = places.economy[start], places.economy[end]
    abroad = origin != destination
    longer = {
        mode: land_detour(places.economies, by_rail=mode == RAIL)[origin, destination]
        for mode in (ROAD, RAIL)
    }
    rows = np.flatnonzero(abroad & np.isfinite(longer[ROAD]))
    used = np.unique(np.concatenate([start[rows], end[rows]]))
    landmass = np.full(places.economy.size, -1)
    landmass[used] = landmass_of(places.latitude[used], places.longitude[used])
    apart = abroad & ((landmass[start] < 0) | (landmass[start] != landmass[end]))
    for factor in longer.values():
        factor[apart] = np.inf
    return longer


def _own_lanes(  # noqa: PLR0913 - the columns it fills in
    arrays: Arrays,
    code: Ints,
    connected: Bools,
    days: Floats,
    per_container: Floats,
    per_kg: Floats,
    fixed: Floats,
    vehicle_units: Floats,
) -> None:
    """Write the network's lanes over the computed figures; what a lane leaves open stays."""
    lanes = arrays.network.lanes
    if lanes.is_empty():
        return
    keys = arrays.network.places["place"]
    origin, destination = (index_of(lanes[column], keys) for column in ("origin", "destination"))
    lane_code = origin.astype(np.int64) * keys.len() + destination
    at = np.searchsorted(code, lane_code).clip(max=max(code.size - 1, 0))
    used = np.flatnonzero(code[at] == lane_code) if code.size else np.empty(0, dtype=np.int64)
    row = at[used]
    mode = np.array([MODES.index(name) for name in lanes["mode"].to_list()], dtype=np.int32)[used]
    own_days, own_container, own_kg = (
        lanes[column].fill_null(np.nan).to_numpy()[used]
        for column in ("days", "cost_per_container", "cost_per_kg")
    )
    connected[row, mode] = True
    days[row, mode] = np.where(np.isnan(own_days), days[row, mode], own_days)
    priced = ~(np.isnan(own_container) & np.isnan(own_kg))
    for figure, own in ((per_container, own_container), (per_kg, own_kg)):
        figure[row, mode] = np.where(priced, np.nan_to_num(own), figure[row, mode])
    fixed[row, mode] = lanes["fixed_cost"].to_numpy()[used]
    vehicle_units[row, mode] = lanes["vehicle_units"].fill_null(np.inf).to_numpy()[used]
    unknown = ~np.isfinite(days[row, mode]) | ~np.isfinite(per_container[row, mode])
    if unknown.any():
        raise InputError(
            [
                Issue(
                    code="lane_without_distance",
                    table="lanes",
                    value=" → ".join(lanes.row(int(used[i]))[:2]),
                    problem=f"no {MODES[mode[i]]} distance can be computed between these places",
                    fix="state days and cost_per_container or cost_per_kg for the lane",
                )
                for i in np.flatnonzero(unknown)
            ]
        )
