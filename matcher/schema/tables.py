"""The tables of a network: every column with its kind, unit, limits and meaning.

This is the single description from which reading, validating, writing, the XLSX template and
``docs/data-format.md`` are derived. Money without a stated currency is in the network's currency.
"""

from __future__ import annotations

from datetime import date

from matcher.schema.columns import Column, Table, key_column, reference
from matcher.schema.rule_tables import RULE_TABLES

SIZE_CLASSES = ("micro", "small", "medium", "large")
MODES = ("sea", "air", "road", "rail")
INCOTERMS = ("EXW", "FCA", "FAS", "FOB", "CFR", "CIF", "CPT", "CIP", "DAP", "DPU", "DDP")
STANDARD_CLASSES = ("international", "industry", "region", "firm")

TABLES: tuple[Table, ...] = (
    Table(
        "network",
        "One row: what applies to the whole network.",
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
                "Cost of capital tied up in goods in transit, and the value of payment terms.",
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
            Column(
                "carbon_price",
                "number",
                "Cost of emissions, which counts as a part of the landed cost.",
                unit="network currency per tonne of CO₂e",
                default=0.0,
                minimum=0,
            ),
        ),
        key=("name",),
        required=True,
    ),
    Table(
        "lead_firms",
        "The buyers.",
        (
            key_column("Key of the lead firm.", "lead_firm"),
            Column("name", "text", "Name shown to people."),
            Column("economy", "economy", "Where the lead firm has its seat."),
        ),
        key=("lead_firm",),
        required=True,
    ),
    Table(
        "places",
        "Where suppliers produce and lead firms receive.",
        (
            key_column("Key of the place.", "place"),
            Column("name", "text", "Name shown to people."),
            Column("economy", "economy", "The economy it lies in.", required=True),
            Column(
                "city",
                "text",
                "Instead of coordinates: a city of at least 100,000 people, a port or its "
                "UN/LOCODE, or the IATA code of an airport; for namesakes with the region, as in "
                "'Springfield, IL'.",
            ),
            Column(
                "latitude",
                "number",
                "North is positive; empty: the city's.",
                unit="degrees",
                minimum=-90,
                maximum=90,
            ),
            Column(
                "longitude",
                "number",
                "East is positive; empty: the city's.",
                unit="degrees",
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
            key_column("Key of the component.", "component"),
            Column("name", "text", "Name shown to people."),
            Column("group", "text", "Component group (family); rules may count over one."),
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
            Column(
                "core",
                "flag",
                "Stays in house: only own plants of the lead firm may make it.",
                default=False,
            ),
            Column(
                "sensitive",
                "flag",
                "Drawings or data are handed over: only own plants of the lead firm, and holders "
                "of ISO/IEC 27001 or of a standard that implies it, such as an agreement of the "
                "lead firm's own.",
                default=False,
            ),
        ),
        key=("component",),
        required=True,
    ),
    Table(
        "standards",
        "The network's own standards, added to the catalogue that the package ships.",
        (
            key_column("Key of the standard, such as 'Firm Q-17'.", "standard"),
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
            reference("component", "The component."),
            Column("standard", "standard", "The standard asked for.", required=True),
            reference("lead_firm", "Asked by this lead firm only; empty: by all.", required=False),
        ),
        key=("component", "standard", "lead_firm"),
    ),
    Table(
        "demands",
        "A component, quantity, place and date.",
        (
            key_column("Key of the demand.", "demand"),
            reference("lead_firm", "Who needs it."),
            reference("component", "What is needed."),
            Column(
                "quantity",
                "number",
                "How much is needed.",
                unit="units",
                required=True,
                positive=True,
            ),
            reference("place", "Where it is needed."),
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
            Column(
                "line",
                "text",
                "Demands of one line are deliveries of the same part: a bid pays its tooling once "
                "for all of them.",
            ),
        ),
        key=("demand",),
        required=True,
    ),
    Table(
        "suppliers",
        "Firms that could make components.",
        (
            key_column("Key of the supplier.", "supplier"),
            Column("name", "text", "Name shown to people."),
            reference("place", "Where it produces and ships from."),
            Column("size_class", "choice", "Size class.", required=True, choices=SIZE_CLASSES),
            Column(
                "onboarding_cost",
                "number",
                "Once, if the supplier gets any award.",
                unit="network currency",
                default=0.0,
                minimum=0,
            ),
            Column("ownership", "text", "Who owns it, such as women or minority; for rules."),
            Column(
                "turnover",
                "number",
                "What it sells in the time that the network spans; for the rule dependence.",
                unit="network currency",
                positive=True,
            ),
            Column(
                "credit_line",
                "number",
                "Working capital it can tie up; for the rule working_capital.",
                unit="network currency",
                minimum=0,
            ),
            reference(
                "lead_firm",
                "Whose own plant it is; it then makes for that lead firm alone.",
                required=False,
            ),
        ),
        key=("supplier",),
        required=True,
    ),
    Table(
        "certificates",
        "The standards that suppliers hold.",
        (
            reference("supplier", "The holder."),
            Column("standard", "standard", "The standard held.", required=True),
            Column("number", "text", "Certificate number."),
            Column("body", "text", "The body that issued it."),
            Column("valid_from", "date", "First day on which it counts; empty: always did."),
            Column("valid_to", "date", "Last day on which it counts; empty: without end."),
            reference(
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
        "What limits a supplier: a production line, a shift, a furnace.",
        (
            key_column("Key of the resource.", "resource"),
            reference("supplier", "The supplier that owns it."),
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
            key_column("Key of the bid.", "bid"),
            reference("supplier", "Who bids."),
            reference("component", "What is offered."),
            reference(
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
            Column(
                "price_per",
                "number",
                "Units that the price, and that of each tier, is for, such as 100 or 1,000.",
                unit="units",
                default=1.0,
                positive=True,
            ),
            Column(
                "surcharge_rate",
                "number",
                "Added to the price and to that of each tier, such as for an alloy.",
                unit="share of the price",
                default=0.0,
                minimum=0,
                maximum=10,
            ),
            Column(
                "surcharge",
                "number",
                "Added to the price and to that of each tier as well.",
                unit="bid currency per unit",
                default=0.0,
                minimum=0,
            ),
            Column("currency", "currency", "Currency of the bid.", required=True),
            Column(
                "incoterm",
                "choice",
                "What the price already includes (Incoterms 2020).",
                required=True,
                choices=INCOTERMS,
            ),
            reference(
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
                "Production lead time in calendar days; this or lead_time_working_days is needed.",
                unit="days",
                minimum=0,
            ),
            Column(
                "lead_time_working_days",
                "number",
                "Production lead time in working days, by the weekends and public holidays of the "
                "economy where it produces; of both lead times the longer counts.",
                unit="working days",
                minimum=0,
                maximum=2_000,
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
                "Days from the factory gate to payment; below 0 if it is paid before.",
                unit="days",
                default=0.0,
                minimum=-3_650,
                maximum=3_650,
            ),
            Column(
                "deposit",
                "number",
                "Share of the price that is paid with the order.",
                unit="share of the price",
                default=0.0,
                minimum=0,
                maximum=1,
            ),
            Column(
                "modes",
                "choices",
                "Modes the bid may travel by. Empty: all that connect; under a C or D term not by "
                "air, and abroad under FAS, FOB, CFR and CIF by sea only.",
                choices=MODES,
            ),
            Column(
                "origin_proof",
                "flag",
                "The supplier proves the origin of the goods, so that no duty is due within a free "
                "trade area.",
                default=False,
            ),
            Column(
                "co2e_kg",
                "number",
                "Emissions of making a unit; those of freight come on top.",
                unit="kg CO₂e per unit",
                default=0.0,
                minimum=0,
            ),
            Column(
                "split",
                "flag",
                "A demand may get several awards of the bid, each by its own mode or tier and "
                "each with its own MOQ and tooling.",
                default=False,
            ),
            Column(
                "incremental",
                "flag",
                "Tiers are incremental: each price holds for the units from its quantity on, not "
                "for all of the award.",
                default=False,
            ),
            Column(
                "bundle",
                "text",
                "Bids of one bundle are awarded together, each the whole quantity of its demand, "
                "or not at all.",
            ),
            reference(
                "consortium",
                "The consortium that makes it; its lead's certificates count.",
                table="consortia",
                required=False,
            ),
            Column(
                "profile",
                "flag",
                "A profile bid: indicative, derived from a capability. Plans use it as any other, "
                "and say what rests on such bids.",
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
            reference("bid", "The bid."),
            reference("resource", "A resource of the same supplier."),
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
        "Price breaks: an award of at least from_quantity pays this price for all of it, or for "
        "the units from there on where the bid is incremental.",
        (
            reference("bid", "The bid."),
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
            reference("origin", "From this place.", table="places"),
            reference("destination", "To this place.", table="places"),
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
                "Once for each award that takes the lane, or for each vehicle that it starts.",
                unit="network currency",
                default=0.0,
                minimum=0,
            ),
            Column(
                "vehicle_units",
                "number",
                "An award pays fixed_cost for each started vehicle of so many units; empty: once.",
                unit="units",
                positive=True,
            ),
        ),
        key=("origin", "destination", "mode"),
    ),
    Table(
        "duties",
        "Import duty; the longest matching HS code wins, then a row that names the origin. Without "
        "a row it is the most-favoured-nation tariff; within a customs union it is 0, and within a "
        "free trade area for bids with origin_proof, unless a row names the origin.",
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
                "Value of one unit of it.",
                unit="network currency",
                required=True,
                positive=True,
            ),
        ),
        key=("currency",),
    ),
    Table(
        "trade_costs",
        "Time and cost of exporting and importing; rows here replace built-in ones. By sea a "
        "container pays for documents, customs, the port and the haul to it; by air, road and rail "
        "for documents and customs only (clearance), and within a customs union for nothing.",
        (
            Column("economy", "economy", "The economy.", required=True),
            Column(
                "export_days",
                "number",
                "Days to export by sea.",
                unit="days",
                required=True,
                minimum=0,
            ),
            Column(
                "export_cost_usd_per_container",
                "number",
                "Cost to export by sea.",
                unit="US dollars per 20-foot container",
                required=True,
                minimum=0,
            ),
            Column(
                "import_days",
                "number",
                "Days to import by sea.",
                unit="days",
                required=True,
                minimum=0,
            ),
            Column(
                "import_cost_usd_per_container",
                "number",
                "Cost to import by sea.",
                unit="US dollars per 20-foot container",
                required=True,
                minimum=0,
            ),
            *(
                Column(
                    f"{way}_clearance_{figure}",
                    "number",
                    f"{what} of documents and customs to {way} by air, road and rail; empty: the "
                    "built-in figure.",
                    unit=unit,
                    minimum=0,
                )
                for way in ("export", "import")
                for figure, what, unit in (
                    ("days", "Days", "days"),
                    ("cost_usd", "Cost", "US dollars per 20-foot container"),
                )
            ),
        ),
        key=("economy",),
    ),
    *RULE_TABLES,
)

BY_NAME: dict[str, Table] = {table.name: table for table in TABLES}

EARLIEST = date(1990, 1, 1)
LATEST = date(2100, 12, 31)
