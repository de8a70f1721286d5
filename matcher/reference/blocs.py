"""Trade blocs: between which economies no customs stand, and which trade freely."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from matcher.reference._files import load

Bools = NDArray[np.bool_]

# Goods cross these without customs or duty; partners outside keep customs but no duty; in the rest
# the origin has to be proven. Mercosur is a union in name with exceptions: origin is proven there.
_UNIONS = (
    "customs union",
    "customs union, single market",
    "customs union, common market",
    "part of the EU customs territory",
)
_PARTNERS = ("customs union with the EU",)
# Members of the European Union belong to these without being named again.
_WITH_THE_EU = ("EU customs union", "EEA")


@dataclass(frozen=True, slots=True)
class Blocs:
    """What holds between two economies, shape (economies, economies), symmetric.

    Parameters
    ----------
    no_customs
        Both are in one customs territory: no customs and no duty.
    no_duty
        Both are in one customs union: no duty, whoever made the goods.
    free_trade
        Both are in one free trade area: no duty if the origin is proven.
    """

    no_customs: Bools
    no_duty: Bools
    free_trade: Bools


def blocs(economies: Sequence[str], day: date) -> Blocs:
    """The blocs that are in force on a day.

    Notes
    -----
    Source: the treaties, named for each member in ``trade_blocs.csv``. Agreements between two
    partners only are not in it.

    Examples
    --------
    Poland, Germany, Turkey and Norway:

    >>> europe = blocs(["PL", "DE", "TR", "NO"], date(2026, 1, 1))
    >>> europe.no_customs[0].tolist(), europe.no_duty[0].tolist()
    ([True, True, False, False], [True, True, True, False])
    >>> europe.free_trade[0].tolist()
    [True, True, True, True]
    """
    rows = _members().filter(
        pl.col("since") <= day, pl.col("until").is_null() | (pl.col("until") >= day)
    )
    none = np.eye(len(economies), dtype=np.bool_)
    no_customs, no_duty, free_trade = none.copy(), none.copy(), none.copy()
    of = {
        str(bloc): dict(members.select("economy", "kind").iter_rows())
        for (bloc,), members in rows.group_by("bloc", maintain_order=True)
    }
    for name in _WITH_THE_EU:
        of[name] = of.get(name, {}) | dict(of.get("EU", {}))
    for members in of.values():
        kinds = [members.get(economy, "") for economy in economies]
        inside = np.array([kind in _UNIONS for kind in kinds], dtype=np.bool_)
        tariff = inside | np.array([kind in _PARTNERS for kind in kinds], dtype=np.bool_)
        member = np.array([bool(kind) for kind in kinds], dtype=np.bool_)
        no_customs |= np.logical_and.outer(inside, inside)
        no_duty |= np.logical_and.outer(tariff, tariff)
        free_trade |= np.logical_and.outer(member, member)
    return Blocs(no_customs, no_duty, free_trade)


@cache
def _members() -> pl.DataFrame:
    return load(
        "trade_blocs.csv",
        economy=pl.String,
        bloc=pl.String,
        kind=pl.String,
        since=pl.Date,
        until=pl.Date,
        source=pl.String,
    )
