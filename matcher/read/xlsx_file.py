"""Reading one XLSX workbook: a sheet a table, the header in row 1."""

from __future__ import annotations

import html
import re
import zipfile
import zlib
from collections.abc import Callable
from datetime import datetime, time
from pathlib import Path

import polars as pl
from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetTypeEnum

from matcher.read.names import PLAN_SHEET, READ_ME, plan_given, table_name
from matcher.validate import Findings, Raw
from matcher.validate.findings import plain
from matcher.validate.raw import row_numbers

MAX_ENTRIES = 2_000
"""Most files within the archive; a workbook has a few for every sheet."""

MAX_UNPACKED_BYTES = 1 << 30
"""Most bytes that all files of the archive may unpack to."""

MAX_RATIO = 200
"""Most bytes that one packed byte may unpack to, in files over 1 MiB; sheets reach about 30."""

MAX_CELLS = 30_000_000
"""Most cells of a sheet, from A1 to its last row and column, empty ones included."""

_CELL = re.compile(rb"""\br\s*=\s*["']([A-Z]{0,9})([0-9]{1,9})["']""")
_ERROR_CELL = re.compile(
    rb"""<(?:\w+:)?c\b(?=[^>]*\bt\s*=\s*["']e["'])[^>]*\br\s*=\s*["']([A-Z]{1,3})([0-9]{1,7})["']"""
    rb"""[^>]*>(?:(?!</(?:\w+:)?c>).){0,400}?<(?:\w+:)?v>([^<]*)<""",
    re.DOTALL,
)
# A formula without a value: some programs write one, and it is read as an empty cell. An empty text
# (t="str") is a value.
_UNCALCULATED = re.compile(
    rb"""<(?:\w+:)?c\b(?![^>]*\bt\s*=\s*["'](?:str|e)["'])[^>]*\br\s*=\s*["']([A-Z]{1,3})([0-9]{1,7})["']"""
    rb"""[^>]*>\s*<(?:\w+:)?f\b(?:[^>]*/>|[^<]{0,400}</(?:\w+:)?f>)\s*"""
    rb"""(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v>\s*</(?:\w+:)?v>)?\s*</(?:\w+:)?c>"""
)
NOT_CALCULATED = "not calculated"
_TAG = r"<(?:\w+:)?{}\b[^>]*>"
_OVERLAP = 512
_CHUNK = 1 << 20


def read_xlsx(path: Path, findings: Findings, unread: set[str]) -> list[Raw]:
    """Every sheet that is a table; the sheet ``Read me`` and empty sheets are passed over."""
    is_plan = False

    def named(sheet: str, sheets: list[str]) -> str | None:
        nonlocal is_plan
        is_plan = PLAN_SHEET in sheets and "demands" not in map(str.casefold, sheets)
        return None if is_plan or sheet == READ_ME else table_name(sheet, sheet, findings)

    raws = read_sheets(path, named, findings, unread)
    if raws is None:
        return []
    if is_plan:
        plan_given(path.name, findings)
    elif not raws and not unread:
        findings.add(
            "no_tables",
            path.name,
            "has no sheet that is a table",
            "name a sheet for every table, as in the workbook of `matcher template`",
        )
    return raws


def read_sheets(
    path: Path, named: Callable[[str, list[str]], str | None], findings: Findings, unread: set[str]
) -> list[Raw] | None:
    """The sheets of a workbook that are tables; ``None``, with an issue, if it cannot be read.

    Parameters
    ----------
    named
        The name of the table that a sheet is, by its title among all titles; ``None`` if it is
        none.
    unread
        Takes the names of tables that are there but cannot be read.
    """
    errors = _inspected(path, findings)
    if errors is None:
        return None
    raws = []
    try:
        with CalamineWorkbook.from_path(path) as book:
            for meta in book.sheets_metadata:
                if meta.typ != SheetTypeEnum.WorkSheet:
                    continue
                sheet = book.get_sheet_by_name(meta.name)
                if sheet.end is None:
                    continue
                name = named(meta.name, book.sheet_names)
                if name is None:
                    continue
                _report_errors(meta.name, errors.get(meta.name, []), findings)
                raw = _table(name, sheet, findings)
                if raw is None or meta.name in errors:
                    unread.add(name)
                else:
                    raws.append(raw)
    except BaseException as error:
        # A parser that panics raises a class of its own, which is no Exception.
        if not isinstance(error, (CalamineError, ValueError, OSError)) and (
            type(error).__name__ != "PanicException"
        ):
            raise
        findings.add(
            "bad_xlsx",
            path.name,
            f"cannot be read: {str(error)[:200]}",
            "open it in a spreadsheet program and save it as .xlsx once more",
        )
        return None
    return raws


def _table(name: str, sheet: CalamineSheet, findings: Findings) -> Raw | None:
    rows = sheet.to_python(skip_empty_area=False)
    header = tuple(_text(cell) for cell in rows[0])
    if not any(cell.strip() for cell in header):
        findings.add(
            "missing_header",
            sheet.name,
            "has no column names in row 1",
            "write the column names there, or delete the sheet",
            row=1,
        )
        return None
    cells = [[_text(cell) for cell in column] for column in zip(*rows[1:], strict=True)]
    if not cells:
        cells = [[] for _ in header]
    return Raw(
        name,
        sheet.name,
        header,
        tuple(pl.Series(c, dtype=pl.String) for c in cells),
        row_numbers(len(rows) - 1),
    )


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ")
    return plain(value)


def _report_errors(sheet: str, cells: list[tuple[int, str, str]], findings: Findings) -> None:
    for row, column, value in cells:
        failed = value != NOT_CALCULATED
        findings.add(
            "error_cell",
            sheet,
            f"the formula in {column}{row} {'failed' if failed else 'has no value in the file'}",
            "correct the formula, or write a value"
            if failed
            else "open the workbook in a spreadsheet program and save it, or write a value",
            row=row,
            column=column,
            value=value if failed else None,
        )


def _inspected(path: Path, findings: Findings) -> dict[str, list[tuple[int, str, str]]] | None:
    """The failed formulas of each sheet; ``None`` if the archive is no workbook, or too big.

    The parser lays a sheet out as a full rectangle, and reads a formula that failed or was never
    calculated as an empty cell, so all are looked for here, before it runs.
    """
    with path.open("rb") as file:
        start = file.read(8)
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        findings.add(
            "bad_xlsx",
            path.name,
            "is an old .xls workbook or is protected by a password",
            "save it as .xlsx without a password",
        )
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            problem = _too_big(archive)
            if problem is None:
                failed = {
                    info.filename: found
                    for info in archive.infolist()
                    if (found := _scan(archive, info))
                }
                sheets = _sheet_files(archive) if failed else {}
    except _TooManyCellsError as error:
        problem = str(error)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        RuntimeError,
        KeyError,
        ValueError,
        OverflowError,
    ) as error:
        findings.add(
            "bad_xlsx",
            path.name,
            f"is not an XLSX workbook ({str(error)[:100]})",
            "open it in a spreadsheet program and save it as .xlsx",
        )
        return None
    if problem is not None:
        findings.add(
            "too_big",
            path.name,
            problem,
            "delete unused rows and columns, or give a folder of Parquet files",
        )
        return None
    return {sheets.get(filename, filename): found for filename, found in failed.items()}


class _TooManyCellsError(Exception):
    pass


def _too_big(archive: zipfile.ZipFile) -> str | None:
    infos = archive.infolist()
    if len(infos) > MAX_ENTRIES:
        return f"holds {len(infos):,} files; the limit is {MAX_ENTRIES:,}"
    size = sum(info.file_size for info in infos)
    if size > MAX_UNPACKED_BYTES:
        return f"unpacks to {size:,} bytes; the limit is {MAX_UNPACKED_BYTES:,}"
    for info in infos:
        if info.file_size > max(1 << 20, MAX_RATIO * info.compress_size):
            return (
                f"its {info.filename[:60]} unpacks to {info.file_size:,} bytes from "
                f"{info.compress_size:,}; the limit is {MAX_RATIO} to 1"
            )
    return None


def _scan(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> list[tuple[int, str, str]]:
    """The failed formulas of one file, if it is a sheet; raises if its rectangle is too big.

    Every file is unpacked once, which also proves its checksum and the size that it states.
    """
    is_sheet = "/worksheets/" in f"/{info.filename}" and info.filename.endswith(".xml")
    failed: dict[tuple[int, str], str] = {}
    last_row = last_column = 1
    tail = b""
    with archive.open(info) as file:
        while chunk := file.read(_CHUNK):
            if not is_sheet:
                continue
            text = tail + chunk
            for letters, digits in set(_CELL.findall(text)):
                last_row = max(last_row, int(digits))
                last_column = max(last_column, _column_number(letters))
            if last_row * last_column > MAX_CELLS:
                raise _TooManyCellsError(
                    f"its {info.filename[:60]} spans {last_row:,} rows and {last_column:,} "
                    f"columns; the limit is {MAX_CELLS:,} cells"
                )
            for letters, digits in _UNCALCULATED.findall(text):
                failed[int(digits), letters.decode()] = NOT_CALCULATED
            for letters, digits, value in _ERROR_CELL.findall(text):
                failed[int(digits), letters.decode()] = value.decode(errors="replace")
            tail = text[-_OVERLAP:]
    return [(row, column, value) for (row, column), value in sorted(failed.items())]


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _sheet_files(archive: zipfile.ZipFile) -> dict[str, str]:
    """File name within the archive to sheet name."""
    relations = {
        found["Id"]: found["Target"]
        for found in _tags(archive, "xl/_rels/workbook.xml.rels", "Relationship")
        if "Id" in found and "Target" in found
    }
    return {
        f"xl/{relations[found['id']].removeprefix('/xl/')}": found["name"]
        for found in _tags(archive, "xl/workbook.xml", "sheet")
        if found.get("id") in relations and "name" in found
    }


def _tags(archive: zipfile.ZipFile, filename: str, tag: str) -> list[dict[str, str]]:
    """The attributes, without name spaces, of every tag of that name."""
    text = archive.read(filename).decode("utf-8", errors="replace")
    return [
        {
            name: html.unescape(value)
            for name, _, value in re.findall(r"""(\w+)\s*=\s*(["'])(.*?)\2""", found)
        }
        for found in re.findall(_TAG.format(tag), text)
    ]
