"""The list of issues that grows while an input is read, and the names of all kinds of issues."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import polars as pl

from matcher.errors import Issue, Severity
from matcher.validate.raw import Tables

LISTED_PER_COLUMN = 1_000
"""So many issues of one code are listed for one column; the rest is counted."""

CODES: dict[str, str] = {
    # The file
    "no_such_path": "The path does not exist.",
    "unreadable": "The file cannot be opened.",
    "unwritable": "The file or folder cannot be written.",
    "unknown_format": "The suffix of the file is none of those that can be read.",
    "no_tables": "The folder or workbook holds none of the tables.",
    "plan_given": "The file holds a plan, where a network is asked for.",
    "wrong_encoding": "The text is not UTF-8.",
    "wrong_separator": "The columns of the CSV are not separated by commas.",
    "bad_csv": "A quote of the CSV is not closed, or stands where none may stand.",
    "ragged_row": "The row has more or fewer cells than the header.",
    "bad_xlsx": "The workbook is not an XLSX workbook.",
    "too_big": "The workbook unpacks to more than the limits allow.",
    "error_cell": "A formula of the workbook failed, such as #N/A, or was not calculated.",
    "bad_json": "The JSON cannot be parsed, or is not a table of rows.",
    "bad_parquet": "The Parquet file cannot be parsed.",
    # Tables and columns
    "missing_header": "Row 1 holds no column names.",
    "missing_table": "A required table is absent.",
    "empty_table": "A required table has no rows.",
    "too_many_rows": "The table must have exactly one row.",
    "unknown_table": "No table has this name; an error if it is nearly the name of one.",
    "duplicate_table": "The same table was given twice.",
    "missing_column": "A required column is absent.",
    "unknown_column": "The table has no column of this name.",
    "duplicate_column": "The same column stands in the table twice.",
    # Cells
    "missing_cell": "A required cell is empty.",
    "wrong_type": "The cell is not a number, a whole number, a flag, or text.",
    "number_format": "The number holds a comma, a space, an apostrophe or a percent sign.",
    "not_finite": "The number is NaN or infinite.",
    "out_of_range": "The number or date is outside of its limits.",
    "impossible_date": "The date does not exist in the calendar.",
    "wrong_date": "The date is not written as yyyy-mm-dd.",
    "control_character": "The text holds a character that cannot be shown.",
    "unknown_choice": "The value is none of those that may be chosen; also an incoterm.",
    "unknown_economy": "The value is no ISO 3166-1 alpha-2 code.",
    "unknown_currency": "The value is no ISO 4217 code.",
    "unknown_standard": "Neither the catalogue nor the network knows the standard.",
    "wrong_hs": "The value is no code of the Harmonized System.",
    # Keys
    "duplicate_id": "Two rows have the same id.",
    "duplicate_key": "Two rows have the same key, made of several columns.",
    "dangling_id": "The id stands in no row of the table that it points to.",
    # Cross-checks
    "foreign_resource": "A usage takes a resource of another supplier than the bid's.",
    "component_mismatch": "A bid names a demand of another component than its own.",
    "min_over_max": "The smallest value allowed is above the largest.",
    "contradiction": "Two columns of one row cannot both hold.",
    "end_before_start": "A certificate or a period ends before it begins.",
    "overlapping_periods": "A period begins before another has ended.",
    "due_outside_periods": "A demand is due in none of the periods.",
    "due_before_start": "A demand is due before the network starts.",
    "moq_over_max": "The minimum order quantity is above the largest award.",
    "no_multiple_fits": "No multiple lies between the minimum order and the largest award.",
    "missing_rate": "A currency that is needed has no exchange rate.",
    "own_currency_rate": "The network's own currency has a rate other than 1.",
    "missing_place": "Neither a city nor coordinates say where a place lies.",
    "unknown_city": "The economy has no city, port or airport of this name in the list.",
    "ambiguous_city": "Several cities of the economy have this name.",
    "unexpected_value": "The cell must be empty.",
    "mixed_units": "A rule adds up quantities of components that count different units.",
    "wrong_split": "The shares of a split are not positive numbers that add up to 100 or to 1.",
    "bad_bundle": "The bids of a bundle are of two suppliers, or two of them for one demand.",
    "mixed_discount": "Two steps of a discount differ in what all of its steps must share.",
    "ramp_without_usage": "A ramp limits the resources of a bid that takes none.",
    "mixed_tolerance": "Two objectives of one order state different tolerances.",
    # Warnings
    "rule_without_limit": "Warning: a rule states no limit, so it limits nothing.",
    "rule_about_nothing": "Warning: a rule is about demands or suppliers of which there are none.",
    "unused_cell": "Warning: the kind of the rule, or the objective, does not use the cell.",
    "discount_falls": "Warning: a later step of a discount pays back less.",
    "incremental_without_tiers": "Warning: a bid is incremental and has no tiers.",
    "vehicle_without_cost": "Warning: a lane states vehicle_units and no fixed cost.",
    "consortium_without_bid": "Warning: no bid names a consortium.",
    "lone_member": "Warning: only one member of a consortium bids for a component.",
    "core_without_plant": "Warning: no own plant bids for a component that stays in house.",
    "tier_price_rises": "Warning: a larger order pays a higher price.",
    "cannot_be_covered": "Warning: share cap and supplier limit leave a part unmet.",
    "no_award_step_divides": "Warning: each bid's order multiple leaves a remainder of a demand.",
    "demand_without_bid": "Warning: nobody bids for a demand.",
    "supplier_without_bid": "Warning: a supplier makes no bid.",
    "same_bid_twice": "Warning: two bids differ in nothing but their id.",
    "resource_without_usage": "Warning: no bid takes a resource, so its capacity limits nothing.",
    "bid_without_usage": "Warning: a bid takes no resource, though its supplier's other bids do.",
    "assumed_duty": "Warning: no duty row matches goods that may cross a border; the destination's "
    "most-favoured-nation tariff is taken.",
    "no_duty": "Warning: the same, and no tariff of the destination is known; the duty taken is 0.",
    "assumed_trade_cost": "Warning: an economy's days and cost of export and import are assumed.",
    "sea_term": "Warning: a bid under a term for carriage by sea states other modes only.",
    "place_off_city": "Warning: coordinates lie far from the city stated beside them.",
    "place_off_economy": "Warning: a place lies far outside its economy.",
    # The list itself
    "not_listed": "More issues of the kind were found than are listed.",
}
"""Every code that an issue can carry, with its meaning."""


def quoted(values: Iterable[object], limit: int = 6) -> str:
    """The first few values as ``'a', 'b', …``."""
    texts = [f"'{value}'" for value in values]
    more = ", …" if len(texts) > limit else ""
    return ", ".join(texts[:limit]) + more


Check = Callable[[Tables, "Findings"], None]
"""What looks at the tables and notes what it finds."""


class Findings:
    """Collects issues; lists at most `LISTED_PER_COLUMN` per table, column and code."""

    def __init__(self) -> None:
        self.issues: list[Issue] = []
        self._count: Counter[tuple[str, str | None, str, Severity]] = Counter()

    def add(  # noqa: PLR0913 - the fields of an issue
        self,
        code: str,
        table: str,
        problem: str,
        fix: str,
        *,
        row: int | None = None,
        column: str | None = None,
        value: str | None = None,
        severity: Severity = "error",
    ) -> None:
        """Note one issue."""
        key = (table, column, code, severity)
        self._count[key] += 1
        if self._count[key] <= LISTED_PER_COLUMN:
            self.issues.append(
                Issue(
                    code=code,
                    table=table,
                    row=row,
                    column=column,
                    value=value,
                    problem=problem,
                    fix=fix,
                    severity=severity,
                )
            )

    def each(
        self,
        code: str,
        table: str,
        hits: pl.DataFrame,
        say: Callable[[Mapping[str, Any]], tuple[str, str]],
        *,
        column: str | None = None,
        value: str | None = None,
        severity: Severity = "error",
    ) -> None:
        """Note one issue for every row of ``hits``, whose column ``row`` says where it stands.

        Parameters
        ----------
        say
            Gives problem and fix of a row; called only for the rows that are listed.
        value
            The column of ``hits`` that holds the value to show; by default ``column``.
        """
        if hits.is_empty():
            return
        key = (table, column, code, severity)
        room = max(0, LISTED_PER_COLUMN - self._count[key])
        self._count[key] += hits.height
        shown = value or column
        for hit in hits.sort("row").head(room).iter_rows(named=True):
            problem, fix = say(hit)
            found = hit.get(shown) if shown else None
            text = None if found is None else plain(found)
            self.issues.append(
                Issue(
                    code=code,
                    table=table,
                    row=hit["row"],
                    column=column,
                    value=text,
                    problem=problem,
                    fix=fix,
                    severity=severity,
                )
            )

    def extend(self, issues: Iterable[Issue]) -> None:
        """Take over issues that another module found."""
        for issue in issues:
            key = (issue.table, issue.column, issue.code, issue.severity)
            self._count[key] += 1
            if self._count[key] <= LISTED_PER_COLUMN:
                self.issues.append(issue)

    def listed(self, order: Mapping[str, int]) -> list[Issue]:
        """Every issue, sorted by table and row, with a line for each kind cut short.

        Parameters
        ----------
        order
            Rank of each table name; other names come first.
        """
        left = [
            Issue(
                code="not_listed",
                table=table,
                column=column,
                problem=f"has {count - LISTED_PER_COLUMN:,} more issues of the kind '{code}' "
                "that are not listed",
                fix="fix the listed ones and read again",
                severity=severity,
            )
            for (table, column, code, severity), count in self._count.items()
            if count > LISTED_PER_COLUMN
        ]
        return sorted(
            self.issues + left,
            key=lambda issue: (
                issue.severity,
                order.get(issue.table, -1),
                issue.table,
                issue.code == "not_listed",
                issue.row or 0,
                issue.column or "",
                issue.code,
            ),
        )


def plain(value: object) -> str:
    """A cell as a person would write it: whole numbers without a decimal point."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)
