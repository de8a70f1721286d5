"""What must hold of the table ``rules``: its keys are there, its cells are those of its kind."""

from __future__ import annotations

import math

import polars as pl

from matcher.schema.rules import COUNTS, keys_of, listed
from matcher.schema.tables import BY_NAME, SIZE_CLASSES
from matcher.suggestions import Nearest
from matcher.tolerances import ROUNDING
from matcher.validate.findings import Check, Findings, plain
from matcher.validate.keys import check_economies, check_known
from matcher.validate.raw import Tables

USED: dict[str, tuple[str, ...]] = {
    "supplier_count": ("min", "max"),
    "economy_count": ("min", "max"),
    "share": ("measure", "min", "max"),
    "limit": ("measure", "min", "max"),
    "dependence": ("max",),
    "working_capital": ("max",),
    "consistent": ("split",),
    "viable": ("measure", "min"),
}
"""By kind, what it uses of measure, min, max and split; all other cells serve every kind."""

# By scope and by group, the column that holds the keys.
_OF = {
    "lead_firm": "lead_firms.lead_firm",
    "component_group": "components.group",
    "component": "components.component",
    "demand": "demands.demand",
}
_WHO = {
    "supplier": "suppliers.supplier",
    "park": "places.park",
    "ownership": "suppliers.ownership",
}
_KIND = pl.col("kind")


def rules_leave_something_possible(tables: Tables, findings: Findings) -> None:
    """A rule limits something, and no limit is below the other."""
    rules, place = tables["rules"], tables.place("rules")
    findings.each(
        "min_over_max",
        place,
        rules.filter(pl.col("min") > pl.col("max"), _KIND.is_in(_using("min"))),
        lambda hit: (f"is above max {plain(hit['max'])}", "lower it, or raise max"),
        column="min",
    )
    no_min = tables.empty("rules", "min") | ~_KIND.is_in(_using("min"))
    findings.each(
        "rule_without_limit",
        place,
        rules.filter(
            no_min,
            tables.empty("rules", "max"),
            _KIND.is_in(_using("max")) & (_KIND != "working_capital"),
        ),
        lambda hit: (
            ("has no max", "enter it, or delete the row")
            if hit["kind"] == "dependence"
            else ("has neither min nor max", "enter one of them, or delete the row")
        ),
        column="rule",
        severity="warning",
    )


def rules_name_their_demands(tables: Tables, findings: Findings) -> None:
    """What ``of`` names is there, and is of the rule's scope."""
    rules, place = tables["rules"], tables.place("rules")
    findings.each(
        "unexpected_value",
        place,
        rules.filter(pl.col("scope") == "network", pl.col("of").is_not_null()),
        lambda _: (
            "must be empty when the scope is network",
            "clear the cell, or choose another scope",
        ),
        column="of",
    )
    for scope, among in _OF.items():
        keys = listed(rules.filter(pl.col("scope") == scope), "of")
        check_known(tables, findings, place, "of", keys, among)


# long: one test for each way of naming suppliers
def rules_name_their_suppliers(tables: Tables, findings: Findings) -> None:
    """What ``who`` names is there, and is of the rule's group."""
    rules, place = tables["rules"], tables.place("rules")
    findings.each(
        "missing_cell",
        place,
        rules.filter(tables.empty("rules", "group"), pl.col("who").is_not_null()),
        lambda hit: (
            f"is required and empty, as who names {hit['who']}",
            "name the kind of group, such as supplier or economy, or clear who",
        ),
        column="group",
    )
    findings.each(
        "missing_cell",
        place,
        rules.filter(
            _KIND == "share", tables.empty("rules", "group"), tables.empty("rules", "who")
        ),
        lambda _: (
            "is required and empty, as the kind is share",
            "say whose share is limited, such as economy; all suppliers together always have 100%",
        ),
        column="group",
    )
    findings.each(
        "missing_cell",
        place,
        rules.filter(
            _KIND == "consistent",
            pl.col("group").is_not_null() & (pl.col("group") != "incumbents"),
            tables.empty("rules", "who"),
        ),
        lambda hit: (
            f"is required and empty: each {hit['group']} on its own would shut out all others",
            f"name a {hit['group']}, or clear group to mean all suppliers",
        ),
        column="who",
    )
    findings.each(
        "unexpected_value",
        place,
        rules.filter(pl.col("group") == "incumbents", pl.col("who").is_not_null()),
        lambda _: (
            "must be empty when the group is incumbents; the table incumbents names them",
            "clear the cell, or choose another group",
        ),
        column="who",
    )
    for group, among in _WHO.items():
        keys = listed(rules.filter(pl.col("group") == group), "who")
        check_known(tables, findings, place, "who", keys, among)
    check_economies(
        findings, place, "who", listed(rules.filter(pl.col("group") == "economy"), "who")
    )
    classes = Nearest(SIZE_CLASSES)
    findings.each(
        "unknown_choice",
        place,
        listed(rules.filter(pl.col("group") == "size_class"), "who").filter(
            ~pl.col("key").is_in(SIZE_CLASSES)
        ),
        lambda hit: (
            f"is not one of {', '.join(SIZE_CLASSES)}",
            classes.fix(hit["key"], "write one or more of them"),
        ),
        column="who",
        value="key",
    )


def rules_count_something(tables: Tables, findings: Findings) -> None:
    """A share or a limit says what it counts, and every limit is in the unit of its kind."""
    rules, place = tables["rules"], tables.place("rules")
    findings.each(
        "missing_cell",
        place,
        rules.filter(_KIND.is_in(_using("measure")), tables.empty("rules", "measure")),
        lambda hit: (
            f"is required and empty, as the kind is {hit['kind']}",
            "write quantity, value, cost or emissions"
            if hit["kind"] == "limit"
            else "write quantity or value",
        ),
        column="measure",
    )
    costs = pl.col("measure").is_in(["cost", "emissions"])
    findings.each(
        "unexpected_value",
        place,
        rules.filter(costs, _KIND.is_in(_using("measure")) & (_KIND != "limit")),
        lambda hit: (
            f"is not counted by the kind {hit['kind']}",
            "write value, which is what suppliers are paid, or quantity",
        ),
        column="measure",
    )
    findings.each(
        "unexpected_value",
        place,
        rules.filter(costs, _KIND == "limit", pl.col("min").is_not_null()),
        lambda hit: (
            f"sets a minimum of {hit['measure']}, which a wasteful plan would meet",
            "clear the cell, or count value, which is what suppliers are paid",
        ),
        column="min",
    )
    for column in ("min", "max"):
        limit = pl.col(column)
        findings.each(
            "wrong_type",
            place,
            rules.filter(_KIND.is_in(COUNTS), limit != limit.floor()),
            lambda hit, column=column: (  # type: ignore[misc]
                f"is not a whole number, and {hit['kind']} counts whole ones",
                f"write {math.floor(hit[column])} or {math.ceil(hit[column])}",
            ),
            column=column,
        )
        is_share = _KIND.is_in(["share", "dependence"]) & _KIND.is_in(_using(column))
        findings.each(
            "out_of_range",
            place,
            rules.filter(is_share, limit > 1),
            lambda hit, column=column: (  # type: ignore[misc]
                f"is above 1, and {hit['kind']} is a share",
                f"write {plain(hit[column] / 100)}, if {plain(hit[column])}% is meant"
                if hit[column] <= 100
                else "write a share from 0 to 1, such as 0.3 for 30%",
            ),
            column=column,
        )


def quantities_add_up(tables: Tables, findings: Findings) -> None:
    """A quantity is of one unit: pieces and kilograms have no sum, and no share of it."""
    rules = tables["rules"].filter(
        _KIND.is_in(_using("measure")),
        pl.col("measure") == "quantity",
        pl.col("scope").is_not_null(),
    )
    if rules.is_empty():
        return
    counted = (
        tables["demands"]
        .select("demand", "lead_firm", "component")
        .join(tables["components"].select("component", "group", "unit"), on="component")
        .with_columns(pl.col("unit").fill_null(BY_NAME["components"]["unit"].default))
    )
    hits = [
        (row, units)
        for row, scope, of in rules.select("row", "scope", "of").iter_rows()
        if len(units := _units(counted, scope, keys_of(of))) > 1
    ]
    findings.each(
        "mixed_units",
        tables.place("rules"),
        pl.DataFrame(hits, schema={"row": pl.Int64, "units": pl.List(pl.String)}, orient="row"),
        lambda hit: (
            f"adds up quantities in {', '.join(hit['units'])}",
            "count value, or limit the rule to components of one unit",
        ),
        column="measure",
    )


def _units(counted: pl.DataFrame, scope: str, keys: tuple[str, ...]) -> list[str]:
    """The units that a rule adds up where it adds up the most."""
    if scope == "network":
        return sorted(counted["unit"].unique())
    column = {"component_group": "group"}.get(scope, scope)
    if keys:
        return sorted(counted.filter(pl.col(column).is_in(keys))["unit"].unique())
    each = counted.drop_nulls(column).group_by(column).agg(pl.col("unit").unique().sort())
    return max(each["unit"].to_list(), key=len, default=[])


def splits_add_up(tables: Tables, findings: Findings) -> None:
    """The shares of a split are positive numbers that add up to 100, or to 1."""
    stated = tables["rules"].filter(_KIND == "consistent", pl.col("split").is_not_null())
    faults = pl.Series([_split_fault(split) for split in stated["split"]], dtype=pl.String)
    findings.each(
        "wrong_split",
        tables.place("rules"),
        stated.with_columns(fault=faults).drop_nulls("fault"),
        lambda hit: (hit["fault"], "write shares that add up to 100, such as 60/30/10"),
        column="split",
    )


def _split_fault(split: str) -> str | None:
    """What is wrong with a split; ``None`` if nothing is."""
    try:
        shares = [float(part) for part in split.split("/")]
    except ValueError:
        return "is not a list of numbers separated by /"
    if not all(0 < share < math.inf for share in shares):
        return "has a share that is not above 0"
    total = math.fsum(shares)
    if min(abs(total - 1), abs(total - 100) / 100) > ROUNDING:
        return f"adds up to {total:.12g}, not to 100 or 1"
    return None


def targets_have_a_priority(tables: Tables, findings: Findings) -> None:
    """A price asks for a priority, and consistent awards have no limits."""
    rules, place = tables["rules"], tables.place("rules")
    for column in ("measure", "min", "max"):
        findings.each(
            "unexpected_value",
            place,
            rules.filter(_KIND == "consistent", pl.col(column).is_not_null()),
            lambda _: (
                "must be empty when the kind is consistent, which uses only split",
                "clear the cell, or choose another kind",
            ),
            column=column,
        )
    findings.each(
        "missing_cell",
        place,
        rules.filter(tables.empty("rules", "priority"), pl.col("price").is_not_null()),
        lambda hit: (
            f"is required and empty, as missing the rule has the price {plain(hit['price'])}",
            "write 1, which makes the rule a target, or clear price",
        ),
        column="priority",
    )


def cells_are_used(tables: Tables, findings: Findings) -> None:
    """Warn of a cell that the kind of the rule does not use."""
    rules, place = tables["rules"], tables.place("rules")
    for column in ("measure", "min", "max", "split"):
        # Where consistent awards state one of them, it is an error already.
        unused = [kind for kind in USED if kind not in (*_using(column), "consistent")]
        findings.each(
            "unused_cell",
            place,
            rules.filter(_KIND.is_in(unused), pl.col(column).is_not_null()),
            lambda hit: (
                f"is not used by the kind {hit['kind']}",
                f"clear the cell; of measure, min, max and split it uses "
                f"{' and '.join(USED[hit['kind']])}",
            ),
            column=column,
            severity="warning",
        )


def _using(column: str) -> list[str]:
    """The kinds that use a column."""
    return [kind for kind, columns in USED.items() if column in columns]


def rules_are_about_something(tables: Tables, findings: Findings) -> None:
    """Warn of a rule over demands or suppliers of which there are none."""
    rules, place = tables["rules"], tables.place("rules")
    members = _members(tables)
    named = listed(rules.filter(pl.col("group") != "incumbents"), "who")
    findings.each(
        "rule_about_nothing",
        place,
        named.join(members, on=("group", "key"), how="anti"),
        lambda hit: (
            f"is the {hit['group'].replace('_', ' ')} of no supplier",
            f"correct it, or fill it in for a supplier in {tables.place('suppliers')}",
        ),
        column="who",
        value="key",
        severity="warning",
    )
    findings.each(
        "rule_about_nothing",
        place,
        rules.filter(pl.col("who").is_null())
        .join(members, on="group", how="anti")
        .drop_nulls("group"),
        lambda hit: (
            ("there are none", f"add rows to {tables.place('incumbents')}, or delete the rule")
            if hit["group"] == "incumbents"
            else (
                "applies to no supplier",
                "fill it in for suppliers or their places, or choose another group",
            )
        ),
        column="group",
        severity="warning",
    )
    if tables["components"]["group"].drop_nulls().is_empty():
        findings.each(
            "rule_about_nothing",
            place,
            rules.filter(pl.col("scope") == "component_group"),
            lambda _: (
                "is component_group, but no component has a group",
                f"fill in the group of components in {tables.place('components')}",
            ),
            column="scope",
            severity="warning",
        )


def means_are_stated(tables: Tables, findings: Findings) -> None:
    """Warn where no supplier states what dependence or working capital is measured by."""
    rules = tables["rules"]
    members = _members(tables)
    everybody = pl.col("group").fill_null("")
    named = listed(rules, "who").join(members, on=("group", "key"))
    rest = rules.filter(pl.col("who").is_null()).with_columns(everybody).join(members, on="group")
    for kind, column in (("dependence", "turnover"), ("working_capital", "credit_line")):
        stated = pl.concat(
            [each.filter(kind=kind).select("row", "kind", column) for each in (named, rest)]
        )
        findings.each(
            "rule_about_nothing",
            tables.place("rules"),
            stated.group_by("row", "kind").agg(pl.col(column).count()).filter(pl.col(column) == 0),
            lambda _, column=column: (  # type: ignore[misc]
                f"limits nothing, as none of its suppliers has a {column}",
                f"fill in {column} in {tables.place('suppliers')}",
            ),
            column="kind",
            severity="warning",
        )


def _members(tables: Tables) -> pl.DataFrame:
    """Suppliers by group and key, with what they state; the group of all and its key are empty."""
    suppliers = tables["suppliers"].join(
        tables["places"].select("place", "economy", "park"), on="place"
    )
    incumbents = suppliers.join(tables["incumbents"], on="supplier", how="semi")
    by_key = [
        suppliers.select(pl.col(group).alias("key"), pl.lit(group).alias("group"), *_MEANS)
        for group in ("supplier", "economy", "park", "size_class", "ownership")
    ]
    others = [
        each.select(pl.lit("").alias("key"), pl.lit(group).alias("group"), *_MEANS)
        for group, each in (("", suppliers), ("incumbents", incumbents))
    ]
    return pl.concat([*by_key, *others]).drop_nulls("key")


_MEANS = ("turnover", "credit_line")

CHECKS: tuple[tuple[str, Check], ...] = (
    ("rules", rules_leave_something_possible),
    ("rules", rules_name_their_demands),
    ("rules", rules_name_their_suppliers),
    ("rules", rules_count_something),
    ("rules", quantities_add_up),
    ("rules", splits_add_up),
    ("rules", targets_have_a_priority),
    ("rules", cells_are_used),
)
ADVICE: tuple[Check, ...] = (
    rules_are_about_something,
    means_are_stated,
)
