"""Reading a plan: JSON, a CSV of awards, or the sheet of awards of a workbook."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl

from matcher.errors import InputError, Issue
from matcher.plan import AWARD_SCHEMA, Plan, plan_from_dict
from matcher.read.xlsx_file import read_sheets
from matcher.reference.standards import standards
from matcher.schema.columns import Column, Table
from matcher.schema.tables import BY_NAME, MODES
from matcher.suggestions import Nearest
from matcher.validate import Findings, Raw
from matcher.validate.cells import Parser
from matcher.validate.columns import typed

AWARDS = Table(
    "awards",
    "The columns of a workbook's sheet of awards that are read; a plan computes all others anew.",
    (
        Column("demand", "ref", "What is awarded.", required=True, ref="demands"),
        Column("bid", "ref", "Who makes it, and at what price.", required=True, ref="bids"),
        Column(
            "mode",
            "choice",
            "How it travels; empty: the cheapest that arrives in time.",
            choices=MODES,
        ),
        Column(
            "tier",
            "integer",
            "1 is the bid's own price, 2 its first price break; empty: the one that the quantity "
            "reaches.",
            minimum=1,
        ),
        Column("quantity", "number", "How much.", unit="units", required=True, positive=True),
    ),
    key=("demand", "bid", "mode", "tier"),
)
_NEAR = 0.8
"""Similarity from which a column is a misspelt one of `AWARDS`, not a computed one."""


def read_plan(path: str | Path) -> Plan:
    r"""Read a plan: JSON, a CSV of awards, or a workbook as `matcher.report` writes it.

    A CSV has at least the columns ``demand``, ``bid`` and ``quantity``. Of a workbook the columns
    of `AWARDS` in the sheet ``Awards`` are read, and nothing else: figures that no longer fit what
    a person has changed are not held against the plan.

    Raises
    ------
    InputError
        The file is missing, not a plan, or has faulty values; all of them are listed.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "plan.csv"
    >>> _ = path.write_text("demand,bid,quantity\nD1,B1,2000\n")
    >>> read_plan(path).awards.height
    1
    """
    path = Path(path)
    try:
        if path.suffix.lower() == ".xlsx":
            return _from_workbook(path)
        if path.suffix.lower() == ".csv":
            return _from_csv(path)
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        problem, fix = error.strerror or str(error), "give the path of a plan that can be read"
        raise _unread("unreadable", path, problem, fix) from None
    except UnicodeDecodeError as error:
        problem = f"byte {error.start} is not UTF-8"
        raise _unread("wrong_encoding", path, problem, "save it as UTF-8") from None
    except json.JSONDecodeError as error:
        raise _unread("bad_json", path, error.msg, _FORMS, row=error.lineno) from None
    except (RecursionError, ValueError) as error:  # a number of thousands of digits
        problem = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise _unread("bad_json", path, problem, _FORMS) from None
    return plan_from_dict(document, path.name)


_FORMS = "give a plan as JSON, a .csv of awards, or an .xlsx of 'matcher report'"


def _unread(code: str, path: Path, problem: str, fix: str, *, row: int | None = None) -> InputError:
    return InputError([Issue(code=code, table=str(path), row=row, problem=problem, fix=fix)])


def _from_workbook(path: Path) -> Plan:
    findings, unread = Findings(), set[str]()

    def named(sheet: str, _: list[str]) -> str | None:
        return AWARDS.name if sheet.strip().casefold() == AWARDS.name else None

    raws = read_sheets(path, named, findings, unread)
    if raws == [] and not unread:
        findings.add(
            "no_tables",
            path.name,
            "has no sheet Awards",
            "give a workbook of 'matcher report', or one with a sheet Awards that has the columns "
            "demand, bid and quantity",
        )
    parser = Parser(standards(BY_NAME["standards"].empty())[0])
    tables = [typed(_only_read(raw), AWARDS, parser, findings) for raw in raws or ()]
    if findings.issues:
        raise InputError(findings.listed({}))
    awards = [table.frame.drop("row") for table in tables]
    return Plan(awards=pl.concat([pl.DataFrame(schema=AWARD_SCHEMA), *awards], how="diagonal"))


def _only_read(raw: Raw) -> Raw:
    """The columns that are read, or look like a misspelt one of them that is not there."""
    written = [name.strip().casefold() for name in raw.header]
    missing = Nearest([name for name in AWARDS.schema if name not in written])
    kept = [
        i
        for i, name in enumerate(written)
        if name in AWARDS.schema or missing.find(name, cutoff=_NEAR)
    ]
    return Raw(
        raw.name,
        raw.place,
        tuple(written[i] for i in kept),
        tuple(raw.columns[i] for i in kept),
        raw.rows,
    )


# long: every way in which a CSV of awards can be wrong
def _from_csv(path: Path) -> Plan:
    text = path.read_bytes().decode("utf-8-sig")
    try:
        frame = pl.read_csv(text.encode(), infer_schema=False) if text.strip() else pl.DataFrame()
    except pl.exceptions.PolarsError as error:
        problem = str(error).split("\n")[0]
        fix = "give a comma-separated file with a header"
        raise InputError(
            [Issue(code="bad_csv", table=path.name, problem=problem, fix=fix)]
        ) from None
    names = [name.strip().casefold() for name in frame.columns]
    missing = [name for name in ("demand", "bid", "quantity") if name not in names]
    nearest = Nearest([name for name in AWARD_SCHEMA if name not in names])
    issues = [
        Issue(
            code="unknown_column",
            table=path.name,
            row=1,
            column=name,
            value=name,
            problem="is not known here",
            fix=fix,
        )
        for name in dict.fromkeys(names)
        if name not in AWARD_SCHEMA and len(missing) < 3  # else it is no header at all
        for fix in [nearest.fix(name, "delete it; see docs/plan-format.md")]
    ]
    fix = "row 1 names the columns, separated by commas: demand,bid,quantity"
    issues += [
        Issue(
            code="missing_column",
            table=path.name,
            row=1,
            column=name,
            problem="is required and missing",
            fix=fix,
        )
        for name in missing
    ]
    issues += [
        Issue(
            code="duplicate_column",
            table=path.name,
            row=1,
            column=name,
            value=name,
            problem="appears twice",
            fix="keep one",
        )
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    if issues:
        raise InputError(issues)
    rows = [
        {
            name: cell.strip()
            for name, cell in zip(names, row, strict=True)
            if cell is not None and cell.strip()
        }
        for row in frame.iter_rows()
    ]
    while rows and not rows[-1]:  # spreadsheets often end in empty rows
        rows.pop()
    return plan_from_dict({"awards": rows}, path.name)
