"""Faults planted into a sound network, and how to see that reading names them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from matcher.errors import InputError, Issue
from matcher.read import read
from matcher.write.example import example_tables

Rows = dict[str, list[dict[str, object]]]


def sound() -> Rows:
    """The example network as rows of text; ``None`` where nothing is stated."""
    return {
        name: frame.with_columns(pl.all().cast(pl.String)).to_dicts()
        for name, frame in example_tables().items()
        if frame.height
    }


def as_folder(tables: Rows, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    for name, rows in tables.items():
        pl.DataFrame(rows, schema_overrides=dict.fromkeys(rows[0], pl.String)).write_csv(
            folder / f"{name}.csv"
        )
    return folder


def issues_of(path: Path) -> list[Issue]:
    """All issues of what is read, errors or warnings."""
    try:
        return list(read(path).warnings)
    except InputError as error:
        return list(error.issues)


@dataclass(frozen=True)
class Plant:
    """A fault, and the one issue that it must lead to."""

    code: str
    edit: Callable[[Rows], object]
    table: str
    row: int | None
    column: str | None
    value: str | None
    fix: str

    def __str__(self) -> str:
        return f"{self.code}-{self.value}"

    def is_named(self, folder: Path) -> None:
        """The example with the fault has that issue, with its place, and no other error."""
        tables = sound()
        self.edit(tables)
        issue = only(issues_of(as_folder(tables, folder)), self.code)
        assert (issue.table, issue.row, issue.column, issue.value) == (
            self.table,
            self.row,
            self.column,
            self.value,
        )
        assert self.fix in issue.fix


def put(table: str, row: int, **cells: str | None) -> Callable[[Rows], object]:
    """Set cells of a row, numbered as a spreadsheet does."""
    return lambda tables: tables[table][row - 2].update(cells)


def add(table: str, **cells: str) -> Callable[[Rows], object]:
    """Append a row that is like the first but for these cells."""

    def edit(tables: Rows) -> None:
        first = tables.get(table, [{}])[0]
        tables.setdefault(table, []).append({**dict.fromkeys(first), **cells})

    return edit


def rename(table: str, old: str, new: str) -> Callable[[Rows], object]:
    def edit(tables: Rows) -> None:
        tables[table] = [
            {new if name == old else name: cell for name, cell in row.items()}
            for row in tables[table]
        ]

    return edit


def drop(table: str, column: str) -> Callable[[Rows], object]:
    return lambda tables: [row.pop(column) for row in tables[table]]


def both(*edits: Callable[[Rows], object]) -> Callable[[Rows], object]:
    return lambda tables: [edit(tables) for edit in edits]


def only(found: list[Issue], code: str) -> Issue:
    """The one issue of a code; no other error may stand beside it."""
    of_code = [issue for issue in found if issue.code == code]
    assert len(of_code) == 1, found
    others = {issue.code for issue in found if issue.severity == "error"} - {code}
    assert not others, found
    return of_code[0]
