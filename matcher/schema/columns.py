"""What a table of a network is: columns with a kind, a unit, limits and a meaning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import polars as pl

Kind = Literal[
    "id",  # unique key of its table
    "ref",  # key of another table
    "text",
    "number",
    "integer",
    "flag",
    "date",
    "choice",
    "choices",  # several choices, separated by ";"
    "economy",  # ISO 3166-1 alpha-2
    "currency",  # ISO 4217
    "hs",  # 2 to 10 digits of the Harmonized System
    "standard",  # key of the standards catalogue, or of the network's own standards
    "standards",  # several standards, separated by ";"
]

_DTYPES: dict[str, pl.DataType] = {
    "number": pl.Float64(),
    "integer": pl.Int64(),
    "flag": pl.Boolean(),
    "date": pl.Date(),
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    A column that is not ``required`` may be left out or left empty in a row; the cell then holds
    ``default``, and ``None`` means "not stated". ``minimum`` and ``maximum`` are inclusive unless
    ``positive`` is set, which asks for a value above 0.
    """

    name: str
    kind: Kind
    meaning: str
    unit: str = ""
    required: bool = False
    default: float | int | bool | str | None = None
    ref: str = ""
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    positive: bool = False

    @property
    def dtype(self) -> pl.DataType:
        """The Polars type of the column once it has been read."""
        return _DTYPES.get(self.kind, pl.String())


@dataclass(frozen=True, slots=True)
class Table:
    """One table: its columns, and the columns that together identify a row (``key``)."""

    name: str
    meaning: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    required: bool = False

    @property
    def schema(self) -> dict[str, pl.DataType]:
        """Column name to Polars type, in order."""
        return {column.name: column.dtype for column in self.columns}

    def empty(self) -> pl.DataFrame:
        """The table without rows."""
        return pl.DataFrame(schema=self.schema)

    def __getitem__(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


def key_column(meaning: str, name: str) -> Column:
    """A column that identifies the rows of its table."""
    return Column(name, "id", meaning, required=True)


def reference(name: str, meaning: str, *, table: str = "", required: bool = True) -> Column:
    """A column that names a row of another table; ``table`` where the names differ."""
    return Column(name, "ref", meaning, required=required, ref=table or f"{name}s")
