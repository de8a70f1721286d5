"""Writes ``docs/data-format.md`` from `matcher.schema.tables`; run it when these change."""

from __future__ import annotations

from pathlib import Path

from matcher.schema.columns import Column, Table
from matcher.schema.tables import EARLIEST, LATEST, TABLES
from matcher.validate.cells import LARGEST_NUMBER, limits
from matcher.validate.findings import CODES, LISTED_PER_COLUMN
from matcher.validate.rule_checks import USED

PAGE = Path(__file__).parent / "data-format.md"

_HEAD = f"""# Data format

<!-- Made by docs/make_data_format.py from matcher/tables.py and rule_tables.py. Change those, not
this page. -->

A network is one complete sourcing problem. It is read from, and written to, any of these:

| form | path | a table is | best for |
|---|---|---|---|
| CSV | a folder | a file, such as `demands.csv` | version control, scripts |
| Parquet | a folder | a file, such as `bids.parquet` | a million bids |
| XLSX | a workbook, `.xlsx` | a sheet, such as `demands` | people; `matcher template` makes one |
| JSON | a file, `.json` | a member: a list of rows, each an object | programs |

A folder may mix CSV and Parquet. Other files in it are passed over, and so is the sheet `Read me`
of a workbook. A CSV or Parquet file or a sheet with another name is left out with a warning; a name
very near to a table's is an error, since a misspelt table would drop its rows unseen.

## How cells are read

- The first row names the columns, in any order; capitals do not matter. An unknown column is an
  error. Rows and columns without any content are passed over.
- A cell is stripped of space at both ends. An **empty cell means "not stated"**: the default holds.
- **Numbers** have a decimal point and no thousands separators: `1234.5`, not `1,234.5` or `1234,5`.
  They are finite, and at most {LARGEST_NUMBER:.0e} in size.
- **Dates** are written `2026-12-31`, from {EARLIEST} to {LATEST}. Date cells of a workbook are
  understood, whatever their format.
- **Flags** are `true` or `false`; `yes`, `no`, `1` and `0` in any capitals are understood too.
- **Economies** are ISO 3166-1 alpha-2 codes, **currencies** ISO 4217 codes, in any capitals.
- **HS codes** are 2 to 10 digits; points and spaces in them are dropped. A code of 3, 5 or 7 digits
  is an error, because a spreadsheet that takes it for a number drops a zero.
- **Standards** are compared without case, space and edition: `ISO9001` is `iso 9001:2015`.
- **Several choices, standards or keys** in one cell are separated by `;`. In JSON they may be a
  list.
- **Ids** are compared as they are, capitals included. A whole number in a workbook or in JSON is
  the id without a decimal point: 7 is `7`.
- CSV and JSON are UTF-8, with or without a byte order mark; CSV is separated by commas.
- A text that begins with `=`, `+`, `-` or `@` is text. In a workbook it is written so that it stays
  text. A CSV file cannot say so: a spreadsheet program that opens one by a double click may take it
  for a formula, so import CSV files from others as text.

The order of rows, columns, files and sheets never matters: equal content gives an equal network
with an equal hash.
"""

_ISSUES = f"""## Issues

Everything that is wrong is reported at once, each with its file or sheet (in JSON a pointer such as
`/demands`), its row as a spreadsheet shows it (the header is row 1, in JSON and Parquet the first
row is row 2), column, value, and what would be right. At most {LISTED_PER_COLUMN:,} issues of one
kind are listed for a column; a line says how many more there are. Warnings do not stop the reading.
Those about the network as a whole are looked for once there is no error left.

| code | meaning |
|---|---|
"""


def page() -> str:
    """The whole page."""
    tables = "\n".join(_table(table) for table in TABLES)
    codes = "".join(f"| `{code}` | {meaning} |\n" for code, meaning in CODES.items())
    return f"{_HEAD}\n## Tables\n\n{_contents()}\n{tables}\n{_ISSUES}{codes}"


def _contents() -> str:
    rows = "".join(
        f"| [{table.name}](#{table.name}) | {'yes' if table.required else ''} | {table.meaning} |\n"
        for table in TABLES
    )
    return (
        f"| table | required | meaning |\n|---|---|---|\n{rows}\n"
        "Money without a stated currency is in the network's currency.\n"
    )


def _table(table: Table) -> str:
    rows = "".join(_row(column) for column in table.columns)
    key = ", ".join(f"`{name}`" for name in table.key)
    return (
        f"### {table.name}\n\n{table.meaning} "
        f"{'Required.' if table.required else 'Optional.'} Key: {key}.\n\n"
        "| column | kind | unit | limits | if empty | meaning |\n|---|---|---|---|---|---|\n"
        f"{rows}{_kinds() if table.name == 'rules' else ''}"
    )


def _kinds() -> str:
    """Which columns each kind of rule uses."""
    columns = ("measure", "min", "max", "split", "priority", "price")
    rows = ""
    for kind, used in USED.items():
        all_used = used if kind == "consistent" else (*used, "priority", "price")
        cells = " | ".join("yes" if column in all_used else "" for column in columns)
        rows += f"| `{kind}` | {cells} |\n"
    head = " | ".join(f"`{column}`" for column in columns)
    return (
        "\nEvery kind uses `scope`, `of`, `group` and `who`; of the rest it uses:\n\n"
        f"| kind | {head} |\n|---|{'---|' * len(columns)}\n{rows}"
    )


def _row(column: Column) -> str:
    kind = f"{column.kind} → [{column.ref}](#{column.ref})" if column.ref else column.kind
    bounds = ", ".join(f"`{choice}`" for choice in column.choices) or limits(column)
    return (
        f"| `{column.name}` | {kind} | {column.unit} | {bounds} | {_default(column)} | "
        f"{column.meaning} |\n"
    )


def _default(column: Column) -> str:
    if column.required:
        return "**required**"
    if column.default is None:
        return "not stated"
    return f"`{str(column.default).lower() if column.kind == 'flag' else column.default}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
