"""What must hold of every network: shown on random ones."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matcher.judge import check
from matcher.network import Network
from matcher.plan import Plan, plan_from_dict
from matcher.read import network_from_tables
from matcher.schema.tables import TABLES
from matcher.solve import solve
from tests.brute_force import join, random_part
from tests.rule_networks import draw

PROPERTY = settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
SEEDS = st.integers(10_000, 99_999)


def tables_of(network: Network) -> dict[str, pl.DataFrame]:
    return {table.name: network.table(table.name) for table in TABLES}


def several(seed: int) -> Network:
    return join([random_part(seed + i, whole=bool(i % 2)) for i in range(4)])


def solved(network: Network, **options: Any) -> Plan:
    plan = solve(network, gap_limit=0.0, **options)
    assert check(network, plan).findings == ()
    return plan


@PROPERTY
@given(SEEDS)
def test_plan_survives_being_written_and_read(seed: int) -> None:
    network = several(seed)
    plan = solved(network)
    again = plan_from_dict(plan.to_dict())
    assert check(network, again).findings == ()
    assert again.awards.equals(plan.awards)
    assert again.result == plan.result


@PROPERTY
@given(SEEDS)
def test_another_bid_never_makes_the_optimum_worse(seed: int) -> None:
    network = several(seed)
    plan = solved(network)
    tables = tables_of(network)
    more = network.bids.head(2).with_columns(
        bid=pl.col("bid") + "-more", price=pl.col("price") * 1.1, tooling_cost=pl.lit(1.0)
    )
    usages = network.usages.filter(pl.col("bid").is_in(network.bids["bid"].head(2).implode()))
    tables["bids"] = pl.concat([network.bids, more])
    tables["usages"] = pl.concat([network.usages, usages.with_columns(pl.col("bid") + "-more")])
    richer = solved(network_from_tables(tables))
    before, after = plan.result, richer.result
    assert before is not None
    assert after is not None
    assert after.coverage.unmet <= before.coverage.unmet + 1e-6
    if after.coverage.unmet > before.coverage.unmet - 1e-6:
        assert after.best <= before.best * (1 + 1e-6) + 1e-6


@PROPERTY
@given(SEEDS, st.randoms(use_true_random=False))
def test_order_of_rows_and_columns_changes_nothing(seed: int, random: Any) -> None:
    network = several(seed)
    shuffled = {}
    for name, frame in tables_of(network).items():
        columns = list(frame.columns)
        random.shuffle(columns)
        shuffled[name] = frame.select(columns).sample(
            fraction=1.0, shuffle=True, seed=random.randrange(2**31)
        )
    other = network_from_tables(shuffled)
    assert other.input_hash == network.input_hash
    assert solved(other).awards.equals(solved(network).awards)


@PROPERTY
@given(SEEDS, st.sampled_from([0.01, 3.0, 1000.0]))
def test_scaling_the_currency_scales_the_cost(seed: int, factor: float) -> None:
    network = several(seed)
    tables = tables_of(network)
    money = {
        "bids": ["price", "origin_charges", "tooling_cost"],
        "tiers": ["price"],
        "suppliers": ["onboarding_cost"],
        "demands": ["ceiling"],
        "components": ["defect_cost"],
        "lanes": ["cost_per_container", "cost_per_kg", "fixed_cost"],
    }
    for name, columns in money.items():
        tables[name] = tables[name].with_columns(pl.col(columns) * factor)
    # The dollar, in which shipped trade and mode costs are stated, is worth that many coins.
    tables["network"] = tables["network"].with_columns(currency=pl.lit("EUR"))
    tables["bids"] = tables["bids"].with_columns(currency=pl.lit("EUR"))
    tables["rates"] = pl.DataFrame({"currency": ["USD"], "value": [factor]})
    scaled, plan = solved(network_from_tables(tables)), solved(network)
    assert scaled.result.best == pytest.approx(plan.result.best * factor, rel=1e-6)
    assert scaled.result.coverage.unmet == pytest.approx(plan.result.coverage.unmet, abs=1e-6)


@PROPERTY
@given(SEEDS, st.randoms(use_true_random=False))
def test_order_of_rows_changes_nothing_with_rules_and_terms(seed: int, random: Any) -> None:
    network = draw(seed)
    shuffled = {
        name: frame.sample(fraction=1.0, shuffle=True, seed=random.randrange(2**31))
        for name, frame in tables_of(network).items()
    }
    other = network_from_tables(shuffled)
    assert other.input_hash == network.input_hash
    assert solve(other, gap_limit=0.0).awards.equals(solve(network, gap_limit=0.0).awards)


@PROPERTY
@given(SEEDS, st.sampled_from([0.01, 3.0, 1000.0]))
def test_scaling_the_currency_scales_rules_and_terms(seed: int, factor: float) -> None:
    network = draw(seed)
    tables = tables_of(network)
    money = {
        "suppliers": ["onboarding_cost", "turnover", "credit_line"],
        "demands": ["ceiling"],
        "consortia": ["coordination_cost"],
        "incumbents": ["switching_cost"],
        "discounts": ["amount"],
        "lanes": ["fixed_cost"],
    }
    for name, columns in money.items():
        tables[name] = tables[name].with_columns(pl.col(columns) * factor)
    tables["discounts"] = tables["discounts"].with_columns(
        pl.when(measure="value").then(pl.col("from") * factor).otherwise("from").alias("from")
    )
    # Of a rule the limits are money, or the price of what is missed is money for a unit.
    in_money = pl.col("measure").is_in(["value", "cost"])
    counted = pl.col("kind").str.ends_with("_count") | (pl.col("kind") == "consistent")
    counted |= pl.col("measure") == "quantity"
    scaled = {
        "min": in_money & pl.col("kind").is_in(["limit", "viable"]),
        "price": counted.fill_null(False),
    }
    tables["rules"] = tables["rules"].with_columns(
        pl.when(where).then(pl.col(name) * factor).otherwise(name).alias(name)
        for name, where in (scaled | {"max": scaled["min"]}).items()
    )
    # Bids stay in dollars and euros, each of which is worth that many coins of the new currency.
    tables["network"] = tables["network"].with_columns(currency=pl.lit("JPY"))
    rates = {"currency": ["USD", "EUR"], "value": [factor, 1.25 * factor]}
    tables["rates"] = pl.DataFrame(rates)
    scaled_plan, plan = (
        solve(each, gap_limit=0.0) for each in (network_from_tables(tables), network)
    )
    before, after = plan.result, scaled_plan.result
    assert before is not None
    assert after is not None
    assert after.solution_status == before.solution_status
    if before.solution_status == "optimal":
        assert check(network_from_tables(tables), scaled_plan).findings == ()
        assert after.best == pytest.approx(before.best * factor, rel=1e-6, abs=1e-6 * factor)
        assert after.coverage.unmet == pytest.approx(before.coverage.unmet, abs=1e-6)


def test_same_seed_gives_the_same_plan() -> None:
    network = several(7)
    for engine in ("highs", "cpsat", "scip"):
        plans = [solved(network, engine=engine, seed=3) for _ in range(2)]
        assert plans[0].awards.equals(plans[1].awards), engine


def test_larger_share_cap_never_costs_more() -> None:
    network = several(11)
    costs = []
    for cap in (0.5, 0.75, 1.0):
        tables = tables_of(network)
        tables["demands"] = tables["demands"].with_columns(
            share_cap=pl.when(pl.col("single_source")).then(None).otherwise(pl.lit(cap))
        )
        result = solved(network_from_tables(tables)).result
        costs.append((result.coverage.unmet, result.best))
    unmet = np.array([cost[0] for cost in costs])
    assert (np.diff(unmet) <= 1e-6).all()
