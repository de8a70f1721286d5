"""What a file of entries is read together with, so that its tables make a network.

Shared tables come from the directory; of the rest a row of nobody's stands in, and with it what the
file names and leaves out.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

import polars as pl

from matcher.read.json_file import read_json
from matcher.schema.rules import listed
from matcher.validate import Findings, Raw
from matcher.validate.cells import as_text
from worker.directory import Kind, Rows, Tables
from worker.directory import check as entry_check


def texts_of(raw: Raw | None, *columns: str) -> pl.DataFrame:
    """Rows of a table, and some of its columns as text, all empty if they are not there."""
    rows = pl.Series("row", [], dtype=pl.Int64) if raw is None else raw.rows
    empty = pl.Series([None] * rows.len(), dtype=pl.String)
    header = [] if raw is None else [name.strip().casefold() for name in raw.header]
    frame = {"row": rows}
    for column in columns:
        cells = None
        if raw is not None and column in header:
            cells = as_text(raw.columns[header.index(column)])
        frame[column] = empty if cells is None else cells
    return pl.DataFrame(frame)


def beside(
    path: Path,
    tables: Mapping[str, Raw],
    given: Collection[str],
    kinds: Collection[Kind],
    shared: Tables | None,
    suppliers: Rows,
) -> list[Raw]:
    """What a network needs beside the tables of the file at ``path``.

    Parameters
    ----------
    given, kinds
        The tables that the file holds, and the kinds of entries that it makes.
    shared
        The shared tables of the directory.
    suppliers
        Key and owner of its suppliers.
    """
    firsts: Tables = {"suppliers": _first(tables.get("suppliers"), "supplier")}
    made: list[Raw] = []
    if "shared" not in kinds and shared is not None:
        stored = path.with_name("shared.json")
        stored.write_text(json.dumps(_without_suppliers(shared, firsts)), encoding="utf-8")
        made = [
            replace(raw, place=f"the directory's {raw.name}")
            for raw in read_json(stored, Findings(), set())
        ]
    there = {raw.name: raw for raw in made} | dict(tables)
    for name, column in (
        ("network", "currency"),
        ("lead_firms", "lead_firm"),
        ("places", "place"),
        ("components", "component"),
    ):
        firsts[name] = _first(there.get(name), column)
    last = texts_of(there.get("periods"), "last")["last"].drop_nulls()
    firsts["periods"] = [{"last": each} for each in last]
    for kind, name in (("request", "demands"), ("supplier", "suppliers"), (None, "bids")):
        if kind not in kinds and name not in given:
            rows = _stand_ins(name, firsts, tables, suppliers)
            firsts.setdefault(name, []).extend(rows)
            schema = {column: pl.String for row in rows for column in row}
            cells = [
                {column: None if cell is None else str(cell) for column, cell in row.items()}
                for row in rows
            ]
            made.append(Raw.of_frame(name, name, pl.DataFrame(cells, schema)))
    return made


def _first(raw: Raw | None, column: str) -> Rows:
    """A row with the first cell of a column that is not empty; none if there is none."""
    return [{column: cell} for cell in texts_of(raw, column)[column].drop_nulls().head(1)]


def _without_suppliers(shared: Tables, firsts: Tables) -> Tables:
    """Stored shared tables for a file that need not hold the suppliers that they name."""
    supplier = firsts["suppliers"][0]["supplier"] if firsts["suppliers"] else entry_check.PROBE
    consortia = [{**row, "lead": supplier} for row in shared.get("consortia", ())]
    return {**shared, "consortia": consortia, "incumbents": []}


def _stand_ins(name: str, firsts: Tables, tables: Mapping[str, Raw], suppliers: Rows) -> Rows:
    """A row of nobody's, and with it the demands or suppliers that the file names and leaves out.

    Demands are made up, as the true ones may be closed now, or somebody else's secret.
    """
    row = entry_check.probe(name, firsts)
    if name == "demands":
        bids = texts_of(tables.get("bids"), "demand", "component").drop_nulls("demand")
        named = bids.unique("demand", keep="first", maintain_order=True)
        return [row, *({**row, **bid} for bid in named.drop("row").to_dicts())]
    if name == "suppliers":
        rows = {
            table: texts_of(tables.get(table), column).rename({column: "key"})
            for table, column in (("incumbents", "supplier"), ("consortia", "lead"))
        } | {"rules": listed(texts_of(tables.get("rules"), "who"), "who")}
        keys = {key for frame in rows.values() for key in frame["key"].drop_nulls()}
        named_too = [each for each in suppliers if keys & set(each.values())]
        return [row, *({**row, **each} for each in named_too)]
    return [row]
