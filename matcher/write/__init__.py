"""Writing a network to a folder, a workbook or a JSON file, and an empty form to fill in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import polars as pl
from xlsxwriter.exceptions import XlsxWriterException

from matcher.errors import InputError, Issue
from matcher.network import Network
from matcher.schema.tables import TABLES
from matcher.write.example import example_tables
from matcher.write.workbook import write_workbook

__all__ = ["Format", "template", "write"]

Format = Literal["csv", "parquet", "xlsx", "json"]

_SUFFIXES: dict[str, Format] = {".xlsx": "xlsx", ".json": "json"}
_NO_FOLDERS = (".csv", ".parquet", ".xls", ".xlsm", ".xlsb", ".ods")


def write(network: Network, path: str | Path, *, format: Format | None = None) -> None:
    """Write a network so that reading it again gives an equal one.

    Every table is written, also one without rows, so that no table of an older network is left
    behind in a folder that is used again. A text that begins with ``=``, ``+``, ``-`` or ``@`` is
    text in a workbook, never a formula. A CSV file cannot say so: open a CSV from others by an
    import of text, not by a double click.

    Parameters
    ----------
    path
        A folder, or a file with the suffix ``.xlsx`` or ``.json``. What is there is replaced.
    format
        By default what the suffix says, and a folder of CSV files for all else.

    Raises
    ------
    InputError
        If the path cannot be written to.
    LimitError
        If a table has more rows, or a cell more characters, than a worksheet can hold.

    Examples
    --------
    >>> import matcher, tempfile, pathlib
    >>> network = matcher.read("examples/first-steps")
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "network.xlsx"
    >>> matcher.write(network, path)
    >>> matcher.read(path) == network
    True
    """
    _write(
        {table.name: network.table(table.name) for table in TABLES}, Path(path), format, guide=False
    )


def template(path: str | Path, *, example: bool = True) -> None:
    """Write a form to fill in: a workbook, or a folder of CSV files.

    The workbook explains every column in a note, marks the required ones, offers choices in
    drop-down lists and begins with a sheet ``Read me``, which reading passes over.

    Parameters
    ----------
    path
        A file with the suffix ``.xlsx``; anything else becomes a folder of CSV files.
    example
        Whether to fill in a tiny network, valid and invented, to be replaced.

    Raises
    ------
    InputError
        If the path cannot be written to.

    Examples
    --------
    >>> import matcher, tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "network.xlsx"
    >>> matcher.template(path)
    >>> matcher.read(path).name
    'Example'
    """
    path = Path(path)
    tables = example_tables() if example else {table.name: table.empty() for table in TABLES}
    _write(tables, path, "xlsx" if path.suffix.lower() == ".xlsx" else "csv", guide=True)


def _write(
    tables: dict[str, pl.DataFrame], path: Path, format: Format | None, *, guide: bool
) -> None:
    suffix = path.suffix.lower()
    format = format or _SUFFIXES.get(suffix, "csv")
    if format in ("csv", "parquet") and suffix in _NO_FOLDERS:
        raise InputError(
            [
                Issue(
                    code="unknown_format",
                    table=str(path),
                    problem=f"has the suffix '{suffix}'",
                    fix="give a folder, or a file with the suffix .xlsx or .json",
                )
            ]
        )
    try:
        if format in ("csv", "parquet"):
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
        if format == "xlsx":
            write_workbook(tables, path, guide=guide)
        elif format == "json":
            path.write_text(_json(tables), encoding="utf-8")
        else:
            for name, frame in tables.items():
                _write_file(frame, path / f"{name}.{format}", format)
    except (OSError, XlsxWriterException) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise InputError(
            [
                Issue(
                    code="unwritable",
                    table=str(path),
                    problem=f"cannot be written: {reason}",
                    fix="check the path, and close the file if it is open elsewhere",
                )
            ]
        ) from error


def _write_file(frame: pl.DataFrame, path: Path, format: Format) -> None:
    with path.open("wb") as file:
        if format == "parquet":
            frame.write_parquet(file)
        else:
            frame.write_csv(file)


def _json(tables: dict[str, pl.DataFrame]) -> str:
    """One row a line; empty cells and empty tables are left out."""
    members = []
    for name, frame in tables.items():
        if frame.is_empty():
            continue
        rows = ",\n    ".join(
            json.dumps(
                {column: cell for column, cell in row.items() if cell is not None},
                ensure_ascii=False,
                default=str,
            )
            for row in frame.iter_rows(named=True)
        )
        members.append(f'  "{name}": [\n    {rows}\n  ]')
    return "{\n" + ",\n".join(members) + "\n}\n"
