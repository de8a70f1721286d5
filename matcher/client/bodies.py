"""Bodies of requests: networks, and files with tables, as the service takes them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from matcher.client.refusals import refused
from matcher.network import Network
from matcher.schema.tables import TABLES

ZIP = "application/zip"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_OF_FILE = {".xlsx": XLSX, ".json": "application/json", ".zip": ZIP}


def body_of(network: Network | str | Path) -> tuple[str, bytes]:
    """Content type and bytes of a network or of what stands at a path."""
    if isinstance(network, Network):
        return ZIP, _zip(
            {f"{table.name}.parquet": _parquet(network.table(table.name)) for table in TABLES}
        )
    path = Path(network)
    try:
        if path.is_dir():
            tables = [each for each in sorted(path.iterdir()) if _is_table(each)]
            return ZIP, _zip({each.name: each.read_bytes() for each in tables})
        content = path.read_bytes()
    except OSError as error:
        raise refused(str(path), f"cannot be read: {error.strerror}", "check the path") from None
    kind = _OF_FILE.get(path.suffix.lower())
    if kind is None:
        raise refused(
            str(path),
            f"has the suffix '{path.suffix}'",
            "give a folder of .csv or .parquet files, an .xlsx workbook, a .json file or a .zip",
        )
    return kind, content


def _is_table(path: Path) -> bool:
    return path.suffix.lower() in (".csv", ".parquet") and not path.name.startswith(".")


def _parquet(frame: pl.DataFrame) -> bytes:
    body = io.BytesIO()
    frame.write_parquet(body)
    return body.getvalue()


def _zip(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()
