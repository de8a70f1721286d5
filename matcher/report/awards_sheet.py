"""The workbook's sheet of awards: a person may edit it, and `matcher.read_plan` reads it back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from matcher.plan.files import AWARDS
from matcher.report.summary import Summary
from matcher.report.table import Kind, ReportColumn, ReportTable
from matcher.tolerances import STATED
from matcher.write.workbook import described, guide_column

NAME = "Awards"
HELP = (
    f"In the sheet {NAME} you may edit {', '.join(AWARDS.schema)}, and add or delete rows; "
    "'matcher check NETWORK THIS.xlsx' reads them back and recomputes everything else."
)
# Rows below the last award that have drop-down lists too.
SPARE_ROWS = 1_000
_COMPUTED = "Computed; not read back, so there is no need to update it."


def awards_table(summary: Summary) -> ReportTable:
    """The columns that are read back, then what a reader wants beside them."""
    currency = summary.currency
    return ReportTable(
        "awards_sheet",
        "Awards",
        (
            ReportColumn("demand", "Demand"),
            ReportColumn("bid", "Bid"),
            ReportColumn("mode", "Mode"),
            ReportColumn("stated_tier", "Tier", "count"),
            ReportColumn("quantity", "Quantity", "quantity"),
            ReportColumn("unit", "Unit"),
            ReportColumn("component_name", "Component"),
            ReportColumn("supplier_name", "Supplier"),
            ReportColumn("economy_name", "Economy"),
            ReportColumn("landed_cost_per_unit", f"Landed cost per unit, {currency}", "unit_cost"),
            ReportColumn("landed_cost", f"Landed cost, {currency}", "money"),
            ReportColumn("fixed_cost", f"Fixed cost, {currency}", "money"),
            ReportColumn("arrival_date", "Arrives", "date"),
            ReportColumn("slack_days", "Days in hand", "days"),
        ),
        _with_stated_tier(summary),
    )


def _with_stated_tier(summary: Summary) -> pl.DataFrame:
    """The awards with their tier where it is another one than the quantity reaches.

    A tier that stands there would be wrong as soon as a person writes another quantity.
    """
    breaks = pl.col("from_quantity")
    reached = (
        summary.awards.select("bid", "quantity")
        .with_row_index("award")
        .join(summary.network.tiers.select("bid", "from_quantity"), on="bid")
        .filter(pl.col("quantity") >= breaks * (1 - STATED))
        .group_by("award")
        .agg(reached=pl.len().cast(pl.Int64) + 1)
    )
    return (
        summary.awards.with_row_index("award")
        .join(reached, on="award", how="left", maintain_order="left")
        .with_columns(
            stated_tier=pl.when(pl.col("tier") != pl.col("reached").fill_null(1)).then("tier")
        )
    )


def make_editable(sheet: Any, table: ReportTable, header: Any, formats: Mapping[Kind, Any]) -> None:
    """Mark the columns that are read back, with a note, a format for new rows, and lists.

    Parameters
    ----------
    header
        The format of the headers of these columns.
    formats
        The format of cells by the kind of their column.
    """
    for i, column in enumerate(table.columns):
        name = column.label.casefold()
        if name not in AWARDS.schema:
            sheet.write_comment(0, i, _COMPUTED)
            continue
        sheet.write_string(0, i, column.label, header)
        note = f"{described(AWARDS[name])} {HELP}" if i == 0 else described(AWARDS[name])
        guide_column(sheet, i, AWARDS[name], note, rows=table.frame.height + SPARE_ROWS)
        sheet.set_column(i, i, table.width(column), formats[column.kind])
