"""What a price already holds under each Incoterms 2020 rule."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from matcher.reference._files import frozen, in_order, load
from matcher.schema.tables import INCOTERMS


@dataclass(frozen=True, slots=True)
class Incoterms:
    """One read-only flag per rule, in the order of `matcher.schema.tables.INCOTERMS`.

    Parameters
    ----------
    origin
        The price holds loading and local charges at the origin.
    export
        The price holds export clearance and handling.
    freight
        The price holds the main carriage.
    insurance
        The price holds the insurance of the main carriage, or the seller bears that risk.
    imports
        The price holds what it takes to get the goods from the border to the named place. Under
        DAP and DPU the buyer still clears them; the shipped import costs do not tell clearance
        from handling and inland transport, which make up most of them, so the whole is held.
    duty
        The price holds import duty.
    names_destination
        The rule names a place at the destination (C and D rules); the price holds for it alone.
        It is the seller who chooses and pays the carriage.
    by_sea
        The rule is for carriage by sea and inland waterway only.
    """

    origin: NDArray[np.bool_]
    export: NDArray[np.bool_]
    freight: NDArray[np.bool_]
    insurance: NDArray[np.bool_]
    imports: NDArray[np.bool_]
    duty: NDArray[np.bool_]
    names_destination: NDArray[np.bool_]
    by_sea: NDArray[np.bool_]


@cache
def incoterms() -> Incoterms:
    """What the price holds under each rule.

    Notes
    -----
    The rules of the International Chamber of Commerce, *Incoterms 2020*, in the project's words.

    Examples
    --------
    >>> fob = INCOTERMS.index("FOB")
    >>> bool(incoterms().export[fob]), bool(incoterms().freight[fob])
    (True, False)
    """
    flags = (
        "origin",
        "export",
        "freight",
        "insurance",
        "imports",
        "duty",
        "names_destination",
        "by_sea",
    )
    text = load("incoterms.csv", incoterm=pl.String, **dict.fromkeys(flags, pl.Boolean))
    rows = in_order(text, "incoterm", INCOTERMS)
    return Incoterms(*(frozen(rows[flag]) for flag in flags))
