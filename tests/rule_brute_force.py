"""The best plan of a tiny network by trying every plan; nothing here formulates a program.

Landed costs per unit and delivery days come from `matcher.candidates.price` (tested by hand
elsewhere). What may be awarded, what an award costs, what rules and terms say of a plan, and which
plan is best, is decided here from the network's own tables, as
``docs/decisions/0012-rules-as-rows.md`` puts it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.arrays import to_arrays
from matcher.candidates import price
from matcher.landed_cost import duty_rates
from matcher.network import Network
from matcher.options import options_of, pairs_of, usable_modes
from matcher.tables import MODES

Row = dict[str, Any]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

# Prices are halves and quantities are whole, so this is for the rounding of landed costs alone.
NOISE = 1e-9
SECRECY = "ISO/IEC 27001"


@dataclass(frozen=True)
class Best:
    """What the best plan comes to, in the order of what counts.

    ``misses`` are the sums of what the targets without a price miss, level by level of priority.
    """

    unmet: float
    misses: tuple[float, ...]
    cost: float


class Trial:
    """Every plan of a tiny network, and what each of them comes to.

    Parameters
    ----------
    options
        One row for each demand, bid, mode and tier that passes the gates: the columns of the
        demand, component, bid, supplier and place together.
    x
        Shape (plans, options), units; every plan that keeps what its demands, bids, bundles,
        consortia and resources ask for. Rules are not looked at yet.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.tables = {
            name: network.table(name).to_dicts()
            for name in (
                "demands",
                "suppliers",
                "consortia",
                "discounts",
                "incumbents",
                "resources",
                "usages",
                "capacities",
                "ramps",
                "rules",
            )
        }
        self.quantity = {row["demand"]: int(row["quantity"]) for row in self.tables["demands"]}
        self.options = [row for row in _options(network) if _passes(network, row)]
        self.num_plans = int(
            np.prod([len(self._ways(demand)) for demand in self.tables["demands"]], dtype=float)
        )

    def column(self, name: str) -> NDArray[Any]:
        """A column of the options."""
        return np.array([row[name] for row in self.options], dtype=object)

    def try_everything(self) -> Best | None:
        """The best plan; ``None`` if no plan keeps the mandatory rules."""
        self.x = self._plans()
        self.awarded = self.x > 0
        self.paid = self._looked_up("paid")
        self.fixed = self._fixed()
        self.cost_of_awards = self._looked_up("landed") + self.fixed
        self.once = self._once()
        kept = np.ones(len(self.x), dtype=np.bool_)
        cost = self.cost_of_awards.sum(axis=1) + self.once
        levels: dict[int, Floats] = {}
        for rule in self.tables["rules"]:
            for missed in self.missed(rule):
                if rule["priority"] is None:
                    kept &= missed <= NOISE
                elif rule["price"] is None:
                    level = levels.setdefault(rule["priority"], np.zeros(len(self.x)))
                    level += missed
                else:
                    cost = cost + rule["price"] * missed
        if not kept.any():
            return None
        goals = [self._unmet(), *(levels[level] for level in sorted(levels)), cost]
        for goal in goals:
            kept &= goal <= goal[kept].min() + NOISE
        best = [float(goal[kept].min()) for goal in goals]
        return Best(best[0], tuple(best[1:-1]), best[-1])

    # ------------------------------------------------------------------ plans

    def _ways(self, demand: Row) -> Ints:
        """Every way to award one demand: (ways, options of the demand), units."""
        of_demand = [row for row in self.options if row["demand"] == demand["demand"]]
        ways: list[Ints] = [np.zeros((1, 0), dtype=np.int64)]
        for bid in dict.fromkeys(row["bid"] for row in of_demand):
            ways.append(_ways_of_bid([row for row in of_demand if row["bid"] == bid]))
        crossed = ways[0]
        for more in ways[1:]:
            crossed = np.hstack(
                [np.repeat(crossed, len(more), axis=0), np.tile(more, (len(crossed), 1))]
            )
            crossed = crossed[crossed.sum(axis=1) <= demand["quantity"]]
        suppliers = [row["supplier"] for row in of_demand]
        made = [
            crossed[:, [i for i, each in enumerate(suppliers) if each == supplier]].sum(axis=1)
            for supplier in dict.fromkeys(suppliers)
        ]
        count = sum(((each > 0).astype(int) for each in made), np.zeros(len(crossed), dtype=int))
        fine = np.ones(len(crossed), dtype=np.bool_)
        most = 1 if demand["single_source"] else demand["max_suppliers"]
        if most is not None:
            fine &= count <= most
        if demand["min_suppliers"] is not None:
            fine &= (count == 0) | (count >= demand["min_suppliers"])
        for each in made if demand["share_cap"] is not None else ():
            fine &= each <= demand["share_cap"] * demand["quantity"] + NOISE
        for row in self.tables["consortia"]:
            theirs = [
                i for i, each in enumerate(of_demand) if each["consortium"] == row["consortium"]
            ]
            pooled = crossed[:, theirs].sum(axis=1)
            fine &= (pooled == 0) | (pooled >= row["moq"])
        return crossed[fine]

    def _plans(self) -> Ints:
        """Every combination of ways that keeps bundles and capacities; options are by demand."""
        plans = np.zeros((1, 0), dtype=np.int64)
        for demand in self.tables["demands"]:
            ways = self._ways(demand)
            plans = np.hstack(
                [np.repeat(plans, len(ways), axis=0), np.tile(ways, (len(plans), 1))]
            )
        kept = np.ones(len(plans), dtype=np.bool_)
        bundle, bid = self.column("bundle"), self.column("bid")
        members = self.network.bids.select("bid", "bundle").drop_nulls().to_dicts()
        for name in {row["bundle"] for row in members}:
            # A member that fails a gate has no options, and is never awarded.
            together = np.stack(
                [
                    (plans[:, (bid == row["bid"]) & (bundle == name)] > 0).any(axis=1)
                    for row in members
                    if row["bundle"] == name
                ]
            )
            kept &= together.all(axis=0) | ~together.any(axis=0)
        for limit, use in self._capacities():
            kept &= plans @ use <= limit + NOISE
        return plans[kept]

    def _capacities(self) -> Iterator[tuple[float, Floats]]:
        """Each limit of a resource in a period, and what a unit of each option uses of it."""
        bid, period = self.column("bid"), self.column("period")
        periods = self.network.periods["period"].to_list() or [None]
        for (resource, p), _ in np.ndenumerate(
            np.zeros((len(self.tables["resources"]), len(periods)))
        ):
            row, now = self.tables["resources"][resource], periods[p]
            capacity = row["capacity"]
            for own in self.tables["capacities"]:
                if own["resource"] == row["resource"] and own["period"] == now:
                    capacity = own["capacity"]
            use = np.zeros(len(self.options))
            for usage in self.tables["usages"]:
                if usage["resource"] == row["resource"]:
                    use[(bid == usage["bid"]) & (period == now)] = usage["use_per_unit"]
            yield capacity, use
            for ramp in self.tables["ramps"]:
                if ramp["period"] == now:
                    yield ramp["share"] * capacity, np.where(bid == ramp["bid"], use, 0.0)

    # ------------------------------------------------------------------ costs

    def _looked_up(self, column: str) -> Floats:
        """What the quantities of each award come to, by the option's table over quantities."""
        figures = np.zeros(self.x.shape)
        for i, row in enumerate(self.options):
            figures[:, i] = row[column][self.x[:, i]]
        return figures

    def _fixed(self) -> Floats:
        """Tooling: of each award, or in a line of the bid's first award there alone."""
        fixed = np.zeros(self.x.shape)
        for i, row in enumerate(self.options):
            before = [
                j
                for j, other in enumerate(self.options)
                if row["line"] is not None
                and (other["bid"], other["line"]) == (row["bid"], row["line"])
                and (other["due"], other["demand"], j) < (row["due"], row["demand"], i)
            ]
            pays = self.awarded[:, i] & ~self.awarded[:, before].any(axis=1)
            fixed[:, i] = row["tooling"] * pays
        return fixed

    def _once(self) -> Floats:
        """Onboarding, coordination, switching, and what discounts pay back."""
        once = np.zeros(len(self.x))
        for column, table, cost in (
            ("supplier", "suppliers", "onboarding_cost"),
            ("consortium", "consortia", "coordination_cost"),
        ):
            for row in self.tables[table]:
                once += row[cost] * self._any(self.column(column) == row[column])
        for row in self.tables["incumbents"]:
            once += row["switching_cost"] * ~self._any(self._is_pair(row))
        names = {row["discount"] for row in self.tables["discounts"]}
        for name in sorted(names):
            once -= self._paid_back(
                [row for row in self.tables["discounts"] if row["discount"] == name]
            )
        return once

    def _paid_back(self, steps: list[Row]) -> Floats:
        """What one schedule pays back: that of the last step reached."""
        steps = sorted(steps, key=lambda row: row["from"])
        of = self.column("supplier") == steps[0]["supplier"]
        if steps[0]["component_group"] is not None:
            of &= self.column("group") == steps[0]["component_group"]
        value = self.paid[:, of].sum(axis=1)
        is_value = steps[0]["measure"] == "value"
        measure = value if is_value else self.x[:, of].sum(axis=1).astype(float)
        back = np.zeros(len(self.x))
        for k, step in enumerate(steps):
            reached = measure >= step["from"] - NOISE
            back[reached] = step["amount"]
            if step["incremental"]:
                ends = [row["from"] for row in steps[1 : k + 1]] + [np.inf]
                for row, end in zip(steps, ends, strict=False):
                    part = np.clip(value, row["from"], end) - row["from"]
                    back[reached] += row["rate"] * part[reached]
            else:
                back[reached] += step["rate"] * value[reached]
        return back

    def _unmet(self) -> Floats:
        """Coverage loss: Σ priority × unmet share."""
        unmet = np.zeros(len(self.x))
        for row in self.tables["demands"]:
            made = self.x[:, self.column("demand") == row["demand"]].sum(axis=1)
            unmet += row["priority"] * (1 - made / row["quantity"])
        return unmet

    def _any(self, of: Bools) -> Bools:
        return np.asarray(self.awarded[:, of].any(axis=1))

    def _is_pair(self, incumbent: Row) -> Bools:
        """Which options are of an incumbent: its component and, if it names one, lead firm."""
        return (
            (self.column("component") == incumbent["component"])
            & (self.column("supplier") == incumbent["supplier"])
            & (
                (self.column("lead_firm") == incumbent["lead_firm"])
                | (incumbent["lead_firm"] is None)
            )
        )

    # ------------------------------------------------------------------ rules

    def missed(self, rule: Row) -> Iterator[Floats]:
        """By how much each plan misses each instance of a rule; 0 where it holds."""
        figures: Callable[[Row, list[str], Bools, Bools], Iterator[tuple[Floats, Any, Any]]] = (
            getattr(self, f"_{rule['kind']}")
        )
        for demands in self._scopes(rule):
            scope = np.isin(self.column("demand").astype(str), demands)
            for group in self._groups(rule):
                for actual, least, most in figures(rule, demands, scope, group):
                    short = 0.0 if least is None else least - actual
                    over = 0.0 if most is None else actual - most
                    missed = np.maximum(np.maximum(short, over), 0.0)
                    yield np.where(missed <= NOISE * np.maximum(np.abs(actual), 1.0), 0.0, missed)

    def _scopes(self, rule: Row) -> list[list[str]]:
        """The demands of each scope of a rule."""
        if rule["scope"] == "network":
            return [list(self.quantity)]
        column = {"component_group": "group"}.get(rule["scope"], rule["scope"])
        groups = dict(self.network.components.select("component", "group").iter_rows())
        of = {
            row["demand"]: (row | {"group": groups[row["component"]]})[column]
            for row in self.tables["demands"]
        }
        named = [[key] for key in sorted({key for key in of.values() if key is not None})]
        if rule["of"]:
            named = [rule["of"].split(";")]
        return [[demand for demand, key in of.items() if key in keys] for keys in named]

    def _groups(self, rule: Row) -> list[Bools]:
        """The options of each group of suppliers of a rule."""
        everybody = np.ones(len(self.options), dtype=np.bool_)
        if rule["group"] is None:
            return [everybody]
        if rule["group"] == "incumbents":
            pairs = [self._is_pair(row) for row in self.tables["incumbents"]]
            return [np.logical_or.reduce([~everybody, *pairs])]
        if rule["who"]:
            return [np.isin(self.column(rule["group"]).astype(str), rule["who"].split(";"))]
        places = dict(self.network.places.select("place", "economy").iter_rows())
        parks = dict(self.network.places.select("place", "park").iter_rows())
        each = {
            (row | {"economy": places[row["place"]], "park": parks[row["place"]]})[rule["group"]]
            for row in self.tables["suppliers"]
        }
        return [self.column(rule["group"]) == key for key in sorted(each - {None})]

    def _measure(self, rule: Row, of: Bools) -> Floats:
        """The measure of a rule over the awards of some options."""
        measured = {"quantity": self.x, "value": self.paid, "cost": self.cost_of_awards}
        return np.asarray(measured[rule["measure"] or "quantity"][:, of].sum(axis=1), dtype=float)

    def _supplier_count(
        self, rule: Row, demands: list[str], scope: Bools, group: Bools, of: str = "supplier"
    ) -> Iterator[tuple[Floats, Any, Any]]:
        count = np.zeros(len(self.x))
        for key in set(self.column(of)[scope & group]):
            count += self._any(scope & group & (self.column(of) == key))
        yield count, rule["min"], rule["max"]

    def _economy_count(
        self, rule: Row, demands: list[str], scope: Bools, group: Bools
    ) -> Iterator[tuple[Floats, Any, Any]]:
        yield from self._supplier_count(rule, demands, scope, group, of="economy")

    def _share(
        self, rule: Row, demands: list[str], scope: Bools, group: Bools
    ) -> Iterator[tuple[Floats, Any, Any]]:
        total = self._measure(rule, scope)
        yield (
            self._measure(rule, scope & group),
            None if rule["min"] is None else rule["min"] * total,
            None if rule["max"] is None else rule["max"] * total,
        )

    def _limit(
        self, rule: Row, demands: list[str], scope: Bools, group: Bools
    ) -> Iterator[tuple[Floats, Any, Any]]:
        actual = self._measure(rule, scope & group)
        if (rule["measure"], rule["scope"], rule["group"]) == ("cost", "network", None):
            actual = actual + self.once
        yield actual, rule["min"], rule["max"]

    def _dependence(
        self, rule: Row, demands: list[str], scope: Bools, group: Bools
    ) -> Iterator[tuple[Floats, Any, Any]]:
        for supplier in self.tables["suppliers"]:
            if supplier["turnover"] is None:
                continue
            own = scope & group & (self.column("supplier") == supplier["supplier"])
            for firm in set(self.column("lead_firm")[own]):
                value = self.paid[:, own & (self.column("lead_firm") == firm)].sum(axis=1)
                yield value, None, rule["max"] * supplier["turnover"]

    def _working_capital(
        self, rule: Row, demands: list[str], scope: Bools, group: Bools
    ) -> Iterator[tuple[Floats, Any, Any]]:
        years = self.column("days_tied_up").astype(float) / 365
        for supplier in self.tables["suppliers"]:
            if supplier["credit_line"] is None:
                continue
            own = scope & group & (self.column("supplier") == supplier["supplier"])
            tied_up = self.paid[:, own] @ years[own]
            most = 1.0 if rule["max"] is None else rule["max"]
            yield tied_up, None, most * supplier["credit_line"]

    def _consistent(
        self, rule: Row, demands: list[str], scope: Bools, group: Bools
    ) -> Iterator[tuple[Floats, Any, Any]]:
        """Missed by 1 where it does not hold: it is never a target."""
        fine = ~self._any(scope & ~group)
        shares = []
        for supplier in sorted(set(self.column("supplier")[scope & group])):
            by_demand = [
                self.x[
                    :,
                    group
                    & (self.column("demand") == demand)
                    & (self.column("supplier") == supplier),
                ].sum(axis=1)
                / self.quantity[demand]
                for demand in demands
            ]
            fine &= np.ptp(by_demand, axis=0) <= NOISE
            shares.append(by_demand[0])
        if rule["split"]:
            asked = np.array([float(part) for part in rule["split"].split("/")])
            ranked = -np.sort(-np.array([*shares, *[np.zeros(len(self.x))] * asked.size]), axis=0)
            wanted = np.zeros(len(ranked))
            wanted[: asked.size] = -np.sort(-asked / asked.sum())
            as_asked = (np.abs(ranked - wanted[:, None]) <= NOISE).all(axis=0)
            fine &= as_asked | (ranked <= NOISE).all(axis=0)
        yield np.where(fine, 0.0, 1.0), None, 0.0


def _ways_of_bid(options: list[Row]) -> Ints:
    """Every way to award a demand to one bid: one option at most, or several if it may be split."""
    sizes = [[0, *row["sizes"]] for row in options]
    ways = np.array(list(product(*sizes)), dtype=np.int64)
    if options[0]["split"]:
        most = options[0]["max_quantity"]
        return ways if most is None else ways[ways.sum(axis=1) <= most]
    return ways[(ways > 0).sum(axis=1) <= 1]


def _options(network: Network) -> list[Row]:
    """Every demand, bid, mode and tier, with all that the tables say of it."""
    arrays = to_arrays(network)
    pairs, links = pairs_of(arrays)
    options = options_of(arrays, pairs, usable_modes(arrays, pairs, links))
    priced = price(arrays, links, duty_rates(arrays), options)
    keyed = {
        name: {row[key]: row for row in network.table(name).to_dicts()}
        for name, key in (
            ("components", "component"),
            ("suppliers", "supplier"),
            ("places", "place"),
        )
    }
    rates = dict(network.rates.select("currency", "value").iter_rows()) | {network.currency: 1.0}
    demands, bids = network.demands.to_dicts(), network.bids.to_dicts()
    largest = int(network.demands["quantity"].to_numpy().max())
    rows: list[Row] = []
    by_tier: dict[tuple[str, str, int], list[float]] = {}
    for i in range(options.demand.size):
        demand, bid = demands[options.demand[i]], bids[options.bid[i]]
        supplier = keyed["suppliers"][bid["supplier"]]
        place = keyed["places"][supplier["place"]]
        component = keyed["components"][demand["component"]]
        breaks = network.tiers.filter(bid=bid["bid"]).sort("from_quantity")
        lower = [0.0, *breaks["from_quantity"].to_list()]
        prices = [rates[bid["currency"]] * each for each in (bid["price"], *breaks["price"])]
        tier = int(options.tier[i] - arrays.bids.tier_start[options.bid[i]])
        # Tiers of one demand, bid and mode follow each other.
        landed = by_tier.setdefault((demand["demand"], bid["bid"], int(options.mode[i])), [])
        landed.append(float(priced.unit_cost[i]))
        units = np.arange(largest + 1)
        if bid["incremental"]:
            within = [
                np.clip(units, start, stop) - start
                for start, stop in zip(lower, [*lower[1:], np.inf], strict=True)
            ][: tier + 1]
            within[tier] = units - sum(within[:tier])
            figures = [np.dot(each[: tier + 1], within) for each in (prices, landed)]
        else:
            figures = [units * prices[tier], units * landed[tier]]
        rows.append(
            bid
            | {key: supplier[key] for key in ("size_class", "ownership")}
            | {"own_plant_of": supplier["lead_firm"]}
            | {key: place[key] for key in ("economy", "park")}
            | component
            | demand
            | {
                "mode": MODES[options.mode[i]],
                "tier": tier,
                "sizes": _sizes(demand, bid, [*lower, np.inf][tier : tier + 2]),
                "paid": figures[0],
                "landed": figures[1],
                "unit_cost": landed[tier],
                "slack": float(priced.slack[i]),
                "tooling": rates[bid["currency"]] * bid["tooling_cost"],
                "days_tied_up": bid["lead_time_days"]
                + float(priced.arrive[i] - priced.ship[i])
                + bid["payment_days"],
                "period": next(
                    (
                        row["period"]
                        for row in network.periods.to_dicts()
                        if row["first"] <= demand["due"] <= row["last"]
                    ),
                    None,
                ),
            }
        )
    return sorted(rows, key=lambda row: (row["demand"], row["bid"], row["mode"], row["tier"]))


def _sizes(demand: Row, bid: Row, tier: list[float]) -> list[int]:
    """The quantities that an option allows, above 0."""
    whole = demand["single_source"] or bid["bundle"] is not None
    least = max(bid["moq"], tier[0], demand["quantity"] if whole else 1)
    most = min(
        demand["quantity"],
        tier[1],
        np.inf if bid["max_quantity"] is None else bid["max_quantity"],
    )
    return [x for x in range(1, int(demand["quantity"]) + 1) if least <= x <= most]


def _passes(network: Network, row: Row) -> bool:
    """The gates that a drawn network can fail."""
    if not row["sizes"] or row["slack"] < -NOISE:
        return False
    if row["ceiling"] is not None and row["unit_cost"] > row["ceiling"] * (1 + NOISE):
        return False
    if row["own_plant_of"] not in (None, row["lead_firm"]):
        return False
    if row["core"] and row["own_plant_of"] is None:
        return False
    if row["sensitive"] and not _keeps_secrets(network, row):
        return False
    stops = network.ramps.filter(bid=row["bid"], share=0.0)["period"].to_list()
    return row["period"] not in stops


def _keeps_secrets(network: Network, row: Row) -> bool:
    """Whether the lead of its consortium, or the supplier, holds what sensitive parts ask for."""
    leads = dict(network.consortia.select("consortium", "lead").iter_rows())
    holder = leads.get(row["consortium"], row["supplier"])
    enough = {SECRECY, *network.standards.filter(implies=SECRECY)["standard"]}
    return any(
        held["standard"] in enough and (held["valid_to"] is None or held["valid_to"] >= row["due"])
        for held in network.certificates.filter(supplier=holder).to_dicts()
    )
