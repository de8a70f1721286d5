"""Every shipped file says where it comes from."""

from __future__ import annotations

from importlib.resources import files

import polars as pl
import pytest

DATA = files("matcher.reference") / "data"
SOURCES = (DATA / "SOURCES.md").read_text(encoding="utf-8")
CSV_FILES = sorted(entry.name for entry in DATA.iterdir() if entry.name.endswith(".csv"))


@pytest.mark.parametrize("name", CSV_FILES)
def test_a_file_has_a_section_that_names_its_columns(name: str) -> None:
    section = SOURCES.split(f"## {name}\n")[1].split("\n## ")[0]
    header = pl.read_csv((DATA / name).read_bytes(), n_rows=0).columns
    # modes.csv has a source in each row instead; the key of incoterms.csv needs no explanation.
    explained = {"modes.csv": {"unit", "source"}}.get(name, set(header) - {"incoterm"})
    assert {column for column in explained if f"`{column}`" not in section} == set()


def test_every_figure_of_a_mode_has_a_source() -> None:
    frame = pl.read_csv((DATA / "modes.csv").read_bytes())
    assert frame["source"].is_not_null().all()
    assert frame["unit"].is_not_null().all()
