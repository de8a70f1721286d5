"""Writing tables as an XLSX workbook, with or without the guidance of a template."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import xlsxwriter

from matcher.errors import LimitError
from matcher.read.names import READ_ME
from matcher.schema.columns import Column, Table
from matcher.schema.tables import BY_NAME, TABLES
from matcher.validate.cells import limits
from matcher.write.rule_help import CELLS, EXAMPLES

MAX_ROWS = 1_048_575
"""Rows of a worksheet below its header."""

MAX_CHARACTERS = 32_767
"""Longest text of a worksheet's cell."""

_FORM_ROWS = 10_000
_TEXT_KINDS = (
    "id",
    "ref",
    "text",
    "choice",
    "choices",
    "economy",
    "currency",
    "hs",
    "standard",
    "standards",
)

_READ_ME = (
    "Supplier matcher: one sourcing network",
    "",
    "Each sheet is a table: row 1 names its columns, and each row below is one entry.",
    "Columns with a dark header are required; the note on each header explains what to enter.",
    "An empty cell means that nothing is stated; the default in the note then applies.",
    "Sheets with a green tab are required; the others may be left empty or deleted.",
    "Write numbers with a decimal point and no thousands separators, and dates as 2026-12-31.",
    "An ID (such as a supplier's) is any text of your choice; other sheets refer to it.",
    "This sheet is not read.",
)


class Exact(float):
    """A number that is written with all its digits; xlsxwriter would stop at 16."""

    def __format__(self, _: str) -> str:
        return repr(float(self))


def write_workbook(tables: Mapping[str, pl.DataFrame], path: Path, *, guide: bool) -> None:
    """Write one sheet a table.

    Parameters
    ----------
    guide
        Whether to add the sheet ``Read me``, notes and drop-down lists, as a form needs them.

    Raises
    ------
    LimitError
        If a table has more rows, or a text more characters, than a worksheet can hold.
    """
    for name, frame in tables.items():
        _check_limits(name, frame)
    with xlsxwriter.Workbook(str(path)) as book:
        styles = {
            "required": book.add_format(
                {"bold": True, "bg_color": "#1F4E5F", "font_color": "#FFFFFF"}
            ),
            "optional": book.add_format({"bold": True, "bg_color": "#D9E4E8"}),
            "date": book.add_format({"num_format": "yyyy-mm-dd"}),
            "text": book.add_format({"num_format": "@"}),
            "title": book.add_format({"bold": True, "font_size": 14}),
            "bold": book.add_format({"bold": True}),
            "number": book.add_format(),
        }
        if guide:
            _read_me(book.add_worksheet(READ_ME), styles)
        for name, frame in tables.items():
            table = BY_NAME[name]
            sheet = book.add_worksheet(name)
            sheet.freeze_panes(1, 1)
            for position, column in enumerate(table.columns):
                _write_column(sheet, position, column, frame[column.name], styles)
                if guide:
                    example = CELLS.get((name, column.name))
                    note = " ".join(filter(None, (described(column), example)))
                    guide_column(sheet, position, column, note)
            if guide and table.required:
                sheet.set_tab_color("#2E8B57")


def _check_limits(name: str, frame: pl.DataFrame) -> None:
    if frame.height > MAX_ROWS:
        raise LimitError(
            f"table {name} has {frame.height:,} rows, a worksheet holds "
            f"{MAX_ROWS:,}; write a folder of CSV or Parquet files"
        )
    for column in frame.select(pl.col(pl.String)):
        # Excel counts UTF-16 units: a character outside of the basic plane counts twice.
        longest = max(
            (
                len(text.encode("utf-16-le")) // 2
                for text in column.drop_nulls().filter(
                    column.drop_nulls().str.len_bytes() > MAX_CHARACTERS
                )
            ),
            default=0,
        )
        if longest > MAX_CHARACTERS:
            raise LimitError(
                f"a cell of {name}.{column.name} has {longest:,} characters, a "
                f"worksheet's cell holds {MAX_CHARACTERS:,}; write a folder of CSV "
                "files"
            )


def _write_column(
    sheet: Any, position: int, column: Column, cells: pl.Series, styles: Mapping[str, Any]
) -> None:
    style = styles[
        "date" if column.kind == "date" else "text" if column.kind in _TEXT_KINDS else "number"
    ]
    widest = cells.head(1_000).cast(pl.String).str.len_chars().max()
    width = max(len(column.name), widest if isinstance(widest, int) else 0)
    sheet.set_column(position, position, min(width, 40) + 3, style)
    sheet.write_string(
        0, position, column.name, styles["required" if column.required else "optional"]
    )
    for row, cell in enumerate(cells, start=1):
        if cell is None:
            continue
        if column.dtype == pl.String:
            sheet.write_string(row, position, cell, style)
        elif column.kind == "date":
            sheet.write_datetime(row, position, cell, style)
        elif column.kind == "flag":
            sheet.write_boolean(row, position, cell)
        else:
            sheet.write_number(row, position, Exact(cell) if column.kind == "number" else cell)


def guide_column(
    sheet: Any, position: int, column: Column, note: str, *, rows: int = _FORM_ROWS
) -> None:
    """The note on a header in row 1, and the drop-down list of the ``rows`` below it."""
    sheet.write_comment(
        0, position, note, {"x_scale": 2.2, "y_scale": 0.4 + 0.25 * (len(note) // 40 + 1)}
    )
    options = {"flag": ["true", "false"], "choice": list(column.choices)}.get(column.kind)
    if options:
        sheet.data_validation(
            1,
            position,
            rows,
            position,
            {
                "validate": "list",
                "source": options,
                "ignore_blank": True,
                "error_title": column.name,
                "error_message": f"Choose one of: {', '.join(options)}",
            },
        )


def described(column: Column) -> str:
    """Meaning, unit, limits, choices and default of a column, in plain sentences."""
    parts = ["Required." if column.required else "Optional.", column.meaning]
    if column.unit:
        parts.append(f"Unit: {column.unit}.")
    if limits(column):
        parts.append(f"{limits(column).capitalize()}.")
    if column.choices:
        several = "one or more, separated by ;" if column.kind == "choices" else "one"
        parts.append(f"Choose {several}: {', '.join(column.choices)}.")
    if column.ref:
        parts.append(f"A {BY_NAME[column.ref].key[0]} of the table {column.ref}.")
    hint = _HINTS.get(column.kind)
    if hint:
        parts.append(hint)
    if column.default is not None:
        default = str(column.default).lower() if column.kind == "flag" else column.default
        parts.append(f"Default: {default}.")
    return " ".join(parts)


_HINTS = {
    "economy": "ISO 3166-1 alpha-2 code, such as VN.",
    "currency": "ISO 4217 code, such as USD.",
    "hs": "2 to 10 digits, such as 8542 or 8542.31.",
    "date": "As 2026-12-31.",
    "flag": "true or false.",
    "integer": "A whole number.",
    "standard": "Of the catalogue, such as ISO 9001, or of the table standards.",
    "standards": "Of the catalogue, such as ISO 9001, or of this table; several are separated "
    "by ;.",
}


def _read_me(sheet: Any, styles: Mapping[str, Any]) -> None:
    sheet.hide_gridlines(2)
    sheet.set_column(0, 0, 16)
    sheet.set_column(1, 1, 100)
    sheet.set_column(2, 2, 80)
    for row, line in enumerate(_READ_ME):
        sheet.write_string(row, 0, line, styles["title" if row == 0 else "number"])
    row = len(_READ_ME) + 1
    for lines in (
        [("Sheet", "Meaning"), *((table.name, _table_line(table)) for table in TABLES)],
        [
            ("Kind of rule", "Example", "Its cells in the sheet rules"),
            *((each.kind, each.words, each.stated) for each in EXAMPLES),
        ],
    ):
        for i, cells in enumerate(lines):
            for position, text in enumerate(cells):
                sheet.write_string(row + i, position, text, styles["number" if i else "bold"])
        row += len(lines) + 1


def _table_line(table: Table) -> str:
    return f"{table.meaning} {'Required.' if table.required else 'Optional.'}"
