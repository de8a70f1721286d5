"""Reading the CSV files that are shipped in ``data``."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray


def load(file: str, /, **schema: pl.DataType | type[pl.DataType]) -> pl.DataFrame:
    """Read one shipped file; every column is named, so a changed file cannot go unseen.

    Parameters
    ----------
    file
        File name within ``matcher/reference/data``.
    schema
        Every column of the file, in order, with its type.

    Returns
    -------
    polars.DataFrame
        The file as it stands; an empty cell is null.
    """
    source = files("matcher.reference") / "data" / file
    content = source.read_bytes()
    header = content.decode().splitlines()[0].split(",")
    if header != list(schema):
        raise ValueError(f"{file} has columns {header}, not {list(schema)}")
    return pl.read_csv(content, schema=schema)


def in_order(frame: pl.DataFrame, column: str, order: Sequence[str]) -> pl.DataFrame:
    """The rows of ``frame`` in the order of ``order``, which must name each of them once."""
    if sorted(frame[column].to_list()) != sorted(order):
        raise ValueError(f"column {column} holds {frame[column].to_list()}, not {list(order)}")
    return pl.DataFrame({column: order}).join(frame, on=column, how="left", maintain_order="left")


def frozen(values: pl.Series | NDArray[Any]) -> NDArray[Any]:
    """A read-only copy of ``values`` as an array."""
    array = np.array(values)
    array.setflags(write=False)
    return array
