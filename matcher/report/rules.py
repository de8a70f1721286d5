"""What a report says of what the team stated: rules, objectives, and what to change of them."""

from __future__ import annotations

import polars as pl

from matcher import formatting
from matcher.plan import Reached
from matcher.report.summary import Summary
from matcher.report.table import ReportColumn, ReportTable, Section

# Instances that a page shows; the workbook holds them all.
SHOWN_RULES = 50
KEPT, MISSED, BROKEN = "met", "missed", "broken"
_OBJECTIVES = {
    "coverage": "Coverage: unmet demand (weighted), least possible",
    "cost": "Total cost, lowest possible",
    "local_value": "Value awarded to local suppliers, highest possible",
    "linkages": "SMEs with a viable award, most possible",
    "concentration": "Value with the largest supplier, lowest possible",
    "delivery_slack": "Days in hand (weighted by share of demand), most possible",
    "supplier_count": "Number of suppliers, fewest possible",
    "emissions": "Emissions in kg CO₂e, least possible",
}
_MEASURED = {"quantity": "units", "emissions": "kg CO₂e"}  # all else is money
_MONEY = ("cost", "local_value", "concentration")
_COUNTED = {"supplier_count": "suppliers", "economy_count": "economies"}
_ONE = {"suppliers": "supplier", "economies": "economy", "units": "unit"}
_SHARE_OF = {
    "dependence": "share of turnover",
    "working_capital": "share of credit line",
    "consistent": "difference of shares",
}


def correction_sets(summary: Summary) -> Section | None:
    """What to change so that there is a plan, if the rules leave none."""
    result = summary.plan.result
    if result is None or not result.correction_sets:
        return None
    frame = pl.DataFrame(
        [(str(way), way.cost, way.unmet) for way in result.correction_sets],
        schema={"change": pl.String(), "cost": pl.Float64(), "unmet": pl.Float64()},
        orient="row",
    )
    return Section(
        "correction_sets",
        "What to change so that a plan exists",
        (
            "Each line is enough on its own. It changes its limits as little as possible, and all "
            "other rules stay as they are.",
        ),
        (
            ReportTable(
                "correction_sets",
                "Limits to change, and the plan that would result",
                (
                    ReportColumn("change", "Change"),
                    ReportColumn("cost", f"Cost of that plan, {summary.currency}", "money"),
                    ReportColumn("unmet", "Unmet demand (weighted)", "quantity"),
                ),
                frame,
            ),
        ),
    )


def rules(summary: Summary) -> Section | None:
    """What the plan comes to under every instance of a rule, what is missed first."""
    table = rule_rows(summary)
    if table is None:
        return None
    frame = table.frame
    number = frame["rule"].n_unique()
    instances = formatting.count(number, "rule")
    if frame.height > number:
        instances += f", applied in {formatting.count(frame.height, 'case')}"
    said = [f"{instances}: {'all are' if frame.height > 1 else 'it is'} met."]
    missed, broken = (frame.filter(state=state) for state in (MISSED, BROKEN))
    if broken.height or missed.height:
        said = [f"{instances}."]
    if broken.height:
        said.append(f"{formatting.is_or_are(broken.height, 'mandatory rule')} broken.")
    if missed.height:
        penalty = float(missed["penalty"].sum())
        price = (
            f", at a penalty of {formatting.money(penalty)} {summary.currency}" if penalty else ""
        )
        said.append(f"{formatting.is_or_are(missed.height, 'target')} missed{price}.")
    return Section(
        "rules",
        "Rules and targets",
        (" ".join(said),),
        (
            ReportTable(
                "rules",
                "Rules and what the plan reaches",
                (
                    ReportColumn("rule", "Rule"),
                    ReportColumn("about", "Applies to"),
                    ReportColumn("actual_text", "Plan", "figure"),
                    ReportColumn("min_text", "Minimum", "figure"),
                    ReportColumn("max_text", "Maximum", "figure"),
                    ReportColumn("unit", "Counted in"),
                    ReportColumn("state_text", "Status"),
                ),
                _told(frame, summary.currency),
                SHOWN_RULES,
            ),
        ),
    )


def rule_rows(summary: Summary) -> ReportTable | None:
    """Every instance of a rule with its figures as numbers; ``None`` if there is none."""
    rules = summary.plan.rules
    if rules is None or rules.is_empty() or not summary.has_plan:
        return None
    measure, kind = pl.col("measure").fill_null("quantity"), pl.col("kind")
    money = measure.replace_strict(_MEASURED, default=summary.currency)
    is_target = pl.col("priority").is_not_null()
    frame = (
        rules.join(
            summary.network.rules.select("rule", "kind", "measure", "priority"),
            on="rule",
            how="left",
            maintain_order="left",
        )
        .with_columns(
            unit=pl.when(kind == "share")
            .then(pl.format("share of {}", measure))
            .when(kind.is_in(("limit", "viable")))
            .then(money)
            .otherwise(kind.replace_strict(_COUNTED | _SHARE_OF, default=None)),
            missed_unit=pl.when(kind.is_in(("share", "limit", "viable")))
            .then(money)
            .otherwise(
                kind.replace_strict(_COUNTED | {"consistent": "share"}, default=summary.currency)
            ),
            state=pl.when((pl.col("missed") > 0).fill_null(value=False))
            .then(pl.when(is_target).then(pl.lit(MISSED)).otherwise(pl.lit(BROKEN)))
            .otherwise(pl.lit(KEPT)),
        )
        .sort(
            pl.col("state").replace_strict({BROKEN: 0, MISSED: 1, KEPT: 2}),
            "penalty",
            descending=[False, True],
            nulls_last=True,
            maintain_order=True,
        )
    )
    return ReportTable(
        "rule_rows",
        "Rules",
        (
            ReportColumn("rule", "Rule"),
            ReportColumn("kind", "Kind"),
            ReportColumn("of", "Demands (of)"),
            ReportColumn("who", "Suppliers (who)"),
            ReportColumn("actual", "Plan", "quantity"),
            ReportColumn("min", "Minimum", "quantity"),
            ReportColumn("max", "Maximum", "quantity"),
            ReportColumn("unit", "Counted in"),
            ReportColumn("state", "Status"),
            ReportColumn("missed", "Missed by", "quantity"),
            ReportColumn("missed_unit", "Missed by, counted in"),
            ReportColumn("penalty", f"Penalty, {summary.currency}", "money"),
        ),
        frame,
    )


def _told(frame: pl.DataFrame, currency: str) -> pl.DataFrame:
    """The rows of `rule_rows` with their figures as people read them."""

    def texts(name: str) -> list[str]:
        pairs = frame.select(name, "unit").iter_rows()
        return [_amount(value, unit or "", currency) for value, unit in pairs]

    states = [
        state if state == KEPT else f"{state} by {_missed(missed, unit, currency)}"
        for state, missed, unit in frame.select("state", "missed", "missed_unit").iter_rows()
    ]
    return frame.with_columns(
        about=pl.concat_str("of", "who", separator=", ", ignore_nulls=True).replace("", "all"),
        actual_text=pl.Series(texts("actual"), dtype=pl.String),
        min_text=pl.Series(texts("min"), dtype=pl.String),
        max_text=pl.Series(texts("max"), dtype=pl.String),
        state_text=pl.Series(states, dtype=pl.String),
    )


def _amount(value: float | None, unit: str, currency: str) -> str:
    if "share" in unit:
        return formatting.share(value)
    return formatting.money(value) if unit == currency else formatting.quantity(value)


def _missed(value: float, unit: str, currency: str) -> str:
    """By how much a limit is missed, with its unit."""
    if unit in (currency, _MEASURED["emissions"]):
        return f"{formatting.money(value)} {unit}"
    if unit == "share":
        return formatting.count(round(value * 100, 1), "percentage point")
    return formatting.count(value, _ONE[unit])


def objectives(summary: Summary) -> Section | None:
    """What the plan has of each objective, if there are others than coverage and cost."""
    result = summary.plan.result
    reached = () if result is None or not summary.has_plan else result.objectives
    if {each.objective for each in reached} <= {"coverage", "cost"}:
        return None
    rows = [
        (
            _OBJECTIVES.get(each.objective, each.objective.replace("_", " ").capitalize()),
            _counted(each, each.value, summary.currency),
            _counted(each, each.bound, summary.currency),
            each.tolerance,
            "proven" if each.proven else "not proven",
        )
        for each in reached
    ]
    frame = pl.DataFrame(
        rows, schema=["objective", "value", "bound", "tolerance", "proven"], orient="row"
    )
    return Section(
        "objectives",
        "Objectives, in order of priority",
        (
            "Each objective is taken as far as those before it allow; of each, no more than its "
            "tolerance may be given up for later ones.",
        ),
        (
            ReportTable(
                "objectives",
                "What the plan reaches",
                (
                    ReportColumn("objective", "Objective"),
                    ReportColumn("value", "Reached", "figure"),
                    ReportColumn("bound", "Proven limit", "figure"),
                    ReportColumn("tolerance", "Tolerance", "share"),
                    ReportColumn("proven", "Best possible?"),
                ),
                frame,
            ),
        ),
    )


def come_before_cost(summary: Summary) -> bool:
    """Whether the plan strives for anything but coverage before cost."""
    result = summary.plan.result
    names = [] if result is None else [each.objective for each in result.objectives]
    before = names[: names.index("cost")] if "cost" in names else names
    return not set(before) <= {"coverage"}


def _counted(reached: Reached, value: float | None, currency: str) -> str:
    is_money = value is not None and reached.objective in _MONEY
    return f"{formatting.money(value)} {currency}" if is_money else formatting.quantity(value)
