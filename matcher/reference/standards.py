"""The standards: a shipped catalogue, a network's own, and which one satisfies which."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from types import MappingProxyType
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from matcher.errors import Issue
from matcher.reference._files import frozen, load
from matcher.schema.tables import STANDARD_CLASSES

_EDITION: Final = re.compile(
    r"(?:(?:(?<=\d)[\s\-_./:,]+|\s*:\s*)(?:19|20)\d\d(?:\s*/\s*(?:amd|cor|a)\s*\d+(?::\d{4})?)?)+\s*$"
)
_ADOPTION: Final = re.compile(r"^(?:(?:din|bs|nf|uni|une|sn|en)[\s\-]+)+(?=iso(?![a-z]))")
_JOINT: Final = re.compile(r"^iso[\s/\-]+(?:iec|ts)(?![a-z])")
_BETWEEN_DIGITS: Final = re.compile(r"(?<=\d)[\s\-_./:,]+(?=\d)")
_SEPARATORS: Final = re.compile(r"[\s\-_./:,;()'\"]+")


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    standard_class: str
    implies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Standards:
    """Every standard that a network knows, in a fixed order.

    Parameters
    ----------
    keys
        Normalised names, sorted.
    standards
        The names as the catalogue or the network writes them, in the order of ``keys``.
    classes
        International, industry, region or firm, in the order of ``keys``.
    meets
        Read-only, shape (standards, standards): ``meets[held, asked]`` says whether a holder of
        the first also satisfies the second. Every standard meets itself; implications chain.
    positions
        Normalised name, also an old or everyday one, to position in ``keys``.
    """

    keys: tuple[str, ...]
    standards: tuple[str, ...]
    classes: tuple[str, ...]
    meets: NDArray[np.bool_]
    positions: Mapping[str, int]

    def index(self, text: str) -> int | None:
        """Position of the standard called ``text``, however it is written; None if unknown."""
        return self.positions.get(normalise(text))

    def nearest(self, text: str) -> str | None:
        """The known standard whose name is most like ``text``; None if none is alike."""
        close = get_close_matches(normalise(text), self.keys, n=1)
        return self.standards[self.positions[close[0]]] if close else None


def normalise(text: str) -> str:
    """The key under which the name of a standard is compared.

    Case, separators, the edition and the mark of a national or joint adoption do not count, so
    that "ISO9001", "iso-9001" and "EN ISO 9001:2015" are one standard. A separator between two
    digits does count: "ISO 3834-2" is not "ISO 38342".

    Examples
    --------
    >>> normalise("ISO 9001:2015") == normalise("iso9001") == normalise("DIN EN ISO 9001")
    True
    >>> normalise("ISO/IEC 27001"), normalise("ISO 3834-2")
    ('iso27001', 'iso3834-2')
    """
    key = unicodedata.normalize("NFKC", text).casefold().replace("\0", "").strip()
    key = re.sub("[\u2010-\u2015\u2212]", "-", key)
    key = _EDITION.sub("", key)
    key = _ADOPTION.sub("", key)
    key = _JOINT.sub("iso", key)
    key = _BETWEEN_DIGITS.sub("\0", key)
    return _SEPARATORS.sub("", key).replace("\0", "-")


@cache
def catalogue() -> pl.DataFrame:
    """The shipped catalogue of standards.

    Returns
    -------
    polars.DataFrame
        ``standard`` (as it is commonly written), ``name``, ``class`` (as in
        `matcher.schema.tables.STANDARD_CLASSES`), ``issuer``, ``implies`` (list: what a holder
        meets as well, by the text of the standard) and ``source``.
    """
    columns = ("standard", "name", "class", "issuer", "implies", "source")
    return load("standards.csv", **dict.fromkeys(columns, pl.String)).with_columns(
        pl.col("implies").map_elements(_split, return_dtype=pl.List(pl.String), skip_nulls=False),
        pl.col("class").cast(pl.Enum(STANDARD_CLASSES)).cast(pl.String),
    )


@cache
def other_names() -> pl.DataFrame:
    """Old and everyday names of standards in the catalogue.

    Returns
    -------
    polars.DataFrame
        ``name``, ``standard`` (as the catalogue writes it) and ``reason``. A network's own standard
        of such a name is a standard of its own.

    Examples
    --------
    >>> known = standards(pl.DataFrame(schema=dict.fromkeys(("standard", "class", "implies"), str)))
    >>> known[0].standards[known[0].index("ISO 9000")]
    'ISO 9001'
    """
    return load("standard_names.csv", name=pl.String, standard=pl.String, reason=pl.String)


def standards(own: pl.DataFrame) -> tuple[Standards, list[Issue]]:
    """The catalogue together with a network's own standards.

    An own standard with the name of a shipped one takes its place; where it leaves ``implies``
    empty, the shipped implications stay.

    Parameters
    ----------
    own
        The table ``standards`` of a network: ``standard``, ``name``, ``class``, ``implies`` (names
        separated by ";"), in the order of the file.

    Returns
    -------
    standards : Standards
    issues : list of Issue
        Two own standards that differ only in spelling or edition, and unknown names in
        ``implies``; what is named so is left out.
    """
    entries = {
        normalise(standard): _Entry(standard, kind, tuple(implies))
        for standard, kind, implies in catalogue()
        .select("standard", "class", "implies")
        .iter_rows()
    }
    issues: list[Issue] = []
    rows: dict[str, int] = {}
    columns = own.select("standard", "class", "implies").iter_rows()
    for row, (standard, kind, implies) in enumerate(columns, start=2):
        key = normalise(standard)
        if key in rows:
            issues.append(
                _issue(
                    "duplicate_id",
                    row,
                    "standard",
                    standard,
                    f"is the same standard as '{entries[key].name}' in row {rows[key]}",
                    "keep one of the two; case, separators and edition do not tell them apart",
                )
            )
            continue
        shipped = entries[key].implies if key in entries else ()
        rows[key] = row
        entries[key] = _Entry(standard, kind, tuple(_split(implies)) or shipped)

    keys = tuple(sorted(entries))
    positions = _with_other_names({key: i for i, key in enumerate(keys)})
    direct = np.eye(len(keys), dtype=bool)
    unknown: list[tuple[int, str]] = []
    for key, entry in entries.items():
        for implied in entry.implies:
            position = positions.get(normalise(implied))
            if position is None:
                unknown.append((rows[key], implied))
            else:
                direct[positions[key], position] = True
    result = Standards(
        keys,
        tuple(entries[key].name for key in keys),
        tuple(entries[key].standard_class for key in keys),
        frozen(_closure(direct)),
        MappingProxyType(positions),
    )
    for row, name in unknown:
        like = result.nearest(name)
        fix = f"write '{like}', or " if like else ""
        issues.append(
            _issue(
                "unknown_standard",
                row,
                "implies",
                name,
                "is neither in the catalogue nor among the network's own standards",
                f"{fix}add it as a row of its own",
            )
        )
    return result, issues


def _with_other_names(positions: dict[str, int]) -> dict[str, int]:
    """The positions also by old and everyday names, but for those that a network has itself."""
    others = other_names().select("name", "standard").iter_rows()
    return {
        normalise(name): positions[normalise(standard)] for name, standard in others
    } | positions


def _split(names: str | None) -> list[str]:
    return [part.strip() for part in (names or "").split(";") if part.strip()]


def _closure(direct: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Everything reachable, by squaring until nothing is added."""
    reach = direct
    while True:
        # Counts stay exact: float32 holds whole numbers up to 16 million.
        weights = reach.astype(np.float32)
        further = (weights @ weights) > 0
        if np.array_equal(further, reach):
            return reach
        reach = further


def _issue(code: str, row: int, column: str, value: str, problem: str, fix: str) -> Issue:
    return Issue(
        code=code, table="standards", row=row, column=column, value=value, problem=problem, fix=fix
    )
