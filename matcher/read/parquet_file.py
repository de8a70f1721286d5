"""Reading one Parquet file: typed columns."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from matcher.validate import Findings, Raw


def read_parquet(path: Path, name: str, findings: Findings) -> Raw | None:
    """The table as it is stored; ``None``, with an issue, if it cannot be read."""
    try:
        frame = pl.read_parquet(path.read_bytes(), use_statistics=False)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        reason = (str(error).splitlines() or ["it is damaged"])[0][:200]
        findings.add(
            "bad_parquet", path.name, f"cannot be read: {reason}", "write it again as Parquet"
        )
        return None
    return Raw.of_frame(name, path.name, frame)
