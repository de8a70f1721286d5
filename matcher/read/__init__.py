"""Reading a network from a folder, a workbook, a JSON file, or frames in memory.

Every format comes down to raw tables (`matcher.validate.Raw`), and one validation turns these into
a network or into a list of everything that is wrong with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from matcher.errors import InputError
from matcher.network import Network
from matcher.read.csv_file import read_csv
from matcher.read.json_file import read_json
from matcher.read.names import table_name
from matcher.read.parquet_file import read_parquet
from matcher.read.xlsx_file import read_xlsx
from matcher.suggestions import Nearest
from matcher.validate import Findings, Raw, validated

__all__ = ["network_from_tables", "raw_tables", "read"]

_OF_FOLDER = {".csv": read_csv, ".parquet": read_parquet}
_OF_FILE = {".xlsx": read_xlsx, ".json": read_json}


def read(path: str | Path) -> Network:
    """Read a network and check all of it.

    Parameters
    ----------
    path
        A folder of CSV or Parquet files, one a table; an XLSX workbook, one sheet a table; or a
        JSON file. ``docs/data-format.md`` describes the tables.

    Returns
    -------
    Network
        Sorted, with defaults filled in; ``warnings`` holds what is worth a look.

    Raises
    ------
    InputError
        With every issue that was found.

    Examples
    --------
    >>> import matcher
    >>> network = matcher.read("examples/first-steps")
    >>> network.name, network.currency, network.bids.height
    ('Example', 'USD', 3)
    """
    findings = Findings()
    raws, unread = raw_tables(path, findings)
    return validated(raws, findings, unread)


def raw_tables(path: str | Path, findings: Findings) -> tuple[list[Raw], set[str]]:
    """The tables at a path as found, and the names of those that are there but cannot be read.

    Parameters
    ----------
    path
        As of `read`.
    findings
        Takes what is wrong with files and tables; nothing is said about their cells yet.

    Raises
    ------
    InputError
        There is nothing to go on with.
    """
    path = Path(path)
    unread: set[str] = set()
    try:
        if path.is_dir():
            raws = _read_folder(path, findings, unread)
        elif not path.exists():
            _no_such_path(path, findings)
            raws = []
        elif path.suffix.lower() in _OF_FILE:
            raws = _OF_FILE[path.suffix.lower()](path, findings, unread)
        else:
            _unknown_format(path, findings)
            raws = []
    except (OSError, ValueError) as error:  # ValueError: a path that no file system can hold
        findings.add(
            "unreadable",
            _shown(path),
            f"cannot be opened: {_reason(error)}",
            "check that the file exists and can be read",
        )
        raws = []
    if not raws and findings.issues and not unread:
        raise InputError(findings.listed({}))
    return raws, unread


def network_from_tables(tables: Mapping[str, pl.DataFrame]) -> Network:
    """Build a network from frames in memory, by the same checks as a file.

    Parameters
    ----------
    tables
        Table name to frame. Cells may be typed, or text as in a CSV file.

    Returns
    -------
    Network

    Raises
    ------
    InputError
        With every issue that was found; row 2 is the first row of a frame.

    Examples
    --------
    >>> import matcher
    >>> network = matcher.read("examples/first-steps")
    >>> tables = {name: network.table(name) for name in (
    ...     "network", "lead_firms", "places", "components", "standards", "requirements",
    ...     "demands", "suppliers", "certificates", "bids", "rates")}
    >>> matcher.network_from_tables(tables).demands.height
    2
    """
    findings = Findings()
    raws = []
    for given, frame in tables.items():
        name = table_name(given, given, findings)
        if name is not None:
            raws.append(Raw.of_frame(name, given, frame))
    return validated(raws, findings)


def _read_folder(folder: Path, findings: Findings, unread: set[str]) -> list[Raw]:
    raws = []
    found = False
    for path in sorted(folder.iterdir()):
        suffix = path.suffix.lower()
        if suffix not in _OF_FOLDER or path.name.startswith(".") or path.is_dir():
            continue
        name = table_name(path.stem, path.name, findings)
        if name is None:
            continue
        found = True
        try:
            raw = _OF_FOLDER[suffix](path, name, findings)
        except OSError as error:
            findings.add(
                "unreadable",
                path.name,
                f"cannot be opened: {_reason(error)}",
                "check that the file exists and can be read",
            )
            raw = None
        if raw is None:
            unread.add(name)
        else:
            raws.append(raw)
    if not found:
        inside = [path.name for path in sorted(folder.iterdir()) if path.suffix in _OF_FILE]
        findings.add(
            "no_tables",
            _shown(folder),
            "contains no tables, such as demands.csv or demands.parquet",
            f"give the path of {' or '.join(inside)} itself"
            if inside
            else "give a folder with one CSV or Parquet file a table; `matcher template` makes one",
        )
    return raws


def _no_such_path(path: Path, findings: Findings) -> None:
    parent = path.parent
    near = None
    if parent.is_dir():
        near = Nearest(sorted(each.name for each in parent.iterdir())).find(path.name)
    findings.add(
        "no_such_path",
        _shown(path),
        "does not exist",
        f"did you mean {parent / near}?" if near else "check the path",
    )


def _unknown_format(path: Path, findings: Findings) -> None:
    suffix = path.suffix.lower()
    if suffix in _OF_FOLDER:
        fix = f"give the folder that holds it: {path.parent}"
    elif suffix in (".xls", ".xlsm", ".xlsb", ".ods"):
        fix = "open it in a spreadsheet program and save it as .xlsx"
    else:
        fix = "give a folder of .csv or .parquet files, an .xlsx workbook or a .json file"
    findings.add(
        "unknown_format",
        path.name,
        f"has the suffix '{path.suffix}'" if suffix else "has no suffix",
        fix,
    )


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()


def _shown(path: Path) -> str:
    """The path as an issue shows it: what cannot be encoded is escaped."""
    return str(path).encode("utf-8", "backslashreplace").decode()
