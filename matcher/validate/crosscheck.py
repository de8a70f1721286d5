"""What must hold between columns and between tables: one function for each rule.

They run on every input, whatever else is wrong with it; a null stands for a cell that is empty or
wrong, and is passed over.
"""

from __future__ import annotations

import polars as pl

from matcher.tolerances import ROUNDING
from matcher.validate import rule_checks, term_checks
from matcher.validate.findings import Check, Findings, plain
from matcher.validate.raw import Tables

# The term for any mode that splits costs as each term for the sea does.
AS_ANY_MODE = {"FAS": "FCA", "FOB": "FCA", "CFR": "CPT", "CIF": "CIP"}


def check(tables: Tables, findings: Findings) -> None:
    """Run every cross-check of a table that has rows."""
    for name, one in CHECKS:
        if tables[name].height:
            one(tables, findings)


def usages_stay_with_the_supplier(tables: Tables, findings: Findings) -> None:
    """A usage takes a resource of the supplier that makes the bid."""
    hits = (
        tables["usages"]
        .select("row", "bid", "resource")
        .join(_unique(tables["bids"], "bid", "supplier"), on="bid")
        .join(
            _unique(tables["resources"], "resource", pl.col("supplier").alias("owner")),
            on="resource",
        )
        .filter(pl.col("supplier") != pl.col("owner"))
    )
    findings.each(
        "foreign_resource",
        tables.place("usages"),
        hits,
        lambda hit: (
            f"belongs to supplier {hit['owner']}, but bid {hit['bid']} is from {hit['supplier']}",
            f"name a resource of {hit['supplier']}",
        ),
        column="resource",
    )


def bids_fit_their_demand(tables: Tables, findings: Findings) -> None:
    """A bid for one demand offers the component of that demand."""
    hits = (
        tables["bids"]
        .select("row", "demand", "component")
        .drop_nulls()
        .join(
            _unique(tables["demands"], "demand", pl.col("component").alias("wanted")), on="demand"
        )
        .filter(pl.col("component") != pl.col("wanted"))
    )
    findings.each(
        "component_mismatch",
        tables.place("bids"),
        hits,
        lambda hit: (
            f"asks for {hit['wanted']}, but the bid offers {hit['component']}",
            f"name a demand of {hit['component']}, or leave the cell empty",
        ),
        column="demand",
    )


def demands_do_not_contradict_themselves(tables: Tables, findings: Findings) -> None:
    """Supplier counts, share cap and single source of a demand can hold together."""
    demands, place = tables["demands"], tables.place("demands")
    least, most, cap = pl.col("min_suppliers"), pl.col("max_suppliers"), pl.col("share_cap")
    findings.each(
        "min_over_max",
        place,
        demands.filter(least > most),
        lambda hit: (
            f"is above max_suppliers {hit['max_suppliers']}",
            "lower it, or raise max_suppliers",
        ),
        column="min_suppliers",
    )
    findings.each(
        "contradiction",
        place,
        demands.filter(pl.col("single_source") & (least > 1)),
        lambda _: (
            "contradicts single_source, which is true",
            "set single_source to false, or min_suppliers to 1",
        ),
        column="min_suppliers",
    )
    findings.each(
        "contradiction",
        place,
        demands.filter(pl.col("single_source") & (cap < 1)),
        lambda _: (
            "contradicts single_source, which asks for all from one supplier",
            "set single_source to false, or leave share_cap empty",
        ),
        column="share_cap",
    )
    findings.each(
        "cannot_be_covered",
        place,
        demands.filter(cap * most < 1 - ROUNDING, ~pl.col("single_source").fill_null(value=False)),
        lambda hit: (
            f"times max_suppliers {hit['max_suppliers']} is below 1: at least "
            f"{1 - hit['share_cap'] * hit['max_suppliers']:.1%} of the demand stays unmet",
            "raise share_cap or max_suppliers",
        ),
        column="share_cap",
        severity="warning",
    )


def demands_are_due_after_the_start(tables: Tables, findings: Findings) -> None:
    """No demand is due before orders are placed."""
    start = tables.cell("start")
    if start is not None:
        findings.each(
            "due_before_start",
            tables.place("demands"),
            tables["demands"].filter(pl.col("due") < pl.lit(start)),
            lambda _: (
                f"is before the network's start, {start}",
                "enter a later date, or an earlier start",
            ),
            column="due",
        )


def certificates_end_after_they_begin(tables: Tables, findings: Findings) -> None:
    """A certificate does not end before it begins."""
    findings.each(
        "end_before_start",
        tables.place("certificates"),
        tables["certificates"].filter(pl.col("valid_to") < pl.col("valid_from")),
        lambda hit: (f"is before valid_from, {hit['valid_from']}", "swap or correct the dates"),
        column="valid_to",
    )


def award_sizes_are_possible(tables: Tables, findings: Findings) -> None:
    """Some quantity satisfies the MOQ, the largest award and the order multiple of a bid."""
    bids, place = tables["bids"], tables.place("bids")
    moq, most, multiple = pl.col("moq"), pl.col("max_quantity"), pl.col("order_multiple")
    findings.each(
        "moq_over_max",
        place,
        bids.filter(moq > most),
        lambda hit: (
            f"is above max_quantity {plain(hit['max_quantity'])}",
            "lower it, or raise max_quantity",
        ),
        column="moq",
    )
    smallest = (moq.fill_null(0.0) / multiple - ROUNDING).ceil().clip(lower_bound=1) * multiple
    hits = bids.with_columns(smallest=smallest).filter(
        ~(moq > most).fill_null(value=False), pl.col("smallest") > most * (1 + ROUNDING)
    )
    findings.each(
        "no_multiple_fits",
        place,
        hits,
        lambda hit: (
            f"has no multiple from moq {plain(hit['moq'] or 0.0)} to max_quantity "
            f"{plain(hit['max_quantity'])}",
            f"raise max_quantity to {plain(hit['smallest'])}, or lower order_multiple",
        ),
        column="order_multiple",
    )


def larger_tiers_are_cheaper(tables: Tables, findings: Findings) -> None:
    """Warn of a tier that costs more than the tier, or the bid's price, below it."""
    hits = (
        tables["tiers"]
        .drop_nulls(["bid", "from_quantity", "price"])
        .join(_unique(tables["bids"], "bid", pl.col("price").alias("base")), on="bid", how="left")
        .sort("bid", "from_quantity")
        .with_columns(below=pl.coalesce(pl.col("price").shift(1).over("bid"), "base"))
        .filter(pl.col("price") > pl.col("below"))
    )
    findings.each(
        "tier_price_rises",
        tables.place("tiers"),
        hits,
        lambda hit: (
            f"from {plain(hit['from_quantity'])} units is more than the {plain(hit['below'])} "
            f"that smaller awards of bid {hit['bid']} pay",
            "check the price and from_quantity",
        ),
        column="price",
        severity="warning",
    )


def currencies_have_rates(tables: Tables, findings: Findings) -> None:
    """Every currency in use, and the US dollar, is worth something in the network's currency."""
    own = tables.cell("currency")
    if own is None or not tables.known("rates"):
        return
    rates, place = tables["rates"], tables.place("rates")
    findings.each(
        "own_currency_rate",
        place,
        rates.filter(pl.col("currency") == own, pl.col("value") != 1.0),
        lambda _: (
            f"is the rate of {own}, the network's own currency, to itself",
            "write 1, or delete the row",
        ),
        column="value",
    )
    has = {own, *rates["currency"].drop_nulls()}
    used = (
        tables["bids"]
        .drop_nulls("currency")
        .group_by("currency")
        .agg(pl.len().alias("bids"), pl.col("row").min())
        .filter(~pl.col("currency").is_in(sorted(has)))
    )
    findings.each(
        "missing_rate",
        tables.place("bids"),
        used,
        lambda hit: (
            f"has no exchange rate, and {hit['bids']:,} bid{'s' * (hit['bids'] > 1)} "
            f"{'are' if hit['bids'] > 1 else 'is'} in it",
            f"add a row {hit['currency']} to {place}: the value of 1 {hit['currency']} in {own}",
        ),
        column="currency",
    )
    if "USD" not in has and "USD" not in set(used["currency"]):
        findings.add(
            "missing_rate",
            place,
            "has no exchange rate; the built-in trade and transport costs are in US dollars",
            f"add a row USD to {place}: the value of 1 USD in {own}",
            column="currency",
            value="USD",
        )


def _unique(frame: pl.DataFrame, key: str, value: str | pl.Expr) -> pl.DataFrame:
    """Key and value of the first row of every key; a duplicate key is an issue of its own."""
    return frame.select(key, value).drop_nulls(key).unique(key, keep="first", maintain_order=True)


def lead_times_are_stated(tables: Tables, findings: Findings) -> None:
    """A bid states a lead time, in calendar or in working days."""
    findings.each(
        "missing_cell",
        tables.place("bids"),
        tables["bids"].filter(
            tables.empty("bids", "lead_time_days"), tables.empty("bids", "lead_time_working_days")
        ),
        lambda _: (
            "is required and empty",
            "fill it in, or lead_time_working_days: production lead time in calendar or in working "
            "days",
        ),
        column="lead_time_days",
    )


def sea_terms_go_by_sea(tables: Tables, findings: Findings) -> None:
    """Warn of a bid under a term for carriage by sea that states other modes."""
    findings.each(
        "sea_term",
        tables.place("bids"),
        tables["bids"].filter(
            pl.col("incoterm").is_in(list(AS_ANY_MODE)),
            pl.col("modes").is_not_null(),
            ~pl.col("modes").str.contains("sea", literal=True),
        ),
        lambda hit: (
            f"is a term for carriage by sea, but the bid travels by "
            f"{hit['modes'].replace(';', ' or ')}; it is read as {AS_ANY_MODE[hit['incoterm']]}",
            f"write {AS_ANY_MODE[hit['incoterm']]}, or add sea to the modes",
        ),
        column="incoterm",
        severity="warning",
    )


CHECKS: tuple[tuple[str, Check], ...] = (
    ("demands", demands_do_not_contradict_themselves),
    ("demands", demands_are_due_after_the_start),
    ("certificates", certificates_end_after_they_begin),
    ("bids", bids_fit_their_demand),
    ("bids", award_sizes_are_possible),
    ("bids", lead_times_are_stated),
    ("bids", sea_terms_go_by_sea),
    ("usages", usages_stay_with_the_supplier),
    ("tiers", larger_tiers_are_cheaper),
    ("network", currencies_have_rates),
    *rule_checks.CHECKS,
    *term_checks.CHECKS,
)
