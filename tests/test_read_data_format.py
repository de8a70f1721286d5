"""The page about the data format says what the code does."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from matcher.schema.tables import TABLES
from matcher.validate.findings import CODES

DOCS = Path(__file__).parent.parent / "docs"


def test_the_page_is_current() -> None:
    spec = importlib.util.spec_from_file_location("make_data_format", DOCS / "make_data_format.py")
    assert spec is not None
    assert spec.loader is not None
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    written = (DOCS / "data-format.md").read_text(encoding="utf-8")
    assert written == maker.page(), "run: python docs/make_data_format.py"


def test_the_page_names_every_column_and_code() -> None:
    written = (DOCS / "data-format.md").read_text(encoding="utf-8")
    for name in [c.name for table in TABLES for c in table.columns] + list(CODES):
        assert f"| `{name}` |" in written
