"""Reading one JSON file: an object with a member for each table, which is a list of rows."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import polars as pl

from matcher.read.names import PLAN_FORMAT, plan_given, table_name
from matcher.validate import Findings, Raw
from matcher.validate.findings import plain
from matcher.validate.raw import row_numbers

_SHAPE = 'write {"network": {…}, "demands": [{…}, …], …}, a row as an object of its cells'


_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class _Twice(dict[str, Any]):
    """An object in which names stand twice; the last value would win in silence."""

    names: list[str]


def read_json(path: Path, findings: Findings, unread: set[str]) -> list[Raw]:
    """Every table of the file; issues name the table as a JSON pointer."""
    content = _parsed(path, findings)
    if content is None:
        return []
    if not isinstance(content, dict):
        findings.add("bad_json", path.name, "is not an object at the top level", _SHAPE)
        return []
    for name in getattr(content, "names", ()):
        findings.add(
            "duplicate_table",
            path.name,
            "appears twice at the top level",
            "keep one of the two",
            value=name,
        )
    if str(content.get("format")).startswith(PLAN_FORMAT):
        plan_given(path.name, findings)
        return []
    raws = []
    for member, rows in content.items():
        name = table_name(member, f"/{member}", findings)
        if name is None:
            continue
        raw = _table(name, f"/{member}", [rows] if isinstance(rows, dict) else rows, findings)
        if raw is None:
            unread.add(name)
        else:
            raws.append(raw)
    if not content:
        findings.add("no_tables", path.name, "contains no tables", _SHAPE)
    return raws


def _parsed(path: Path, findings: Findings) -> object:
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
        parsed = json.loads(text, object_pairs_hook=_object)
        if _SURROGATE.search(text):  # half of a pair cannot be encoded
            json.dumps(parsed, ensure_ascii=False).encode()
    except UnicodeDecodeError as error:
        findings.add(
            "wrong_encoding",
            path.name,
            f"is not UTF-8 at byte {error.start:,} (counted from 0)",
            "save it as UTF-8",
            value=f"0x{content[error.start]:02x}",
        )
    except UnicodeEncodeError:
        findings.add(
            "wrong_encoding",
            path.name,
            "holds half of a surrogate pair",
            "write the character itself, or both halves",
        )
    except json.JSONDecodeError as error:
        findings.add(
            "bad_json",
            path.name,
            f"line {error.lineno}, column {error.colno}: {error.msg.lower()}",
            "correct the JSON there",
            row=None,
        )
    except RecursionError:
        findings.add("bad_json", path.name, "is nested too deeply", _SHAPE)
    except ValueError as error:  # a whole number of thousands of digits
        findings.add("bad_json", path.name, str(error).lower(), "write a number that fits")
    else:
        return parsed
    return None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    twice = _Twice(members)
    seen: set[str] = set()
    twice.names = [name for name, _ in pairs if name in seen or seen.add(name)]  # type: ignore[func-returns-value]
    return twice


def _table(name: str, place: str, rows: object, findings: Findings) -> Raw | None:
    if not isinstance(rows, list):
        findings.add("bad_json", place, "is not a list of rows", _SHAPE)
        return None
    sound = True
    columns: dict[str, list[str | None]] = {}
    for i, cells in enumerate(rows):
        if not isinstance(cells, dict):
            findings.add("bad_json", place, "is not an object", _SHAPE, row=i + 2)
            sound = False
            continue
        for twice in getattr(cells, "names", ()):
            findings.add(
                "duplicate_column",
                place,
                "appears in the row twice",
                "keep one of the two",
                row=i + 2,
                column=twice,
            )
            sound = False
        for column, value in cells.items():
            texts = columns.setdefault(column, [])
            texts.extend([None] * (i - len(texts)))
            try:
                texts.append(_text(value))
            except TypeError:
                findings.add(
                    "wrong_type",
                    place,
                    "is an object, not a cell value",
                    "write a text, number, true, false or null",
                    row=i + 2,
                    column=column,
                )
                sound = False
    if not sound:
        return None
    for texts in columns.values():
        texts.extend([None] * (len(rows) - len(texts)))
    return Raw(
        name,
        place,
        tuple(columns),
        tuple(pl.Series(texts, dtype=pl.String) for texts in columns.values()),
        row_numbers(len(rows)),
    )


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list):
        return ";".join(_text(part) or "" for part in value)
    if isinstance(value, dict):
        raise TypeError
    return plain(value)
