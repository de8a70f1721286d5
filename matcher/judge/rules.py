"""Stated rules, and what a plan states of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import polars as pl

from matcher.formatting import count, money, share
from matcher.judge.comparison import off
from matcher.network import Network
from matcher.plan import RULE_SCHEMA, Plan
from matcher.plan.findings import CODES, Finding
from matcher.schema.rules import rules_of

KEYS = ("rule", "of", "who")
FIGURES = tuple(name for name in RULE_SCHEMA if name not in KEYS)
UNITS = {"supplier_count": "supplier", "economy_count": "economy"}

Row = dict[str, Any]


def broken_rules(network: Network, rules: pl.DataFrame) -> Iterable[Finding]:
    """Mandatory rules that are missed; ``rules`` are the judge's own figures."""
    mandatory = {rule.name: rule for rule in rules_of(network.rules) if not rule.is_target}
    missed = rules.filter(pl.col("missed") > 0, pl.col("rule").is_in(list(mandatory)))
    for row in missed.iter_rows(named=True):
        rule, most = mandatory[row["rule"]], row["max"]
        # Only one of the two limits can be missed, and the maximum only from above.
        least = row["min"]
        is_above = least is None or (most is not None and (row["actual"] or 0.0) > most)
        unit = UNITS.get(rule.kind)
        if rule.metric == "quantity" and rule.kind in ("share", "limit", "viable"):
            unit = "unit"
        measured = "kg CO₂e" if rule.metric == "emissions" else network.currency
        amount = (
            f"{money(row['missed'])} {measured}" if unit is None else count(row["missed"], unit)
        )
        less = "less" if unit is None else "fewer"
        told = f"{amount} more than allowed" if is_above else f"{amount} {less} than required"
        if rule.kind == "consistent":
            told = f"shares differ by {share(row['missed'], 4)} from what they should be"
        yield Finding(
            "rule", rule.name, f"{_named(row)}: {told}", row["actual"], most if is_above else least
        )


def stated_figures(plan: Plan, rules: pl.DataFrame) -> Iterable[Finding]:
    """What is wrong in the plan's own table of rules; ``rules`` are the judge's figures."""
    if plan.rules is None:
        return
    for row in plan.rules.filter(plan.rules.select(KEYS).is_duplicated()).iter_rows(named=True):
        yield Finding("listed_twice", row["rule"], f"{_named(row)}: {CODES['listed_twice']}")
    listed, actual = _by_instance(plan.rules), _by_instance(rules)
    for key in [key for key in actual if key not in listed]:
        told = f"{_named(actual[key])}: is missing from the plan's list of rules"
        yield Finding("wrong_rule_figure", actual[key]["rule"], told)
    for key, row in listed.items():
        if key not in actual:
            told = f"{_named(row)}: the network has no such rule, or no awards under it"
            yield Finding("wrong_rule_figure", row["rule"], told)
            continue
        for column in FIGURES:
            claimed, own = row[column], actual[key][column]
            if claimed is not None and (own is None or off(claimed, own)):
                told = f"{_named(row)}: the {column} stated is wrong"
                yield Finding("wrong_rule_figure", row["rule"], told, claimed, own)


def _by_instance(rules: pl.DataFrame) -> dict[tuple[str | None, ...], Row]:
    return {tuple(row[key] for key in KEYS): row for row in rules.iter_rows(named=True)}


def _named(row: Row) -> str:
    instance = ", ".join(row[key] for key in ("of", "who") if row[key] is not None)
    return str(row["rule"]) + (f" ({instance})" if instance else "")
