"""What awards use of resources, in each period."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from matcher.evaluation.awards import Awards
from matcher.network.arrays import Arrays, Floats
from matcher.plan.findings import CODES, Finding
from matcher.screening.award_options import expand
from matcher.tolerances import STATED


def resources(arrays: Arrays, awards: Awards) -> Iterable[Finding]:
    """Resources that are used beyond their capacity, and bids beyond their ramp-up."""
    bid, period = awards.options.bid, arrays.demands.period[awards.options.demand]
    made = np.zeros((arrays.bids.supplier.size, arrays.periods.capacity.shape[1]))
    np.add.at(made, (bid, period), awards.quantity)
    yield from _capacities(arrays, made)
    yield from _ramps(arrays, made)


def _capacities(arrays: Arrays, made: Floats) -> Iterable[Finding]:
    usages, capacity = arrays.usages, arrays.periods.capacity
    load = np.zeros(capacity.shape)
    np.add.at(load, usages.resource, usages.use_per_unit[:, None] * made[usages.bid])
    for r, t in np.argwhere(load > capacity + STATED * np.maximum(capacity, 1e-9)):
        yield _finding(arrays, "capacity", r, t, "", load[r, t], capacity[r, t])


def _ramps(arrays: Arrays, made: Floats) -> Iterable[Finding]:
    """A share of 0 is a gate, and tested with those."""
    usages, periods = arrays.usages, arrays.periods
    held = np.flatnonzero(
        (periods.ramp_share > 0) & (made[periods.ramp_bid, periods.ramp_period] > 0)
    )
    start = np.searchsorted(usages.bid, np.arange(made.shape[0] + 1))
    row, offset = expand(np.diff(start)[periods.ramp_bid[held]])
    ramp = held[row]
    bid, t = periods.ramp_bid[ramp], periods.ramp_period[ramp]
    u = start[bid] + offset
    r = usages.resource[u]
    used = usages.use_per_unit[u] * made[bid, t]
    limit = periods.ramp_share[ramp] * periods.capacity[r, t]
    for i in np.flatnonzero(used > limit + STATED * np.maximum(limit, 1e-9)):
        source = f" by {arrays.network.bids['bid'][int(bid[i])]}"
        yield _finding(arrays, "ramp", r[i], t[i], source, used[i], limit[i])


def _finding(
    arrays: Arrays, code: str, resource: int, period: int, source: str, used: float, limit: float
) -> Finding:
    network = arrays.network
    key = network.resources["resource"][int(resource)]
    when = "" if network.periods.is_empty() else f" in {network.periods['period'][int(period)]}"
    return Finding(code, key, f"{key}{source}{when}: {CODES[code]}", float(used), float(limit))
