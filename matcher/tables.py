"""The tables of a network: every column with its kind, unit, limits and meaning.

This is the single description from which reading, validating, writing, the XLSX template and
``docs/data-format.md`` are derived. Money without a stated currency is in the network's currency.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

import polars as pl

Kind = Literal[
    "id",  # unique key of its table
    "ref",  # key of another table
    "text",
    "number",
    "integer",
    "flag",
    "date",
    "choice",
    "choices",  # several choices, separated by ";"
    "economy",  # ISO 3166-1 alpha-2
    "currency",  # ISO 4217
    "hs",  # 2 to 10 digits of the Harmonized System
    "standard",  # key of the standards catalogue, or of the network's own standards
    "standards",  # several standards, separated by ";"
]

SIZE_CLASSES = ("micro", "small", "medium", "large")
MODES = ("sea", "air", "road", "rail")
INCOTERMS = ("EXW", "FCA", "FAS", "FOB", "CFR", "CIF", "CPT", "CIP", "DAP", "DPU", "DDP")
STANDARD_CLASSES = ("international", "industry", "region", "firm")
RULE_KINDS = ("supplier_count",)
RULE_SCOPES = ("network", "lead_firm", "component", "demand")

_DTYPES: dict[str, pl.DataType] = {
    "number": pl.Float64(),
    "integer": pl.Int64(),
    "flag": pl.Boolean(),
    "date": pl.Date(),
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    A column that is not ``required`` may be left out or left empty in a row; the cell then holds
    ``default``, and ``None`` means "not stated". ``minimum`` and ``maximum`` are inclusive unless
    ``positive`` is set, which asks for a value above 0.
    """

    name: str
    kind: Kind
    meaning: str
    unit: str = ""
    required: bool = False
    default: float | int | bool | str | None = None
    ref: str = ""
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    positive: bool = False

    @property
    def dtype(self) -> pl.DataType:
        """The Polars type of the column once it has been read."""
        return _DTYPES.get(self.kind, pl.String())


@dataclass(frozen=True, slots=True)
class Table:
    """One table: its columns, and the columns that together identify a row (``key``)."""

    name: str
    meaning: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    required: bool = False

    @property
    def schema(self) -> dict[str, pl.DataType]:
        """Column name to Polars type, in order."""
        return {column.name: column.dtype for column in self.columns}

    def empty(self) -> pl.DataFrame:
        """The table without rows."""
        return pl.DataFrame(schema=self.schema)

    def __getitem__(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


def _id(meaning: str, name: str) -> Column:
    return Column(name, "id", meaning, required=True)


def _ref(name: str, meaning: str, *, table: str = "", required: bool = True) -> Column:
    return Column(name, "ref", meaning, required=required, ref=table or f"{name}s")


TABLES: tuple[Table, ...] = (
    Table(
        "network",
        "One row: what holds for the whole network.",
        (
            Column("name", "text", "Name of the network.", required=True),
            Column("currency", "currency", "Currency of every cost and plan.", required=True),
            Column(
                "start",
                "date",
                "Day on which orders are placed; lead times count from it.",
                required=True,
            ),
            Column(
                "carrying_rate",
                "number",
                "Cost of capital tied up in goods under way, and the value of payment terms.",
                unit="share of the value per year",
                default=0.10,
                minimum=0,
                maximum=10,
            ),
            Column(
                "insurance_rate",
                "number",
                "Cargo insurance premium.",
                unit="share of the insured value",
                default=0.003,
                minimum=0,
                maximum=1,
            ),
        ),
        key=("name",),
        required=True,
    ),
    Table(
        "lead_firms",
        "The buyers.",
        (
            _id("Key of the lead firm.", "lead_firm"),
            Column("name", "text", "Name shown to people."),
            Column("economy", "economy", "Where the lead firm has its seat."),
        ),
        key=("lead_firm",),
        required=True,
    ),
    Table(
        "places",
        "Where suppliers make and lead firms receive.",
        (
            _id("Key of the place.", "place"),
            Column("name", "text", "Name shown to people."),
            Column("economy", "economy", "The economy it lies in.", required=True),
            Column(
                "latitude",
                "number",
                "North is positive.",
                unit="degrees",
                required=True,
                minimum=-90,
                maximum=90,
            ),
            Column(
                "longitude",
                "number",
                "East is positive.",
                unit="degrees",
                required=True,
                minimum=-180,
                maximum=180,
            ),
            Column("park", "text", "The industrial park, if it is in one."),
        ),
        key=("place",),
        required=True,
    ),
    Table(
        "components",
        "What is bought.",
        (
            _id("Key of the component.", "component"),
            Column("name", "text", "Name shown to people."),
            Column("hs", "hs", "Harmonized System code; duties are looked up by it."),
            Column("unit", "text", "What quantities of it count.", default="piece"),
            Column(
                "weight_kg",
                "number",
                "Gross weight, packed.",
                unit="kg per unit",
                required=True,
                positive=True,
            ),
            Column(
                "volume_m3",
                "number",
                "Volume, packed.",
                unit="m³ per unit",
                required=True,
                positive=True,
            ),
            Column(
                "defect_cost",
                "number",
                "Cost of one defective unit found at the lead firm.",
                unit="network currency per defective unit",
                default=0.0,
                minimum=0,
            ),
        ),
        key=("component",),
        required=True,
    ),
    Table(
        "standards",
        "The network's own standards, added to the catalogue that the package ships.",
        (
            _id("Key of the standard, such as 'Firm Q-17'.", "standard"),
            Column("name", "text", "Name shown to people."),
            Column("class", "choice", "Who asks for it.", required=True, choices=STANDARD_CLASSES),
            Column("implies", "standards", "Standards that a holder of this one also meets."),
        ),
        key=("standard",),
    ),
    Table(
        "requirements",
        "Which standard a supplier must hold to make a component.",
        (
            _ref("component", "The component."),
            Column("standard", "standard", "The standard asked for.", required=True),
            _ref("lead_firm", "Asked by this lead firm only; empty: by all.", required=False),
        ),
        key=("component", "standard", "lead_firm"),
    ),
    Table(
        "demands",
        "A component, quantity, place and date.",
        (
            _id("Key of the demand.", "demand"),
            _ref("lead_firm", "Who needs it."),
            _ref("component", "What is needed."),
            Column(
                "quantity",
                "number",
                "How much is needed.",
                unit="units",
                required=True,
                positive=True,
            ),
            _ref("place", "Where it is needed."),
            Column("due", "date", "The last day on which it may arrive.", required=True),
            Column(
                "priority",
                "number",
                "Weight of the demand in coverage; an unmet half counts half of it.",
                default=1.0,
                positive=True,
            ),
            Column(
                "ceiling",
                "number",
                "Highest landed cost accepted.",
                unit="network currency per unit",
                positive=True,
            ),
            Column(
                "max_ppm",
                "number",
                "Highest defect rate accepted.",
                unit="defective parts per million",
                minimum=0,
                maximum=1e6,
            ),
            Column(
                "min_on_time_rate",
                "number",
                "Lowest on-time-in-full rate accepted.",
                unit="share",
                minimum=0,
                maximum=1,
            ),
            Column(
                "safety_days",
                "number",
                "Days kept in hand before the due date.",
                unit="days",
                default=0.0,
                minimum=0,
            ),
            Column(
                "share_cap",
                "number",
                "Largest share that one supplier may be awarded.",
                unit="share of the quantity",
                minimum=0,
                maximum=1,
                positive=True,
            ),
            Column(
                "min_suppliers",
                "integer",
                "If awarded at all, to at least so many suppliers.",
                minimum=1,
            ),
            Column("max_suppliers", "integer", "Awarded to at most so many suppliers.", minimum=1),
            Column("single_source", "flag", "All of it from one supplier, or none.", default=False),
        ),
        key=("demand",),
        required=True,
    ),
    Table(
        "suppliers",
        "Who could make components.",
        (
            _id("Key of the supplier.", "supplier"),
            Column("name", "text", "Name shown to people."),
            _ref("place", "Where it makes and ships."),
            Column("size_class", "choice", "Size class.", required=True, choices=SIZE_CLASSES),
            Column(
                "onboarding_cost",
                "number",
                "Once, if the supplier gets any award.",
                unit="network currency",
                default=0.0,
                minimum=0,
            ),
        ),
        key=("supplier",),
        required=True,
    ),
    Table(
        "certificates",
        "The standards that suppliers hold.",
        (
            _ref("supplier", "The holder."),
            Column("standard", "standard", "The standard held.", required=True),
            Column("number", "text", "Certificate number."),
            Column("body", "text", "The body that issued it."),
            Column("valid_from", "date", "First day on which it counts; empty: always did."),
            Column("valid_to", "date", "Last day on which it counts; empty: without end."),
            _ref(
                "scope",
                "Counts for this component only; empty: for all.",
                table="components",
                required=False,
            ),
        ),
        key=("supplier", "standard", "valid_from", "scope"),
    ),
    Table(
        "resources",
        "What limits a supplier: a line, a shift, a furnace.",
        (
            _id("Key of the resource.", "resource"),
            _ref("supplier", "Whose it is."),
            Column("name", "text", "Name shown to people."),
            Column("unit", "text", "What its capacity counts.", default="hour"),
            Column(
                "capacity",
                "number",
                "How much of it there is.",
                unit="the resource's unit",
                required=True,
                minimum=0,
            ),
        ),
        key=("resource",),
    ),
    Table(
        "bids",
        "A supplier's price and terms for a component. Money is in the bid's currency.",
        (
            _id("Key of the bid.", "bid"),
            _ref("supplier", "Who bids."),
            _ref("component", "What is offered."),
            _ref(
                "demand",
                "Offered for this demand only; empty: for all of the component.",
                required=False,
            ),
            Column(
                "price",
                "number",
                "Price at the incoterm.",
                unit="bid currency per unit",
                required=True,
                minimum=0,
            ),
            Column("currency", "currency", "Currency of the bid.", required=True),
            Column(
                "incoterm",
                "choice",
                "What the price already holds (Incoterms 2020).",
                required=True,
                choices=INCOTERMS,
            ),
            _ref(
                "named_place",
                "Place named with a C or D term; empty: the place of any demand.",
                table="places",
                required=False,
            ),
            Column(
                "origin_charges",
                "number",
                "Loading and local charges that the price omits.",
                unit="bid currency per unit",
                default=0.0,
                minimum=0,
            ),
            Column(
                "lead_time_days",
                "number",
                "Production lead time.",
                unit="days",
                required=True,
                minimum=0,
            ),
            Column(
                "moq",
                "number",
                "Minimum order quantity of an award.",
                unit="units",
                default=0.0,
                minimum=0,
            ),
            Column(
                "max_quantity",
                "number",
                "Largest quantity made for one demand.",
                unit="units",
                positive=True,
            ),
            Column(
                "order_multiple",
                "number",
                "Awards are whole multiples of this.",
                unit="units",
                positive=True,
            ),
            Column(
                "tooling_cost",
                "number",
                "Once for each award.",
                unit="bid currency",
                default=0.0,
                minimum=0,
            ),
            Column(
                "ppm",
                "number",
                "Defect rate.",
                unit="defective parts per million",
                default=0.0,
                minimum=0,
                maximum=1e6,
            ),
            Column(
                "on_time_rate",
                "number",
                "On-time-in-full rate.",
                unit="share",
                default=1.0,
                minimum=0,
                maximum=1,
            ),
            Column(
                "payment_days",
                "number",
                "Days from the factory gate to payment.",
                unit="days",
                default=0.0,
                minimum=0,
            ),
            Column(
                "modes",
                "choices",
                "Modes the bid may travel by; empty: all that connect.",
                choices=MODES,
            ),
            Column(
                "split",
                "flag",
                "A demand may get several awards of the bid, each by its own mode or tier and "
                "each with its own MOQ and tooling.",
                default=False,
            ),
            Column(
                "profile",
                "flag",
                "A profile bid: indicative, derived from a capability.",
                default=False,
            ),
        ),
        key=("bid",),
        required=True,
    ),
    Table(
        "usages",
        "What a unit made under a bid takes of a resource.",
        (
            _ref("bid", "The bid."),
            _ref("resource", "A resource of the same supplier."),
            Column(
                "use_per_unit",
                "number",
                "Resource used by one unit.",
                unit="the resource's unit per unit",
                required=True,
                positive=True,
            ),
        ),
        key=("bid", "resource"),
    ),
    Table(
        "tiers",
        "All-units price breaks: an award of at least from_quantity pays this price for all of it.",
        (
            _ref("bid", "The bid."),
            Column(
                "from_quantity",
                "number",
                "Smallest award at this price.",
                unit="units",
                required=True,
                positive=True,
            ),
            Column(
                "price",
                "number",
                "Price at the incoterm.",
                unit="bid currency per unit",
                required=True,
                minimum=0,
            ),
        ),
        key=("bid", "from_quantity"),
    ),
    Table(
        "lanes",
        "The network's own connections; they take the place of the computed ones.",
        (
            _ref("origin", "From this place.", table="places"),
            _ref("destination", "To this place.", table="places"),
            Column("mode", "choice", "Mode.", required=True, choices=MODES),
            Column(
                "days",
                "number",
                "Transit, door to door, without customs; empty: computed.",
                unit="days",
                minimum=0,
            ),
            Column(
                "cost_per_container",
                "number",
                "Freight; empty with cost_per_kg: computed.",
                unit="network currency per 20-foot container",
                minimum=0,
            ),
            Column(
                "cost_per_kg",
                "number",
                "Freight by weight, added to cost_per_container.",
                unit="network currency per kg",
                minimum=0,
            ),
            Column(
                "fixed_cost",
                "number",
                "Once for each award that takes the lane.",
                unit="network currency",
                default=0.0,
                minimum=0,
            ),
        ),
        key=("origin", "destination", "mode"),
    ),
    Table(
        "duties",
        "Import duty; the longest matching HS code wins, then a row that names the origin.",
        (
            Column("hs", "hs", "HS code or its first digits; empty: every good."),
            Column("origin", "economy", "Economy of origin; empty: every other one."),
            Column("destination", "economy", "Importing economy.", required=True),
            Column(
                "rate",
                "number",
                "Duty.",
                unit="share of the customs value",
                required=True,
                minimum=0,
                maximum=30,
            ),
        ),
        key=("hs", "origin", "destination"),
    ),
    Table(
        "rates",
        "Exchange rates. The network's own currency needs no row.",
        (
            Column("currency", "currency", "The currency.", required=True),
            Column(
                "value",
                "number",
                "Worth of one unit of it.",
                unit="network currency",
                required=True,
                positive=True,
            ),
        ),
        key=("currency",),
    ),
    Table(
        "trade_costs",
        "Time and cost of exporting and importing a container; rows here replace the shipped ones.",
        (
            Column("economy", "economy", "The economy.", required=True),
            Column(
                "export_days", "number", "Days to export.", unit="days", required=True, minimum=0
            ),
            Column(
                "export_cost_usd_per_container",
                "number",
                "Cost to export.",
                unit="US dollars per 20-foot container",
                required=True,
                minimum=0,
            ),
            Column(
                "import_days", "number", "Days to import.", unit="days", required=True, minimum=0
            ),
            Column(
                "import_cost_usd_per_container",
                "number",
                "Cost to import.",
                unit="US dollars per 20-foot container",
                required=True,
                minimum=0,
            ),
        ),
        key=("economy",),
    ),
    Table(
        "rules",
        "What the sourcing team states beyond the columns of demands and bids.",
        (
            _id("Name of the rule; it returns in reports.", "rule"),
            Column(
                "kind",
                "choice",
                "supplier_count: how many suppliers get an award.",
                required=True,
                choices=RULE_KINDS,
            ),
            Column(
                "scope", "choice", "What the rule counts over.", required=True, choices=RULE_SCOPES
            ),
            Column("of", "text", "Which lead firm, component or demand; empty for the network."),
            Column("min", "integer", "At least.", unit="suppliers", minimum=0),
            Column("max", "integer", "At most.", unit="suppliers", minimum=0),
        ),
        key=("rule",),
    ),
)

BY_NAME: dict[str, Table] = {table.name: table for table in TABLES}

EARLIEST = date(1990, 1, 1)
LATEST = date(2100, 12, 31)
