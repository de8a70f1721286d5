"""Auctions of bundles in the format of CATS, each read as a network.

In an auction goods are sold: each bid pays a value for all of its goods, each good goes to at most
one bid, and the values of the bids that win are to be as large as possible. A network buys at the
least cost. So every good is a demand of one unit that must be covered, and keeping it costs M. A
bid for k goods is a bundle that covers them at M·k − value, spread evenly. With M the largest
value of a good in any bid no price is below 0, and

    cost of a plan = M × number of goods − Σ values of the bids that win.

Dummy goods, which make bids of one bidder exclude each other, are goods like any other here.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.formats import DUE, Floats, keys, setting, wrong
from matcher.network import Network
from matcher.read import network_from_tables

Indices = NDArray[np.int64]

KEEPER = "keeper"
"""The supplier that stands for not selling."""

FIX = "give a file of CATS: lines 'goods', 'bids' and 'dummy', then one line for each bid"


def read_cats(path: Path) -> Network:
    """Winner determination, maximised; `worth` turns a cost of the network into a value.

    Comments begin with %. ``goods``, ``bids`` and ``dummy`` state numbers; a line for each bid
    follows: its number, its value (at least 0), its goods and, at the end, #. Dummy goods are
    numbered after the others.

    Raises
    ------
    InputError
        The file is not of this format.
    """
    num_goods, value, bid, good = _read(path)
    demand, bidder = keys("g", num_goods), keys("b", value.size)
    suppliers = [KEEPER, *bidder]
    return network_from_tables(
        setting(path.name)
        | {
            "demands": pl.DataFrame(
                {
                    "demand": demand,
                    "lead_firm": ["firm"] * num_goods,
                    "component": ["goods"] * num_goods,
                    "quantity": np.ones(num_goods),
                    "place": ["site"] * num_goods,
                    "due": [DUE] * num_goods,
                }
            ),
            "suppliers": pl.DataFrame(
                {
                    "supplier": suppliers,
                    "place": ["site"] * len(suppliers),
                    "size_class": ["medium"] * len(suppliers),
                }
            ),
            "bids": _bids(value, bid, good, bidder, demand),
        }
    )


def _bids(
    value: Floats, bid: Indices, good: Indices, bidder: pl.Series, demand: pl.Series
) -> pl.DataFrame:
    """The bundles of the bidders, and a bid to keep each good."""
    size = np.bincount(bid, minlength=value.size)
    most = float((value / size).max(initial=0.0))
    bundles = pl.DataFrame(
        {
            "bid": bidder.gather(bid) + "-" + demand.gather(good),
            "supplier": bidder.gather(bid),
            "demand": demand.gather(good),
            # Divided first, as for `most`, so that the best bid costs 0 and not a hair less.
            "price": most - (value / size)[bid],
            "bundle": bidder.gather(bid),
        }
    )
    kept = pl.DataFrame(
        {
            "bid": f"{KEEPER}-" + demand,
            "supplier": [KEEPER] * demand.len(),
            "demand": demand,
            "price": np.full(demand.len(), most),
            "bundle": pl.Series([None] * demand.len(), dtype=pl.String),
        }
    )
    return pl.concat([bundles, kept]).with_columns(
        component=pl.lit("goods"),
        currency=pl.lit("USD"),
        incoterm=pl.lit("DDP"),
        lead_time_days=pl.lit(0.0),
    )


def worth(network: Network, cost: float) -> float:
    """The values of the bids that win, in a plan of this cost for a network of `read_cats`."""
    kept = network.bids.filter(pl.col("supplier") == KEEPER)["price"].sum()
    return float(kept) - cost


def _read(path: Path) -> tuple[int, Floats, Indices, Indices]:
    """Number of goods with dummies, value of each bid, and the (bid, good) pairs of all bids."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise wrong(path, f"cannot be read: {error}", FIX) from None
    lines = [line.split() for line in re.sub(r"%.*", "", text).splitlines() if line.strip()]
    try:
        stated = {line[0]: int(line[1]) for line in lines if line[0].isalpha()}
        rows = [line for line in lines if not line[0].isalpha()]
        goods = [[int(good) for good in row[2:-1]] for row in rows]
        value = np.array([float(row[1]) for row in rows])
        num_goods, num_bids = stated["goods"] + stated["dummy"], stated["bids"]
    except (IndexError, KeyError, ValueError) as error:
        raise wrong(path, f"is not of the format of CATS: {error!r}", FIX) from None
    if len(rows) != num_bids or num_bids < 1:
        raise wrong(path, f"has {len(rows):,} bids, stated are {num_bids:,}", FIX)
    for row, own in zip(rows, goods, strict=True):
        valid = own and len(set(own)) == len(own) and 0 <= min(own) <= max(own) < num_goods
        if not valid or row[-1] != "#":
            raise wrong(
                path,
                f"has bid {row[0]} whose goods are not distinct numbers from 0 to "
                f"{num_goods - 1:,}, closed by #",
                FIX,
            )
    if not (np.isfinite(value).all() and (value >= 0).all()):
        raise wrong(path, "has values that are not numbers from 0", FIX)
    bid = np.repeat(np.arange(value.size), [len(own) for own in goods])
    return num_goods, value, bid, np.concatenate([np.array(own) for own in goods])
