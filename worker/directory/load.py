"""Entries of the directory from the tables of one file, all checked at once as one network.

A file holds the tables of a network, or those of some kinds of entries: suppliers, requests, rules,
and the shared tables, which come all together. What it leaves out is filled in while it is checked:
shared tables from the store, and of the rest a row of nobody's. Its demands go to the requests that
they name, as ``request:demand``; one that names none goes to the request called as its lead firm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import get_args

import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from matcher.errors import InputError
from matcher.network import Network
from matcher.read import raw_tables
from matcher.schema.rules import keys_of, listed
from matcher.validate import Findings, Raw, validated
from matcher.validate.cells import as_text
from worker import access, directory
from worker.access import Caller
from worker.directory import KEY, TABLES_OF, Entry, Kind, Rows, Standing, Tables
from worker.directory import check as entry_check
from worker.directory.fill import beside, texts_of
from worker.store.models import DirectoryEntry

_OF_LEAD_FIRM = ("demands", "requirements")
_KEPT = {"rule": pl.String, "owner": pl.String}
_NOBODY = "(nobody)"


class NotTheirs(Exception):
    """The caller may not write these tables at all."""

    def __init__(self, tables: Sequence[str]) -> None:
        self.tables = tables
        super().__init__(", ".join(tables))


@dataclass(frozen=True, slots=True)
class Ground:
    """What a file is checked against, as plain JSON values.

    Parameters
    ----------
    kinds
        What the caller may write.
    lead_firm, supplier
        Whom the caller speaks for, if for one.
    shared
        The shared tables of the store, as the caller may see them.
    taken
        Keys of requests and rules that the caller must not see, by kind.
    rules
        Key to lead firm of the rules that stay a lead firm's.
    suppliers
        Key and owner of the suppliers of the directory.
    plant_of
        The lead firm whose own plant the one supplier is, if it is one.
    """

    kinds: Sequence[Kind]
    lead_firm: str | None
    supplier: str | None
    shared: Tables | None
    taken: Mapping[str, Sequence[str]]
    rules: Mapping[str, str]
    suppliers: Rows
    plant_of: str | None


def ground(session: Session, caller: Caller) -> tuple[Ground, dict[Kind, Standing]]:
    """What a file of this caller is checked against, and how that stands now."""
    shared = directory.shared_tables(session, caller.tenant_id)
    plant_of = None
    if caller.only_supplier is not None:
        plant_of = entry_check.plant_of(session, caller, caller.only_supplier)
    if shared is not None and not caller.sees_all:
        shared = directory.shared_for(caller, shared)
        if caller.only_supplier is not None:
            shared["lead_firms"] = [{"lead_firm": plant_of or _NOBODY}]
    visible = set(session.scalars(select(DirectoryEntry.id).where(access.entries_of(caller))))
    taken: dict[str, list[str]] = {"request": [], "rule": []}
    rules = {}
    for entry_id, kind, key, lead_firm in session.execute(
        select(
            DirectoryEntry.id, DirectoryEntry.kind, DirectoryEntry.key, DirectoryEntry.lead_firm
        ).where(DirectoryEntry.tenant_id == caller.tenant_id, DirectoryEntry.kind.in_(taken))
    ):
        if entry_id not in visible:
            taken[kind].append(key)
        elif kind == "rule" and lead_firm is not None:
            rules[key] = lead_firm
    standing: dict[Kind, Standing] = {
        kind: directory.standing(session, caller.tenant_id, kind) for kind in get_args(Kind)
    }
    kinds = [kind for kind in TABLES_OF if caller.may(_action(kind))]
    suppliers = [] if caller.only_supplier else entry_check.suppliers(session, caller.tenant_id)
    return Ground(
        kinds,
        caller.owner or None,
        caller.only_supplier,
        shared,
        taken,
        rules,
        suppliers,
        plant_of,
    ), standing


def _action(kind: Kind) -> str:
    return "shared.write" if kind == "shared" else f"{kind}s.write"


def entries(path: Path, on: Ground) -> list[Entry]:
    """The entries that the file at ``path`` makes, if all of them hold.

    Raises
    ------
    NotTheirs
        The file holds tables that the caller may not write.
    InputError
        With every issue, each with its place in the file.
    """
    findings = Findings()
    found, unread = raw_tables(path, findings)
    raws = [raw for raw in found if _has_rows(raw)]
    given = {raw.name for raw in raws} | unread
    kinds = {kind for kind, names in TABLES_OF.items() if not given.isdisjoint(names)}
    refused = [name for kind in TABLES_OF if kind not in on.kinds for name in TABLES_OF[kind]]
    if not given.isdisjoint(refused):
        raise NotTheirs([name for name in refused if name in given])
    if not kinds:
        findings.add("no_tables", path.name, "holds no row", "give a table of docs/data-format.md")
        raise InputError(findings.listed({}))
    tables = {raw.name: raw for raw in reversed(raws)}
    demands = _demands(tables.get("demands"), on, findings)
    _check_owners(tables, demands, on, findings)
    asked = _bids_for_demands(tables)
    around = beside(path, tables, given, kinds, on.shared, on.suppliers)
    try:
        network = validated([*raws, *around], findings, unread)
    except InputError as error:
        places = {raw.place for raw in around} - {raw.place for raw in raws}
        own = [issue for issue in error.issues if issue.table not in places]
        is_own = any(issue.severity == "error" for issue in own)
        raise InputError(own if is_own else error.issues) from None
    return _entries(network, given, kinds, demands, asked, on)


def _has_rows(raw: Raw) -> bool:
    """Whether anything is stated; a sheet that was left empty counts as left out."""
    texts = (as_text(cells) for cells in raw.columns)
    return any(cells is None or cells.null_count() < cells.len() for cells in texts)


def _demands(raw: Raw | None, on: Ground, findings: Findings) -> pl.DataFrame:
    """Of each demand of the file, the request that it goes to and its name in there."""
    parts = pl.col("demand").str.splitn(":", 2).struct
    frame = texts_of(raw, "demand", "lead_firm").drop_nulls("demand").with_columns(
        request=pl.when(pl.col("demand").str.contains(":", literal=True))
        .then(parts.field("field_0"))
        .otherwise("lead_firm"),
        within=pl.coalesce(parts.field("field_1"), parts.field("field_0")),
    )  # fmt: skip
    if raw is None:
        return frame
    findings.each(
        "bad_key",
        raw.place,
        frame.filter(~pl.col("request").str.contains(KEY) | (pl.col("within") == "")),
        lambda hit: (
            f"goes to the request '{hit['request']}', which cannot be called so",
            "write request:demand, with a request that has no ':' or '/' and no '.' at its start",
        ),
        column="demand",
    )
    findings.each(
        "duplicate_id",
        raw.place,
        frame.filter(pl.col("demand").n_unique().over("request", "within") > 1),
        lambda hit: (
            f"is called '{hit['within']}' in the request '{hit['request']}' like another one",
            "give one of them another demand, or another request",
        ),
        column="demand",
    )
    findings.each(
        "other_owner",
        raw.place,
        frame.with_columns(first=pl.col("lead_firm").first().over("request")).filter(
            pl.col("lead_firm") != pl.col("first")
        ),
        lambda hit: (
            f"goes to the request '{hit['request']}' of {hit['first']}",
            "write request:demand, with a request of this lead firm alone",
        ),
        column="lead_firm",
    )
    _check_taken("request", raw, frame, on, findings, shown="demand")
    return frame


def _check_taken(
    kind: Kind, raw: Raw, frame: pl.DataFrame, on: Ground, findings: Findings, shown: str
) -> None:
    findings.each(
        "other_owner",
        raw.place,
        frame.filter(pl.col(kind).is_in(on.taken.get(kind, ()))),
        lambda hit: (f"is part of the {kind} '{hit[kind]}' of another owner", "rename it"),
        column=shown,
    )


def _check_owners(
    tables: Mapping[str, Raw], demands: pl.DataFrame, on: Ground, findings: Findings
) -> None:
    """Note rows that are not the caller's, and what cannot be an entry or a part of one."""
    for owner, column, names in (
        (on.lead_firm, "lead_firm", _OF_LEAD_FIRM),
        (on.supplier, "supplier", entry_check.OF_SUPPLIER),
    ):
        for raw in (tables[name] for name in names if owner is not None and name in tables):
            findings.each(
                "other_owner",
                raw.place,
                texts_of(raw, column)
                .filter(pl.col(column) != owner)
                .with_columns(owner=pl.lit(owner)),
                lambda hit: (f"is not {hit['owner']}", "leave out the rows of others"),
                column=column,
            )
    for kind, name in (("supplier", "suppliers"), ("rule", "rules")):
        if name in tables:
            findings.each(
                "bad_key",
                tables[name].place,
                texts_of(tables[name], kind).filter(~pl.col(kind).str.contains(KEY)),
                lambda _: ("cannot be a key", "write it without ':' and '/' and no '.' first"),
                column=kind,
            )
    if on.supplier is not None and "suppliers" in tables:
        findings.each(
            "other_owner",
            tables["suppliers"].place,
            texts_of(tables["suppliers"], "lead_firm").filter(
                pl.col("lead_firm") != pl.lit(on.plant_of or "")
            ),
            lambda _: ("is not the supplier's to state", "leave it out; the agency states it"),
            column="lead_firm",
        )
    if "rules" in tables:
        _check_rules(tables["rules"], demands, on, findings)


def _check_rules(raw: Raw, demands: pl.DataFrame, on: Ground, findings: Findings) -> None:
    """Note the rules of a lead firm that would limit more than is its own."""
    rules = texts_of(raw, "rule", "scope", "of").with_columns(pl.col("scope").str.to_lowercase())
    _check_taken("rule", raw, rules, on, findings, shown="rule")
    kept = pl.DataFrame({"rule": list(on.rules), "owner": list(on.rules.values())}, _KEPT)
    owned = rules.join(kept, on="rule", how="left").with_columns(
        pl.col("owner").fill_null(pl.lit(on.lead_firm, pl.String))
    ).drop_nulls("owner")  # fmt: skip
    is_scope = pl.col("scope").is_in(entry_check.SCOPES_OF_LEAD_FIRM)
    findings.each(
        "other_owner",
        raw.place,
        owned.filter(~is_scope),
        lambda hit: (
            f"is not {hit['owner']}'s to limit",
            f"choose the scope {' or '.join(entry_check.SCOPES_OF_LEAD_FIRM)}",
        ),
        column="scope",
    )
    findings.each(
        "missing_cell",
        raw.place,
        owned.filter(is_scope, pl.col("of").is_null()),
        lambda hit: (
            f"is required and empty: each {hit['scope']} of all is not {hit['owner']}'s",
            "name what is its own",
        ),
        column="of",
    )
    whose = demands.select(key="demand", whose="lead_firm").unique("key")
    limited = pl.when(pl.col("scope") == "demand").then("whose").otherwise("key")
    findings.each(
        "other_owner",
        raw.place,
        listed(owned.filter(is_scope), "of")
        .join(whose, on="key", how="left")
        .filter(limited != pl.col("owner")),
        lambda hit: (f"is not {hit['owner']}'s", "name what is its own"),
        column="of",
        value="key",
    )


def _bids_for_demands(tables: Mapping[str, Raw]) -> dict[str, str]:
    """The demand that a bid is for, of those that are for one."""
    frame = texts_of(tables.get("bids"), "bid", "demand").drop_nulls()
    return dict(zip(frame["bid"], frame["demand"], strict=True))


def _entries(
    network: Network,
    given: set[str],
    kinds: set[Kind],
    demands: pl.DataFrame,
    asked: Mapping[str, str],
    on: Ground,
) -> list[Entry]:
    """The rows of the network, each with the entry that it belongs to."""
    full = demands.select("demand", pl.format("{}:{}", "request", "within"))
    names = dict(full.iter_rows())
    made = []
    if "shared" in kinds:
        shared = {n: _rows(network.table(n)) for n in TABLES_OF["shared"] if n in given}
        made.append(Entry("shared", directory.SHARED_KEY, None, shared))
    if "supplier" in kinds:
        asked = {bid: names.get(demand, demand) for bid, demand in asked.items()}
        made += _suppliers(network, given, asked, on.plant_of)
    if "request" in kinds:
        made += _requests(network, demands)
    if "rule" in kinds:
        for row in _rows(network.rules):
            if row["scope"] == "demand" and "of" in row:
                row["of"] = ";".join(names[key] for key in keys_of(row["of"]))
            lead_firm = on.rules.get(row["rule"], on.lead_firm)
            made.append(Entry("rule", row["rule"], lead_firm, {"rules": [row]}))
    return made


def _suppliers(
    network: Network, given: set[str], asked: Mapping[str, str], plant_of: str | None
) -> list[Entry]:
    made = {row["supplier"]: Entry("supplier", row["supplier"], None, {"suppliers": [row]})
            for row in _rows(network.suppliers)}  # fmt: skip
    if plant_of is not None:
        for entry in made.values():
            entry.tables["suppliers"][0]["lead_firm"] = plant_of
    whose = {
        column: dict(frame.select(column, "supplier").iter_rows())
        for column, frame in (("bid", network.bids), ("resource", network.resources))
    }
    for name in TABLES_OF["supplier"]:
        if name == "suppliers" or name not in given:
            continue
        for row in _rows(network.table(name)):
            of = next(column for column in ("supplier", "bid", "resource") if column in row)
            supplier = row["supplier"] if of == "supplier" else whose[of][row[of]]
            made[supplier].tables.setdefault(name, []).append(row)
            if name == "bids" and row["bid"] in asked:
                row["demand"] = asked[row["bid"]]
    return list(made.values())


def _requests(network: Network, demands: pl.DataFrame) -> list[Entry]:
    """Requests with their demands, and the standards asked of the components in them."""
    made: dict[str, Entry] = {}
    asked = network.demands.join(demands.select("demand", "request", "within"), on="demand")
    for row in _rows(asked):
        request, row["demand"] = row.pop("request"), row.pop("within")
        entry = made.setdefault(
            request, Entry("request", request, row["lead_firm"], {"demands": []})
        )
        entry.tables["demands"].append(row)
    of_all = pl.col("asks").is_null() | (pl.col("asks") == pl.col("lead_firm"))
    required = (
        asked.select("request", "lead_firm", "component")
        .join(network.requirements.rename({"lead_firm": "asks"}), on="component")
        .filter(of_all)
        .select("request", "component", "standard", "lead_firm")
        .unique()
        .sort("request", "component", "standard")
    )
    for row in _rows(required):
        made[row.pop("request")].tables.setdefault("requirements", []).append(row)
    return list(made.values())


def _rows(frame: pl.DataFrame) -> Rows:
    """The rows as JSON values, without what they do not state."""
    return [
        {
            column: cell.isoformat() if isinstance(cell, date) else cell
            for column, cell in row.items()
            if cell is not None
        }
        for row in frame.iter_rows(named=True)
    ]
