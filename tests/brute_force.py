"""Tiny random networks and their optima by trying everything; nothing here formulates a program.

Landed costs come from `matcher.screening.candidates` (tested by hand elsewhere); what may be
awarded, and what is best, is decided here from the network's own tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import product
from typing import Any

import numpy as np
import polars as pl
from scipy.optimize import linprog

from matcher.network import Network
from matcher.network.arrays import to_arrays
from matcher.read import network_from_tables
from matcher.schema.rules import MIN_COUNTED_SHARE
from matcher.screening.candidates import screen

Rows = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Optimum:
    """Least coverage loss, and least cost among the plans that have it."""

    unmet: float
    cost: float


def random_part(seed: int, *, whole: bool) -> Rows:
    """The rows of a tiny network whose keys carry its seed, so that parts can be joined.

    ``whole`` gives order multiples of 1 with tiers and modes (quantities are then 0, 1, 2, …);
    otherwise quantities are continuous and there is one option a pair.
    """
    r = np.random.default_rng(seed)
    k = f"n{seed}-"
    suppliers = int(r.integers(1, 4))
    components = int(r.integers(1, 3))
    rows: Rows = {
        name: []
        for name in (
            "suppliers",
            "components",
            "demands",
            "bids",
            "resources",
            "usages",
            "tiers",
            "rules",
            "certificates",
            "requirements",
        )
    }
    for s in range(suppliers):
        rows["suppliers"].append(
            {
                "supplier": f"{k}s{s}",
                # No land leads from one to the other: there is one way for each pair.
                "place": str(r.choice(["ha-noi", "kuching"])),
                "size_class": "small",
                "onboarding_cost": float(r.choice([0, 0, 3, 12])),
            }
        )
        rows["resources"].append(
            {"resource": f"{k}r{s}", "supplier": f"{k}s{s}", "capacity": float(r.integers(1, 9))}
        )
        if r.random() < 0.8:
            rows["certificates"].append({"supplier": f"{k}s{s}", "standard": "ISO 9001"})
    for c in range(components):
        rows["components"].append({"component": f"{k}c{c}", "weight_kg": 1.0, "volume_m3": 0.01})
        if r.random() < 0.3:
            rows["requirements"].append({"component": f"{k}c{c}", "standard": "ISO 9001"})
    for d in range(int(r.integers(1, 3 + whole))):
        demand: dict[str, Any] = {
            "demand": f"{k}d{d}",
            "lead_firm": "firm",
            "component": f"{k}c{r.integers(components)}",
            "quantity": float(r.integers(2, 5)),
            "place": "ha-noi",
            "due": date(2027, 12, 31),
            "priority": float(r.choice([1, 1, 2])),
        }
        kind = r.random()
        if kind < 0.2:
            demand["single_source"] = True
        elif kind < 0.4:
            demand["max_suppliers"] = int(r.integers(1, 3))
        elif kind < 0.55:
            demand["min_suppliers"] = 2
        if kind >= 0.2 and r.random() < 0.4:
            demand["share_cap"] = float(r.choice([0.5, 0.75]))
        if r.random() < 0.2:
            demand["ceiling"] = float(r.integers(5, 15))
        rows["demands"].append(demand)
    for b in range(int(r.integers(2, 5))):
        s = int(r.integers(suppliers))
        bid: dict[str, Any] = {
            "bid": f"{k}b{b}",
            "supplier": f"{k}s{s}",
            "component": f"{k}c{r.integers(components)}",
            "price": float(r.integers(1, 10)),
            "currency": "USD",
            "incoterm": "DDP",
            "lead_time_days": 5.0,
            "tooling_cost": float(r.choice([0, 0, 2, 7])),
            "moq": float(r.choice([0, 0, 1, 2, 3])),
            "modes": "sea;road",
        }
        if whole:
            bid["order_multiple"] = 1.0
            bid["modes"] = str(r.choice(["sea;road", "sea;air;road"]))
            if r.random() < 0.3:
                rows["tiers"].append(
                    {"bid": bid["bid"], "from_quantity": 2.0, "price": bid["price"] * 0.7}
                )
        if r.random() < 0.2:
            bid["max_quantity"] = bid["moq"] + 1.0
        if r.random() < 0.8:
            rows["usages"].append(
                {
                    "bid": bid["bid"],
                    "resource": f"{k}r{s}",
                    "use_per_unit": float(r.choice([0.5, 1, 2])),
                }
            )
        rows["bids"].append(bid)
    if r.random() < 0.3:
        rows["rules"].append(
            {
                "rule": f"{k}rule",
                "kind": "supplier_count",
                "scope": "component",
                "of": f"{k}c0",
                "max": 1,
            }
        )
    return rows


def join(parts: list[Rows]) -> Network:
    """One network of parts that share nothing but places, buyer and settings."""
    tables: dict[str, pl.DataFrame] = {
        "network": pl.DataFrame(
            {"name": ["tiny"], "currency": ["USD"], "start": [date(2027, 1, 1)]}
        ),
        "lead_firms": pl.DataFrame({"lead_firm": ["firm"]}),
        "places": pl.DataFrame(
            {
                "place": ["ha-noi", "kuching"],
                "economy": ["VN", "MY"],
                "latitude": [21.0, 1.55],
                "longitude": [105.8, 110.3],
            }
        ),
    }
    for name in parts[0]:
        rows = [row for part in parts for row in part[name]]
        if rows:
            columns = list(dict.fromkeys(key for row in rows for key in row))
            tables[name] = pl.DataFrame(
                {column: [row.get(column) for row in rows] for column in columns}, strict=False
            )
    return network_from_tables(tables)


def optimum_of_whole(network: Network) -> Optimum:
    """Try every combination of whole quantities."""
    problem = _Problem(network)
    plans = np.zeros((1, 0))
    for d, quantity in enumerate(problem.quantity):
        whole = range(int(quantity) + 1)
        ways = [
            way
            for way in product(whole, repeat=sum(pair[0] == d for pair in problem.pairs))
            if sum(way) <= quantity
        ]
        plans = np.hstack(
            [
                np.repeat(plans, len(ways), axis=0),
                np.tile(np.array(ways, dtype=np.float64).reshape(len(ways), -1), (len(plans), 1)),
            ]
        )
    cost = np.zeros(len(plans))
    for i, pair in enumerate(problem.pairs):
        # Of the tiers and modes that allow a quantity, the cheapest carries it.
        table = np.full(int(problem.quantity[pair[0]]) + 1, np.inf)
        table[0] = 0.0
        for lower, upper, unit, fixed in problem.options[pair]:
            for x in range(1, table.size):
                if lower <= x + 1e-9 and x <= upper + 1e-9:
                    table[x] = min(table[x], unit * x + fixed)
        cost += table[plans[:, i].astype(int)]
    unmet, feasible = problem.judge(plans, plans > 0)
    cost += problem.onboarding(plans > 0)
    return _best(unmet, np.where(feasible, cost, np.inf))


def optimum_of_continuous(network: Network) -> Optimum:
    """Try every set of awards; a linear program fills in the quantities of each."""
    problem = _Problem(network)
    n = len(problem.pairs)
    sets = np.array(list(product([False, True], repeat=n)), dtype=bool)
    _, feasible = problem.judge(np.where(sets, 1e-6, 0.0), sets)
    allowed = sets[feasible]
    programs = [problem.linear(chosen) for chosen in allowed]
    unmet = np.array([problem.fill(program, None)[0] for program in programs])
    least = float(unmet.min())
    cost = np.full(len(allowed), np.inf)
    for i in np.flatnonzero(unmet <= least + 1e-9):
        cost[i] = problem.fill(programs[i], least)[1]
    return Optimum(least, float((cost + problem.onboarding(allowed)).min()))


def _best(unmet: np.ndarray, cost: np.ndarray) -> Optimum:
    least = float(unmet[np.isfinite(cost)].min())
    return Optimum(least, float(cost[unmet <= least + 1e-9].min()))


class _Problem:
    """A tiny network as plain lists: the pairs that have candidates, and what limits them."""

    def __init__(self, network: Network) -> None:
        arrays = to_arrays(network)
        c = screen(arrays).candidates
        self.pairs = sorted({(int(d), int(b)) for d, b in zip(c.demand, c.bid, strict=True)})
        self.options: dict[tuple[int, int], list[tuple[float, float, float, float]]] = {
            pair: [] for pair in self.pairs
        }
        for i in range(c.size):
            self.options[int(c.demand[i]), int(c.bid[i])].append(
                (
                    float(c.lower[i]),
                    float(c.upper[i]),
                    float(c.unit_cost[i]),
                    float(c.fixed_cost[i]),
                )
            )
        self.quantity = network.demands["quantity"].to_numpy()
        self.priority = network.demands["priority"].to_numpy()
        self.rows = network.demands.to_dicts()
        keys = network.suppliers["supplier"].to_list()
        self.supplier = [keys.index(network.bids["supplier"][b]) for _, b in self.pairs]
        self.onboarding_cost = network.suppliers["onboarding_cost"].to_numpy()
        resources = network.resources["resource"].to_list()
        self.capacity = network.resources["capacity"].to_numpy()
        self.use = np.zeros((len(resources), len(self.pairs)))
        for row in network.usages.to_dicts():
            for i, (_, b) in enumerate(self.pairs):
                if network.bids["bid"][b] == row["bid"]:
                    self.use[resources.index(row["resource"]), i] = row["use_per_unit"]
        self.rules = network.rules.to_dicts()

    def judge(self, plans: np.ndarray, awarded: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Coverage loss of each plan, and whether it keeps every rule."""
        feasible = (plans @ self.use.T <= self.capacity + 1e-9).all(axis=1)
        unmet = np.zeros(len(plans))
        for d, row in enumerate(self.rows):
            of = [i for i, pair in enumerate(self.pairs) if pair[0] == d]
            total = plans[:, of].sum(axis=1)
            feasible &= total <= self.quantity[d] + 1e-9
            unmet += self.priority[d] * (1 - total / self.quantity[d])
            suppliers = self._count(awarded, of)
            most = 1 if row["single_source"] else row["max_suppliers"]
            if most is not None:
                feasible &= suppliers <= most
            if row["min_suppliers"] is not None:
                feasible &= (suppliers == 0) | (suppliers >= row["min_suppliers"])
            if row["share_cap"] is not None:
                for s in {self.supplier[i] for i in of}:
                    mine = [i for i in of if self.supplier[i] == s]
                    feasible &= plans[:, mine].sum(axis=1) <= (
                        row["share_cap"] * self.quantity[d] + 1e-9
                    )
        for rule in self.rules:
            of = [
                i
                for i, pair in enumerate(self.pairs)
                if self.rows[pair[0]]["component"] == rule["of"]
            ]
            feasible &= self._count(awarded, of) <= rule["max"]
        return unmet, feasible

    def _count(self, awarded: np.ndarray, of: list[int]) -> np.ndarray:
        count = np.zeros(len(awarded), dtype=int)
        for s in {self.supplier[i] for i in of}:
            count += awarded[:, [i for i in of if self.supplier[i] == s]].any(axis=1)
        return count

    def onboarding(self, awarded: np.ndarray) -> np.ndarray:
        """Onboarding cost of each plan."""
        cost = np.zeros(len(awarded))
        for s, once in enumerate(self.onboarding_cost):
            mine = [i for i, owner in enumerate(self.supplier) if owner == s]
            cost += once * awarded[:, mine].any(axis=1)
        return cost

    def linear(self, chosen: np.ndarray) -> dict[str, Any]:
        """Limits on the quantities when exactly the chosen pairs are awarded."""
        rows, limits, bounds = list(self.use), list(self.capacity), []
        for i, (d, b) in enumerate(self.pairs):
            lower, upper, _, _ = self.options[d, b][0]
            if self.rows[d]["min_suppliers"] is not None:
                lower = max(lower, MIN_COUNTED_SHARE * self.quantity[d])
            bounds.append((lower, upper) if chosen[i] else (0, 0))
        for d, row in enumerate(self.rows):
            of = np.array([pair[0] == d for pair in self.pairs])
            rows.append(of.astype(float))
            limits.append(self.quantity[d])
            if row["share_cap"] is not None:
                for s in set(self.supplier):
                    rows.append((of & (np.array(self.supplier) == s)).astype(float))
                    limits.append(row["share_cap"] * self.quantity[d])
        fixed = sum(self.options[pair][0][3] for i, pair in enumerate(self.pairs) if chosen[i])
        return {"A_ub": np.array(rows), "b_ub": np.array(limits), "bounds": bounds, "fixed": fixed}

    def fill(self, program: dict[str, Any], unmet: float | None) -> tuple[float, float]:
        """Least coverage loss, or least cost at a coverage loss of ``unmet``."""
        weight = np.array([self.priority[d] / self.quantity[d] for d, _ in self.pairs])
        unit = np.array([self.options[pair][0][2] for pair in self.pairs])
        everything = float(self.priority.sum())
        rows, limits = program["A_ub"], program["b_ub"]
        cost = -weight
        if unmet is not None:
            rows = np.vstack([rows, -weight])
            limits = np.append(limits, unmet - everything + 1e-9)
            cost = unit
        if not self.pairs:
            return everything, 0.0
        found = linprog(cost, A_ub=rows, b_ub=limits, bounds=program["bounds"])
        if not found.success:
            return np.inf, np.inf
        return (
            everything + found.fun if unmet is None else unmet,
            found.fun + program["fixed"] if unmet is not None else 0.0,
        )
