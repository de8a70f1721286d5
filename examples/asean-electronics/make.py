"""Write the sample network: an electronics plant in Viet Nam, a car-parts firm in Thailand.

``python examples/asean-electronics/make.py`` writes the CSV files next to this script; a folder
given as an argument is used instead. The same seed writes the same bytes.
"""

from __future__ import annotations

import csv
import math
import sys
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from facts import (
    ASEAN,
    BODIES,
    COMPONENTS,
    DUTIES,
    ECONOMIES,
    FAMILIES,
    HELD,
    ONLY,
    PLACES,
    PREFERENCES,
    RATES,
    SHORT,
    Component,
    Economy,
    Place,
)

SEED = 20270104
START = date(2027, 1, 4)
ELECTRONICS, CARS = "bac-ninh-electronics", "rayong-car-parts"
PLANT = {ELECTRONICS: "bac-ninh-vsip", CARS: "rayong-eastern-seaboard"}
PORTS = {ELECTRONICS: "hai-phong-port", CARS: "laem-chabang-port"}
SIZES = ("micro", "small", "medium", "large")

Row = dict[str, Any]


@dataclass
class Sample:
    """The tables under construction and the generator that all draws come from."""

    random: np.random.Generator
    tables: dict[str, list[Row]] = field(default_factory=dict)

    def add(self, table: str, **row: Any) -> Row:
        self.tables.setdefault(table, []).append(row)
        return row

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * float(self.random.random())

    def chance(self, probability: float) -> bool:
        return float(self.random.random()) < probability

    def pick(self, options: Any, weights: Any = None) -> Any:
        """One of the options, by weight."""
        edges = np.cumsum(np.ones(len(options)) if weights is None else weights)
        at = np.searchsorted(edges, self.random.random() * edges[-1], side="right")
        return options[min(int(at), len(options) - 1)]


@dataclass(frozen=True)
class Supplier:
    """What the script remembers of a supplier while it makes its bids."""

    key: str
    place: Place
    economy: Economy
    family: str
    size: int
    certificates: frozenset[str]


def make(seed: int = SEED) -> dict[str, list[Row]]:
    """All tables of the sample, as rows."""
    sample = Sample(np.random.Generator(np.random.PCG64(seed)))
    _stated(sample)
    demands = _demands(sample)
    _bids(sample, _suppliers(sample), demands)
    _lanes(sample)
    _duties(sample)
    return sample.tables


def round3(value: float) -> float:
    """Rounded to three significant digits, as prices and times are quoted."""
    return float(f"{value:.3g}")


def step(value: float, size: float) -> int:
    """Rounded to a multiple of ``size``, and at least one of it."""
    return int(max(1, round(value / size)) * size)


def _stated(sample: Sample) -> None:
    """What is written down rather than drawn."""
    sample.add(
        "network",
        name="ASEAN electronics and car parts",
        currency="USD",
        start=START,
        carrying_rate=0.09,
        insurance_rate=0.003,
    )
    sample.add("lead_firms", lead_firm=ELECTRONICS, name="Bac Ninh Electronics", economy="VN")
    sample.add("lead_firms", lead_firm=CARS, name="Rayong Car Parts", economy="TH")
    for place in PLACES:
        sample.add("places", **place._asdict())
    sample.add(
        "standards",
        standard=SHORT["F"],
        name="Supplier quality manual of Rayong Car Parts",
        **{"class": "firm"},
        implies="ISO 9001",
    )
    for currency, value in RATES.items():
        sample.add("rates", currency=currency, value=value)
    sample.add(
        "rules",
        rule="car-parts-supplier-base",
        kind="supplier_count",
        scope="lead_firm",
        of=CARS,
        min="",
        max=40,
    )
    for part in COMPONENTS:
        sample.add(
            "components",
            component=part.component,
            name=part.name,
            hs=part.hs,
            unit="piece",
            weight_kg=round3(part.grams * 1.08 / 1000),
            volume_m3=round3(part.cm3 * 1.6 / 1e6),
            defect_cost=round3(3.0 * part.price_usd + 1.5),
        )
        for short in part.standards.split():
            sample.add(
                "requirements", component=part.component, standard=SHORT[short], lead_firm=""
            )
    # The plant asks makers of this connector for more than the car-parts firm does.
    sample.add(
        "requirements", component="board-connector", standard=SHORT["Q"], lead_firm=ELECTRONICS
    )


def _demands(sample: Sample) -> dict[str, list[Row]]:
    """One demand for each buyer of a component, and a second delivery for some."""
    by_component: dict[str, list[Row]] = {}
    for part in COMPONENTS:
        for firm, quantity in ((ELECTRONICS, part.electronics), (CARS, part.cars)):
            if not quantity:
                continue
            waves = 2 if sample.chance(0.14) else 1
            for wave in range(waves):
                row = _demand(sample, part, firm, quantity // waves, wave)
                by_component.setdefault(part.component, []).append(row)
    return by_component


def _demand(sample: Sample, part: Component, firm: str, quantity: int, wave: int) -> Row:
    days = sample.pick((70, 95, 120, 150), (2, 3, 4, 3)) + sample.pick((0, 3, 7, 10)) + 42 * wave
    single = sample.chance(0.10)
    capped = not single and sample.chance(0.35)
    row = sample.add(
        "demands",
        demand=f"{part.component}-{'bn' if firm == ELECTRONICS else 'ry'}-{wave + 1}",
        lead_firm=firm,
        component=part.component,
        quantity=quantity,
        place=PLANT[firm],
        due=START + timedelta(days=days),
        priority=sample.pick((1, 2, 3), (6, 2, 1)),
        ceiling=round3(part.price_usd * sample.between(1.15, 1.5)) if sample.chance(0.4) else "",
        max_ppm=step(FAMILIES[part.family][2] * sample.between(1.2, 2.5), 10)
        if sample.chance(0.35)
        else "",
        min_on_time_rate=sample.pick((0.85, 0.88, 0.9)) if sample.chance(0.25) else "",
        safety_days=sample.pick((0, 3, 5, 7), (4, 2, 2, 1)),
        share_cap=sample.pick((0.5, 0.6, 0.7, 0.8)) if capped else "",
        min_suppliers=2 if capped and sample.chance(0.4) else "",
        max_suppliers="" if single or sample.chance(0.4) else sample.pick((3, 3, 4)),
        single_source="true" if single else "false",
    )
    row.update(UNUSUAL.get(row["demand"], {}))
    return row


# Demands that a sourcing team would talk about: too soon, too cheap, one maker asked for too much.
UNUSUAL: dict[str, Row] = {
    # Ramp-up stock within a month: only makers next door can be in time, and not for all of it.
    "cover-top-bn-1": {
        "due": START + timedelta(days=38),
        "safety_days": 3,
        "single_source": "false",
    },
    # A target price a quarter below the market.
    "heat-sink-bn-1": {"ceiling": 0.62},
    # The tightest quality in the network, for the heaviest part.
    "engine-harness-ry-1": {"max_ppm": 230, "single_source": "false"},
    # At most 30 % with one maker, and at most three makers: a tenth stays open in any plan.
    "brake-pad-ry-1": {
        "share_cap": 0.3,
        "max_suppliers": 3,
        "min_suppliers": "",
        "single_source": "false",
    },
}


def _suppliers(sample: Sample) -> list[Supplier]:
    found: list[Supplier] = []
    for economy in ECONOMIES:
        places = [
            place
            for place in PLACES
            if place.economy == economy.economy and place.place not in PORTS.values()
        ]
        names: set[str] = set()
        for number in range(1, economy.suppliers + 1):
            family = sample.pick(economy.families.split())
            mature = economy.economy in ("JP", "KR", "SG", "TW")
            size = sample.pick(
                range(4), (0.08, 0.35, 0.42, 0.15) if mature else (0.2, 0.42, 0.3, 0.08)
            )
            name = _name(sample, economy, family, names)
            key = f"{economy.economy.lower()}-{number:02d}"
            place = sample.pick(places)
            sample.add(
                "suppliers",
                supplier=key,
                name=name,
                place=place.place,
                size_class=SIZES[size],
                onboarding_cost=step(
                    (900, 1300, 1900, 2600)[size]
                    * (1.0 if economy.economy in ("VN", "TH") else 1.4)
                    * sample.between(0.7, 1.3),
                    50,
                ),
            )
            found.append(
                Supplier(
                    key, place, economy, family, size, _certificates(sample, key, family, size)
                )
            )
    return found


def _name(sample: Sample, economy: Economy, family: str, taken: set[str]) -> str:
    """An invented name that no other firm of the economy has."""
    syllables = economy.names.split()
    while True:
        first, second = sample.pick(syllables), sample.pick(syllables)
        name = f"{first} {second} {FAMILIES[family][0]}"
        if first != second and name not in taken:
            taken.add(name)
            return name


def _certificates(sample: Sample, supplier: str, family: str, size: int) -> frozenset[str]:
    held: set[str] = set()
    for standard, shares in HELD.items():
        if family not in ONLY.get(standard, FAMILIES) or not sample.chance(shares[size]):
            continue
        held.add(standard)
        # A three-year cycle; some ran out, some are granted only while the goods are being made.
        age = sample.pick(("current", "expiring", "late"), (0.9, 0.05, 0.05))
        begin = START + timedelta(
            days=round(
                {
                    "current": sample.between(-820, -30),
                    "expiring": sample.between(-1090, -1040),
                    "late": sample.between(60, 200),
                }[age]
            )
        )
        sample.add(
            "certificates",
            supplier=supplier,
            standard=standard,
            number=f"{sample.random.integers(10_000, 99_999)}-{begin.year}",
            body=sample.pick(BODIES),
            valid_from=begin,
            valid_to=begin + timedelta(days=1095),
            scope="",
        )
    return frozenset(held)


def _bids(sample: Sample, suppliers: list[Supplier], demands: dict[str, list[Row]]) -> None:
    parts = {family: [c for c in COMPONENTS if c.family == family] for family in FAMILIES}
    offered = dict.fromkeys(demands, 0)
    for supplier in suppliers:
        family = parts[supplier.family]
        wanted = sample.pick(
            (2, 3, 4, 5), ((5, 4, 1, 0), (3, 5, 3, 1), (1, 4, 4, 2), (0, 3, 4, 3))[supplier.size]
        )
        # Makers mostly quote where they meet what is asked; the others hope for an exception.
        # What many offer already is offered less.
        weights = np.array(
            [
                (
                    1.0
                    if all(SHORT[s] in supplier.certificates for s in part.standards.split())
                    else 0.3
                )
                / (1 + offered[part.component]) ** 3
                for part in family
            ]
        )
        chosen: list[int] = []
        while len(chosen) < min(wanted, len(family)):
            at = sample.pick(range(len(family)), weights)
            weights[at] = 0.0
            chosen.append(at)
        made = []
        for at in sorted(chosen):
            component = family[at].component
            offered[component] += 1
            made.append(
                _bid(
                    sample,
                    f"b{sum(offered.values()):04d}",
                    supplier,
                    family[at],
                    demands[component],
                )
            )
        _resources(sample, supplier, made)


def _bid(
    sample: Sample, bid: str, supplier: Supplier, part: Component, demands: list[Row]
) -> tuple[str, float, float]:
    """Add a bid and its tiers; its key, its minutes per unit and the minutes it could be asked."""
    economy, size = supplier.economy, supplier.size
    quantity = sum(row["quantity"] for row in demands)
    currency = economy.currency if sample.chance(0.55) else "USD"
    worth = RATES.get(currency, 1.0)
    usd = (
        part.price_usd
        * economy.price_level
        * (1.07, 1.03, 1.0, 0.97)[size]
        * sample.between(0.86, 1.14)
    )
    home = [row for row in demands if _economy(row["place"]) == economy.economy]
    incoterm, named = _terms(sample, economy, home, demands)
    included = {"DAP": 1.02, "DDP": 1.03, "CIF": 1.03, "CIP": 1.05}.get(incoterm, 1.0)
    price = round3(usd * included / worth)
    lot = quantity / len(demands)
    unit = 1000 if lot >= 100_000 else 500 if lot >= 20_000 else 100
    tooled = part.family in ("moulding", "rubber", "press", "machining")
    profile = sample.chance(0.06)
    chosen = demands[0]["demand"] if len(demands) > 1 and sample.chance(0.1) else ""
    _, _, ppm, days = FAMILIES[part.family]
    sample.add(
        "bids",
        bid=bid,
        supplier=supplier.key,
        component=part.component,
        demand=chosen,
        price=price,
        currency=currency,
        incoterm=incoterm,
        named_place=named,
        origin_charges=round3(price * sample.between(0.004, 0.015))
        if incoterm in ("EXW", "FCA")
        else 0,
        lead_time_days=step(days * sample.between(0.6, 1.5), 1),
        moq=step(lot * sample.between(0.03, (0.1, 0.15, 0.25, 0.4)[size]), unit),
        max_quantity=step(lot * sample.between(0.45, 0.8), unit) if sample.chance(0.2) else "",
        order_multiple=unit if sample.chance(0.25) else "",
        tooling_cost=round3(lot * usd * sample.between(0.02, 0.09) / worth)
        if tooled and not profile
        else 0,
        ppm=step(
            ppm * economy.defect_level * (1.5, 1.15, 0.9, 0.7)[size] * sample.between(0.5, 1.6), 1
        ),
        on_time_rate=round(sample.between((0.82, 0.84, 0.88, 0.91)[size], 0.99), 3),
        payment_days=sample.pick((0, 14, 30, 45, 60, 90), (2, 1, 4, 2, 2, 1)),
        modes=_modes(part, incoterm, bool(home)),
        split="true" if sample.chance(0.1) else "false",
        profile="true" if profile else "false",
    )
    if not profile and sample.chance(0.35):
        for share, off in ((0.3, 0.97), (0.6, 0.945))[: sample.pick((1, 2))]:
            sample.add(
                "tiers", bid=bid, from_quantity=step(lot * share, unit), price=round3(price * off)
            )
    minutes = round3(part.minutes * sample.between(0.75, 1.35) * (1.2, 1.08, 1.0, 0.9)[size])
    return bid, minutes, minutes * quantity


def _economy(place: str) -> str:
    return next(p.economy for p in PLACES if p.place == place)


def _terms(
    sample: Sample, economy: Economy, home: list[Row], demands: list[Row]
) -> tuple[str, str]:
    """Incoterm and named place, as makers near and far offer them."""
    port = ""
    if home:
        terms, weights = ["EXW", "FCA", "DAP", "DDP"], [3, 3, 3, 1]
    elif economy.economy == "LA":  # No seaport.
        terms, weights = ["EXW", "FCA", "DAP"], [3, 4, 2]
    else:
        # A CIF price holds to the port of the buyer's economy.
        port = PORTS[sample.pick(demands)["lead_firm"]]
        terms, weights = ["EXW", "FCA", "FOB", "CIF", "CIP", "DAP"], [3, 5, 5, 2, 1, 2]
    term: str = sample.pick(terms, weights)
    return term, port if term == "CIF" else ""


def _modes(part: Component, incoterm: str, at_home: bool) -> str:
    """The modes of a bid: where the maker pays the freight, the maker's choice; else open."""
    if incoterm in ("FOB", "CIF"):
        return "sea"
    if incoterm not in ("CIP", "DAP", "DDP"):
        return ""
    # Makers from abroad fly what is worth more than 60 dollars a kg.
    dear = part.price_usd / part.grams * 1000 > 60
    return "air" if dear and not at_home else "road;sea"


def _resources(sample: Sample, supplier: Supplier, made: list[tuple[str, float, float]]) -> None:
    """Machine hours that the supplier's bids share; one machine, or two for larger makers."""
    machines = 2 if supplier.size >= 2 and len(made) > 2 else 1
    for machine in range(machines):
        bids = made[machine::machines]
        resource = f"{supplier.key}-{machine + 1}"
        asked = sum(total for *_, total in bids) / 60
        share = (0.28, 0.42, 0.6, 0.85)[supplier.size] * sample.between(0.6, 1.3)
        sample.add(
            "resources",
            resource=resource,
            supplier=supplier.key,
            name=f"{FAMILIES[supplier.family][1]} {machine + 1}",
            unit="hour",
            capacity=step(asked * share, 5),
        )
        for bid, minutes, _ in bids:
            sample.add("usages", bid=bid, resource=resource, use_per_unit=round3(minutes / 60))


# Places from which lorries cross the border to a plant, with the days that borders take.
ROADS = {
    "bac-ninh-vsip": {"CN": 1.5, "LA": 1.0, "KH": 2.0, "TH": 2.5},
    "rayong-eastern-seaboard": {"LA": 1.0, "KH": 1.0, "MY": 1.0, "SG": 2.0, "VN": 2.5},
}
KM_PER_DAY, DETOUR, USD_PER_KM, USD_FIXED = 550.0, 1.3, 0.8, 120.0


def _lanes(sample: Sample) -> None:
    """Cross-border road lanes, and two lanes that the buyers have agreed with carriers."""
    for destination, borders in ROADS.items():
        end = next(p for p in PLACES if p.place == destination)
        for origin in PLACES:
            km = DETOUR * _distance_km(origin, end)
            # Beyond 2,600 km nobody takes the road.
            if origin.economy not in borders or origin.place in PORTS.values() or km > 2600:
                continue
            sample.add(
                "lanes",
                origin=origin.place,
                destination=destination,
                mode="road",
                days=round(0.5 + km / KM_PER_DAY + borders[origin.economy], 1),
                cost_per_container=step(USD_FIXED + USD_PER_KM * km, 5),
                cost_per_kg="",
                fixed_cost=40,
            )
    # The rail link from the border at Nanning, and a weekly box out of Batam by Singapore.
    sample.add(
        "lanes",
        origin="nanning",
        destination="bac-ninh-vsip",
        mode="rail",
        days=3,
        cost_per_container=390,
        cost_per_kg="",
        fixed_cost=0,
    )
    sample.add(
        "lanes",
        origin="batam-batamindo",
        destination="rayong-eastern-seaboard",
        mode="sea",
        days=6,
        cost_per_container=520,
        cost_per_kg="",
        fixed_cost=150,
    )


def _distance_km(a: Place, b: Place) -> float:
    """Great-circle distance by the haversine formula, earth radius 6,371 km."""
    half_lat, half_lon = (
        math.radians(v) / 2 for v in (b.latitude - a.latitude, b.longitude - a.longitude)
    )
    h = (
        math.sin(half_lat) ** 2
        + math.cos(math.radians(a.latitude))
        * math.cos(math.radians(b.latitude))
        * math.sin(half_lon) ** 2
    )
    return 2 * 6371.0 * math.asin(math.sqrt(h))


def _duties(sample: Sample) -> None:
    for hs, rates in DUTIES.items():
        for destination, rate in zip(("VN", "TH"), rates, strict=True):
            sample.add("duties", hs=hs, origin="", destination=destination, rate=rate)
            for origin in ASEAN:
                if origin != destination and rate:
                    sample.add("duties", hs=hs, origin=origin, destination=destination, rate=0)
            for origin, share in PREFERENCES.items():
                if rate:
                    sample.add(
                        "duties",
                        hs=hs,
                        origin=origin,
                        destination=destination,
                        rate=round(rate * share, 4),
                    )


def write(tables: dict[str, list[Row]], folder: Path) -> None:
    """One CSV file for each table, rows in the order of their first columns."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
            writer.writeheader()
            writer.writerows(sorted(rows, key=lambda row: [str(v) for v in row.values()][:4]))


if __name__ == "__main__":
    write(make(), Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
