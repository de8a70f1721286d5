"""The best plan of a tiny network by trying every plan; nothing here formulates a program.

What an award costs, what rules and terms say of a plan, and which plan is best, is decided here
from the network's own tables, as ``docs/decisions/0012-rules-as-rows.md`` puts it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.network import Network
from tests.rule_networks import draw
from tests.rule_options import Floats, Row, options_in

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

# Prices are halves and quantities are whole, so this is for the rounding of landed costs alone.
NOISE = 1e-9
# A network with more plans than these is drawn anew.
MOST_PLANS = 50_000


@dataclass(frozen=True)
class Best:
    """What the best plan comes to, in the order of what counts.

    ``misses`` are the sums of what the targets without a price miss, level by level of priority.
    """

    unmet: float
    misses: tuple[float, ...]
    cost: float


@dataclass(frozen=True)
class Instance:
    """An instance of a rule: the demands of its scope, and masks over the options."""

    rule: Row
    demands: list[str]
    scope: Bools
    group: Bools

    @property
    def inside(self) -> Bools:
        """The options that the instance is about."""
        return self.scope & self.group


# What an instance comes to in each plan, and the least and the most that it should come to.
Figures = tuple[Floats, Floats | float | None, Floats | float | None]


def drawn(seed: int, *, before_cost: bool = False) -> Trial:
    """The network of a seed, ready to be tried."""
    return next(
        trial
        for attempt in count()
        if (trial := Trial(draw(seed, attempt, before_cost=before_cost))).num_plans <= MOST_PLANS
    )


class Trial:
    """Every plan of a tiny network, and what each of them comes to.

    Parameters
    ----------
    options
        What may be awarded; see `tests.rule_options.options_in`.
    x
        Shape (plans, options), units; every plan that keeps what its demands, bids, bundles,
        consortia and resources ask for. Rules are not looked at yet.
    awarded, paid, cost
        Of the same shape: whether there is an award, what the supplier is paid for it, and what it
        costs as the measure counts it; network currency.
    once
        Shape (plans,): all that a plan costs besides, penalties apart.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.options = options_in(network)
        self.demands = network.demands.to_dicts()
        self._ways = [self._ways_of(demand) for demand in self.demands]
        self.num_plans = int(np.prod([len(ways) for ways in self._ways], dtype=np.float64))

    def best(self) -> Best | None:
        """What the best plan comes to; ``None`` if no plan keeps the mandatory rules."""
        self._evaluate()
        kept = np.ones(len(self.x), dtype=np.bool_)
        cost = self.cost.sum(axis=1) + self.once
        levels: dict[int, Floats] = {}
        for rule in self.network.rules.to_dicts():
            for missed in self.missed(rule):
                if rule["priority"] is None:
                    kept &= missed == 0
                elif rule["price"] is None:
                    levels.setdefault(rule["priority"], np.zeros(len(self.x)))
                    levels[rule["priority"]] += missed
                else:
                    cost += rule["price"] * missed
        if not kept.any():
            return None
        goals = [self._unmet(), *(levels[level] for level in sorted(levels)), cost]
        for goal in goals:
            kept &= goal <= goal[kept].min() + NOISE
        unmet, *misses, least = (float(goal[kept].min()) for goal in goals)
        return Best(unmet, tuple(misses), least)

    def column(self, name: str) -> NDArray[Any]:
        """A column of the options."""
        return np.array([row[name] for row in self.options], dtype=object)

    def _is(self, name: str, value: str | None) -> Bools:
        return np.array([row[name] == value for row in self.options], dtype=np.bool_)

    def _any(self, of: Bools) -> Bools:
        """Which plans have an award among some options."""
        return np.asarray(self.awarded[:, of].any(axis=1))

    # ---------------------------------------------------------------- plans

    def _ways_of(self, demand: Row) -> Ints:
        """Every way to award one demand: (ways, options of the demand), units."""
        options = [row for row in self.options if row["demand"] == demand["demand"]]
        ways = np.zeros((1, 0), dtype=np.int64)
        for bid in dict.fromkeys(row["bid"] for row in options):
            ways = _crossed(ways, _ways_of_bid([row for row in options if row["bid"] == bid]))
            ways = ways[ways.sum(axis=1) <= demand["quantity"]]

        def made_by(column: str, key: str) -> Ints:
            return np.asarray(ways[:, [row[column] == key for row in options]].sum(axis=1))

        made = [made_by("supplier", key) for key in {row["supplier"] for row in options}]
        suppliers = sum((each > 0 for each in made), np.zeros(len(ways), dtype=np.int64))
        fine = np.ones(len(ways), dtype=np.bool_)
        most = 1 if demand["single_source"] else demand["max_suppliers"]
        if most is not None:
            fine &= suppliers <= most
        if demand["min_suppliers"] is not None:
            fine &= (suppliers == 0) | (suppliers >= demand["min_suppliers"])
        if demand["share_cap"] is not None:
            for each in made:
                fine &= each <= demand["share_cap"] * demand["quantity"]
        for row in self.network.consortia.to_dicts():
            pooled = made_by("consortium", row["consortium"])
            fine &= (pooled == 0) | (pooled >= row["moq"])
        return ways[fine]

    def _plans(self) -> Ints:
        """Every combination of ways that keeps bundles and capacities; options are by demand."""
        plans = np.zeros((1, 0), dtype=np.int64)
        for ways in self._ways:
            plans = _crossed(plans, ways)
        kept = np.ones(len(plans), dtype=np.bool_)
        for bundle in self.network.bids.drop_nulls("bundle").partition_by("bundle"):
            # A bid that fails a gate has no options, and is never awarded.
            has = [(plans[:, self._is("bid", bid)] > 0).any(axis=1) for bid in bundle["bid"]]
            kept &= np.all(has, axis=0) | ~np.any(has, axis=0)
        for capacity, use in self._capacities():
            kept &= plans @ use <= capacity + NOISE
        return plans[kept]

    def _capacities(self) -> Iterator[tuple[float, Floats]]:
        """Each limit of a resource in a period, and what a unit of each option uses of it."""
        network = self.network
        for resource, period in product(network.resources.to_dicts(), self._periods()):
            key, capacity = resource["resource"], resource["capacity"]
            for own in network.capacities.to_dicts():
                if (own["resource"], own["period"]) == (key, period):
                    capacity = own["capacity"]
            use = np.zeros(len(self.options))
            for usage in network.usages.filter(resource=key).to_dicts():
                due_now = self._is("bid", usage["bid"]) & self._is("period", period)
                use[due_now] = usage["use_per_unit"]
            yield capacity, use
            for ramp in network.ramps.to_dicts():
                if ramp["period"] == period:
                    yield ramp["share"] * capacity, use * self._is("bid", ramp["bid"])

    def _periods(self) -> list[str | None]:
        """The periods; one without a name if there are none."""
        return self.network.periods["period"].to_list() or [None]

    # ---------------------------------------------------------------- costs

    def _evaluate(self) -> None:
        self.x = self._plans()
        self.awarded = self.x > 0
        self.paid, self.cost = np.zeros(self.x.shape), np.zeros(self.x.shape)
        for i, row in enumerate(self.options):
            self.paid[:, i] = row["paid"][self.x[:, i]]
            self.cost[:, i] = row["landed"][self.x[:, i]]
            if row["line"] is None:
                self.cost[:, i] += row["tooling"] * self.awarded[:, i]
            loads = self.x[:, i] / (row["vehicle_units"] or np.inf)
            vehicles = np.maximum(np.ceil(loads - NOISE), self.awarded[:, i])
            self.cost[:, i] += row["lane_cost"] * vehicles
        self.once = self._once()

    def _once(self) -> Floats:
        """What no award's cost counts.

        Onboarding, coordination, switching, the tooling of lines, and discounts.
        """
        network = self.network
        once = np.zeros(len(self.x))
        for supplier, cost in network.suppliers.select("supplier", "onboarding_cost").iter_rows():
            once += cost * self._any(self._is("supplier", supplier))
        for key, cost in network.consortia.select("consortium", "coordination_cost").iter_rows():
            once += cost * self._any(self._is("consortium", key))
        for row in network.incumbents.to_dicts():
            once += row["switching_cost"] * ~self._any(self._is_pair(row))
        tooled = {(row["bid"], row["line"]): row["tooling"] for row in self.options if row["line"]}
        for (bid, line), tooling in tooled.items():
            once += tooling * self._any(self._is("bid", bid) & self._is("line", line))
        for schedule in network.discounts.partition_by("discount"):
            once -= self._paid_back(schedule.sort("from").to_dicts())
        return once

    def _paid_back(self, steps: list[Row]) -> Floats:
        """What one schedule pays back: that of the last step reached."""
        of = self._is("supplier", steps[0]["supplier"])
        if steps[0]["component_group"] is not None:
            of &= self._is("group", steps[0]["component_group"])
        value = self.paid[:, of].sum(axis=1)
        measure = value if steps[0]["measure"] == "value" else self.x[:, of].sum(axis=1)
        back = np.zeros(len(self.x))
        for k, step in enumerate(steps):
            reached = measure >= step["from"] - NOISE
            paid = step["rate"] * value
            if step["incremental"]:
                ends = [*(row["from"] for row in steps[1 : k + 1]), np.inf]
                paid = sum(
                    row["rate"] * (np.clip(value, row["from"], end) - row["from"])
                    for row, end in zip(steps, ends, strict=False)
                )
            back = np.where(reached, paid + step["amount"], back)
        return back

    def _unmet(self) -> Floats:
        """Coverage loss: Σ priority × unmet share."""
        unmet = np.zeros(len(self.x))
        for row in self.demands:
            made = self.x[:, self._is("demand", row["demand"])].sum(axis=1)
            unmet += row["priority"] * (1 - made / row["quantity"])
        return unmet

    def _is_pair(self, incumbent: Row) -> Bools:
        """Which options are of an incumbent: its component and, if it names one, lead firm."""
        pair = self._is("component", incumbent["component"])
        pair &= self._is("supplier", incumbent["supplier"])
        if incumbent["lead_firm"] is not None:
            pair &= self._is("lead_firm", incumbent["lead_firm"])
        return pair

    # ---------------------------------------------------------------- rules

    def missed(self, rule: Row) -> Iterator[Floats]:
        """By how much each plan misses each instance of a rule; 0 where it holds."""
        for demands in self._scopes(rule):
            scope = np.array([row["demand"] in demands for row in self.options], dtype=np.bool_)
            for group in self._groups(rule):
                instance = Instance(rule, demands, scope, group)
                for actual, least, most in KINDS[rule["kind"]](self, instance):
                    short = 0.0 if least is None else least - actual
                    over = 0.0 if most is None else actual - most
                    missed = np.maximum(np.maximum(short, over), 0.0)
                    yield np.where(missed <= NOISE * np.maximum(np.abs(actual), 1.0), 0.0, missed)

    def _scopes(self, rule: Row) -> list[list[str]]:
        """The demands of each scope of a rule."""
        groups = dict(self.network.components.select("component", "group").iter_rows())
        keys = {
            row["demand"]: (row | {"network": "", "component_group": groups[row["component"]]})[
                rule["scope"]
            ]
            for row in self.demands
        }
        together = [rule["of"].split(";")] if rule["of"] else [[k] for k in _distinct(keys)]
        return [[demand for demand, key in keys.items() if key in named] for named in together]

    def _groups(self, rule: Row) -> list[Bools]:
        """The options of each group of suppliers of a rule."""
        everybody = np.ones(len(self.options), dtype=np.bool_)
        if rule["group"] is None:
            return [everybody]
        if rule["group"] == "incumbents":
            pairs = [self._is_pair(row) for row in self.network.incumbents.to_dicts()]
            return [np.logical_or.reduce([~everybody, *pairs])]
        places = {row["place"]: row for row in self.network.places.to_dicts()}
        suppliers = {
            row["supplier"]: (places[row["place"]] | row)[rule["group"]]
            for row in self.network.suppliers.to_dicts()
        }
        together = [rule["who"].split(";")] if rule["who"] else [[k] for k in _distinct(suppliers)]
        return [
            np.array([suppliers[row["supplier"]] in named for row in self.options], dtype=np.bool_)
            for named in together
        ]

    def _measure(self, rule: Row, of: Bools) -> Floats:
        """The measure of a rule over the awards of some options."""
        measured = {
            "quantity": self.x,
            "value": self.paid,
            "cost": self.cost,
            "emissions": self.x * np.array([row["emitted"] for row in self.options]),
        }[rule["measure"]]
        return np.asarray(measured[:, of].sum(axis=1), dtype=np.float64)

    def _count(self, instance: Instance) -> Iterator[Figures]:
        of = {"supplier_count": "supplier", "economy_count": "economy"}[instance.rule["kind"]]
        with_award = np.zeros(len(self.x))
        for key in set(self.column(of)[instance.inside]):
            with_award += self._any(instance.inside & self._is(of, key))
        yield with_award, instance.rule["min"], instance.rule["max"]

    def _share(self, instance: Instance) -> Iterator[Figures]:
        rule = instance.rule
        total = self._measure(rule, instance.scope)
        least, most = (
            None if rule[limit] is None else rule[limit] * total for limit in ("min", "max")
        )
        yield self._measure(rule, instance.inside), least, most

    def _limit(self, instance: Instance) -> Iterator[Figures]:
        rule = instance.rule
        actual = self._measure(rule, instance.inside)
        if (rule["measure"], rule["scope"], rule["group"]) == ("cost", "network", None):
            actual = actual + self.once
        yield actual, rule["min"], rule["max"]

    def _dependence(self, instance: Instance) -> Iterator[Figures]:
        stated = self.network.suppliers.drop_nulls("turnover")
        firms = self.network.lead_firms["lead_firm"]
        for row, firm in product(stated.to_dicts(), firms):
            own = instance.inside & self._is("supplier", row["supplier"])
            value = self.paid[:, own & self._is("lead_firm", firm)].sum(axis=1)
            yield value, None, instance.rule["max"] * row["turnover"]

    def _working_capital(self, instance: Instance) -> Iterator[Figures]:
        years = self.column("days_tied_up").astype(np.float64) / 365
        most = 1.0 if instance.rule["max"] is None else instance.rule["max"]
        for row in self.network.suppliers.drop_nulls("credit_line").to_dicts():
            own = instance.inside & self._is("supplier", row["supplier"])
            yield self.paid[:, own] @ years[own], None, most * row["credit_line"]

    def _consistent(self, instance: Instance) -> Iterator[Figures]:
        """By how much shares differ from those of the ranks given best, or from each other."""
        off = np.zeros(len(self.x))
        for by_demand in self._shares(instance, instance.scope & ~instance.group):
            off = np.maximum(off, by_demand.max(axis=0))
        inside = self._shares(instance, instance.group)
        if not instance.rule["split"]:
            for by_demand in inside:
                off = np.maximum(off, np.ptp(by_demand, axis=0))
            yield off, None, 0.0
            return
        split = [float(part) for part in instance.rule["split"].split("/")]
        ranks = [part / sum(split) for part in split]
        least = np.max([by_demand.max(axis=0) for by_demand in inside], axis=0, initial=0.0)
        for held in product([None, *range(len(ranks))], repeat=len(inside)):
            given = [rank for rank in held if rank is not None]
            if len(set(given)) < len(given):
                continue
            nobody = [ranks[k] for k in range(len(ranks)) if k not in given]
            away = np.full(len(self.x), max(nobody, default=0.0))
            for by_demand, rank in zip(inside, held, strict=True):
                asked = 0.0 if rank is None else ranks[rank]
                away = np.maximum(away, np.abs(by_demand - asked).max(axis=0))
            least = np.minimum(least, away)
        yield np.maximum(off, least), None, 0.0

    def _shares(self, instance: Instance, of: Bools) -> list[Floats]:
        """For each supplier of some options the shares of the demands, shape (demands, plans)."""
        return [
            np.array(
                [
                    self.x[:, own & self._is("demand", row["demand"])].sum(axis=1) / row["quantity"]
                    for row in self.demands
                    if row["demand"] in instance.demands
                ]
            )
            for supplier in sorted(set(self.column("supplier")[of & instance.scope]))
            if (own := of & self._is("supplier", supplier)).any()
        ]

    def _viable(self, instance: Instance) -> Iterator[Figures]:
        """By supplier; one without an award in the instance has nothing to reach."""
        for supplier in sorted(set(self.column("supplier")[instance.inside])):
            own = instance.inside & self._is("supplier", supplier)
            least = np.where(self._any(own), instance.rule["min"], 0.0)
            yield self._measure(instance.rule, own), least, None


KINDS: dict[str, Callable[[Trial, Instance], Iterator[Figures]]] = {
    "supplier_count": Trial._count,
    "economy_count": Trial._count,
    "share": Trial._share,
    "limit": Trial._limit,
    "dependence": Trial._dependence,
    "working_capital": Trial._working_capital,
    "consistent": Trial._consistent,
    "viable": Trial._viable,
}


def _distinct(keys: dict[str, str | None]) -> list[str]:
    return sorted({key for key in keys.values() if key is not None})


def _crossed(some: Ints, others: Ints) -> Ints:
    """Every row of one table beside every row of the other."""
    return np.hstack([np.repeat(some, len(others), axis=0), np.tile(others, (len(some), 1))])


def _ways_of_bid(options: list[Row]) -> Ints:
    """Every way to award a demand to one bid: one option at most, or several if it may be split."""
    ways = np.array(list(product(*([0, *row["sizes"]] for row in options))), dtype=np.int64)
    if not options[0]["split"]:
        return ways[(ways > 0).sum(axis=1) <= 1]
    most = options[0]["max_quantity"]
    return ways if most is None else ways[ways.sum(axis=1) <= most]
