"""The network: one complete sourcing problem, checked and in a fixed order."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from datetime import date
from html import escape

import polars as pl

from matcher.errors import Issue
from matcher.schema.tables import BY_NAME


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Network:
    """One complete problem, as columns.

    Every table of `matcher.schema.tables` is a Polars frame with exactly the columns, types and
    order that are described there, sorted by its key; defaults are filled in and every reference is
    known to hold. Two inputs that differ only in the order of rows or columns give equal networks.
    Build one with `matcher.read`, never by hand.

    Parameters
    ----------
    warnings
        What the reading found worth a look but not worth a stop.

    Examples
    --------
    >>> import matcher
    >>> matcher.read("examples/first-steps").suppliers["supplier"].to_list()
    ['S1', 'S2', 'S3']
    """

    network: pl.DataFrame
    lead_firms: pl.DataFrame
    places: pl.DataFrame
    components: pl.DataFrame
    standards: pl.DataFrame
    requirements: pl.DataFrame
    demands: pl.DataFrame
    suppliers: pl.DataFrame
    certificates: pl.DataFrame
    resources: pl.DataFrame
    bids: pl.DataFrame
    usages: pl.DataFrame
    tiers: pl.DataFrame
    lanes: pl.DataFrame
    duties: pl.DataFrame
    rates: pl.DataFrame
    trade_costs: pl.DataFrame
    incumbents: pl.DataFrame
    consortia: pl.DataFrame
    discounts: pl.DataFrame
    periods: pl.DataFrame
    capacities: pl.DataFrame
    ramps: pl.DataFrame
    rules: pl.DataFrame
    objectives: pl.DataFrame
    warnings: tuple[Issue, ...] = ()

    def __repr__(self) -> str:
        """The network in a few lines: its name, its largest tables, and what makes it this one."""
        rows = self._filled()
        told = ", ".join(f"{size:,} {name.replace('_', ' ')}" for name, size in rows[:6])
        more = f", and {len(rows) - 6} more tables" if len(rows) > 6 else ""
        return (
            f"Network '{self.name}', from {self.start:%Y-%m-%d}, in {self.currency}\n"
            f"  {told}{more}\n"
            f"  {len(self.warnings)} warnings, input hash {self.input_hash[:12]}"
        )

    def _repr_html_(self) -> str:
        """The network as a small table, for notebooks."""
        rows = "".join(
            f"<tr><td>{escape(name)}</td><td style='text-align:right'>{size:,}</td></tr>"
            for name, size in self._filled()
        )
        return (
            f"<p><b>{escape(self.name)}</b>, from {self.start:%Y-%m-%d}, in {self.currency}; "
            f"{len(self.warnings)} warnings; input hash <code>{self.input_hash[:12]}</code></p>"
            f"<table><tr><th>Table</th><th>Rows</th></tr>{rows}</table>"
        )

    def _filled(self) -> list[tuple[str, int]]:
        """The tables that have rows, in the order of the schema, but for the network's own."""
        sizes = ((name, self.table(name).height) for name in BY_NAME)
        return [(name, size) for name, size in sizes if size and name != "network"]

    def __eq__(self, other: object) -> bool:
        """Whether all tables are equal; warnings do not count."""
        if not isinstance(other, Network):
            return NotImplemented
        return all(self.table(name).equals(other.table(name)) for name in BY_NAME)

    def __hash__(self) -> int:
        return hash(self.input_hash)

    @property
    def name(self) -> str:
        """Name of the network."""
        return str(self.network["name"][0])

    @property
    def currency(self) -> str:
        """ISO 4217 code of the currency of every cost."""
        return str(self.network["currency"][0])

    @property
    def start(self) -> date:
        """The day on which orders are placed."""
        start: date = self.network["start"][0]
        return start

    @property
    def carrying_rate(self) -> float:
        """Cost of capital, as a share of the value per year."""
        return float(self.network["carrying_rate"][0])

    @property
    def carbon_price(self) -> float:
        """Cost of emissions, network currency per tonne of CO₂e."""
        return float(self.network["carbon_price"][0])

    @property
    def insurance_rate(self) -> float:
        """Insurance premium, as a share of the insured value."""
        return float(self.network["insurance_rate"][0])

    def table(self, name: str) -> pl.DataFrame:
        """The frame of the table called ``name``."""
        if name not in BY_NAME:
            raise KeyError(name)
        frame: pl.DataFrame = getattr(self, name)
        return frame

    @property
    def input_hash(self) -> str:
        """SHA-256 over every table in canonical order; equal for equal networks.

        The order of rows and columns, the file format and the way a number is written in a file
        do not change it.
        """
        digest = hashlib.sha256()
        for field in fields(self):
            if field.name == "warnings":
                continue
            digest.update(f"\x00{field.name}\x00".encode())
            digest.update(self.table(field.name).write_csv().encode())
        return digest.hexdigest()
