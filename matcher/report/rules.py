"""What a report says of what the team stated: rules, objectives, correction sets."""

from __future__ import annotations

import polars as pl

from matcher import formatting
from matcher.plan import Reached
from matcher.report.summary import Summary
from matcher.report.table import Column, Section, Table

# Instances that a page shows; the workbook holds them all.
SHOWN_RULES = 50
KEPT, MISSED, BROKEN = "kept", "missed", "broken"
_OBJECTIVES = {
    "coverage": "Coverage loss, as little as can be",
    "cost": "Cost, as low as can be",
    "local_value": "Value to local suppliers, as much as can be",
    "linkages": "SMEs with a viable award, as many as can be",
    "concentration": "Largest value with one supplier, as little as can be",
    "delivery_slack": "Days in hand, as many as can be",
    "supplier_count": "Suppliers, as few as can be",
}
_MONEY = ("cost", "local_value", "concentration")
_COUNTED = {"supplier_count": "suppliers", "economy_count": "economies"}
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
        "To have a plan, change one of these",
        (
            "Each line is enough on its own. It changes its limits by as little as can be, and "
            "all other rules stay as they are.",
        ),
        (
            Table(
                "correction_sets",
                "Limits to change, and the plan that there is then",
                (
                    Column("change", "Change"),
                    Column("cost", f"The plan then costs, {summary.currency}", "money"),
                    Column("unmet", "And has a coverage loss of", "quantity"),
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
    instances = (
        f"{formatting.count(frame['rule'].n_unique(), 'rule')} with "
        f"{formatting.count(frame.height, 'instance')}"
    )
    said = [f"{instances}: all are kept."]
    missed, broken = (frame.filter(state=state) for state in (MISSED, BROKEN))
    if broken.height or missed.height:
        said = [f"{instances}."]
    if broken.height:
        said.append(f"{_are(broken.height, 'instance')} broken that must be kept.")
    if missed.height:
        penalty = float(missed["penalty"].sum())
        price = (
            f", at a penalty of {formatting.money(penalty)} {summary.currency}" if penalty else ""
        )
        said.append(f"{_are(missed.height, 'target')} missed{price}.")
    return Section(
        "rules",
        "Rules and targets",
        (" ".join(said),),
        (
            Table(
                "rules",
                "Rules, and what the plan comes to",
                (
                    Column("rule", "Rule"),
                    Column("about", "About"),
                    Column("actual_text", "Comes to", "figure"),
                    Column("min_text", "At least", "figure"),
                    Column("max_text", "At most", "figure"),
                    Column("unit", "Counted in"),
                    Column("state_text", "Kept?"),
                ),
                _told(frame, summary.currency),
                SHOWN_RULES,
            ),
        ),
    )


def rule_rows(summary: Summary) -> Table | None:
    """Every instance of a rule with its figures as numbers; ``None`` if there is none."""
    rules = summary.plan.rules
    if rules is None or rules.is_empty() or not summary.has_plan:
        return None
    measure, kind = pl.col("measure").fill_null("quantity"), pl.col("kind")
    counts = pl.when(measure == "quantity").then(pl.lit("units"))
    money = counts.otherwise(pl.lit(summary.currency))
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
            .when(kind == "limit")
            .then(money)
            .otherwise(kind.replace_strict(_COUNTED | _SHARE_OF, default=None)),
            missed_unit=pl.when(kind.is_in(("share", "limit")))
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
    return Table(
        "rule_rows",
        "Rules",
        (
            Column("rule", "Rule"),
            Column("kind", "Kind"),
            Column("of", "Of"),
            Column("who", "Who"),
            Column("actual", "Actual", "quantity"),
            Column("min", "Min", "quantity"),
            Column("max", "Max", "quantity"),
            Column("unit", "Counted in"),
            Column("state", "Kept?"),
            Column("missed", "Missed by", "quantity"),
            Column("missed_unit", "Missed, counted in"),
            Column("penalty", f"Penalty, {summary.currency}", "money"),
        ),
        frame,
    )


def _told(frame: pl.DataFrame, currency: str) -> pl.DataFrame:
    """The rows of `rule_rows` with their figures as people read them."""

    def texts(name: str, unit: str = "unit") -> list[str]:
        pairs = frame.select(name, unit).iter_rows()
        return [_amount(value, unit or "", currency) for value, unit in pairs]

    no_unit = ("share", *_COUNTED.values())  # a share has its sign, and "1 suppliers" reads badly
    states = [
        state
        if state == KEPT
        else f"{state} by {missed} {'' if unit in no_unit else unit}".rstrip()
        for state, missed, unit in zip(
            frame["state"], texts("missed", "missed_unit"), frame["missed_unit"], strict=True
        )
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


def _are(number: int, noun: str) -> str:
    return f"{formatting.count(number, noun)} {'is' if number == 1 else 'are'}"


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
        "What was striven for",
        (
            "One after the other; each as far as those before it allow, and as far as what may be "
            "given up for later ones.",
        ),
        (
            Table(
                "objectives",
                "Objectives in their order",
                (
                    Column("objective", "Objective"),
                    Column("value", "Reached", "figure"),
                    Column("bound", "Proven bound", "figure"),
                    Column("tolerance", "May be given up", "share"),
                    Column("proven", "Best possible?"),
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
