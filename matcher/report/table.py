"""What a report is made of: sections of sentences, tables and charts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import polars as pl

from matcher import formatting

# A figure is a text already; it stands where numbers stand.
Kind = Literal["text", "figure", "count", "money", "unit_cost", "quantity", "share", "days", "date"]

# Characters that a column is wide in a worksheet; texts are as wide as they need.
_WIDTHS: dict[Kind, int] = {
    "count": 10,
    "money": 16,
    "unit_cost": 13,
    "quantity": 14,
    "share": 10,
    "days": 10,
    "date": 12,
}
_WIDEST = 60


@dataclass(frozen=True, slots=True)
class ReportColumn:
    """A column of a table: its key in the frame, what stands above it, and how it is written."""

    key: str
    label: str
    kind: Kind = "text"


@dataclass(frozen=True, slots=True)
class ReportTable:
    """A table of a report: a caption, columns, and a frame that has at least these columns.

    A page shows no more than ``shown`` of its rows; a workbook has them all.
    """

    key: str
    caption: str
    columns: tuple[ReportColumn, ...]
    frame: pl.DataFrame
    shown: int | None = None

    def on_page(self, limit: int) -> int:
        """How many rows a page shows that shows no more than ``limit`` of any table."""
        return min(self.frame.height, limit, self.shown or limit)

    def texts(self, limit: int) -> list[list[str]]:
        """The rows on such a page as people read them."""
        keys = [column.key for column in self.columns]
        rows = self.frame.head(self.on_page(limit)).select(keys).iter_rows()
        return [
            [written(value, column.kind) for value, column in zip(row, self.columns, strict=True)]
            for row in rows
        ]

    def width(self, column: ReportColumn) -> float:
        """Characters wide enough for most of what a column holds."""
        fixed = _WIDTHS.get(column.kind)
        if fixed is not None:
            return fixed
        longest = self.frame[column.key].cast(pl.String).str.len_chars().quantile(0.95) or 0
        return min(max(float(longest), len(column.label)) + 2, _WIDEST)


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report: a title, sentences, tables, and the names of charts."""

    key: str
    title: str
    sentences: tuple[str, ...] = ()
    tables: tuple[ReportTable, ...] = ()
    charts: tuple[str, ...] = ()


def written(value: object, kind: Kind) -> str:
    """A value of a table as text."""
    if value is None:
        return formatting.NONE
    if kind == "count":
        return f"{value:,}"
    writer = {
        "money": formatting.money,
        "unit_cost": formatting.unit_cost,
        "quantity": formatting.quantity,
        "share": formatting.share,
        "days": formatting.days,
        "date": formatting.day,
        "text": str,
        "figure": str,
    }[kind]
    return str(writer(value))  # type: ignore[operator]
