"""From one table as found to one with the columns of its schema, typed."""

from __future__ import annotations

import re
from dataclasses import replace

import polars as pl

from matcher.schema.columns import Column, Table
from matcher.suggestions import Nearest
from matcher.validate.cells import Parsed, Parser, as_text
from matcher.validate.findings import Findings, quoted
from matcher.validate.raw import Raw, Typed


def typed(raw: Raw, table: Table, parser: Parser, findings: Findings) -> Typed:
    """The table with every column of its schema; cells that are empty or wrong are null.

    Rows in which nothing is stated are left out, as spreadsheets often end in such rows.
    """
    cells, wrong = _columns(raw, table, findings)
    parsed = parser.parse(
        [column for column in table.columns if column.name in cells],
        pl.DataFrame(list(cells.values()), schema=list(cells)),
    )
    filled = pl.Series([False], dtype=pl.Boolean).new_from_index(0, raw.rows.len())
    for each in parsed.values():
        filled |= each.stated
    for column in table.columns:
        if column.name in parsed:
            rows = _faults(
                raw, column, cells[column.name], parsed[column.name], filled, parser, findings
            )
            if rows.len():
                wrong[column.name] = rows
        elif column.name in cells:
            wrong[column.name] = raw.rows
            findings.add(
                "wrong_type",
                raw.place,
                f"has cells of the type {cells[column.name].dtype}",
                f"store it as {column.dtype} or as text",
                column=column.name,
            )
    frame = pl.DataFrame([raw.rows.alias("row")]).with_columns(
        parsed[column.name].values.alias(column.name)
        if column.name in parsed
        else pl.lit(None, dtype=column.dtype).alias(column.name)
        for column in table.columns
    )
    if not filled.all():
        frame = frame.filter(filled)
    _row_count(raw, table, frame, findings)
    return Typed(table, raw.place, frame, wrong)


def absent(table: Table, place: str) -> Typed:
    """A table that was not given."""
    frame = table.empty().with_columns(row=pl.Series([], dtype=pl.Int64))
    return Typed(table, place, frame, {})


def _columns(
    raw: Raw, table: Table, findings: Findings
) -> tuple[dict[str, pl.Series], dict[str, pl.Series]]:
    """The cells by column name, and the required columns that are missing."""
    names = [column.name for column in table.columns]
    cells: dict[str, pl.Series] = {}
    unknown: list[tuple[str, pl.Series]] = []
    for written, series in zip(raw.header, raw.columns, strict=True):
        name = written.strip().casefold()
        if name in cells:
            findings.add(
                "duplicate_column",
                raw.place,
                "appears in the table twice",
                "keep one of the two",
                row=1,
                column=name,
                value=written.strip(),
            )
        elif name in names:
            cells[name] = series
        else:
            unknown.append((written.strip(), series))
    nearest = Nearest([name for name in names if name not in cells])
    for name, series in unknown:
        if name:
            findings.add(
                "unknown_column",
                raw.place,
                "is not a column of this table",
                _advice(name, table, nearest),
                row=1,
                column=name,
                value=name,
            )
        elif _has_content(series):
            findings.add(
                "unknown_column",
                raw.place,
                "a column without a name has cells in it",
                "name it in row 1, or delete it",
                row=1,
            )
    missing = {c.name for c in table.columns if c.required and c.name not in cells}
    if not raw.header and not raw.rows.len():  # such as an empty list in JSON
        missing.clear()
    for name in names:
        if name in missing:
            findings.add(
                "missing_column",
                raw.place,
                "is required and missing",
                f"add the column {name}: {table[name].meaning}",
                row=1,
                column=name,
            )
    return cells, {name: raw.rows.clear() for name in missing}


# Price breaks side by side, as quotations have them: qty_1, price 2, break3, from_1000 …
_BREAK = re.compile(r"(?:qty|quantity|from|from_quantity|break|tier|price|unit_price)[ _.-]?\d+")


def _advice(name: str, table: Table, nearest: Nearest) -> str:
    """What to do about a column that the table does not have."""
    if table.name == "bids" and _BREAK.fullmatch(name.casefold()):
        return (
            "give each price break a row of the table tiers, with the columns bid, from_quantity "
            "and price"
        )
    columns = ", ".join(column.name for column in table.columns)
    return nearest.fix(
        name,
        f"name it as one of the columns, or delete it if nothing in it matters; they are {columns}",
    )


def _has_content(series: pl.Series) -> bool:
    text = as_text(series)
    return text is None or text.is_not_null().any()


def _faults(
    raw: Raw,
    column: Column,
    cells: pl.Series,
    parsed: Parsed,
    filled: pl.Series,
    parser: Parser,
    findings: Findings,
) -> pl.Series:
    """Note every wrong and every missing cell of one column; the rows they stand in."""
    stated = parsed.stated
    has_gaps = column.required and int(stated.sum()) < int(filled.sum())
    if not parsed.has_wrong and not has_gaps:
        return raw.rows.clear()
    bad = stated & parsed.values.is_null()
    if bad.any():
        text = as_text(cells.filter(bad))
        assert text is not None, column.name
        hits = pl.DataFrame({"row": raw.rows.filter(bad), "text": text})
        for code, group in _by_code(hits, column, parser):
            findings.each(
                code,
                raw.place,
                group,
                lambda hit: ((fault := parser.fault(column, hit["text"])).problem, fault.fix),
                column=column.name,
                value="text",
            )
    gaps = filled & ~stated & column.required
    if gaps.any():
        findings.each(
            "missing_cell",
            raw.place,
            pl.DataFrame({"row": raw.rows.filter(gaps)}),
            lambda _: ("is required and empty", f"fill it in: {column.meaning}"),
            column=column.name,
        )
    return raw.rows.filter(bad | gaps)


def _by_code(hits: pl.DataFrame, column: Column, parser: Parser) -> list[tuple[str, pl.DataFrame]]:
    """The wrong cells, grouped by the code of what is wrong with them."""
    texts = hits["text"].unique(maintain_order=True)
    codes = pl.Series([parser.fault(column, text).code for text in texts], dtype=pl.String)
    coded = hits.with_columns(code=hits["text"].replace_strict(texts, codes))
    return [(str(code), group) for (code,), group in coded.group_by("code", maintain_order=True)]


def _row_count(raw: Raw, table: Table, frame: pl.DataFrame, findings: Findings) -> None:
    if table.required and frame.is_empty():
        findings.add(
            "empty_table",
            raw.place,
            "has no rows",
            f"add at least one; required columns: "
            f"{', '.join(c.name for c in table.columns if c.required)}",
        )
    if table.name == "network" and frame.height > 1:
        findings.add(
            "too_many_rows",
            raw.place,
            f"has {frame.height:,} rows",
            "keep one row; a network is one problem",
            row=int(frame["row"][1]),
        )


def check_keys(table: Typed, findings: Findings) -> None:
    """Note every row whose key was used before, naming both rows."""
    if table.frame.height < 2:
        return
    key = list(table.table.key)
    rows = table.frame.select("row", *key)
    for name in key:
        if name in table.wrong:  # a wrong cell has become null, which may be a value of the key
            rows = rows.filter(~pl.col("row").is_in(table.wrong[name].implode()))
        if table.table[name].required:
            rows = rows.filter(pl.col(name).is_not_null())
    keys = pl.struct(key) if len(key) > 1 else pl.col(key[0])
    if rows.select(keys.n_unique()).item() == rows.height:
        return
    hits = rows.with_columns(
        first=pl.col("row").min().over(key),
        text=pl.concat_str(
            [pl.col(name).cast(pl.String).fill_null("") for name in key], separator=" / "
        ),
    ).filter(pl.col("row") != pl.col("first"))
    single = len(key) == 1
    findings.each(
        "duplicate_id" if single else "duplicate_key",
        table.place,
        hits,
        lambda hit: (
            f"is already used in row {hit['first']}"
            if single
            else f"as {', '.join(key)} is already used in row {hit['first']}",
            f"keep row {hit['first']} or row {hit['row']}, or give one of them another "
            + (key[0] if single else "key"),
        ),
        column=key[0] if single else None,
        value="text",
    )


def check_references(
    tables: dict[str, Typed], unknown: set[str], findings: Findings
) -> dict[str, Typed]:
    """Note every id that stands in no row of the table it points to; such cells are wrong.

    Parameters
    ----------
    unknown
        Tables that could not be read; what points to them cannot be judged.
    """
    checked = {}
    for name, table in tables.items():
        frame, wrong = table.frame, dict(table.wrong)
        for column in table.table.columns:
            if column.kind == "ref" and column.ref not in unknown:
                dangling = _dangling(table, column.name, tables[column.ref], findings)
                if not dangling.any():
                    continue
                frame = frame.with_columns(pl.when(~dangling).then(column.name).alias(column.name))
                rows = frame["row"].filter(dangling)
                wrong[column.name] = pl.concat([wrong.get(column.name, rows.clear()), rows])
        checked[name] = replace(table, frame=frame, wrong=wrong)
    return checked


def _dangling(table: Typed, name: str, target: Typed, findings: Findings) -> pl.Series:
    """Which cells of one column point to nothing, each noted; empty if no cell is stated."""
    if table.frame[name].null_count() == table.frame.height:
        return pl.Series([], dtype=pl.Boolean)
    id_name = target.table.key[0]
    known = target.frame[id_name].drop_nulls()
    cell = pl.col(name)
    dangling = table.frame.select(
        cell.is_not_null() & ~cell.is_in(known.implode()).fill_null(value=False)
    ).to_series()
    if known.is_empty() and (target.table.required or id_name in target.wrong):
        return dangling  # the empty table or missing column is an issue already
    if dangling.any():
        names = known.unique().sort()
        nearest = Nearest(names)
        otherwise = f"add it to {target.place}" + (
            f", which has {quoted(names, 3)}" if names.len() else ""
        )
        findings.each(
            "dangling_id",
            table.place,
            table.frame.select("row", name).filter(dangling),
            lambda hit: (f"is not in {target.place}", nearest.fix(hit[name], otherwise)),
            column=name,
        )
    return dangling
