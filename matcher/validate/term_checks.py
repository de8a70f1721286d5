"""What must hold of bundles, discounts, periods, ramps and objectives.

And what is worth a warning once nothing is wrong: consortia, core components, incremental tiers,
vehicles.
"""

from __future__ import annotations

import polars as pl

from matcher.schema.rules import listed
from matcher.schema.tables import BY_NAME
from matcher.validate.findings import Check, Findings, plain
from matcher.validate.keys import check_economies, check_known
from matcher.validate.raw import Tables


def bundles_hold_together(tables: Tables, findings: Findings) -> None:
    """The bids of a bundle are of one supplier, each for a demand of its own and not split."""
    bids, place = tables["bids"].drop_nulls("bundle"), tables.place("bids")
    findings.each(
        "missing_cell",
        place,
        bids.filter(tables.empty("bids", "demand")),
        lambda hit: (
            f"is required and empty, as the bid is one of the bundle {hit['bundle']}",
            "name the demand whose whole quantity it covers, or clear bundle",
        ),
        column="demand",
    )
    findings.each(
        "bad_bundle",
        place,
        bids.drop_nulls("supplier")
        .with_columns(first=pl.col("supplier").first().over("bundle"))
        .filter(pl.col("supplier") != pl.col("first")),
        lambda hit: (
            f"has bids of {hit['first']} too, but this one is of {hit['supplier']}",
            "give the bundle of each supplier a name of its own",
        ),
        column="bundle",
    )
    findings.each(
        "bad_bundle",
        place,
        bids.drop_nulls("demand")
        .with_columns(
            first=pl.col("row").first().over("bundle", "demand"),
            first_bid=pl.col("bid").first().over("bundle", "demand"),
        )
        .filter(pl.col("row") != pl.col("first")),
        lambda hit: (
            f"is the demand of bid {hit['first_bid']} of the bundle {hit['bundle']} already, and "
            "both would get all of it",
            "name another demand, or delete one of the bids",
        ),
        column="demand",
    )
    findings.each(
        "contradiction",
        place,
        bids.filter("split"),
        lambda hit: (
            f"contradicts bundle {hit['bundle']}, which gives the bid one award of all",
            "set split to false, or clear bundle",
        ),
        column="split",
    )


def discounts_are_one_schedule(tables: Tables, findings: Findings) -> None:
    """The steps of a discount differ in ``from``, rate and amount only, and can be added up."""
    place = tables.place("discounts")
    steps = tables["discounts"].with_columns(
        pl.col(name).fill_null(BY_NAME["discounts"][name].default)
        for name in ("measure", "incremental", "rate", "amount")
    )
    for column in ("supplier", "component_group", "measure", "incremental"):
        sound = steps.drop_nulls("discount").filter(~tables.wrong("discounts", column))
        findings.each(
            "mixed_discount",
            place,
            sound.with_columns(
                first=pl.col(column).first().over("discount"),
                first_row=pl.col("row").first().over("discount"),
            ).filter(pl.col(column).ne_missing(pl.col("first"))),
            lambda hit: (
                f"differs from row {hit['first_row']} of the discount {hit['discount']}",
                "clear the cell, as in that row"
                if hit["first"] is None
                else f"write {plain(hit['first'])}, or give the step another discount",
            ),
            column=column,
        )
    findings.each(
        "contradiction",
        place,
        steps.filter(pl.col("incremental"), pl.col("measure") == "quantity"),
        lambda _: (
            "contradicts measure quantity: a rate is paid on the value between two steps",
            "set measure to value, or incremental to false",
        ),
        column="incremental",
    )
    findings.each(
        "out_of_range",
        place,
        steps.filter(pl.col("from") == 0, pl.col("amount") > 0),
        lambda _: (
            "is paid back from 0 on, even if nothing is bought",
            "set from to the value or quantity that earns it, or clear the cell",
        ),
        column="amount",
    )
    groups = steps.drop_nulls("component_group").with_columns(key="component_group")
    check_known(tables, findings, place, "component_group", groups, "components.group")
    in_order = steps.drop_nulls(["discount", "from"]).sort("discount", "from")
    for column in ("rate", "amount"):
        findings.each(
            "discount_falls",
            place,
            in_order.with_columns(below=pl.col(column).shift(1).over("discount")).filter(
                pl.col(column) < pl.col("below")
            ),
            lambda hit, column=column: (  # type: ignore[misc]
                f"from {plain(hit['from'])} on is less than the {plain(hit['below'])} of the step "
                "below",
                f"check the {column} and from",
            ),
            column=column,
            severity="warning",
        )


def periods_follow_each_other(tables: Tables, findings: Findings) -> None:
    """A period does not end before it begins, nor begin before another has ended."""
    periods, place = tables["periods"], tables.place("periods")
    ends_first = pl.col("last") < pl.col("first")
    findings.each(
        "end_before_start",
        place,
        periods.filter(ends_first),
        lambda hit: (f"is before first, {hit['first']}", "swap or correct the dates"),
        column="last",
    )
    findings.each(
        "overlapping_periods",
        place,
        periods.filter(~ends_first)
        .sort("first", "row")
        .with_columns(pl.col("period", "last").shift(1).name.prefix("before_"))
        .with_columns(pl.col("before_last").cum_max())
        .filter(pl.col("first") <= pl.col("before_last")),
        lambda hit: (
            f"is not after {hit['before_last']}, the last day of an earlier period",
            "let each period begin the day after the previous one ends",
        ),
        column="first",
    )


def demands_are_due_in_a_period(tables: Tables, findings: Findings) -> None:
    """With periods, each demand is due in one of them."""
    periods = tables["periods"].select("first", "last").sort("first")
    if periods.is_empty() or periods.null_count().sum_horizontal().item():
        return
    start = pl.lit(tables.cell("start"), dtype=pl.Date)
    due = (
        tables["demands"]
        .filter(pl.col("due") >= pl.coalesce(start, "due"))  # before it is an issue already
        .sort("due")
        .join_asof(periods.with_columns(pl.col("last").cum_max()), left_on="due", right_on="first")
    )
    findings.each(
        "due_outside_periods",
        tables.place("demands"),
        due.filter(pl.col("last").is_null() | (pl.col("due") > pl.col("last"))),
        lambda hit: (
            f"is not in any period, so no capacity is known for demand {hit['demand']}",
            f"add a period with that day to {tables.place('periods')}, or correct the date",
        ),
        column="due",
    )


def ramps_limit_something(tables: Tables, findings: Findings) -> None:
    """A ramp share between 0 and 1 is one of the resources that its bid takes."""
    if not tables.known("usages"):
        return
    ramps, share = tables["ramps"], pl.col("share")
    findings.each(
        "ramp_without_usage",
        tables.place("ramps"),
        ramps.filter((share > 0) & (share < 1))
        .drop_nulls("bid")
        .join(tables["usages"].select("bid"), on="bid", how="anti"),
        lambda hit: (
            f"limits nothing, as bid {hit['bid']} uses no resource",
            f"add the bid's resources to {tables.place('usages')}, or write 0 if it may not "
            "deliver yet",
        ),
        column="share",
    )


def objectives_have_an_order(tables: Tables, findings: Findings) -> None:
    """Objectives of one order agree in tolerance, and coverage has an order to itself."""
    place = tables.place("objectives")
    rows = tables["objectives"].drop_nulls(["objective", "order"])
    findings.each(
        "mixed_tolerance",
        place,
        rows.filter(~tables.wrong("objectives", "tolerance"))
        .with_columns(pl.col("tolerance").fill_null(0.0))
        .with_columns(first=pl.col("tolerance").first().over("order"))
        .filter(pl.col("tolerance") != pl.col("first")),
        lambda hit: (
            f"differs from the tolerance {plain(hit['first'])} of order {hit['order']}",
            f"write {plain(hit['first'])}, as objectives of one order are added up, or choose "
            "another order",
        ),
        column="tolerance",
    )
    findings.each(
        "contradiction",
        place,
        rows.with_columns(together=pl.len().over("order")).filter(
            pl.col("together") > 1, objective="coverage"
        ),
        lambda _: (
            "is shared with other objectives, but coverage cannot be added up with them",
            "give coverage an order of its own, preferably 1",
        ),
        column="order",
    )


def objectives_use_their_cells(tables: Tables, findings: Findings) -> None:
    """Local economies are economies; warn of what is stated for another objective."""
    rows, place = tables["objectives"], tables.place("objectives")
    check_economies(findings, place, "economies", listed(rows, "economies"))
    for column, of in (("economies", "local_value"), ("viable_value", "linkages")):
        # A viable value of 0 may be the default that an earlier reading has filled in.
        stated = pl.col(column).is_not_null() if column == "economies" else pl.col(column) > 0
        findings.each(
            "unused_cell",
            place,
            rows.filter(pl.col("objective") != of, stated),
            lambda hit, of=of: (  # type: ignore[misc]
                f"is not used by the objective {hit['objective']}",
                f"clear the cell; it is for {of}",
            ),
            column=column,
            severity="warning",
        )


def tiers_are_there_to_be_incremental(tables: Tables, findings: Findings) -> None:
    """Warn of a bid that is incremental and has no tiers."""
    findings.each(
        "incremental_without_tiers",
        tables.place("bids"),
        tables["bids"].filter("incremental").join(tables["tiers"], on="bid", how="anti"),
        lambda hit: (
            f"changes nothing, as bid {hit['bid']} has no tiers",
            f"add its tiers to {tables.place('tiers')}, or set incremental to false",
        ),
        column="incremental",
        severity="warning",
    )


def vehicles_cost_something(tables: Tables, findings: Findings) -> None:
    """Warn of a lane that says how many units a vehicle takes, but not what one costs."""
    findings.each(
        "vehicle_without_cost",
        tables.place("lanes"),
        tables["lanes"]
        .drop_nulls("vehicle_units")
        .filter(pl.col("fixed_cost").fill_null(0.0) == 0),
        lambda hit: (
            f"changes nothing, as the lane from {hit['origin']} to {hit['destination']} has no "
            "fixed cost",
            "write the cost of a vehicle into fixed_cost, or clear vehicle_units",
        ),
        column="vehicle_units",
        severity="warning",
    )


def consortia_have_members(tables: Tables, findings: Findings) -> None:
    """Warn of a consortium under which nobody bids, or only one supplier for a component."""
    bids = tables["bids"].drop_nulls("consortium")
    findings.each(
        "consortium_without_bid",
        tables.place("consortia"),
        tables["consortia"].join(bids, on="consortium", how="anti"),
        lambda hit: (
            "is not named by any bid",
            f"write {hit['consortium']} into the column consortium of its members' bids",
        ),
        column="consortium",
        severity="warning",
    )
    findings.each(
        "lone_member",
        tables.place("bids"),
        bids.with_columns(members=pl.col("supplier").n_unique().over("consortium", "component"))
        .filter(pl.col("members") == 1)
        .unique(["consortium", "component"], keep="first", maintain_order=True),
        lambda hit: (
            f"has only bids of {hit['supplier']} for {hit['component']}, so nothing is pooled",
            f"let other members bid for {hit['component']}, or clear the cell",
        ),
        column="consortium",
        severity="warning",
    )


def own_plants_make_what_is_core(tables: Tables, findings: Findings) -> None:
    """Warn of a core component for which no own plant of a lead firm that needs it bids."""
    plants = tables["suppliers"].drop_nulls("lead_firm").select("supplier", "lead_firm")
    offered = tables["bids"].join(plants, on="supplier").select("component", "lead_firm")
    hits = (
        tables["components"]
        .filter("core")
        .select("row", "component", core=pl.lit("true"))
        .join(tables["demands"].select("component", "lead_firm").unique(), on="component")
        .join(offered, on=("component", "lead_firm"), how="anti")
        .group_by("row", "component", "core")
        .agg(pl.col("lead_firm").sort())
    )
    findings.each(
        "core_without_plant",
        tables.place("components"),
        hits,
        lambda hit: (
            f"keeps {hit['component']} in house, but no own plant of "
            f"{', '.join(hit['lead_firm'])} bids for it",
            f"name the lead firm of its plants in {tables.place('suppliers')}, or set core to "
            "false; until then all of it stays unmet",
        ),
        column="core",
        severity="warning",
    )


CHECKS: tuple[tuple[str, Check], ...] = (
    ("bids", bundles_hold_together),
    ("discounts", discounts_are_one_schedule),
    ("periods", periods_follow_each_other),
    ("periods", demands_are_due_in_a_period),
    ("ramps", ramps_limit_something),
    ("objectives", objectives_have_an_order),
    ("objectives", objectives_use_their_cells),
)
ADVICE: tuple[Check, ...] = (
    tiers_are_there_to_be_incremental,
    vehicles_cost_something,
    consortia_have_members,
    own_plants_make_what_is_core,
)
