"""Where cities, ports and airports lie, by the names that people write."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import polars as pl

from matcher.reference._files import load

# Letters that are no letter with an accent; case is folded before.
_PLAIN = str.maketrans(
    {"đ": "d", "ð": "d", "ł": "l", "ø": "o", "æ": "ae", "œ": "oe", "þ": "th", "ı": "i", "ə": "e"}
)


@dataclass(frozen=True, slots=True)
class Spot:
    """A place of the list: ``region`` is the code of its first-level division, for cities only."""

    name: str
    economy: str
    region: str
    latitude: float
    longitude: float
    population: int = 0

    def __str__(self) -> str:
        people = f", {self.population:,} people" if self.population else ""
        return f"{self.name}, {self.region} ({self.latitude:g}, {self.longitude:g}{people})"


@cache
def spots() -> pl.DataFrame:
    """All cities of at least 100,000 people, ports and large airports.

    Returns
    -------
    polars.DataFrame
        ``economy`` (ISO 3166-1 alpha-2), ``latitude`` and ``longitude`` in degrees.

    Notes
    -----
    Sources: GeoNames (CC BY 4.0); ports of searoute and of the NGA World Port Index; airports-py.
    """
    columns = ("economy", "latitude", "longitude")
    return pl.concat(
        [_cities().select(columns), _ports().select(columns), _airports().select(columns)]
    )


def find(text: str, economy: str) -> list[Spot]:
    """The places of an economy that are called so; several are namesakes.

    A city goes by its name, with or without accents, and may be followed by a comma and the code of
    its region; a port also goes by its UN/LOCODE, and an airport by its IATA code.

    Examples
    --------
    >>> [spot.region for spot in find("Springfield", "US")]
    ['IL', 'MA', 'MO']
    >>> find("springfield, il", "US")[0].population > 100_000
    True
    >>> find("VNHPH", "VN")[0].name
    'Haiphong'
    """
    if whole := _named().get((economy, folded(text))):
        return list(whole)
    name, _, region = (part.strip() for part in text.partition(","))
    found = [
        spot
        for spot in _named().get((economy, folded(name)), ())
        if not region or spot.region.casefold() == region.casefold()
    ]
    if found or region:
        return found
    return list(_coded().get((economy, text.strip().upper()), ()))


def names(economy: str) -> list[str]:
    """The names of the cities and ports of an economy, for advice."""
    called = pl.concat(
        [_cities().select("economy", name="city"), _ports().select("economy", "name")]
    )
    return called.filter(pl.col("economy") == economy)["name"].to_list()


def centre_of(economy: str) -> tuple[float, float]:
    """Latitude and longitude of the middle of an economy's cities, by population.

    Of its ports and airports where it has no city in the list; 0, 0 where it has none of them.

    Examples
    --------
    >>> [round(value) for value in centre_of("DE")]
    [51, 10]
    """
    return _centres().get(economy, (0.0, 0.0))


@cache
def _centres() -> dict[str, tuple[float, float]]:
    cities = _cities().select("economy", "latitude", "longitude", weight="population")
    others = spots().join(cities, on="economy", how="anti").with_columns(weight=pl.lit(1))
    phi, lam = pl.col("latitude").radians(), pl.col("longitude").radians()
    middle = (
        pl.concat([cities, others.select(cities.columns)], how="vertical_relaxed")
        .group_by("economy")
        .agg(
            (pl.col("weight") * phi.cos() * lam.cos()).sum().alias("x"),
            (pl.col("weight") * phi.cos() * lam.sin()).sum().alias("y"),
            (pl.col("weight") * phi.sin()).sum().alias("z"),
        )
    )
    return {
        economy: (math.degrees(math.atan2(z, math.hypot(x, y))), math.degrees(math.atan2(y, x)))
        for economy, x, y, z in middle.select("economy", "x", "y", "z").iter_rows()
    }


def folded(name: str) -> str:
    """A name without accents, case, blanks and punctuation.

    >>> folded("São Paulo") == folded("sao-paulo"), folded("Łódź")
    (True, 'lodz')
    """
    plain = unicodedata.normalize("NFKD", name.casefold().translate(_PLAIN))
    return re.sub(r"[\W_]", "", plain.encode("ascii", "ignore").decode() or name).casefold()


@cache
def _named() -> dict[tuple[str, str], tuple[Spot, ...]]:
    named: dict[tuple[str, str], tuple[Spot, ...]] = {}
    for row in _cities().sort("admin1").iter_rows(named=True):
        spot = Spot(
            row["city"],
            row["economy"],
            row["admin1"],
            row["latitude"],
            row["longitude"],
            row["population"],
        )
        key = (spot.economy, folded(spot.name))
        named[key] = (*named.get(key, ()), spot)
    for row in _ports().iter_rows(named=True):
        key = (row["economy"], folded(row["name"]))
        if key not in named:
            named[key] = (_spot(row, "port"),)
    return named


@cache
def _coded() -> dict[tuple[str, str], tuple[Spot, ...]]:
    return {
        (row["economy"], row[code]): (_spot(row, kind),)
        for kind, code, frame in (("airport", "iata", _airports()), ("port", "unlocode", _ports()))
        for row in frame.iter_rows(named=True)
    }


def _spot(row: Mapping[str, Any], kind: str) -> Spot:
    return Spot(row["name"], row["economy"], kind, row["latitude"], row["longitude"])


@cache
def _cities() -> pl.DataFrame:
    return load(
        "cities_of_the_world.csv",
        city=pl.String,
        economy=pl.String,
        admin1=pl.String,
        latitude=pl.Float64,
        longitude=pl.Float64,
        population=pl.Int64,
        geonames_id=pl.Int64,
    )


@cache
def _ports() -> pl.DataFrame:
    return load(
        "ports.csv",
        unlocode=pl.String,
        name=pl.String,
        economy=pl.String,
        latitude=pl.Float64,
        longitude=pl.Float64,
    )


@cache
def _airports() -> pl.DataFrame:
    return load(
        "airports.csv",
        iata=pl.String,
        name=pl.String,
        economy=pl.String,
        latitude=pl.Float64,
        longitude=pl.Float64,
    )
