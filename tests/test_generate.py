"""Synthetic networks: the same seed, the shape asked for, and nothing that a check objects to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from matcher.errors import InputError
from matcher.generate import generate
from matcher.generate.recipe import HOURS_PER_USD, PRESETS, Recipe, recipe_for
from matcher.judge import check
from matcher.network import Network
from matcher.network.arrays import to_arrays
from matcher.schema.tables import MODES
from matcher.screening.award_options import pairs_of
from matcher.screening.candidates import Screening, screen
from matcher.solve import solve


@pytest.fixture(scope="module")
def small() -> Network:
    return generate(PRESETS["small"], seed=1)


@pytest.fixture(scope="module")
def screening(small: Network) -> Screening:
    return screen(to_arrays(small))


def _pieces(network: Network) -> int:
    """Pieces of the graph of demands and suppliers that a bid joins, demands without bids aside."""
    arrays = to_arrays(network)
    pairs, _ = pairs_of(arrays)
    size = network.demands.height + network.suppliers.height
    supplier = arrays.bids.supplier[pairs.bid] + network.demands.height
    graph = coo_array((np.ones(pairs.size), (pairs.demand, supplier)), shape=(size, size))
    touched = np.unique(np.concatenate([pairs.demand, supplier]))
    label = connected_components(graph, directed=False)[1]
    return int(np.unique(label[touched]).size)


def test_the_same_seed_gives_the_same_network(small: Network) -> None:
    assert generate(PRESETS["small"], seed=1).input_hash == small.input_hash
    assert generate(PRESETS["small"], seed=2).input_hash != small.input_hash


def test_nothing_in_it_is_worth_a_warning(small: Network) -> None:
    assert small.warnings == ()


def _pairs(found: Screening) -> int:
    """Pairs of a demand and a bid that have a candidate."""
    return np.unique(np.stack([found.candidates.demand, found.candidates.bid]), axis=1).shape[1]


@pytest.mark.parametrize(
    ("name", "candidates"), [("small", 4_000), ("medium", 20_000), ("large", 100_000)]
)
def test_presets_have_about_so_many_candidates(name: str, candidates: int) -> None:
    found = _pairs(screen(to_arrays(generate(PRESETS[name], seed=3))))
    assert found == pytest.approx(candidates, rel=0.12)


@pytest.mark.parametrize("candidates", [100, 150, 1_000, 7_000])
def test_any_size_can_be_asked_for(candidates: int) -> None:
    found = _pairs(screen(to_arrays(generate(recipe_for(candidates), seed=5))))
    assert found == pytest.approx(candidates, rel=0.35)


@pytest.mark.parametrize("candidates", [100, 1_000, 20_000])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_connected_networks_are_one_piece(candidates: int, seed: int) -> None:
    network = generate(recipe_for(candidates), seed=seed)
    assert network.suppliers["supplier"].is_in(network.bids["supplier"].implode()).all()
    assert _pieces(network) == 1


def test_separable_networks_fall_into_families() -> None:
    recipe = recipe_for(20_000, connected=False)
    network = generate(recipe, seed=1)
    # A family has members_per_family suppliers on average, and each supplier one family.
    assert _pieces(network) == round(recipe.suppliers / recipe.members_per_family)


def test_suppliers_serve_one_to_four_families(small: Network) -> None:
    # A family makes one good, so a supplier bids on components of at most four goods.
    goods = (
        small.bids.join(small.components, on="component")
        .group_by("supplier")
        .agg(pl.col("name").n_unique())["name"]
    )
    assert goods.max() == 4
    assert goods.min() == 1


def test_all_demands_take_the_stated_share_of_capacity() -> None:
    recipe = recipe_for(20_000, capacity_used=0.4, use_sigma=0.0)
    network = generate(recipe, seed=1)
    # Without spread, every bid on a component takes the same hours per unit.
    hours = (
        network.bids.join(network.usages, on="bid")
        .group_by("component")
        .agg(low=pl.col("use_per_unit").min(), high=pl.col("use_per_unit").max())
    )
    assert (hours["high"] - hours["low"]).max() == pytest.approx(0, abs=1e-12)
    load = (
        network.demands.join(hours, on="component")
        .select((pl.col("quantity") * pl.col("high")).sum())
        .item()
    )
    assert load / network.resources["capacity"].sum() == pytest.approx(0.4, rel=1e-3)


def test_resource_use_differs_by_bid_but_not_on_average() -> None:
    network = generate(recipe_for(20_000, use_sigma=0.25), seed=1)
    plain = generate(recipe_for(20_000, use_sigma=0.0), seed=1)
    ratio = (network.usages["use_per_unit"] / plain.usages["use_per_unit"]).to_numpy()
    # Mean 1 by construction; the logarithm has a standard deviation of 0.25. 12,000 draws.
    assert ratio.mean() == pytest.approx(1.0, abs=0.01)
    assert np.log(ratio).std() == pytest.approx(0.25, abs=0.01)


def test_lots_and_fixed_costs_stand_in_proportion(small: Network) -> None:
    bids = small.bids.join(
        small.demands.group_by("component").agg(pl.col("quantity").mean()), on="component"
    )
    excess = bids["moq"] - 0.15 * bids["quantity"]
    assert excess.min() >= 0  # rounded up to a whole unit
    assert excess.max() < 1
    # Capacity in hours is worth capacity / HOURS_PER_USD dollars of goods.
    onboarding = (
        small.suppliers.join(small.resources, on="supplier")
        .select(pl.col("onboarding_cost") / (pl.col("capacity") / HOURS_PER_USD))
        .to_series()
    )
    assert onboarding.to_list() == pytest.approx([0.08] * onboarding.len(), rel=1e-2)
    price = (
        bids.join(small.usages, on="bid")
        .group_by("component", maintain_order=True)
        .agg(
            value=pl.col("quantity").first() * pl.col("price").mean(),
            tooling=pl.col("tooling_cost").mean(),
        )
    )
    assert (price["tooling"] / price["value"]).mean() == pytest.approx(0.02, rel=0.1)
    assert small.demands["share_cap"].unique().to_list() == [0.70]
    assert small.demands["max_suppliers"].unique().to_list() == [3]


def test_sizes_are_heavy_tailed_and_classed() -> None:
    network = generate(PRESETS["medium"], seed=1)
    capacity = network.resources["capacity"].sort(descending=True)
    largest = capacity.head(capacity.len() // 20).sum() / capacity.sum()
    assert 0.15 < largest < 0.45  # the largest 5 % of the suppliers
    by_class = (
        network.suppliers.join(network.resources, on="supplier")
        .group_by("size_class")
        .agg(pl.col("capacity").median(), pl.len())
    )
    median = dict(by_class.select("size_class", "capacity").iter_rows())
    assert median["micro"] < median["small"] < median["medium"] < median["large"]
    count = dict(by_class.select("size_class", "len").iter_rows())
    assert (count["micro"], count["small"], count["medium"], count["large"]) == (150, 225, 100, 25)


def test_gates_reject_some_pairs_and_pass_most(small: Network, screening: Screening) -> None:
    from matcher.screening.gates import REASON

    assert 0.75 < _pairs(screening) / screening.pairs.size < 0.95
    for reason in ("standard", "certificate_date", "delivery", "quality", "on_time", "ceiling"):
        assert (screening.rejections.reason == REASON[reason]).any(), reason
    assert small.certificates["valid_to"].min() < small.demands["due"].min()


def test_a_pair_has_one_candidate_and_another_by_road_over_a_border(
    small: Network, screening: Screening
) -> None:
    c, arrays = screening.candidates, to_arrays(small)
    pairs = np.stack([c.demand, c.bid])
    is_road = c.mode == MODES.index("road")
    for some in (is_road, ~is_road):
        assert np.unique(pairs[:, some], axis=1).shape[1] == some.sum()
    _, which, times = np.unique(pairs, axis=1, return_inverse=True, return_counts=True)
    twice = times[which.ravel()] == 2
    ends = arrays.suppliers.place[c.supplier], arrays.demands.place[c.demand]
    origin, destination = (arrays.places.economy[end] for end in ends)
    assert twice.any()
    assert (origin[twice] != destination[twice]).all()


@pytest.mark.parametrize("tiers", [1, 3])
def test_tiers_are_price_breaks_within_an_award(tiers: int) -> None:
    network = generate(recipe_for(1_000, tiers=tiers), seed=1)
    assert network.warnings == ()
    assert network.tiers.height == tiers * network.bids.height
    joined = network.tiers.join(network.bids, on="bid", suffix="_bid")
    assert (joined["price"] < joined["price_bid"]).all()
    assert (joined["from_quantity"] >= joined["moq"]).all()


@pytest.mark.parametrize(
    "changes",
    [{}, {"connected": False}, {"tiers": 2}, {"capacity_used": 0.95}, {"max_suppliers": 0}],
)
def test_plans_of_it_pass_the_check(changes: dict[str, Any]) -> None:
    network = generate(recipe_for(150, **changes), seed=4)
    plan = solve(network, time_limit_s=10, gap_limit=0.01)
    assert plan.awards.height > 0
    assert check(network, plan).findings == ()


def test_every_bad_parameter_is_named_at_once() -> None:
    with pytest.raises(InputError) as error:
        Recipe(suppliers=1, share_cap=1.5, due_days=(50, 20))
    assert [issue.column for issue in error.value.issues] == ["suppliers", "share_cap", "due_days"]
    assert "is not from 0.01 to 1" in str(error.value)


@pytest.mark.parametrize("candidates", [0, 99, 5_000_001])
def test_sizes_outside_the_limits_are_refused(candidates: int) -> None:
    with pytest.raises(InputError, match="is not from 100 to 5,000,000"):
        recipe_for(candidates)


def test_too_many_pairs_are_refused_before_they_are_made() -> None:
    with pytest.raises(InputError, match="demand–bid pairs"):
        replace(PRESETS["huge"], demands=1_000_000)
