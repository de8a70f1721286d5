"""File formats of the public families, each read as a network.

Generalised assignment, capacitated facility location with split demands or single source, and
fixed-charge transportation are special cases of the model. Everything lies in one place and is
delivered duty paid, so that the landed cost is the price and nothing else.

The first three are files of the OR-Library: numbers separated by blanks, with m suppliers and n
demands first. Fixed-charge transportation is JSON, one object a file. Auctions of bundles have a
file of their own, `benchmarks.cats`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from matcher.errors import InputError, Issue
from matcher.network import Network
from matcher.read import network_from_tables

Floats = NDArray[np.float64]

START, DUE = date(2027, 1, 1), date(2027, 12, 31)


def read_gap(path: Path) -> Network:
    """Generalised assignment, minimised: m n, cost[m][n], resource use[m][n], capacity[m]."""
    numbers = _Numbers(path)
    m, n = numbers.sizes()
    cost, use, capacity = numbers.take(m, n), numbers.take(m, n), numbers.take(m)
    numbers.end()
    return network_from_tables(
        _tables(_Problem(path.name, np.ones(n), cost, use, capacity, np.zeros(m), single=True))
    )


def read_cflp(path: Path) -> Network:
    """Facility location with split demands.

    m n, then capacity and fixed cost of each supplier, then for each demand its quantity and the m
    costs of serving all of it.
    """
    numbers = _Numbers(path)
    m, n = numbers.sizes()
    suppliers, demands = numbers.take(m, 2), numbers.take(n, 1 + m)
    numbers.end()
    quantity = demands[:, 0]
    return network_from_tables(
        _tables(
            _Problem(
                path.name,
                quantity,
                demands[:, 1:].T,
                np.tile(quantity, (m, 1)),
                suppliers[:, 0],
                suppliers[:, 1],
                single=False,
            )
        )
    )


def read_sscflp(path: Path) -> Network:
    """Facility location with single source.

    m n, capacities, fixed costs, demands, then n rows of m costs of serving all of a demand.
    """
    numbers = _Numbers(path)
    m, n = numbers.sizes()
    capacity, fixed, quantity = numbers.take(m), numbers.take(m), numbers.take(n)
    cost = numbers.take(n, m).T
    numbers.end()
    use = np.tile(quantity, (m, 1))
    return network_from_tables(
        _tables(_Problem(path.name, quantity, cost, use, capacity, fixed, single=True))
    )


def read_fctp(path: Path) -> Network:
    """Fixed-charge transportation, in JSON.

    ``supply`` and ``demand`` in units, ``var_costs`` a unit and ``fix_costs`` of any delivery at
    all for each supplier and demand, and, if arcs are limited, ``edge_capacities`` in units. With
    ``vehicle_capacities``, in units, the fixed cost is paid for each vehicle that an arc starts.

    The fixed cost of an arc is the tooling cost of a bid for one demand, or, with vehicles, that of
    a lane from the supplier's place to the demand's.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise wrong(path, f"cannot be read as JSON: {error}", "check the file") from None
    if not isinstance(content, dict):
        raise wrong(path, "is no JSON object", "check the file")
    supply, demand = (_numbers(path, content, key, (-1,)) for key in ("supply", "demand"))
    shape = supply.size, demand.size
    price, fixed = (_numbers(path, content, key, shape) for key in ("var_costs", "fix_costs"))
    largest, vehicles = (
        _numbers(path, content, key, shape) if content.get(key) else None
        for key in ("edge_capacities", "vehicle_capacities")
    )
    if not demand.all():
        raise wrong(path, "has a demand of 0", "leave it and its columns out")
    if vehicles is not None and not vehicles.all():
        raise wrong(path, "has a vehicle of 0 units", "leave vehicles out that carry nothing")
    tables = _tables(
        _Problem(
            path.name,
            demand,
            price * demand,
            np.tile(demand, (supply.size, 1)),
            supply,
            np.zeros(supply.size),
            single=False,
            tooling=fixed if vehicles is None else None,
            largest=largest,
        )
    )
    if vehicles is not None:
        tables |= _lanes(tables, fixed, vehicles)
    return network_from_tables(tables)


def _lanes(
    tables: dict[str, pl.DataFrame], fixed: Floats, vehicles: Floats
) -> dict[str, pl.DataFrame]:
    """What changes if each supplier and demand has a place of its own, and a lane between any two.

    ``fixed`` is the cost of a vehicle and ``vehicles`` the units it takes, both of shape
    (suppliers, demands).
    """
    supplier, demand = tables["suppliers"]["supplier"], tables["demands"]["demand"]
    m, n = fixed.shape
    return {
        "places": tables["places"]
        .drop("place")
        .join(pl.DataFrame({"place": pl.concat([supplier, demand])}), how="cross"),
        "suppliers": tables["suppliers"].with_columns(place="supplier"),
        "demands": tables["demands"].with_columns(place="demand"),
        "lanes": pl.DataFrame(
            {
                "origin": supplier.gather(np.repeat(np.arange(m), n)),
                "destination": demand.gather(np.tile(np.arange(n), m)),
                "mode": ["road"] * (m * n),
                "days": np.zeros(m * n),
                "cost_per_kg": np.zeros(m * n),
                "fixed_cost": fixed.ravel(),
                "vehicle_units": vehicles.ravel(),
            }
        ),
    }


def wrong(path: Path, problem: str, fix: str) -> InputError:
    """What to raise for a file or folder that is not as it should be."""
    return InputError([Issue(code="bad_instance", table=str(path), problem=problem, fix=fix)])


def _numbers(path: Path, content: dict[str, Any], key: str, shape: tuple[int, ...]) -> Floats:
    """The finite numbers from 0 that stand under a key, in this shape."""
    try:
        found = np.array(content[key], dtype=np.float64)
    except (KeyError, TypeError, ValueError):
        raise wrong(path, f"has no array of numbers '{key}'", "add it") from None
    expected = found.shape if shape == (-1,) and found.ndim == 1 and found.size else shape
    if found.shape != expected:
        raise wrong(
            path,
            f"has {key} of shape {found.shape} beside {expected}",
            "give one row for each supply and one column for each demand",
        )
    if not (np.isfinite(found).all() and (found >= 0).all()):
        raise wrong(path, f"has {key} that are not numbers from 0", "correct them")
    return found


class _Numbers:
    """The numbers of a file, taken from the front."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._numbers = np.array(path.read_text(encoding="ascii").split(), dtype=np.float64)
        except (OSError, ValueError) as error:
            raise wrong(
                path,
                f"cannot be read as numbers: {error}",
                "check the file and the folder's name, which tells the format",
            ) from None
        self._next = 0

    def sizes(self) -> tuple[int, int]:
        """Number of suppliers and of demands."""
        m, n = self.take(2)
        if m < 1 or n < 1 or m != int(m) or n != int(n):
            raise wrong(
                self._path,
                f"begins with {m:g} {n:g}",
                "the numbers of suppliers and demands come first",
            )
        return int(m), int(n)

    def take(self, *shape: int) -> Floats:
        """The next numbers, in this shape."""
        size = int(np.prod(shape))
        taken = self._numbers[self._next : self._next + size]
        if taken.size < size:
            raise wrong(
                self._path,
                f"ends after {self._numbers.size:,} numbers, {size - taken.size:,} too few",
                "check the file and the folder's name, which tells the format",
            )
        self._next += size
        return taken.reshape(shape)

    def end(self) -> None:
        """Nothing may be left."""
        left = self._numbers.size - self._next
        if left:
            raise wrong(
                self._path,
                f"has {left:,} numbers too many",
                "check the file and the folder's name, which tells the format",
            )


@dataclass(frozen=True, slots=True)
class _Problem:
    """Suppliers that each can serve every demand; arrays of two dimensions are (supplier, demand).

    Parameters
    ----------
    quantity
        Of each demand, in units.
    cost, use
        What serving all of a demand costs, and takes of the supplier's capacity.
    capacity, fixed
        Of each supplier, and the cost of using it at all.
    single
        Whether a demand is served by one supplier only.
    tooling, largest
        Cost of any award at all, and the largest award in units. A supplier that may deliver
        nothing makes no bid.
    """

    name: str
    quantity: Floats
    cost: Floats
    use: Floats
    capacity: Floats
    fixed: Floats
    single: bool
    tooling: Floats | None = None
    largest: Floats | None = None


def _tables(problem: _Problem) -> dict[str, pl.DataFrame]:
    """The tables of a network with one bid for each supplier and demand."""
    m, n = problem.cost.shape
    supplier, demand = keys("s", m), keys("d", n)
    # A demand of nothing still has to be assigned: it is one unit that takes no capacity.
    quantity = np.where(problem.quantity > 0, problem.quantity, 1.0)
    return (
        setting(problem.name)
        | {
            "demands": pl.DataFrame(
                {
                    "demand": demand,
                    "lead_firm": ["firm"] * n,
                    "component": ["goods"] * n,
                    "quantity": quantity,
                    "place": ["site"] * n,
                    "due": [DUE] * n,
                    "single_source": [problem.single] * n,
                }
            ),
            "suppliers": pl.DataFrame(
                {
                    "supplier": supplier,
                    "place": ["site"] * m,
                    "size_class": ["medium"] * m,
                    "onboarding_cost": problem.fixed,
                }
            ),
            "resources": pl.DataFrame(
                {"resource": supplier, "supplier": supplier, "capacity": problem.capacity}
            ),
        }
        | _bids(problem, quantity, supplier, demand)
    )


def _bids(
    problem: _Problem, quantity: Floats, supplier: pl.Series, demand: pl.Series
) -> dict[str, pl.DataFrame]:
    """The bids, and what they take of resources."""
    m, n = problem.cost.shape
    of, column = supplier.gather(np.repeat(np.arange(m), n)), np.tile(np.arange(n), m)
    to = demand.gather(column)
    bids = pl.DataFrame(
        {
            "bid": of + "-" + to,
            "supplier": of,
            "demand": to,
            "component": "goods",
            "price": problem.cost.ravel() / quantity[column],
            "currency": "USD",
            "incoterm": "DDP",
            "lead_time_days": 0.0,
            "tooling_cost": 0.0 if problem.tooling is None else problem.tooling.ravel(),
            "max_quantity": None if problem.largest is None else problem.largest.ravel(),
        }
    ).remove(pl.col("max_quantity") <= 0)
    usages = pl.DataFrame(
        {
            "bid": of + "-" + to,
            "resource": of,
            "use_per_unit": problem.use.ravel() / quantity[column],
        }
    ).filter((pl.col("use_per_unit") > 0) & pl.col("bid").is_in(bids["bid"].implode()))
    return {"bids": bids, "usages": usages}


def setting(name: str) -> dict[str, pl.DataFrame]:
    """The tables of a network with one firm, one place and one component, without any rates."""
    return {
        "network": pl.DataFrame(
            {
                "name": [name],
                "currency": ["USD"],
                "start": [START],
                "carrying_rate": [0.0],
                "insurance_rate": [0.0],
            }
        ),
        "lead_firms": pl.DataFrame({"lead_firm": ["firm"]}),
        "places": pl.DataFrame(
            {"place": ["site"], "economy": ["SG"], "latitude": [1.29], "longitude": [103.85]}
        ),
        "components": pl.DataFrame(
            {"component": ["goods"], "weight_kg": [1.0], "volume_m3": [0.001]}
        ),
    }


def keys(prefix: str, size: int) -> pl.Series:
    """Keys that sort as they are numbered, from 1 on."""
    number = pl.int_range(1, size + 1, dtype=pl.Int64, eager=True).cast(pl.String)
    return prefix + number.str.zfill(len(str(size)))
