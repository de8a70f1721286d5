"""A table as it was found, before anything is known to be right about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from matcher.tables import Table


@dataclass(frozen=True, slots=True)
class Raw:
    """One table as it was found.

    Parameters
    ----------
    name
        Name of the table in `matcher.tables`.
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
        return cls(name, place, tuple(frame.columns), tuple(frame.get_columns()),
                   row_numbers(frame.height))


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


def row_numbers(height: int) -> pl.Series:
    """2, 3, …: the rows below a header."""
    return pl.int_range(2, height + 2, dtype=pl.Int64, eager=True).alias("row")
