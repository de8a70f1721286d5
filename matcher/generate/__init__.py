"""The generator: seeded synthetic networks of realistic shape, from 100 to 5,000,000 candidates.

Component families hang together through the suppliers that serve them. Sizes are heavy-tailed,
suppliers cluster in parks around real cities, and capacity, lot sizes and fixed costs stand in
proportion to the demands, so that networks of every size are equally hard to place. Rows are made
as columns; no loop runs over them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.random import Generator
from numpy.typing import NDArray

from matcher.generate.recipe import (
    AIR_KG_PER_M3,
    AIR_SHARE,
    AIR_USD_PER_KG,
    ASKED,
    GOODS,
    HELD,
    HOURS_PER_USD,
    INCOTERMS,
    INDUSTRY_ASKED,
    INDUSTRY_HELD,
    MARKUP,
    OFFERED,
    PRESETS,
    QUANTITY_SPREAD,
    SIZE_LIMITS,
    TIER_DISCOUNT,
    Recipe,
)
from matcher.network import Network
from matcher.read import network_from_tables
from matcher.reference.cities import cities
from matcher.schema.tables import SIZE_CLASSES
from matcher.screening.award_options import expand

Floats = NDArray[np.float64]
Index = NDArray[np.int64]
Bools = NDArray[np.bool_]


def generate(recipe: Recipe = PRESETS["small"], *, seed: int = 0) -> Network:
    """Make a synthetic network; the same recipe and seed make the same one.

    Parameters
    ----------
    recipe
        One of `matcher.generate.recipe.PRESETS`, `matcher.generate.recipe.recipe_for` a number of
        candidates, or a recipe of your own.
    seed
        Seed of every random draw.

    Returns
    -------
    Network
        Checked like one that was read from files.

    Examples
    --------
    >>> from matcher.generate.recipe import recipe_for
    >>> generate(recipe_for(100), seed=1).suppliers.height
    20

    Examples
    --------
    >>> import matcher
    >>> network = matcher.generate(seed=1)
    >>> network == matcher.generate(seed=1)
    True
    """
    rng = np.random.default_rng(seed)
    sites = _sites(recipe, rng)
    parts = _components(recipe, rng)
    makers = _suppliers(recipe, rng, sites, parts)
    tables = {
        "network": pl.DataFrame(
            {
                "name": [f"synthetic {recipe.demands} x {recipe.suppliers}, seed {seed}"],
                "currency": ["USD"],
                "start": [recipe.start],
            }
        ),
        "components": parts.table,
        "requirements": _requirements(parts, rng),
        "suppliers": makers.table,
        "resources": makers.resources,
        "certificates": _certificates(recipe, rng, parts, makers),
        **_demand_side(recipe, rng, sites, parts),
        **_bid_side(recipe, rng, parts, makers),
    }
    used = pl.concat([tables["demands"]["place"], tables["suppliers"]["place"]]).unique()
    tables["places"] = sites.table.filter(pl.col("place").is_in(used.implode()))
    return network_from_tables(tables)


@dataclass(frozen=True, slots=True)
class _Sites:
    """Parks first, then one plant a lead firm."""

    table: pl.DataFrame
    num_parks: int


@dataclass(frozen=True, slots=True)
class _Parts:
    """Components with their families, and the demands for them."""

    table: pl.DataFrame
    keys: pl.Series
    family: Index
    num_families: int
    good: Index
    price: Floats
    flies: Bools
    mean_quantity: Floats
    component: Index
    quantity: Floats


@dataclass(frozen=True, slots=True)
class _Makers:
    """Suppliers, and which families they serve: one entry a pair, sorted by family."""

    table: pl.DataFrame
    resources: pl.DataFrame
    size_class: Index
    member: Index
    member_family: Index


def _keys(prefix: str, size: int) -> pl.Series:
    """``size`` keys in ascending order, such as S-0001."""
    digits = len(str(size))
    number = pl.int_range(1, size + 1, dtype=pl.Int64, eager=True).cast(pl.String)
    return prefix + "-" + number.str.zfill(digits)


def _pick(keys: pl.Series, index: NDArray[Any]) -> pl.Series:
    return keys.gather(index)


def _some(condition: Bools, values: Floats) -> pl.Series:
    """The values where the condition holds, null elsewhere."""
    return pl.Series(values).set(pl.Series(~condition), None)


def _sites(recipe: Recipe, rng: Generator) -> _Sites:
    known = cities()
    city = np.concatenate(
        [
            np.repeat(np.arange(known.height), recipe.parks_per_city),
            rng.integers(known.height, size=recipe.lead_firms),
        ]
    )
    num_parks = known.height * recipe.parks_per_city
    # Parks and plants lie around the city, about 15 km out.
    around = rng.normal(0.0, 0.1, (2, city.size))
    park = (np.arange(city.size) % recipe.parks_per_city + 1).astype(str)
    names = _pick(known["city"], city)
    is_park = np.arange(city.size) < num_parks
    table = pl.DataFrame(
        {
            "place": pl.concat([_keys("park", num_parks), _keys("plant", recipe.lead_firms)]),
            "name": names,
            "economy": _pick(known["economy"], city),
            "latitude": (known["latitude"].to_numpy()[city] + around[0]).round(4),
            "longitude": (known["longitude"].to_numpy()[city] + around[1]).round(4),
            "park": (names + " Park " + pl.Series(park)).set(pl.Series(~is_park), None),
        }
    )
    return _Sites(table, num_parks)


def _components(recipe: Recipe, rng: Generator) -> _Parts:
    num = max(round(recipe.demands / recipe.demands_per_component), 1)
    served = 2.5 if recipe.connected else 1.0
    num_families = int(
        np.clip(round(recipe.suppliers * served / recipe.members_per_family), 1, num)
    )
    family = np.arange(num) % num_families
    good = rng.integers(len(GOODS), size=num_families)[family]
    price, weight, volume = (
        np.array([g[i] for g in GOODS])[good] * rng.lognormal(0.0, 0.35, num) for i in (2, 3, 4)
    )
    value = recipe.demand_value * rng.lognormal(0.0, recipe.demand_sigma, num)
    component = np.arange(recipe.demands) % num
    spread = rng.uniform(1 - QUANTITY_SPREAD, 1 + QUANTITY_SPREAD, recipe.demands)
    quantity = np.maximum(np.round(value[component] / price[component] * spread), 20.0)
    keys = _keys("C", num)
    # Demands go round the components, so each component has at least one.
    mean_quantity = np.bincount(component, quantity) / np.bincount(component)
    table = pl.DataFrame(
        {
            "component": keys,
            "name": _pick(pl.Series([g.name for g in GOODS]), good),
            "hs": _pick(pl.Series([g.hs for g in GOODS]), good),
            "weight_kg": weight.round(4) + 0.0001,
            "volume_m3": volume.round(6) + 0.000001,
            "defect_cost": (5 * price).round(2),
        }
    )
    flies = np.maximum(weight, volume * AIR_KG_PER_M3) * AIR_USD_PER_KG < AIR_SHARE * price
    return _Parts(
        table, keys, family, num_families, good, price, flies, mean_quantity, component, quantity
    )


def _suppliers(recipe: Recipe, rng: Generator, sites: _Sites, parts: _Parts) -> _Makers:
    num, num_families = recipe.suppliers, parts.num_families
    size = rng.lognormal(0.0, recipe.size_sigma, num)
    rank = np.argsort(np.argsort(size)) / num
    size_class = np.searchsorted(SIZE_LIMITS, rank, side="right")
    first = np.arange(num) % num_families
    member, family = _memberships(recipe, rng, first, num_families)

    # What all demands of a family take is shared out by size, so that no family lacks capacity.
    load = np.bincount(
        parts.family[parts.component],
        minlength=num_families,
        weights=parts.quantity * parts.price[parts.component],
    )
    weight = size[member] / np.bincount(member)[member]
    share = weight / np.bincount(family, weights=weight)[family]
    value = np.bincount(member, weights=load[family] * share) / recipe.capacity_used
    home = rng.integers(sites.num_parks, size=(num_families, 3))[first, rng.integers(3, size=num)]
    away = rng.integers(sites.num_parks, size=num)
    place = np.where(rng.random(num) < recipe.clustering, home, away)
    keys = _keys("S", num)
    table = pl.DataFrame(
        {
            "supplier": keys,
            "place": _pick(sites.table["place"], place),
            "size_class": _pick(pl.Series(SIZE_CLASSES), size_class),
            "onboarding_cost": (recipe.onboarding_share * value).round(2),
        }
    )
    resources = pl.DataFrame(
        {"resource": keys + "-line", "supplier": keys, "capacity": (value * HOURS_PER_USD).round(3)}
    )
    return _Makers(table, resources, size_class, member, family)


def _memberships(
    recipe: Recipe, rng: Generator, first: Index, num_families: int
) -> tuple[Index, Index]:
    """Suppliers and the families they serve, sorted by family; every family has a supplier.

    In a connected network the first supplier of each family also serves the next family, which
    chains them all.
    """
    if not recipe.connected or num_families == 1:
        order = np.argsort(first, kind="stable")
        return order, first[order]
    served = rng.integers(1, 5, size=first.size)
    chain = np.arange(first.size) < num_families
    served[chain] = np.maximum(served[chain], 2)
    supplier, slot = expand(served.astype(np.int32))
    step = rng.integers(1, num_families, size=supplier.size)
    step[(slot == 1) & chain[supplier]] = 1
    step[slot == 0] = 0
    family = (first[supplier] + step) % num_families
    pairs = np.unique(family * first.size + supplier)
    return pairs % first.size, pairs // first.size


def _requirements(parts: _Parts, rng: Generator) -> pl.DataFrame:
    num = parts.family.size
    industry = pl.Series([g.standard for g in GOODS])
    frames = [
        pl.DataFrame({"component": parts.keys, "standard": [standard] * num}).filter(
            pl.Series(rng.random(num) < share)
        )
        for standard, share in ASKED.items()
    ]
    frames.append(
        pl.DataFrame(
            {
                "component": parts.keys,
                "standard": _pick(industry, parts.good),
            }
        ).filter(pl.Series(rng.random(num) < INDUSTRY_ASKED))
    )
    return pl.concat(frames)


def _certificates(recipe: Recipe, rng: Generator, parts: _Parts, makers: _Makers) -> pl.DataFrame:
    """Portfolios by size class: the general standards, and those of the families served."""
    num = makers.size_class.size
    industries = sorted({g.standard for g in GOODS})
    standards = pl.Series([*HELD, *industries])
    chance = np.array([*HELD.values(), *[INDUSTRY_HELD] * len(industries)]).T
    wanted = np.zeros((num, standards.len()), dtype=np.bool_)
    wanted[:, : len(HELD)] = True
    good = np.array([len(HELD) + industries.index(g.standard) for g in GOODS])
    # A family's components are all of one good; its first component is the family's index.
    wanted[makers.member, good[parts.good[makers.member_family]]] = True
    supplier, standard = np.nonzero(wanted & (rng.random(wanted.shape) < chance[makers.size_class]))
    start = np.datetime64(recipe.start, "D")
    begin = rng.integers(-900, -30, size=supplier.size)
    expired = rng.random(supplier.size) < recipe.expired_share
    end = np.where(
        expired,
        rng.integers(-20, max(recipe.due_days[0], 1), size=supplier.size),
        recipe.due_days[1] + rng.integers(1, 900, size=supplier.size),
    )
    return pl.DataFrame(
        {
            "supplier": _pick(makers.table["supplier"], supplier),
            "standard": _pick(standards, standard),
            "number": _keys("N", supplier.size),
            "valid_from": start + begin,
            "valid_to": start + end,
        }
    )


def _demand_side(
    recipe: Recipe, rng: Generator, sites: _Sites, parts: _Parts
) -> dict[str, pl.DataFrame]:
    num = recipe.demands
    firms = _keys("L", recipe.lead_firms)
    firm = rng.integers(recipe.lead_firms, size=num)
    plants = sites.table[sites.num_parks :]
    due = rng.integers(recipe.due_days[0], recipe.due_days[1] + 1, size=num)
    price = parts.price[parts.component]
    demands = pl.DataFrame(
        {
            "demand": _keys("D", num),
            "lead_firm": _pick(firms, firm),
            "component": _pick(parts.keys, parts.component),
            "quantity": parts.quantity,
            "place": _pick(plants["place"], firm),
            "due": np.datetime64(recipe.start, "D") + due,
            "ceiling": _some(
                rng.random(num) < recipe.ceiling_share,
                (price * rng.uniform(1.15, 1.45, num)).round(4),
            ),
            "max_ppm": _some(rng.random(num) < recipe.limit_share, np.full(num, 800.0)),
            "min_on_time_rate": _some(rng.random(num) < recipe.limit_share, np.full(num, 0.88)),
            "share_cap": np.full(num, recipe.share_cap),
            "max_suppliers": pl.Series([recipe.max_suppliers or None] * num, dtype=pl.Int64),
        }
    )
    duties = (
        plants.select(destination="economy")
        .unique(maintain_order=True)
        .join(pl.DataFrame({"hs": sorted({g.hs for g in GOODS})}), how="cross")
    )
    return {
        "lead_firms": pl.DataFrame({"lead_firm": firms, "economy": plants["economy"]}),
        "demands": demands,
        "duties": duties.with_columns(
            rate=pl.Series(rng.choice([0.0, 0.02, 0.05, 0.10], size=duties.height))
        ),
    }


def _terms(incoterm: np.ndarray, flies: np.ndarray) -> pl.Series:
    """The incoterms; what flies is not offered under a term for carriage by sea."""
    terms = np.array(INCOTERMS)[incoterm]
    return pl.Series(np.where(flies & (terms == "CIF"), "CIP", terms))


# long: every table of the bid side has a block
def _bid_side(
    recipe: Recipe, rng: Generator, parts: _Parts, makers: _Makers
) -> dict[str, pl.DataFrame]:
    component, supplier = _bidders(recipe, rng, parts, makers)
    num = component.size
    size_class = makers.size_class[supplier]
    cumulated = np.cumsum(OFFERED, axis=1)[size_class]
    incoterm = np.minimum((rng.random((num, 1)) > cumulated).sum(axis=1), len(INCOTERMS) - 1)
    # Half of the spread belongs to the supplier, half to the bid.
    sigma = recipe.price_sigma / np.sqrt(2)
    level = rng.lognormal(0.0, sigma, recipe.suppliers)[supplier]
    price = (
        parts.price[component]
        * level
        * rng.lognormal(0.0, sigma, num)
        * (1 + np.array(MARKUP)[incoterm])
    ).round(4)
    quantity = parts.mean_quantity[component]
    keys = _keys("B", num)
    spread = recipe.use_sigma
    use = rng.lognormal(-(spread**2) / 2, spread, num)
    bids = pl.DataFrame(
        {
            "bid": keys,
            "supplier": _pick(makers.table["supplier"], supplier),
            "component": _pick(parts.keys, component),
            "price": price,
            "currency": pl.repeat("USD", num, dtype=pl.String, eager=True),
            "incoterm": _terms(incoterm, parts.flies[component]),
            "lead_time_days": rng.integers(7, 36, size=num),
            "moq": np.ceil(recipe.moq_share * quantity),
            "origin_charges": (0.005 * price).round(4),
            "tooling_cost": (
                recipe.tooling_share
                * quantity
                * parts.price[component]
                * rng.uniform(0.8, 1.2, num)
            ).round(2),
            "ppm": rng.lognormal(5.0, 1.0, num).clip(max=1e6).round(),
            "on_time_rate": rng.uniform(0.86, 1.0, num).round(3),
            "payment_days": _pick(pl.Series([0, 30, 60, 90]), rng.integers(4, size=num)),
            "modes": _pick(pl.Series(["road;sea", "air;road"]), parts.flies[component].astype(int)),
        }
    )
    usages = pl.DataFrame(
        {
            "bid": keys,
            "resource": _pick(makers.resources["resource"], supplier),
            "use_per_unit": parts.price[component] * HOURS_PER_USD * use,
        }
    )
    # Breaks lie evenly between the MOQ and the share cap.
    steps = np.linspace(recipe.moq_share, recipe.share_cap, recipe.tiers + 2)[1:-1]
    tiers = [
        pl.DataFrame(
            {
                "bid": keys,
                "from_quantity": np.maximum(np.ceil(step * quantity), i + 1.0),
                "price": price * (1 - TIER_DISCOUNT * (i + 1)),
            }
        )
        for i, step in enumerate(steps)
    ]
    return {"bids": bids, "usages": usages} | ({"tiers": pl.concat(tiers)} if tiers else {})


def _bidders(recipe: Recipe, rng: Generator, parts: _Parts, makers: _Makers) -> tuple[Index, Index]:
    """(component, supplier) of each bid: a share of those who serve the component's family.

    Every member bids on at least one component of its family, the one of its turn; so families
    that share a supplier are connected.
    """
    members = np.bincount(makers.member_family, minlength=parts.num_families)
    start = np.cumsum(members) - members
    component, turn = expand(members[parts.family].astype(np.int32))
    family = parts.family[component]
    in_family = np.bincount(parts.family, minlength=parts.num_families)
    # Components go round the families: this is the component's place within its own.
    place = component // parts.num_families
    surely = turn % in_family[family] == place
    share = np.minimum(recipe.bids_per_demand / members, 1.0)
    chance = np.clip((share - 1 / in_family) / np.maximum(1 - 1 / in_family, 1e-9), 0.0, 1.0)
    rows = np.flatnonzero(surely | (rng.random(component.size) < chance[family]))
    return component[rows].astype(np.int64), makers.member[start[family[rows]] + turn[rows]]
