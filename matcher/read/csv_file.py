"""Reading one CSV file: UTF-8, commas, a header; every cell is text."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import polars as pl

from matcher.validate import Findings, Raw
from matcher.validate.raw import row_numbers

ROWS_AT_ONCE = 50_000
"""Rows turned into columns at a time, which bounds the memory for Python strings."""

CELL_CHARACTERS = 131_072
"""Longest cell; a longer one is a quote that was never closed."""

_OTHER_ENCODINGS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)


def read_csv(path: Path, name: str, findings: Findings) -> Raw | None:
    """The table as text cells; ``None``, with issues, if it cannot be read."""
    with path.open("rb") as file:
        start = file.read(4)
    for mark, encoding in _OTHER_ENCODINGS:
        if start.startswith(mark):
            findings.add(
                "wrong_encoding",
                path.name,
                f"is {encoding}",
                "save it as CSV UTF-8",
                value=mark.hex(" "),
            )
            return None
    csv.field_size_limit(CELL_CHARACTERS)
    row = 0
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, [])
            if not _is_header(header, path.name, findings):
                return None
            row = 1
            parts: list[list[pl.Series]] = [[] for _ in header]
            sound = True
            for rows in _chunks(reader):
                sound &= _even(rows, len(header), row + 1, path.name, findings)
                row += len(rows)
                if sound:
                    for part, cells in zip(parts, zip(*rows, strict=True), strict=True):
                        part.append(pl.Series(cells, dtype=pl.String))
    except UnicodeDecodeError:
        _wrong_encoding(path, findings)
        return None
    except csv.Error as error:
        findings.add(
            "bad_csv",
            path.name,
            f"cannot be split into cells after row {row}: {error}",
            "close every quote, and double a quote within quotes",
            row=None,
        )
        return None
    if not sound:
        return None
    columns = tuple(pl.concat(part) if part else pl.Series([], dtype=pl.String) for part in parts)
    return Raw(name, path.name, tuple(header), columns, row_numbers(row - 1))


def _chunks(reader: Iterator[list[str]]) -> Iterator[list[list[str]]]:
    while rows := list(islice(reader, ROWS_AT_ONCE)):
        yield rows


def _even(rows: list[list[str]], width: int, first: int, place: str, findings: Findings) -> bool:
    """Whether every row has ``width`` cells; an empty line counts as a row of empty cells."""
    sound = True
    for i, cells in enumerate(rows):
        if len(cells) == width:
            continue
        if not any(cell.strip() for cell in cells):
            rows[i] = [""] * width
            continue
        sound = False
        findings.add(
            "ragged_row",
            place,
            f"has {len(cells)} cells, but the header has {width}",
            "quote cells that hold a comma, and write a comma for every empty cell",
            row=first + i,
        )
    return sound


def _is_header(header: list[str], place: str, findings: Findings) -> bool:
    if not any(cell.strip() for cell in header):
        findings.add(
            "missing_header",
            place,
            "has no column names in row 1",
            "write the column names in row 1, or delete the file",
            row=1,
        )
        return False
    for separator, called in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if len(header) == 1 and separator in header[0]:
            findings.add(
                "wrong_separator",
                place,
                f"is separated by {called}",
                "save it as CSV with commas (and a decimal point)",
                row=1,
                value=header[0][:60],
            )
            return False
    return True


def _wrong_encoding(path: Path, findings: Findings) -> None:
    """Name the first byte that is not UTF-8."""
    content = path.read_bytes()
    try:
        content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # With a byte order mark, the position is counted behind it.
        at = error.start + (3 if content.startswith(codecs.BOM_UTF8) else 0)
        findings.add(
            "wrong_encoding",
            path.name,
            f"is not UTF-8 at byte {at:,} (counted from 0)",
            "save it as CSV UTF-8",
            row=content.count(b"\n", 0, at) + 1,
            value=f"0x{content[at]:02x}",
        )
