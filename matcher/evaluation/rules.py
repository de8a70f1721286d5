"""What awards come to under every instance of a stated rule, and by how much that misses it.

An instance is about the awards whose demand is in its scope (``of``) and whose supplier is in its
group (``who``). Both are texts here: a key, the keys of a rule joined by ";", or `WHOLE`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from scipy.sparse import csr_array

from matcher.network.arrays import Arrays, Bools, Floats, Ints
from matcher.plan import RULE_SCHEMA
from matcher.schema.rules import Rule, rules_of
from matcher.screening.metrics import MetricName
from matcher.tolerances import STATED

WHOLE = ""
INSTANCE = ("of", "who")
# Limits of these kinds are shares of a base; what misses them is an amount.
OF_A_BASE = ("share", "dependence", "working_capital")


@dataclass(frozen=True, slots=True)
class Amounts:
    """What awards count in a measure, shape (awards,), in units or network currency.

    ``reach`` is what they would count if each were all of its demand.
    """

    made: Floats
    reach: Floats


@dataclass(frozen=True, slots=True)
class Parties:
    """Keys and other texts by which rules tell demands and suppliers apart.

    ``awards`` has a row for each award, ``demands`` and ``suppliers`` one a row of their table.
    """

    awards: pl.DataFrame
    demands: pl.DataFrame
    suppliers: pl.DataFrame

    def concerned(self, rule: Rule) -> Bools:
        """Whether each award is in an instance of the rule."""
        inside = pl.all_horizontal(_of(rule).is_not_null(), _who(rule).is_not_null())
        concerned: Bools = self.awards.select(inside=inside)["inside"].to_numpy()
        return concerned

    def scopes(self, rule: Rule) -> pl.DataFrame:
        """The scopes of the rule."""
        scope = None if rule.scope == "network" else rule.scope
        return pl.DataFrame({"of": _labels(self.demands, scope, rule.of)}, {"of": pl.String})

    def instances(self, rule: Rule) -> pl.DataFrame:
        """Every instance of the rule: each of its scopes with each of its groups."""
        groups = {"who": _labels(self.suppliers, rule.group, rule.who)}
        return self.scopes(rule).join(pl.DataFrame(groups, {"who": pl.String}), how="cross")


def parties(arrays: Arrays, demand: Ints, bid: Ints) -> Parties:
    """The parties of awards, given by their demands and bids."""
    network = arrays.network
    groups = network.components.select("component", component_group="group")
    demands = network.demands.select("demand", "component", "lead_firm").join(
        groups, on="component", how="left", maintain_order="left"
    )
    places = network.places.select("place", "economy", "park")
    suppliers = (
        network.suppliers.select("supplier", "place", "size_class", "ownership")
        .join(places, on="place", how="left", maintain_order="left")
        .with_columns(incumbents=pl.lit("incumbents"))
    )
    awards = pl.concat(
        [demands[demand], suppliers[arrays.bids.supplier[bid]].drop("incumbents")],
        how="horizontal",
    )
    return Parties(with_incumbents(awards, network.incumbents), demands, suppliers)


def with_incumbents(awards: pl.DataFrame, incumbents: pl.DataFrame) -> pl.DataFrame:
    """The awards with a text in ``incumbents`` where the supplier makes the component today."""
    pair = ["component", "supplier"]
    known = pl.lit("incumbents")
    of_all = incumbents.filter(pl.col("lead_firm").is_null()).select(*pair, for_all=known)
    of_one = incumbents.filter(pl.col("lead_firm").is_not_null()).select(
        *pair, "lead_firm", for_one=known
    )
    return (
        awards.join(of_all, on=pair, how="left", maintain_order="left")
        .join(of_one, on=[*pair, "lead_firm"], how="left", maintain_order="left")
        .with_columns(incumbents=pl.coalesce("for_all", "for_one"))
    )


def rule_figures(
    arrays: Arrays, demand: Ints, bid: Ints, amounts: dict[MetricName, Amounts], plan_cost: float
) -> pl.DataFrame:
    """The figures of every rule, a row an instance; columns as in `matcher.plan.RULE_SCHEMA`.

    Parameters
    ----------
    demand, bid
        Of each award.
    amounts
        What awards count, by measure.
    plan_cost
        All that the plan costs but penalties, network currency.

    Notes
    -----
    ``actual`` is a share where the limits are, null if there is nothing to have a share of.
    ``missed`` is the amount by which a limit is missed: in suppliers, economies, units or network
    currency. ``penalty`` is price × missed of a target. Where a rule without a minimum has many
    instances, those without awards are left out.
    """
    who = parties(arrays, demand, bid)
    supplier = arrays.bids.supplier[bid]
    who = replace(
        who,
        awards=who.awards.with_columns(
            pl.Series(name, values, dtype=pl.Float64)
            for name, values in (
                ("share", amounts["quantity"].made / arrays.demands.quantity[demand]),
                ("turnover", arrays.suppliers.turnover[supplier]),
                ("credit_line", arrays.suppliers.credit_line[supplier]),
                *((name, counted.made) for name, counted in amounts.items()),
                *((f"{name}_reach", counted.reach) for name, counted in amounts.items()),
            )
        ),
    )
    tables = [
        _judged(rule, KINDS[rule.kind](who, rule, plan_cost))
        for rule in rules_of(arrays.network.rules)
    ]
    return pl.concat([pl.DataFrame(schema=RULE_SCHEMA), *tables])


def _judged(rule: Rule, found: pl.DataFrame) -> pl.DataFrame:
    """What instances come to (``amount``), held against the rule's limits × ``base``.

    An amount of at most `STATED` × the larger of the limit and ``reach`` (what the amount would
    be if each award were all of its demand) counts as nothing.
    """
    amount, base = pl.col("amount"), pl.col("base")
    minimum, maximum = (None, 0.0) if rule.kind == "consistent" else (rule.minimum, rule.maximum)
    limits = [base * limit for limit in (minimum, maximum) if limit is not None]
    below = pl.lit(0.0) if minimum is None else base * minimum - amount
    above = pl.lit(0.0) if maximum is None else amount - base * maximum
    off = pl.max_horizontal(below, above)
    room = STATED * pl.max_horizontal(pl.col("reach"), *limits)
    missed = pl.when(off > room).then(off).otherwise(0.0)
    price = rule.price if rule.is_target and rule.price is not None else 0.0
    is_share = rule.kind in OF_A_BASE
    return (
        found.sort(INSTANCE)
        .select(
            rule=pl.lit(rule.name),
            of=pl.col("of").replace(WHOLE, None),
            who=pl.col("who").replace(WHOLE, None),
            actual=pl.when(base > 0).then(amount / base) if is_share else amount,
            min=pl.lit(minimum),
            max=pl.lit(maximum),
            missed=missed,
            penalty=missed * price,
        )
        .cast(RULE_SCHEMA)  # type: ignore[arg-type]
    )


def _of(rule: Rule) -> pl.Expr:
    return _label(None if rule.scope == "network" else rule.scope, rule.of)


def _who(rule: Rule) -> pl.Expr:
    return _label(rule.group, rule.who)


def _label(column: str | None, keys: tuple[str, ...]) -> pl.Expr:
    """The instance of each row by what stands in ``column``; null for none."""
    if column is None:
        return pl.lit(WHOLE)
    if keys:
        return pl.when(pl.col(column).is_in(keys)).then(pl.lit(";".join(keys)))
    return pl.col(column)


def _labels(frame: pl.DataFrame, column: str | None, keys: tuple[str, ...]) -> list[str]:
    """Every value that `_label` can have."""
    if column is None:
        return [WHOLE]
    return [";".join(keys)] if keys else frame[column].drop_nulls().unique().to_list()


def _in_scope(who: Parties, rule: Rule) -> pl.DataFrame:
    """The awards in the rule's scopes; ``who`` is null where they are outside of its groups."""
    return who.awards.with_columns(of=_of(rule), who=_who(rule)).filter(pl.col("of").is_not_null())


def _reach(name: str) -> pl.Expr:
    return pl.col(f"{name}_reach").sum()


def _in_instances(who: Parties, rule: Rule, amount: pl.Expr, reach: pl.Expr) -> pl.DataFrame:
    """What the awards of each instance come to; without a minimum, of those with awards."""
    found = (
        _in_scope(who, rule)
        .filter(pl.col("who").is_not_null())
        .group_by(INSTANCE)
        .agg(amount=amount, reach=reach)
    )
    one = (rule.of or rule.scope == "network") and (rule.who or rule.group in (None, "incumbents"))
    if rule.minimum or one:
        found = who.instances(rule).join(found, on=INSTANCE, how="left").fill_null(0.0)
    return found.with_columns(base=pl.lit(1.0))


def _count(who: Parties, rule: Rule, _: float) -> pl.DataFrame:
    """How many suppliers or economies have an award in the instance."""
    unit = "supplier" if rule.kind == "supplier_count" else "economy"
    return _in_instances(who, rule, pl.col(unit).n_unique().cast(pl.Float64), pl.lit(0.0))


def _limit(who: Parties, rule: Rule, plan_cost: float) -> pl.DataFrame:
    """The measure of the instance's awards; for a budget of the whole plan, all that it costs."""
    found = _in_instances(who, rule, pl.col(rule.metric).sum(), _reach(rule.metric))
    if rule.metric == "cost" and rule.scope == "network" and rule.group is None:
        return found.with_columns(amount=pl.lit(plan_cost))
    return found


def _share(who: Parties, rule: Rule, _: float) -> pl.DataFrame:
    """The measure of the instance's awards, of that of all awards in its scope."""
    total = pl.col(rule.metric).sum()
    part = _in_instances(who, rule, total, _reach(rule.metric)).drop("base", "reach")
    whole = _in_scope(who, rule).group_by("of").agg(base=total, reach=_reach(rule.metric))
    return part.join(whole, on="of", how="left").with_columns(
        pl.col("base", "reach").fill_null(0.0)
    )


def _dependence(who: Parties, rule: Rule, _: float) -> pl.DataFrame:
    """What each lead firm of the scope pays each supplier of the group, of its turnover."""
    of = pl.col("lead_firm")
    if rule.scope not in ("network", "lead_firm"):
        of = pl.concat_str("of", of, separator=";")
    return _of_suppliers(_in_scope(who, rule).with_columns(of=of), "value", "turnover")


def _working_capital(who: Parties, rule: Rule, _: float) -> pl.DataFrame:
    """What each supplier of the group has tied up in the scope, of its credit line."""
    return _of_suppliers(_in_scope(who, rule), "capital", "credit_line")


def _viable(who: Parties, rule: Rule, _: float) -> pl.DataFrame:
    """The measure of the awards of each supplier that has any in the instance."""
    return (
        _in_scope(who, rule)
        .filter(pl.col("who").is_not_null())
        .group_by("of", who="supplier")
        .agg(amount=pl.col(rule.metric).sum(), reach=_reach(rule.metric))
        .with_columns(base=pl.lit(1.0))
    )


def _of_suppliers(awards: pl.DataFrame, name: str, means: str) -> pl.DataFrame:
    """A measure of the awards in the group by scope and supplier, of the means it states."""
    return (
        awards.filter(pl.col("who").is_not_null() & pl.col(means).is_finite())
        .group_by("of", who="supplier")
        .agg(amount=pl.col(name).sum(), base=pl.col(means).first(), reach=_reach(name))
    )


def _consistent(who: Parties, rule: Rule, _: float) -> pl.DataFrame:
    """The largest difference between the share of a demand that a supplier gets and should get."""
    num_demands = who.demands.group_by(of=_of(rule)).agg(num=pl.len())
    shares = (
        _in_scope(who, rule)
        .group_by("of", "supplier", "demand")
        .agg(pl.col("share").sum(), inside=pl.col("who").is_not_null().all())
        .group_by("of", "supplier")
        .agg(
            most=pl.col("share").max(),
            least=pl.col("share").min(),
            num_given=pl.len(),
            inside=pl.col("inside").all(),
        )
        .join(num_demands, on="of")
        .with_columns(
            least=pl.when(pl.col("num_given") == pl.col("num")).then("least").otherwise(0.0)
        )
    )
    amounts = {
        str(of): _off(scope, rule.split)
        for (of,), scope in shares.partition_by("of", as_dict=True).items()
    }
    if rule.of or rule.scope == "network":
        amounts = dict.fromkeys(who.scopes(rule)["of"], 0.0) | amounts
    return pl.DataFrame(
        {"of": list(amounts), "amount": list(amounts.values())},
        {"of": pl.String, "amount": pl.Float64},
    ).with_columns(
        who=pl.lit(";".join(rule.who) or WHOLE),
        base=pl.lit(1.0),
        reach=pl.lit(2.0),  # two shares are compared, and each may be off
    )


def _off(shares: pl.DataFrame, split: tuple[float, ...]) -> float:
    """How far the suppliers of one scope are from the shares that they should get.

    Each should get the same of every demand: with a split the share of its rank, without one what
    it gets most of; those outside of the group nothing. Ranks are given so that the largest
    difference is the least; or none are, and everybody should get nothing.
    """
    outside = shares.filter(~pl.col("inside"))["most"].to_numpy()
    group = shares.filter("inside")
    most, least = group["most"].to_numpy(), group["least"].to_numpy()
    if not split:
        off = float((most - least).max(initial=0.0))
    else:
        # Rows: suppliers, and nobody for each rank. Columns: ranks, and none for each supplier.
        nobody, none = np.zeros(len(split)), np.zeros(most.size)
        asked = np.append(split, none)[None, :]
        most, least = np.append(most, nobody)[:, None], np.append(least, nobody)[:, None]
        away = np.maximum(np.abs(most - asked), np.abs(least - asked))
        off = min(_least_worst(away), float(most.max(initial=0.0)))
    return max(off, float(outside.max(initial=0.0)))


def _least_worst(away: Floats) -> float:
    """The largest entry that has to be taken where every row takes a column of its own."""
    from scipy.sparse.csgraph import maximum_bipartite_matching  # loads slowly

    values = np.unique(away)

    def is_enough(at: int) -> bool:
        pairs = maximum_bipartite_matching(csr_array(away <= values[at]), perm_type="column")
        return bool((pairs >= 0).all())

    return float(values[bisect_left(range(values.size), True, key=is_enough)])


KINDS: dict[str, Callable[[Parties, Rule, float], pl.DataFrame]] = {
    "supplier_count": _count,
    "economy_count": _count,
    "share": _share,
    "limit": _limit,
    "dependence": _dependence,
    "working_capital": _working_capital,
    "consistent": _consistent,
    "viable": _viable,
}
