"""Tables on their way into a network: as they were found, and with typed cells."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import polars as pl

from matcher.schema.columns import Table


@dataclass(frozen=True, slots=True)
class Raw:
    """One table as it was found.

    Parameters
    ----------
    name
        Name of the table in `matcher.schema.tables`.
    place
        File, sheet or JSON pointer that the user knows it by.
    header
        Names of the columns as written; may hold duplicates and empty names.
    columns
        The cells, one series a column, of any type; text is not stripped yet.
    rows
        Where each row stands, as a spreadsheet shows it: the header is row 1.
    """

    name: str
    place: str
    header: tuple[str, ...]
    columns: tuple[pl.Series, ...]
    rows: pl.Series

    @classmethod
    def of_frame(cls, name: str, place: str, frame: pl.DataFrame) -> Raw:
        """A raw table from a frame whose first row is row 2."""
        return cls(
            name, place, tuple(frame.columns), tuple(frame.get_columns()), row_numbers(frame.height)
        )


@dataclass(frozen=True, slots=True)
class Typed:
    """One table with typed cells.

    Parameters
    ----------
    frame
        The columns of ``table.schema`` and ``row``. A cell that was empty or wrong is null.
    wrong
        By column, the rows whose cell is wrong or missing; a required column that is missing
        altogether is here without rows.
    """

    table: Table
    place: str
    frame: pl.DataFrame
    wrong: Mapping[str, pl.Series]


class Tables:
    """The typed tables, and which of them could not be read.

    Parameters
    ----------
    unknown
        Tables that are missing or could not be read: nothing can be concluded from them.
    """

    def __init__(self, tables: Mapping[str, Typed], unknown: Collection[str] = ()) -> None:
        self._tables = tables
        self._unknown = frozenset(unknown)

    def __getitem__(self, name: str) -> pl.DataFrame:
        return self._tables[name].frame

    def place(self, name: str) -> str:
        """What the user knows the table by."""
        return self._tables[name].place

    def key(self, name: str) -> str:
        """The first column of the table's key."""
        return self._tables[name].table.key[0]

    def wrong(self, name: str, column: str) -> pl.Expr:
        """Whether the cell of a row is wrong, which is an issue already, and therefore null."""
        rows = self._tables[name].wrong.get(column, pl.Series([], dtype=pl.Int64))
        return pl.col("row").is_in(rows.implode())

    def empty(self, name: str, column: str) -> pl.Expr:
        """Whether nothing is stated in the cell of a row."""
        return pl.col(column).is_null() & ~self.wrong(name, column)

    def known(self, *names: str) -> bool:
        """Whether all these tables could be read."""
        return self._unknown.isdisjoint(names)

    def cell(self, column: str) -> object:
        """The cell of the table ``network``, or ``None`` if it is wrong or missing."""
        frame = self["network"]
        return frame[column][0] if frame.height else None


def row_numbers(height: int) -> pl.Series:
    """2, 3, …: the rows below a header."""
    return pl.int_range(2, height + 2, dtype=pl.Int64, eager=True).alias("row")
