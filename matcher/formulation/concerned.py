"""Which candidates the terms of lines, vehicles, consortia, ramp-up and switching concern."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from matcher.network.arrays import Arrays, Bools, Floats, Ints, index_of
from matcher.screening.candidates import Candidates
from matcher.tolerances import STATED

Index = NDArray[np.int64]


def tooled_once(arrays: Arrays, c: Candidates) -> Index:
    """Line × number of bids + bid of each candidate whose tooling its line shares; else -1."""
    line, bid = arrays.demands.line[c.demand].astype(np.int64), c.bid
    shared = (line >= 0) & (arrays.bids.tooling_cost[bid] > 0)
    return np.where(shared, line * arrays.bids.supplier.size + bid, -1)


def in_consortium(arrays: Arrays, c: Candidates) -> tuple[Ints, Floats, Floats]:
    """The consortium of each candidate (-1: none), its MOQ in units and its coordination cost."""
    consortium, terms = arrays.bids.consortium[c.bid], arrays.consortia
    # The last entry is for candidates without one.
    moq, cost = np.append(terms.moq, 0.0), np.append(terms.coordination_cost, 0.0)
    return consortium, moq[consortium], cost[consortium]


def keeps_incumbent(arrays: Arrays, c: Candidates) -> tuple[Floats, Index]:
    """Switching costs, and those that an award of each candidate saves.

    Returns
    -------
    cost : numpy.ndarray
        Of the rows of ``incumbents`` that state one, network currency.
    row : numpy.ndarray
        Shape (2, candidates), -1 for none: first the row for all lead firms, then the row for the
        candidate's own.
    """
    network = arrays.network
    table = network.incumbents.filter(pl.col("switching_cost") > 0)
    num_components, num_firms = network.components.height, network.lead_firms.height
    supplier = index_of(table["supplier"], network.suppliers["supplier"]).astype(np.int64)
    component = index_of(table["component"], network.components["component"])
    firm = index_of(table["lead_firm"], network.lead_firms["lead_firm"])
    demands = arrays.demands
    pair = c.supplier.astype(np.int64) * num_components + demands.component[c.demand]
    row = find(
        (supplier * num_components + component) * (num_firms + 1) + firm + 1,
        np.stack(
            [pair * (num_firms + 1), pair * (num_firms + 1) + demands.lead_firm[c.demand] + 1]
        ),
    )
    return table["switching_cost"].to_numpy(), row


def ramp_share(arrays: Arrays, bid: Ints, period: Ints) -> Floats:
    """The largest share of its resources that a bid may take in a period, 1 if not stated."""
    periods = arrays.periods
    num_periods = periods.capacity.shape[1]
    row = find(
        periods.ramp_bid.astype(np.int64) * num_periods + periods.ramp_period,
        bid.astype(np.int64) * num_periods + period,
    )
    return np.append(periods.ramp_share, 1.0)[row]


def starts_vehicles(c: Candidates) -> Bools:
    """Which candidates can start a second vehicle that costs something."""
    started: Bools = (c.vehicle_cost > 0) & (c.upper * (1 - STATED) > c.vehicle_units)
    return started


def has_terms(arrays: Arrays, c: Candidates) -> Bools:
    """Which candidates have terms that look at whether there is an award, however large."""
    _, moq, coordination = in_consortium(arrays, c)
    _, row = keeps_incumbent(arrays, c)
    concerned: Bools = (
        (c.fixed_cost != 0)
        | (c.price_once != 0)
        | starts_vehicles(c)
        | (tooled_once(arrays, c) >= 0)
        | (arrays.bids.bundle[c.bid] >= 0)
        | (moq > 0)
        | (coordination > 0)
        | (row >= 0).any(axis=0)
    )
    return concerned


def find(keys: Index, wanted: Index) -> Index:
    """The position of each of ``wanted`` among distinct ``keys``; -1 where it is not there.

    >>> find(np.array([30, 10]), np.array([10, 20, 30])).tolist()
    [1, -1, 0]
    """
    if keys.size == 0:
        return np.full(wanted.shape, -1)
    order = np.argsort(keys)
    at = order[np.searchsorted(keys, wanted, sorter=order).clip(max=keys.size - 1)]
    return np.where(keys[at] == wanted, at, -1)
