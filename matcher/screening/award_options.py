"""Options: every demand–bid–mode–tier that could be tried, before any gate.

A *pair* is a demand and a bid for its component. An option is a pair, a mode that connects the
supplier's place with the demand's, and a price tier.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from matcher.network.arrays import Arrays, Bools, Floats, Ints
from matcher.screening.transport_links import TransportLinks, transport_links
from matcher.tolerances import ROUNDING


@dataclass(frozen=True, slots=True)
class Pairs:
    """Demand–bid pairs, sorted by demand, then bid; ``link`` is the index in `TransportLinks`."""

    demand: Ints
    bid: Ints
    link: Ints

    @property
    def size(self) -> int:
        """Number of pairs."""
        return int(self.demand.size)

    def slice(self, start: int, stop: int) -> Pairs:
        """The pairs from ``start`` up to ``stop``."""
        return Pairs(self.demand[start:stop], self.bid[start:stop], self.link[start:stop])


@dataclass(frozen=True, slots=True)
class AwardOptions:
    """Options as columns. ``pair`` points into the pairs, ``tier`` into the network's tiers.

    ``lower`` and ``upper`` are the smallest and largest award, in units.
    """

    pair: Ints
    demand: Ints
    bid: Ints
    link: Ints
    mode: Ints
    tier: Ints
    lower: Floats
    upper: Floats

    def take(self, rows: NDArray[np.int64]) -> AwardOptions:
        """The options at ``rows``."""
        return AwardOptions(*(getattr(self, f.name)[rows] for f in fields(self)))


def pairs_of(arrays: Arrays) -> tuple[Pairs, TransportLinks]:
    """Every pair of a demand with a bid for its component, and the links that they need."""
    demands, bids = arrays.demands, arrays.bids
    general = np.flatnonzero(bids.demand < 0).astype(np.int32)
    general = general[np.argsort(bids.component[general], kind="stable")]
    component = bids.component[general]
    first = np.searchsorted(component, demands.component, side="left")
    count = np.searchsorted(component, demands.component, side="right") - first
    demand, offset = expand(count)
    bid = general[first[demand] + offset]
    special = np.flatnonzero(bids.demand >= 0).astype(np.int32)
    if special.size:
        demand = np.concatenate([demand, bids.demand[special]])
        bid = np.concatenate([bid, special])
        order = np.lexsort((bid, demand))
        demand, bid = demand[order], bid[order]
    origin = arrays.suppliers.place[bids.supplier[bid]]
    destination = demands.place[demand]
    links = transport_links(arrays, origin, destination)
    return Pairs(demand, bid, links.find(origin, destination)), links


def expand(count: Ints) -> tuple[Ints, Ints]:
    """Repeat row i ``count[i]`` times: the row of each entry, and its place within the row.

    >>> row, offset = expand(np.array([2, 0, 1]))
    >>> row.tolist(), offset.tolist()
    ([0, 0, 2], [0, 1, 0])
    """
    row = np.repeat(np.arange(count.size, dtype=np.int32), count)
    start = np.cumsum(count) - count
    return row, (np.arange(row.size) - start[row]).astype(np.int32)


def usable_modes(arrays: Arrays, pairs: Pairs, links: TransportLinks) -> Bools:
    """Which modes each pair can use: the bid allows it and the link has it; (pairs, modes).

    A bid that states no modes allows those that its incoterm lets expect, and at home all.
    """
    economy, bids = arrays.places.economy, arrays.bids
    at_home = (
        economy[arrays.suppliers.place[bids.supplier[pairs.bid]]]
        == economy[arrays.demands.place[pairs.demand]]
    )
    allowed = bids.modes[pairs.bid] | (at_home & ~bids.states_modes[pairs.bid])[:, None]
    usable: Bools = allowed & links.connected[pairs.link]
    return usable


def options_of(arrays: Arrays, pairs: Pairs, usable: Bools) -> AwardOptions:
    """Every usable mode and tier of the pairs, in the order of pairs, modes and tiers."""
    bids = arrays.bids
    pair, mode = np.nonzero(usable)
    start = bids.tier_start[pairs.bid[pair]]
    row, offset = expand(bids.tier_start[pairs.bid[pair] + 1] - start)
    pair, mode = pair[row], mode[row]
    tier: Ints = start[row] + offset
    return sized(arrays, pairs, pair.astype(np.int32), mode.astype(np.int32), tier)


def largest_award(arrays: Arrays, options: AwardOptions) -> Floats:
    """Largest award of each option before order multiples, in units.

    min(tier to, largest award, share cap × quantity).
    """
    return _largest(arrays, options.demand, options.bid, options.tier)


def _largest(arrays: Arrays, demand: Ints, bid: Ints, tier: Ints) -> Floats:
    return np.minimum(
        np.minimum(arrays.tiers.upper[tier], arrays.bids.max_quantity[bid]),
        arrays.demands.share_cap[demand] * arrays.demands.quantity[demand],
    )


def sized(arrays: Arrays, pairs: Pairs, pair: Ints, mode: Ints, tier: Ints) -> AwardOptions:
    """Options with the smallest and largest award each allows.

    lower = max(MOQ, tier from), upper = min(tier to, largest award, share cap × quantity), both
    moved inward to a whole order multiple; single source and bundles ask for the whole quantity.
    """
    bids, demands, tiers = arrays.bids, arrays.demands, arrays.tiers
    demand, bid = pairs.demand[pair], pairs.bid[pair]
    quantity = demands.quantity[demand]
    lower = np.maximum(bids.moq[bid], tiers.lower[tier])
    upper = _largest(arrays, demand, bid, tier)
    whole = demands.single_source[demand] | (bids.bundle[bid] >= 0)
    # The only admissible award is the whole quantity, so a smaller upper limit leaves the option
    # empty (lower > upper) and the quantity gate rejects it.
    lower = np.where(whole, np.maximum(lower, quantity), lower)
    multiple = bids.order_multiple[bid]
    stepped = np.flatnonzero(multiple > 0)
    if stepped.size:
        step = multiple[stepped]
        # The slack keeps 3 × 0.1 from counting as more than 0.3.
        lower[stepped] = np.ceil(lower[stepped] / step - ROUNDING) * step
        upper[stepped] = np.floor(upper[stepped] / step + ROUNDING) * step
    return AwardOptions(
        pair=pair,
        demand=demand,
        bid=bid,
        link=pairs.link[pair],
        mode=mode,
        tier=tier,
        lower=lower,
        upper=upper,
    )
