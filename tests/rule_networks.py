"""Tiny random networks with rules and terms of every kind, a network a seed.

Quantities are whole: every bid has an order multiple of 1 and demands ask for 2 to 4 units. Prices
are halves, so that what is paid hits a limit or a step exactly where it hits it at all.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import polars as pl

from matcher.network import Network
from matcher.read import network_from_tables

Row = dict[str, Any]
Rows = dict[str, list[Row]]

KINDS = (
    "supplier_count",
    "economy_count",
    "share",
    "limit",
    "dependence",
    "working_capital",
    "consistent",
    "viable",
)
COUNTS = KINDS[:2]
PLACES: list[Row] = [
    {"place": "bac-ninh", "economy": "VN", "latitude": 21.2, "longitude": 106.1, "park": "south"},
    {"place": "ha-noi", "economy": "VN", "latitude": 21.0, "longitude": 105.8, "park": "north"},
    {"place": "penang", "economy": "MY", "latitude": 5.4, "longitude": 100.3, "park": "south"},
]
# A standard of the network's own that implies the one that sensitive components ask for.
SECRECY: Row = {"standard": "Secrecy 7", "class": "firm", "implies": "ISO/IEC 27001"}


def draw(seed: int, attempt: int = 0, *, before_cost: bool = False) -> Network:
    """The network of a seed; each attempt gives another one.

    With ``before_cost`` its targets have no price. The sum that is brought down level by level
    weighs instances by coefficients of a program, of which nothing is known here; so a level then
    holds either counts, which weigh 1, or a single instance.
    """
    rows = _Draw(np.random.default_rng([seed, attempt, int(before_cost)]), before_cost).rows
    return network_from_tables(
        {
            name: pl.DataFrame(
                {
                    column: [row.get(column) for row in table]
                    for column in dict.fromkeys(key for row in table for key in row)
                },
                strict=False,
            )
            for name, table in rows.items()
            if table
        }
    )


class _Draw:
    """Draws the tables one after the other; each may look at those before it."""

    def __init__(self, random: np.random.Generator, before_cost: bool) -> None:
        self.random = random
        self.before_cost = before_cost
        self.rows: Rows = {
            "network": [{"name": "tiny", "currency": "USD", "start": date(2027, 1, 1)}],
            "places": PLACES,
            "rates": [{"currency": "EUR", "value": 1.25}],
        }
        self.rows["periods"] = [] if self.chance(0.6) else _periods()
        self.lead_firms_and_components()
        self.demands()
        self.suppliers()
        if any(row["standard"] == SECRECY["standard"] for row in self.rows["certificates"]):
            self.rows["standards"] = [SECRECY]
        self.lanes()
        self.consortia()
        self.bids()
        self.resources()
        self.incumbents()
        self.discounts()
        self.rows["rules"] = [self.rule(i + 1) for i in range(int(self.random.integers(1, 5)))]
        self.emissions()

    def chance(self, share: float) -> bool:
        """Whether something of a given probability happens."""
        return bool(self.random.random() < share)

    def one(self, *values: Any) -> Any:
        """One of the values."""
        return values[int(self.random.integers(len(values)))]

    def some(self, values: list[Any]) -> list[Any]:
        """At least one of the values."""
        count = int(self.random.integers(1, len(values) + 1))
        return sorted(self.random.permutation(np.array(values))[:count].tolist())

    def keys(self, table: str, column: str) -> list[str]:
        """What occurs in a column."""
        return sorted({row[column] for row in self.rows[table] if row.get(column) is not None})

    def lead_firms_and_components(self) -> None:
        firms = int(self.random.integers(1, 3))
        components = int(self.random.integers(1, 3))
        self.rows["lead_firms"] = [{"lead_firm": f"firm {f + 1}"} for f in range(firms)]
        self.rows["components"] = [
            {
                "component": f"part {c + 1}",
                "group": self.one("castings", "boards", None) if c else "castings",
                "weight_kg": 1.0,
                "volume_m3": 0.01,
                "core": self.chance(0.07),
                "sensitive": self.chance(0.12),
            }
            for c in range(components)
        ]

    def demands(self) -> None:
        firms, components = self.keys("lead_firms", "lead_firm"), self.rows["components"]
        count = max(len(firms), len(components), int(self.random.integers(2, 4)))
        self.rows["demands"] = []
        for d in range(count):
            # The first rows name every lead firm and component once, so that none is idle.
            component = components[d] if d < len(components) else self.one(*components)
            demand: Row = {
                "demand": f"demand {d + 1}",
                "lead_firm": firms[d] if d < len(firms) else self.one(*firms),
                "component": component["component"],
                "quantity": float(self.random.integers(2, 5 - (count > 2))),
                "place": self.one("ha-noi", "ha-noi", "penang"),
                "due": self.one(date(2027, 4, 30), date(2027, 5, 31), date(2027, 11, 30)),
                "priority": self.one(1.0, 1.0, 2.0),
            }
            kind = self.random.random()
            if kind < 0.1:
                demand["single_source"] = True
            elif kind < 0.2:
                demand["max_suppliers"] = 1
            elif kind < 0.3:
                demand["min_suppliers"] = 2
            elif kind < 0.4:
                demand["share_cap"] = self.one(0.5, 0.75)
            if self.chance(0.1):
                demand["ceiling"] = float(self.random.integers(6, 15))
            if self.chance(0.4):
                demand["line"] = f"line of {component['component']}"
            self.rows["demands"].append(demand)

    def suppliers(self) -> None:
        self.rows["suppliers"], self.rows["certificates"] = [], []
        for s in range(int(self.random.integers(2, 5))):
            key = f"supplier {s + 1}"
            # The first two are in different economies, so that both economies have suppliers.
            place = ("ha-noi", "penang")[s] if s < 2 else self.one("ha-noi", "bac-ninh", "penang")
            own = self.chance(0.15) or (
                s == 0 and any(row["core"] for row in self.rows["components"])
            )
            self.rows["suppliers"].append(
                {
                    "supplier": key,
                    "place": place,
                    "size_class": self.one("small", "large"),
                    "ownership": self.one("women", "minority", None),
                    "onboarding_cost": self.one(0.0, 0.0, 3.0, 12.0),
                    "turnover": self.one(None, 15.0, 30.0, 60.0),
                    "credit_line": self.one(None, 0.5, 1.0, 2.0, 4.0),
                    "lead_firm": self.one(*self.keys("lead_firms", "lead_firm")) if own else None,
                }
            )
            if self.chance(0.7):
                certificate: Row = {
                    "supplier": key,
                    "standard": self.one("ISO/IEC 27001", "ISO/IEC 27001", SECRECY["standard"]),
                }
                if self.chance(0.3):
                    certificate["valid_to"] = date(2027, 5, 15)
                self.rows["certificates"].append(certificate)

    def lanes(self) -> None:
        """Let some connections that there are cost something once, or for each vehicle."""
        self.rows["lanes"] = []
        economy = {row["place"]: row["economy"] for row in PLACES}
        for origin in self.keys("suppliers", "place"):
            for destination in self.keys("demands", "place"):
                if self.chance(0.3):
                    stays = economy[origin] == economy[destination]
                    self.rows["lanes"].append(
                        {
                            "origin": origin,
                            "destination": destination,
                            "mode": "road" if stays else self.one("sea", "sea", "air"),
                            "fixed_cost": self.one(1.0, 3.0),
                            "vehicle_units": self.one(None, 1.0, 1.5, 2.0),
                        }
                    )

    def consortia(self) -> None:
        self.rows["consortia"] = []
        if self.chance(0.3):
            self.rows["consortia"].append(
                {
                    "consortium": "alliance",
                    "lead": self.one(*self.keys("suppliers", "supplier")),
                    "moq": self.one(0.0, 2.0, 3.0),
                    "coordination_cost": self.one(0.0, 4.0),
                }
            )

    def bids(self) -> None:
        suppliers, components = (
            self.keys("suppliers", "supplier"),
            self.keys("components", "component"),
        )
        self.rows["bids"], self.rows["tiers"] = [], []
        for b in range(int(self.random.integers(4, 6))):
            key, price = f"bid {b + 1}", float(self.random.integers(4, 21)) / 2
            bid: Row = {
                "bid": key,
                "supplier": suppliers[b] if b < len(suppliers) else self.one(*suppliers),
                "component": components[b] if b < len(components) else self.one(*components),
                "price": price,
                "currency": self.one("USD", "USD", "EUR"),
                "incoterm": self.one("DDP", "DDP", "EXW"),
                "lead_time_days": self.one(5.0, 20.0, 60.0),
                "payment_days": self.one(0.0, 30.0),
                "tooling_cost": self.one(0.0, 0.0, 2.0, 7.0),
                "moq": self.one(0.0, 0.0, 0.0, 2.0),
                "order_multiple": 1.0,
                "modes": self.one("sea;road", "sea;road", "sea;road", "sea;air;road"),
                "split": self.chance(0.1),
            }
            if self.rows["consortia"] and self.chance(0.5):
                bid["consortium"] = "alliance"
            if self.chance(0.1):
                bid["max_quantity"] = max(bid["moq"], self.one(1.0, 2.0))
            if self.chance(0.4):
                bid["incremental"] = self.chance(0.6)
                for lower, factor in ((1.0, 0.5), (2.0, 0.5), (3.0, 0.25)):
                    if self.chance(0.5):
                        price = np.ceil(price * factor * 2) / 2 if self.chance(0.8) else price + 1
                        self.rows["tiers"].append(
                            {"bid": key, "from_quantity": lower, "price": price}
                        )
            self.rows["bids"].append(bid)
        self.bundle()

    def bundle(self) -> None:
        """Let some bids stand for a demand each, as a bundle of one supplier."""
        if not self.chance(0.25):
            return
        bids, demands = self.rows["bids"], self.rows["demands"]
        members = self.random.permutation(len(bids))[: int(self.random.integers(1, 4))]
        for b, d in zip(members, self.random.permutation(len(demands)), strict=False):
            bids[b] |= {
                "bundle": "package",
                "supplier": bids[members[0]]["supplier"],
                "component": demands[d]["component"],
                "demand": demands[d]["demand"],
                "split": False,
            }

    def emissions(self) -> None:
        """Let bids emit something, and half of the budgets be of emissions."""
        for bid in self.rows["bids"]:
            bid["co2e_kg"] = self.one(0.0, 2.0, 6.0)
        for rule in self.rows["rules"]:
            if rule.get("measure") == "cost" and self.chance(0.5):
                rule |= {"measure": "emissions", "max": rule["max"] / 6}

    def resources(self) -> None:
        for table in ("resources", "usages", "capacities", "ramps"):
            self.rows[table] = []
        for supplier in self.keys("suppliers", "supplier"):
            if self.chance(0.5):
                continue
            resource = f"shop of {supplier}"
            self.rows["resources"].append(
                {
                    "resource": resource,
                    "supplier": supplier,
                    "capacity": float(self.random.integers(2, 9)),
                }
            )
            if self.rows["periods"] and self.chance(0.5):
                self.rows["capacities"].append(
                    {
                        "resource": resource,
                        "period": self.one("first half", "second half"),
                        "capacity": float(self.random.integers(0, 5)),
                    }
                )
            for bid in self.rows["bids"]:
                if bid["supplier"] == supplier and self.chance(0.8):
                    use = self.one(0.5, 1.0, 2.0)
                    self.rows["usages"].append(
                        {"bid": bid["bid"], "resource": resource, "use_per_unit": use}
                    )
        with_usage = self.keys("usages", "bid")
        for key in self.keys("bids", "bid") if self.rows["periods"] else ():
            if self.chance(0.3):
                # A share of no resource would limit nothing, and is refused.
                share = self.one(0.0, 0.5, 0.5, 0.75) if key in with_usage else 0.0
                self.rows["ramps"].append({"bid": key, "period": "first half", "share": share})

    def incumbents(self) -> None:
        pairs = {
            (
                self.one(*self.keys("components", "component")),
                self.one(*self.keys("suppliers", "supplier")),
                self.one(None, *self.keys("lead_firms", "lead_firm")),
            )
            for _ in range(int(self.random.integers(0, 3)))
        }
        self.rows["incumbents"] = [
            {
                "component": component,
                "supplier": supplier,
                "lead_firm": firm,
                "switching_cost": self.one(0.0, 3.0, 20.0),
            }
            for component, supplier, firm in sorted(pairs, key=str)
        ]

    def discounts(self) -> None:
        self.rows["discounts"] = []
        for name in ("rebate", "bonus")[: self.one(0, 1, 2)]:
            measure = self.one("quantity", "value", "value")
            incremental = measure == "value" and self.chance(0.5)
            first = self.one(0.0, 1.0, 2.0) * (1 if measure == "quantity" else 4)
            step: Row = {
                "discount": name,
                "supplier": self.one(*self.keys("suppliers", "supplier")),
                "component_group": self.one(None, "castings"),
                "measure": measure,
                "incremental": incremental,
            }
            rate = 0.0
            for k in range(int(self.random.integers(1, 4))):
                rate = self.one(0.0, rate, min(rate + 0.25, 1.0))
                start = first + k * (2.0 if measure == "quantity" else 6.0)
                # An amount from 0 on would be paid back to those who buy nothing: it is refused.
                amount = self.one(0.0, 0.0, 1.5, 4.0) if start else 0.0
                self.rows["discounts"].append(
                    step | {"from": start, "rate": rate, "amount": amount}
                )

    def rule(self, number: int) -> Row:
        kind = self.one(*KINDS)
        is_target = number % 2 == 1 if kind == "consistent" else self.chance(0.45)
        if is_target and self.before_cost:
            kind = self.one(*KINDS[:4])
        scope, group = self.scope(), self.group(kind)
        rule: Row = {"rule": f"rule {number}", "kind": kind} | scope | group
        rule |= getattr(self, f"limits_of_{kind}")()
        if not is_target:
            return rule
        if not self.before_cost:
            return rule | {
                "priority": int(self.random.integers(1, 3)),
                "price": self.one(0.25, 2.0, 8.0, 30.0),
            }
        if kind in COUNTS:
            return rule | {"priority": self.one(1, 6)}
        for column, keys in (("of", self.scope_keys), ("who", self.group_keys)):
            if column in rule:
                rule[column] = rule[column] or keys(rule)[0]
        return rule | {"priority": 1 + number}

    def scope(self) -> Row:
        scope = self.one("network", "lead_firm", "component_group", "component", "demand")
        if scope == "network":
            return {"scope": scope}
        keys = self.scope_keys({"scope": scope})
        return {"scope": scope, "of": None if self.chance(0.5) else ";".join(self.some(keys))}

    def scope_keys(self, rule: Row) -> list[str]:
        """What a rule of this scope may be about."""
        if rule["scope"] == "component_group":
            return self.keys("components", "group")
        return self.keys(f"{rule['scope']}s", rule["scope"])

    def group(self, kind: str) -> Row:
        groups = ["supplier", "economy", "park", "size_class", "ownership"]
        if self.rows["incumbents"] and kind != "consistent":
            groups.append("incumbents")
        if kind != "share" and self.chance(0.5):
            return {"group": None}
        group = self.one(*groups)
        if group == "incumbents":
            return {"group": group}
        keys = self.group_keys({"group": group})
        if not keys:
            return {"group": "economy", "who": "VN"}
        each = self.chance(0.5) and kind != "consistent"
        return {"group": group, "who": None if each else ";".join(self.some(keys))}

    def group_keys(self, rule: Row) -> list[str]:
        """Whom a rule of this group may be about."""
        if rule["group"] in ("supplier", "size_class", "ownership"):
            return self.keys("suppliers", rule["group"])
        places = set(self.keys("suppliers", "place"))
        return sorted({row[rule["group"]] for row in PLACES if row["place"] in places})

    def limits_of_supplier_count(self) -> Row:
        return {"min": self.one(1, 2)} if self.chance(0.4) else {"max": self.one(0, 1, 1, 2)}

    def limits_of_economy_count(self) -> Row:
        return {"min": self.one(1, 2)} if self.chance(0.4) else {"max": self.one(0, 1, 1)}

    def limits_of_share(self) -> Row:
        share: Row = {"measure": self.one("quantity", "value")}
        if self.chance(0.2):
            return share | {"min": 0.25, "max": 0.5}
        return share | self.one(
            {"min": 0.25}, {"min": 0.5}, {"max": 0.25}, {"max": 0.6}, {"max": 0}
        )

    def limits_of_limit(self) -> Row:
        measure = self.one("quantity", "value", "cost")
        unit = 1.0 if measure == "quantity" else 6.0
        limit: Row = {"measure": measure}
        if self.chance(0.3) and measure != "cost":
            limit["min"] = unit * float(self.random.integers(1, 4))
        if self.chance(0.7) or "min" not in limit:
            limit["max"] = unit * float(self.random.integers(3, 9))
        return limit

    def limits_of_dependence(self) -> Row:
        return {"max": self.one(0.25, 0.5, 1.0)}

    def limits_of_working_capital(self) -> Row:
        return {"max": self.one(None, 0.5, 2.0)}

    def limits_of_viable(self) -> Row:
        measure = self.one("quantity", "value")
        return {"measure": measure, "min": self.one(1.0, 2.0) * (1 if measure == "quantity" else 6)}

    def limits_of_consistent(self) -> Row:
        return {"split": self.one(None, None, "100", "50/50", "75/25", "25/75")}


def _periods() -> list[Row]:
    return [
        {"period": "first half", "first": date(2027, 1, 1), "last": date(2027, 6, 30)},
        {"period": "second half", "first": date(2027, 7, 1), "last": date(2027, 12, 31)},
    ]
