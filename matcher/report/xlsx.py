"""The report as an XLSX workbook: every row, ready to sort, filter and sum."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import datetime, time
from typing import Any

import xlsxwriter

from matcher.formatting import rounded_gap
from matcher.report import awards_sheet
from matcher.report.content import (
    cost_items,
    headline,
    judged,
    key_figures,
    lost_columns,
    proof,
    sections,
    unit_terms,
)
from matcher.report.rules import rule_rows
from matcher.report.summary import Summary
from matcher.report.table import Kind, ReportTable, Section
from matcher.write.workbook import Exact

# Rows of a sheet; spreadsheets hold 1,048,576, and slow down long before.
LIMIT = 200_000
CORRECTION_SETS = "What to change"
# The longest text that a cell can hold.
LONGEST_TEXT = 32_767
_FORMATS: dict[Kind, str] = {
    "text": "@",
    "figure": "@",
    "count": "#,##0",
    "money": "#,##0.00",
    "unit_cost": "#,##0.0000",
    "quantity": "#,##0.###",
    "share": "0.0%",
    "days": "0.0",
    "date": "yyyy-mm-dd",
}


def to_xlsx(summary: Summary) -> bytes:
    """The report as the bytes of an XLSX workbook."""
    buffer = io.BytesIO()
    # A name from an input is never a formula, a link or a number, whatever it looks like.
    book = xlsxwriter.Workbook(
        buffer,
        {
            "in_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
            "nan_inf_to_errors": True,
        },
    )
    # The day of the network, not of the writing: equal plans give equal files.
    book.set_properties(
        {"title": summary.network.name, "created": datetime.combine(summary.network.start, time())}
    )
    sheets = _Sheets(book)
    parts = {section.key: section for section in sections(summary)}
    _summary_sheet(sheets, summary, parts)
    if "correction_sets" in parts:
        sets = parts["correction_sets"].tables[0]
        # What to change comes last: it may be long, and runs on to the right.
        sheets.of_table(CORRECTION_SETS, replace(sets, columns=sets.columns[::-1]))
    awards = awards_sheet.awards_table(summary)
    sheet = sheets.of_table(awards_sheet.NAME, awards)
    awards_sheet.make_editable(sheet, awards, sheets.editable, sheets.cell)
    if "awards" in parts:
        _cost_sheet(sheets, parts["cost"].tables[0], parts["shares"].tables)
        sheets.of_table("Cost per unit", unit_terms(summary))
    for key, name in (("suppliers", "Suppliers"), ("unmet", "Unmet")):
        if key in parts:
            sheets.of_table(name, parts[key].tables[0])
    rules = rule_rows(summary)
    if rules is not None:
        sheets.of_table("Rules", rules)
    if "why_not" in parts:
        sheets.of_table(
            "Why not",
            ReportTable("lost", "Every bid without an award", lost_columns(summary), summary.lost),
        )
        sheets.of_table("Reasons", parts["why_not"].tables[0])
    tables = [table for key in ("faults", "basis") if key in parts for table in parts[key].tables]
    sheets.of_tables("Run and warnings", tables)
    book.close()
    return buffer.getvalue()


class _Sheets:
    """Writes tables into the sheets of one workbook."""

    def __init__(self, book: Any) -> None:
        self.book = book
        self.cell = {
            kind: book.add_format({"num_format": form, "valign": "top"})
            for kind, form in _FORMATS.items()
        }
        self.header = book.add_format(
            {"bold": True, "bottom": 1, "valign": "top", "text_wrap": True, "bg_color": "#EAEEF2"}
        )
        self.editable = book.add_format(
            {
                "bold": True,
                "bottom": 1,
                "valign": "top",
                "bg_color": "#1F4E5F",
                "font_color": "#FFFFFF",
            }
        )
        self.title = book.add_format({"bold": True, "font_size": 12})

    def of_table(self, name: str, table: ReportTable) -> Any:
        """A sheet that is one table: header in row 1, frozen, with a filter."""
        sheet = self.book.add_worksheet(name)
        rows = self.write(sheet, 0, table)
        sheet.freeze_panes(1, 1)
        sheet.autofilter(0, 0, max(rows, 1), len(table.columns) - 1)
        for i, column in enumerate(table.columns):
            sheet.set_column(i, i, table.width(column))
        return sheet

    def of_tables(self, name: str, tables: list[ReportTable]) -> Any:
        """A sheet of several tables below each other."""
        sheet = self.book.add_worksheet(name)
        row = 0
        for table in tables:
            sheet.write_string(row, 0, table.caption, self.title)
            row += self.write(sheet, row + 1, table) + 3
        for i in range(max((len(table.columns) for table in tables), default=0)):
            sheet.set_column(
                i,
                i,
                max(table.width(table.columns[i]) for table in tables if i < len(table.columns)),
            )
        return sheet

    def write(self, sheet: Any, top: int, table: ReportTable) -> int:
        """Header and rows from row ``top`` on; how many rows were written below the header."""
        frame = table.frame.head(LIMIT)
        for i, column in enumerate(table.columns):
            sheet.write_string(top, i, column.label, self.header)
            form = self.cell[column.kind]
            for row, value in enumerate(frame[column.key].to_list(), start=top + 1):
                if value is None:
                    continue
                if column.kind in ("text", "figure"):
                    sheet.write_string(row, i, str(value)[:LONGEST_TEXT], form)
                elif column.kind == "date":
                    sheet.write_datetime(row, i, value, form)
                else:
                    # With every digit: a quantity is read back as it was.
                    exact = Exact(value) if isinstance(value, float) else value
                    sheet.write_number(row, i, exact, form)
        if table.frame.height <= LIMIT:
            return frame.height
        sheet.write_string(
            top + LIMIT + 1,
            0,
            f"The first {LIMIT:,} of {table.frame.height:,} "
            "rows are shown; the plan's JSON file and the network have the rest.",
        )
        return frame.height + 1


def _summary_sheet(sheets: _Sheets, summary: Summary, parts: dict[str, Section]) -> None:  # noqa: C901, PLR0912 - a sheet from top to bottom
    """Verdict, judgement, totals as numbers, and what to negotiate."""
    sheet = sheets.book.add_worksheet("Summary")
    sheet.set_column(0, 0, 44)
    sheet.set_column(1, 1, 20)
    sheet.set_column(2, 8, 22)
    sheet.write_string(0, 0, summary.network.name, sheets.title)
    checked = f"Independent check: {judged(summary)}"
    intro = (headline(summary), checked, proof(summary), awards_sheet.HELP)
    for row, text in enumerate(intro, start=1):
        sheet.write_string(row, 0, text)
    money, result = sheets.cell["money"], summary.plan.result
    row = len(intro) + 2
    figures_of_money = []
    if summary.has_plan:
        items = (*cost_items(summary.costs), ("total", summary.costs.total))
        labels = {"total": "Total cost"}
        figures_of_money = [(labels.get(name, name.capitalize()), each) for name, each in items]
    if result is not None and result.bound is not None:
        figures_of_money.append(("Proven lower bound", result.bound))
    for label, value in figures_of_money:
        sheet.write_string(row, 0, f"{label}, {summary.currency}")
        sheet.write_number(row, 1, Exact(value), money)
        row += 1
    if result is not None and result.gap is not None:
        sheet.write_string(row, 0, "Gap")
        sheet.write_number(
            row, 1, rounded_gap(result.gap), sheets.book.add_format({"num_format": "0.00%"})
        )
        row += 1
    for label, figure, remark in key_figures(summary):
        if summary.currency in label or label == "Gap":
            continue  # stands above as a number
        sheet.write_string(row, 0, label)
        sheet.write_string(row, 1, figure)
        sheet.write_string(row, 2, remark)
        row += 1
    if "objectives" in parts:
        for label, reached, bound, _, proven in parts["objectives"].tables[0].texts(LIMIT):
            remark = f"proven limit {bound}, {proven}"
            for i, text in enumerate((label, reached, remark)):
                sheet.write_string(row, i, text)
            row += 1
    if "correction_sets" in parts:
        sheet.write_string(
            row + 1, 0, f"{parts['correction_sets'].title}: see the sheet {CORRECTION_SETS}."
        )
    section = parts.get("negotiate")
    if section is None:
        return
    row += 1
    for sentence in section.sentences:
        sheet.write_string(row, 0, sentence)
        row += 1
    for table in section.tables:
        sheets.write(sheet, row, table)


def _cost_sheet(sheets: _Sheets, terms: ReportTable, groups: tuple[ReportTable, ...]) -> None:
    """Cost by term with a chart of it, then by lead firm, economy, size class and mode."""
    sheet = sheets.of_tables("Cost breakdown", [terms, *groups])
    last = 1 + terms.frame.height
    chart = sheets.book.add_chart({"type": "bar"})
    name = "Cost breakdown"
    # The price would dwarf the rest: the chart shows what comes on top of it.
    chart.add_series(
        {
            "name": "Landed cost above the price",
            "categories": [name, 3, 0, last, 0],
            "values": [name, 3, 1, last, 1],
            "fill": {"color": "#0072B2"},
            "data_labels": {"value": True, "num_format": "#,##0"},
            "gap": 60,
        }
    )
    chart.set_title(
        {
            "name": f"Landed cost above the price ({terms.columns[1].label})",
            "name_font": {"size": 12},
        }
    )
    chart.set_legend({"none": True})
    chart.set_y_axis({"reverse": True, "label_position": "low", "line": {"none": True}})
    chart.set_x_axis({"visible": False, "major_gridlines": {"visible": False}})
    chart.set_size({"width": 620, "height": 320})
    sheet.insert_chart(
        1,
        len(groups[0].columns) + 1,
        chart,
        {"description": "Bar chart of landed cost by cost item, without the price"},
    )
