"""From the cells of one column, as found, to typed ones; and what is wrong with a cell."""

from __future__ import annotations

import calendar
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from matcher.reference.economies import CURRENCIES, ECONOMIES
from matcher.reference.standards import Standards
from matcher.schema.columns import Column
from matcher.schema.tables import EARLIEST, LATEST
from matcher.suggestions import Nearest

LARGEST_NUMBER = 1e15
"""Numbers beyond this are refused: they are mistakes, and doubles no longer count units."""

FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}

_NUMBERS = ("number", "integer")
_CONTROL = r"[\x00-\x08\x0b-\x1f\x7f\x{fffe}\x{ffff}]"
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:([,'’ \u00a0\u202f])\d{3})(?:\1\d{3})*(?:\.\d+)?")
_CONTINENTAL = re.compile(r"[+-]?\d{1,3}(?:\.\d{3})*,\d+")
_ISO_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_OTHER_DATE = re.compile(r"(\d{1,4})[-/. ](\d{1,2})[-/. ](\d{1,4})(?:[T ].*)?")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a cell, and what would be right."""

    code: str
    problem: str
    fix: str


def as_text(cells: pl.Series) -> pl.Series | None:
    """The cells as stripped text, empty ones null; ``None`` if their type has no text."""
    text = _text(pl.col("cells"), cells.dtype)
    if text is None:
        return None
    return _with_plain_breaks(cells.to_frame("cells").select(text))["cells"].rename(cells.name)


def _text(cells: pl.Expr, kind: pl.DataType) -> pl.Expr | None:
    """The same as an expression, carriage returns left in."""
    if kind == pl.Null:
        return cells.cast(pl.String)
    if isinstance(kind, pl.List) and not kind.inner.is_nested():
        cells = cells.cast(pl.List(pl.String)).list.join(";", ignore_nulls=True)
    elif kind.is_float():
        whole = (cells == cells.floor()) & (cells.abs() < LARGEST_NUMBER)
        digits = cells.cast(pl.Int64, strict=False).cast(pl.String)
        cells = pl.when(whole).then(digits).otherwise(cells.cast(pl.String))
    elif isinstance(kind, pl.Datetime):
        cells = cells.dt.to_string("iso").str.replace(r"[ T]00:00:00(\.0+)?$", "")
    elif not (
        kind.is_numeric()
        or isinstance(kind, (pl.String, pl.Categorical, pl.Enum))
        or kind in (pl.Boolean, pl.Date, pl.Time)
    ):
        return None
    cells = cells.cast(pl.String).str.strip_chars()
    return pl.when(cells != "").then(cells)


def _with_plain_breaks(text: pl.DataFrame) -> pl.DataFrame:
    """Text with line feeds for the carriage returns of other systems, which are rare."""
    if not text.width:
        return text
    has_return = text.select(pl.all().str.contains("\r", literal=True).any())
    names = [name for name, (found,) in has_return.to_dict(as_series=False).items() if found]
    return text.with_columns(
        pl.col(name)
        .str.replace_all("\r\n", "\n", literal=True)
        .str.replace_all("\r", "\n", literal=True)
        for name in names
    )


@dataclass(frozen=True, slots=True)
class Parsed:
    """Typed cells of a column, and which of them are stated.

    A cell that is stated but null is wrong; `Parser.fault` says why.
    """

    values: pl.Series
    stated: pl.Series

    @property
    def has_wrong(self) -> bool:
        """Whether any cell is stated but null."""
        return int(self.stated.sum()) > self.values.len() - self.values.null_count()


class Parser:
    """Turns the cells of any column into typed ones.

    Parameters
    ----------
    standards
        The catalogue with the network's own standards.
    """

    def __init__(self, standards: Standards) -> None:
        self._standards = standards
        self._near_economy = Nearest([*ECONOMIES, *ECONOMIES.values()])
        self._near_currency = Nearest([*CURRENCIES, *CURRENCIES.values()])
        self._near_standard = Nearest(standards.standards)
        self._faults: dict[tuple[Column, str], Fault] = {}
        self._one: dict[str, Callable[[Column, str], object]] = {
            "flag": _flag,
            "date": _date,
            "choice": _choice,
            "choices": _choices,
            "hs": _hs,
            "economy": self._economy,
            "currency": self._currency,
            "standard": self._standard,
            "standards": self._standards_list,
        }

    def parse(self, columns: Sequence[Column], cells: pl.DataFrame) -> dict[str, Parsed]:
        """The columns of a table, typed; ``cells`` has one of each column's name.

        A column is left out if it is of a type that no cell can be read from.
        """
        if cells.is_empty():
            nothing = pl.Series([], dtype=pl.Boolean)
            return {each.name: Parsed(pl.Series([], dtype=each.dtype), nothing) for each in columns}
        typed: dict[str, pl.Expr] = {}
        texts: dict[str, pl.Expr] = {}
        for column in columns:
            kind, cell = cells.schema[column.name], pl.col(column.name)
            if column.kind in _NUMBERS and kind.is_numeric():
                typed[column.name] = _in_range(column, cell.cast(pl.Float64))
            elif column.kind == "flag" and kind == column.dtype:
                typed[column.name] = cell
            elif column.kind == "date" and kind == column.dtype:
                typed[column.name] = pl.when(cell.is_between(EARLIEST, LATEST)).then(cell)
            elif (told := _text(cell, kind)) is not None:
                texts[column.name] = told
        text = _with_plain_breaks(cells.select(**texts))
        read: dict[str, pl.Expr] = {}
        looked_up: dict[str, pl.Series] = {}
        for column in columns:
            if column.name not in texts:
                continue
            cell = pl.col(column.name)
            if column.kind in _NUMBERS:
                read[column.name] = _in_range(column, cell.cast(pl.Float64, strict=False))
            elif column.kind in ("text", "id", "ref"):
                read[column.name] = pl.when(~cell.str.contains(_CONTROL)).then(cell)
            else:
                looked_up[column.name] = self._look_up(column, text[column.name])
        values = {
            **cells.select(**typed).to_dict(),
            **text.select(**read).to_dict(),
            **looked_up,
        }
        stated = {
            **cells.select(pl.col(list(typed)).is_not_null()).to_dict(),
            **text.select(pl.all().is_not_null()).to_dict(),
        }
        return {name: Parsed(each, stated[name]) for name, each in values.items()}

    def _look_up(self, column: Column, text: pl.Series) -> pl.Series:
        """Cells of which each distinct text is understood once."""
        if text.null_count() == text.len():
            return text.cast(column.dtype)
        one = self._one[column.kind]
        found = [value for value in text.unique().to_list() if value is not None]
        read = [one(column, value) for value in found]
        values = pl.Series([None if isinstance(v, Fault) else v for v in read], dtype=column.dtype)
        return text.replace_strict(found, values, default=None, return_dtype=column.dtype)

    def fault(self, column: Column, text: str) -> Fault:
        """Why ``text`` is wrong in ``column``."""
        if (column, text) not in self._faults:
            self._faults[column, text] = self._fault(column, text)
        return self._faults[column, text]

    def _fault(self, column: Column, text: str) -> Fault:
        if column.kind in _NUMBERS:
            return _number_fault(column, text)
        if column.kind in ("text", "id", "ref"):
            return Fault(
                "control_character", f"contains a control character: {text!a}", "delete it"
            )
        found = self._one[column.kind](column, text)
        if not isinstance(found, Fault):
            raise AssertionError(f"{text!r} is right in {column.name}")
        return found

    def _economy(self, _: Column, text: str) -> str | Fault:
        return economy(text, self._near_economy)

    def _currency(self, _: Column, text: str) -> str | Fault:
        return _coded(
            text,
            CURRENCIES,
            self._near_currency,
            Fault(
                "unknown_currency",
                "is not a currency",
                "write its ISO 4217 code, such as USD",
            ),
        )

    def _standard(self, _: Column, text: str) -> str | Fault:
        index = self._standards.index(text)
        if index is not None:
            return self._standards.standards[index]
        return Fault(
            "unknown_standard",
            "is neither in the catalogue of standards nor in the table standards",
            self._near_standard.fix(text, "add it to the table standards"),
        )

    def _standards_list(self, column: Column, text: str) -> str | Fault:
        return _several(text, lambda part: self._standard(column, part))


def economy(text: str, nearest: Nearest) -> str | Fault:
    """The code of the economy that ``text`` is; ``nearest`` knows the codes and the names."""
    return _coded(
        text,
        ECONOMIES,
        nearest,
        Fault(
            "unknown_economy",
            "is not an economy",
            "write its ISO 3166-1 alpha-2 code, such as VN",
        ),
    )


def _coded(text: str, codes: Mapping[str, str], nearest: Nearest, fault: Fault) -> str | Fault:
    """The code that ``text`` is; a name is not taken for its code, but leads to the advice."""
    if text.upper() in codes:
        return text.upper()
    near = nearest.find(text, cutoff=0.75)
    if near is None:
        return fault
    code = next((code for code, name in codes.items() if name == near), near)
    return Fault(fault.code, fault.problem, f"did you mean {code}? Otherwise {fault.fix}")


def _several(text: str, one: Callable[[str], object]) -> str | Fault:
    """The parts between semicolons, each made canonical, sorted and without duplicates."""
    parts = [one(part.strip()) for part in text.split(";") if part.strip()]
    faults = [part for part in parts if isinstance(part, Fault)]
    return faults[0] if faults else ";".join(sorted({str(part) for part in parts}))


def _flag(_: Column, text: str) -> bool | Fault:
    flag = FLAGS.get(text.lower())
    return (
        flag
        if flag is not None
        else Fault("wrong_type", "is not true or false", "write true or false")
    )


def _choice(column: Column, text: str) -> str | Fault:
    known = {choice.casefold(): choice for choice in column.choices}
    if text.casefold() in known:
        return known[text.casefold()]
    return Fault(
        "unknown_choice",
        f"is not one of {', '.join(column.choices)}",
        Nearest(column.choices).fix(text, "write one of them"),
    )


def _choices(column: Column, text: str) -> str | Fault:
    return _several(text, lambda part: _choice(column, part))


def _hs(_: Column, text: str) -> str | Fault:
    digits = re.sub(r"[.\s]", "", text)
    if not re.fullmatch(r"[0-9]{2,10}", digits):
        return Fault(
            "wrong_hs",
            "is not a code of the Harmonized System",
            "write 2 to 10 digits, such as 8542 or 8542.31",
        )
    if len(digits) in (3, 5, 7):
        return Fault(
            "wrong_hs",
            f"has {len(digits)} digits, which no HS code has",
            f"a spreadsheet may have dropped a zero: write '0{digits}' or '{digits}0' as text",
        )
    return digits


def _date(_: Column, text: str) -> date | Fault:
    iso = _ISO_DATE.fullmatch(text)
    if iso is None:
        return Fault("wrong_date", "is not a date in the form yyyy-mm-dd", _date_advice(text))
    year, month, day = (int(part) for part in iso.groups())
    if not 1 <= month <= 12:
        return Fault(
            "impossible_date", f"has the month {month}", "write yyyy-mm-dd, month 01 to 12"
        )
    last = calendar.monthrange(max(year, 1), month)[1]
    if not 1 <= day <= last:
        return Fault(
            "impossible_date",
            f"does not exist: {calendar.month_name[month]} {year} has {last} days",
            f"write a day from 01 to {last}",
        )
    if year < 1 or not EARLIEST <= date(year, month, day) <= LATEST:
        return Fault("out_of_range", "is out of range", f"write a date from {EARLIEST} to {LATEST}")
    return date(year, month, day)


def _date_advice(text: str) -> str:
    """What a date in another notation was probably meant to be."""
    if re.fullmatch(r"[0-9]{5}", text):
        # Excel counts days from 1899-12-30; 32874 is 1990-01-01.
        day = date(1899, 12, 30) + timedelta(days=int(text))
        return f"it may be Excel's number for {day}: format the column as a date, or write {day}"
    other = _OTHER_DATE.fullmatch(text)
    candidates: set[date] = set()
    if other is not None:
        a, b, c = (int(part) for part in other.groups())
        for year, month, day_of_month in ((a, b, c), (c, b, a), (c, a, b)):
            if (
                year >= 1900
                and 1 <= month <= 12
                and 1 <= day_of_month <= calendar.monthrange(year, month)[1]
            ):
                candidates.add(date(year, month, day_of_month))
    return "write " + (" or ".join(str(day) for day in sorted(candidates)) or "it as 2026-12-31")


def _in_range(column: Column, values: pl.Expr) -> pl.Expr:
    """The values, null where they are not finite, out of range, or not whole though they must."""
    good = values.is_finite() & (values.abs() <= LARGEST_NUMBER)
    if column.positive:
        good &= values > 0
    if column.minimum is not None:
        good &= values >= column.minimum
    if column.maximum is not None:
        good &= values <= column.maximum
    if column.kind == "integer":
        good &= values == values.floor()
    plain = pl.when(values == 0).then(0.0).otherwise(values)  # -0.0 becomes 0.0
    return pl.when(good).then(plain).cast(column.dtype)


def limits(column: Column) -> str:
    """The limits of a number in words, such as ``above 0 and at most 1``; may be empty."""
    parts = []
    if column.positive:
        parts.append("above 0")
    elif column.minimum is not None:
        parts.append(f"at least {column.minimum:,.15g}")
    if column.maximum is not None:
        parts.append(f"at most {column.maximum:,.15g}")
    return " and ".join(parts)


def _number_fault(column: Column, text: str) -> Fault:
    try:
        number = float(text) if "_" not in text else None
    except ValueError:
        number = None
    if number is None:
        return _notation_fault(text)
    if math.isnan(number) or math.isinf(number):
        return Fault(
            "not_finite",
            "is not a finite number",
            "write a number, or leave the cell empty" if not column.required else "write a number",
        )
    if column.kind == "integer" and number != math.floor(number):
        return Fault(
            "wrong_type",
            "is not a whole number",
            f"write {math.floor(number)} or {math.ceil(number)}",
        )
    within = limits(column)
    if not within or abs(number) > LARGEST_NUMBER:
        within = f"from -{LARGEST_NUMBER:.0e} to {LARGEST_NUMBER:.0e}"
    unit = f" ({column.unit})" if column.unit else ""
    return Fault("out_of_range", f"is not {within}{unit}", f"write a number {within}")


def _notation_fault(text: str) -> Fault:
    """Why a text that is no number in our notation is none, and how it may be written."""
    grouped = _GROUPED.fullmatch(text)
    if grouped:
        plain = text.replace(grouped[1], "")
        doubt = ""
        if text.count(",") == 1 and "." not in text:
            doubt = f" (or {text.replace(',', '.')}, if the comma marks the decimals)"
        return Fault("number_format", "contains a thousands separator", f"write {plain}{doubt}")
    if _CONTINENTAL.fullmatch(text) or re.fullmatch(r"[+-]?\d+,\d+", text):
        plain = text.replace(".", "").replace(",", ".")
        return Fault("number_format", "contains a decimal comma", f"write {plain}")
    if re.fullmatch(r"[+-]?\d+(\.\d+)?\s*%", text):
        share = float(text.rstrip("% ")) / 100
        return Fault("number_format", "contains a percent sign", f"write {share:.12g}")
    return Fault(
        "wrong_type", "is not a number", "write digits with a decimal point, without a unit"
    )
