"""Where places lie: cities instead of coordinates, and coordinates that can hardly be meant."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from matcher.reference.gazetteer import Spot, find, names, spots
from matcher.reference.routes import EARTH_RADIUS_KM, great_circle_km, on_sphere
from matcher.suggestions import Nearest
from matcher.validate.findings import Findings
from matcher.validate.raw import Tables, Typed

# A place so far from every city, port and airport of its economy, and nearer to one of another, is
# likely to lie elsewhere; a place so far from its city is another place.
FAR_KM = 300.0
OFF_KM = 150.0


def located(places: Typed, findings: Findings) -> Typed:
    """The places with the coordinates of their cities, where none are stated."""
    frame = places.frame
    asked = frame.drop_nulls(["city", "economy"]).select("city", "economy").unique()
    found: dict[tuple[str, str], list[Spot]] = {
        (city, economy): find(city, economy) for city, economy in asked.iter_rows()
    }
    has_point = pl.col("latitude").is_not_null() & pl.col("longitude").is_not_null()
    _note_unknown(places, frame.filter(~has_point), found, findings)
    spot = pl.DataFrame(
        [
            (city, economy, each[0].latitude, each[0].longitude)
            for (city, economy), each in found.items()
            if len(each) == 1
        ],
        schema={"city": pl.String, "economy": pl.String, "lat": pl.Float64, "lon": pl.Float64},
        orient="row",
    )
    joined = frame.join(spot, on=["city", "economy"], how="left", maintain_order="left")
    _note_elsewhere(places, joined.filter(has_point, pl.col("lat").is_not_null()), findings)
    point = [
        pl.when(has_point).then(column).otherwise(city).alias(column)
        for column, city in (("latitude", "lat"), ("longitude", "lon"))
    ]
    return replace(places, frame=joined.with_columns(point).drop("lat", "lon"))


def _note_unknown(
    places: Typed,
    frame: pl.DataFrame,
    found: dict[tuple[str, str], list[Spot]],
    findings: Findings,
) -> None:
    """Note every place of which nothing says where it lies."""
    wrong = [
        pl.col("row").is_in(places.wrong[name].implode())
        for name in ("economy", "city", "latitude", "longitude")
        if name in places.wrong
    ]
    frame = frame.filter(~pl.any_horizontal(wrong)) if wrong else frame
    nearest: dict[str, Nearest] = {}
    columns = ("row", "city", "economy", "latitude", "longitude")
    for row, city, economy, latitude, longitude in frame.select(columns).iter_rows():
        if latitude is not None or longitude is not None:
            there, lacking = ("latitude", "longitude")[:: 1 if longitude is None else -1]
            findings.add(
                "missing_place",
                places.place,
                f"is empty, though {there} is stated",
                f"fill it in, or clear {there}" + (" and the city counts" if city else ""),
                row=row,
                column=lacking,
            )
            continue
        if city is None:
            findings.add(
                "missing_place",
                places.place,
                "neither a city nor latitude and longitude say where it lies",
                "enter latitude and longitude, or a city of at least 100,000 people",
                row=row,
                column="city",
            )
            continue
        spots_of = found.get((city, economy), [])
        if len(spots_of) > 1:
            findings.add(
                "ambiguous_city",
                places.place,
                f"is the name of {len(spots_of)} cities in {economy}: "
                + "; ".join(str(spot) for spot in spots_of[:6]),
                f"write '{spots_of[0].name}, {spots_of[0].region}' or another region, or enter "
                "latitude and longitude",
                row=row,
                column="city",
                value=city,
            )
        elif not spots_of and economy is not None:
            if economy not in nearest:
                nearest[economy] = Nearest(names(economy))
            findings.add(
                "unknown_city",
                places.place,
                f"is no city of at least 100,000 people, port or airport known in {economy}",
                nearest[economy].fix(city, "enter latitude and longitude"),
                row=row,
                column="city",
                value=city,
            )


def _note_elsewhere(places: Typed, frame: pl.DataFrame, findings: Findings) -> None:
    """Warn of coordinates that are far from the city that is stated beside them."""
    km = great_circle_km(*(frame[name] for name in ("latitude", "longitude", "lat", "lon")))
    findings.each(
        "place_off_city",
        places.place,
        frame.with_columns(km=pl.Series(km)).filter(pl.col("km") > OFF_KM),
        lambda hit: (
            f"lies {hit['km']:,.0f} km from the coordinates beside it, which count",
            "correct one of them, or clear the coordinates",
        ),
        column="city",
        severity="warning",
    )


def places_lie_in_their_economy(tables: Tables, findings: Findings) -> None:
    """Warn of places far from everything in their economy, and nearer to another."""
    from scipy.spatial import cKDTree  # loads slowly

    places, known = tables["places"], spots()

    def points_of(frame: pl.DataFrame) -> np.ndarray:
        return on_sphere(frame["latitude"].to_numpy(), frame["longitude"].to_numpy())

    far = []
    for (economy,), some in places.group_by("economy", maintain_order=True):
        own = known.filter(pl.col("economy") == economy)
        if own.is_empty():
            continue
        points = points_of(some)
        chord = np.asarray(cKDTree(points_of(own)).query(points)[0])
        km = 2 * EARTH_RADIUS_KM * np.arcsin(np.clip(chord / 2, 0.0, 1.0))
        rows = np.flatnonzero(km > FAR_KM)
        if rows.size == 0:
            continue
        others = known.filter(pl.col("economy") != economy)
        nearer, at = map(np.asarray, cKDTree(points_of(others)).query(points[rows]))
        is_near = nearer < chord[rows]
        far.append(
            some[rows[is_near]].with_columns(
                km=pl.Series(km[rows[is_near]]),
                other=others["economy"].gather(at[is_near]),
            )
        )
    if far:
        findings.each(
            "place_off_economy",
            tables.place("places"),
            pl.concat(far),
            lambda hit: (
                f"lies {hit['km']:,.0f} km from the nearest city, port or airport of "
                f"{hit['economy']}; {hit['other']} is nearer",
                "correct economy, latitude or longitude; were the two swapped, or a sign lost?",
            ),
            column="place",
            severity="warning",
        )
