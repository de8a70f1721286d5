"""Engines find the best of all plans under random rules and terms, and the judge agrees.

More networks than usual are drawn with the environment variable MATCHER_BRUTE, such as 1000.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import polars as pl
import pytest

from matcher.judge import check
from matcher.network import Network
from matcher.plan import Plan
from matcher.schema.rule_tables import GROUPS, MEASURES, SCOPES
from matcher.solve import solve
from tests.rule_brute_force import KINDS, Best, Trial, drawn

SEEDS = int(os.environ.get("MATCHER_BRUTE", "60"))
ENGINES = ("highs", "decomposition")


@cache
def tried(seed: int, before_cost: bool) -> tuple[Network, Best | None]:
    """The network of a seed, and what its best plan comes to."""
    trial = drawn(seed, before_cost=before_cost)
    return trial.network, trial.best()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("seed", range(SEEDS))
def test_rules_and_terms_with_priced_targets(seed: int, engine: str) -> None:
    _agrees(*tried(seed, before_cost=False), engine)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("seed", range(SEEDS // 4))
def test_targets_that_go_before_cost(seed: int, engine: str) -> None:
    _agrees(*tried(seed, before_cost=True), engine)


def _agrees(network: Network, best: Best | None, engine: str) -> None:
    plan = solve(network, engine=engine, gap_limit=0.0, time_limit_s=60)
    result = plan.result
    assert result is not None
    codes = {finding.code for finding in check(network, plan).findings}
    if best is None:
        assert result.solution_status == "infeasible"
        # A plan that awards nothing breaks a mandatory rule, or it would be the best.
        assert plan.awards.is_empty()
        assert codes == {"rule"}
        return
    assert codes == set()
    assert result.solution_status == "optimal"
    assert result.coverage is not None
    assert result.coverage.unmet == pytest.approx(best.unmet, abs=1e-5)
    assert _misses(network, plan) == pytest.approx(best.misses, rel=1e-5, abs=1e-5)
    assert result.best == pytest.approx(best.cost, rel=1e-5, abs=1e-4)
    assert result.bound == pytest.approx(best.cost, rel=1e-5, abs=1e-4)


def _misses(network: Network, plan: Plan) -> tuple[float, ...]:
    """What the plan says that targets without a price miss, level by level of priority."""
    assert plan.rules is not None
    targets = network.rules.filter(pl.col("priority").is_not_null(), pl.col("price").is_null())
    missed = targets.join(plan.rules.select("rule", "missed"), on="rule", how="left")
    levels = missed.group_by("priority").agg(pl.col("missed").sum()).sort("priority")
    return tuple(levels["missed"])


def _of(table: str, *columns: pl.Expr) -> Callable[[Network], Network]:
    """A network with some columns written over."""
    return lambda network: replace(network, **{table: network.table(table).with_columns(*columns)})


def _less(table: str, keep: pl.Expr) -> Callable[[Network], Network]:
    """A network with fewer rows."""
    return lambda network: replace(network, **{table: network.table(table).filter(keep)})


def _nothing(column: str) -> pl.Expr:
    return pl.lit(None, dtype=pl.String).alias(column)


IS_TARGET = pl.col("priority").is_not_null()
NEVER = pl.lit(value=False)
WITHOUT: dict[str, Callable[[Network], Network]] = {
    "incremental tiers": _of("bids", NEVER.alias("incremental")),
    "lines": _of("demands", _nothing("line")),
    "vehicles": _of("lanes", pl.lit(None, dtype=pl.Float64).alias("vehicle_units")),
    "bundles": _of("bids", _nothing("bundle")),
    "consortia": _of("bids", _nothing("consortium")),
    "discounts": _less("discounts", NEVER),
    "incremental discounts": _of("discounts", NEVER.alias("incremental")),
    "switching": _of("incumbents", pl.lit(0.0).alias("switching_cost")),
    "capacities": _less("capacities", NEVER),
    "ramps": _less("ramps", NEVER),
    "own plants": _of("suppliers", _nothing("lead_firm")),
    "core": _of("components", NEVER.alias("core")),
    "sensitive": _of("components", NEVER.alias("sensitive")),
    "split": _less("rules", pl.col("split").is_null()),
    **{f"mandatory {kind}": _less("rules", (pl.col("kind") != kind) | IS_TARGET) for kind in KINDS},
    **{
        f"target {kind}": _less("rules", (pl.col("kind") != kind) | ~IS_TARGET)
        for kind in KINDS
        if kind != "consistent"
    },
    **{f"scope {scope}": _less("rules", pl.col("scope") != scope) for scope in SCOPES},
    **{f"group {group}": _less("rules", pl.col("group").ne_missing(group)) for group in GROUPS},
    **{f"of {m}": _less("rules", pl.col("measure").ne_missing(m)) for m in MEASURES},
}


@pytest.mark.parametrize("what", WITHOUT)
def test_what_is_drawn_changes_the_best_plan(what: str) -> None:
    # Otherwise the tests above could pass with the rule or term left out of the program.
    networks = (tried(seed, before_cost=False) for seed in range(120))
    assert any(_differs(Trial(WITHOUT[what](network)), best) for network, best in networks)


def _differs(trial: Trial, best: Best | None) -> bool:
    other = trial.best()
    if best is None or other is None:
        return best != other
    return abs(other.unmet - best.unmet) > 1e-6 or abs(other.cost - best.cost) > 1e-6
