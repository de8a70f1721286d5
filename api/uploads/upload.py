"""Bodies that hold tables: what they may be, and how they come in."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import Request

from api.problems import Problem
from api.uploads.intake import SUFFIXES

_FILE = {"schema": {"type": "string", "format": "binary"}}


def body(required: Sequence[str] = ()) -> dict[str, Any]:
    """Such a body in the OpenAPI document, with the tables that it must hold."""
    tables = {
        "type": "object",
        "description": "Rows of each table; docs/data-format.md describes them.",
        "additionalProperties": {"type": "array", "items": {"type": "object"}},
        "required": list(required),
    }
    return {
        "requestBody": {
            "required": True,
            "description": "JSON tables, a workbook, or a zip of CSV or Parquet files.",
            "content": {
                kind: {"schema": tables} if kind == "application/json" else _FILE
                for kind in SUFFIXES
            },
        }
    }


@asynccontextmanager
async def received(request: Request, name: str) -> AsyncIterator[Path]:
    """The body in a temporary file of that name; the middleware counts it as it comes."""
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if kind not in SUFFIXES or encoding != "identity":
        raise Problem(
            415,
            "unsupported-media-type",
            f"Send the {name} as {', '.join(SUFFIXES)}, without Content-Encoding.",
        )
    with tempfile.TemporaryDirectory(prefix="matcher-") as folder:
        path = Path(folder) / f"{name}{SUFFIXES[kind]}"
        with path.open("wb") as file:
            async for chunk in request.stream():
                file.write(chunk)
        yield path
