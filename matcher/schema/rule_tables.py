"""The tables of what a sourcing team states beyond demands and bids.

Rules, objectives, periods, and the terms that reach over several awards.
"""

from __future__ import annotations

from matcher.schema.columns import Column, Table, key_column, reference

RULE_KINDS = (
    "supplier_count",
    "economy_count",
    "share",
    "limit",
    "dependence",
    "working_capital",
    "consistent",
    "viable",
)
SCOPES = ("network", "lead_firm", "component_group", "component", "demand")
GROUPS = ("supplier", "economy", "park", "size_class", "ownership", "incumbents")
MEASURES = ("quantity", "value", "cost", "emissions")
OBJECTIVES = (
    "coverage",
    "cost",
    "local_value",
    "linkages",
    "concentration",
    "delivery_slack",
    "supplier_count",
    "emissions",
)

RULE_TABLES: tuple[Table, ...] = (
    Table(
        "incumbents",
        "Who makes a component today, and what it costs to switch away.",
        (
            reference("component", "The component."),
            reference("supplier", "Who makes it today."),
            reference("lead_firm", "For this lead firm only; empty: for all.", required=False),
            Column(
                "switching_cost",
                "number",
                "Once, if the supplier gets no award of the component.",
                unit="network currency",
                default=0.0,
                minimum=0,
            ),
        ),
        key=("component", "supplier", "lead_firm"),
    ),
    Table(
        "consortia",
        "Suppliers that bid together; the bids name their consortium.",
        (
            key_column("Key of the consortium.", "consortium"),
            reference("lead", "The member whose certificates count for all.", table="suppliers"),
            Column(
                "moq",
                "number",
                "Minimum order quantity that the members reach together, for each demand.",
                unit="units",
                default=0.0,
                minimum=0,
            ),
            Column(
                "coordination_cost",
                "number",
                "Once, if the consortium gets any award.",
                unit="network currency",
                default=0.0,
                minimum=0,
            ),
        ),
        key=("consortium",),
    ),
    Table(
        "discounts",
        "Discounts and rebates on all that a supplier is awarded; one row a step.",
        (
            Column("discount", "text", "Name of the discount.", required=True),
            reference("supplier", "Who grants it; the same in every step."),
            Column(
                "component_group",
                "text",
                "Counts awards of this component group only; empty: all. The same in every step.",
            ),
            Column(
                "measure",
                "choice",
                "What from counts: units, or the price paid. The same in every step.",
                default="value",
                choices=("quantity", "value"),
            ),
            Column(
                "from",
                "number",
                "The step applies from here on.",
                unit="units or network currency",
                required=True,
                minimum=0,
            ),
            Column(
                "rate",
                "number",
                "Paid back, of the price paid. A surcharge stands in the bid's surcharge_rate.",
                unit="share of the value",
                default=0.0,
                minimum=0,
                maximum=1,
            ),
            Column(
                "amount",
                "number",
                "Paid back in addition, once.",
                unit="network currency",
                default=0.0,
                minimum=0,
            ),
            Column(
                "incremental",
                "flag",
                "The rate holds for what lies above from, not for all. The same in every step.",
                default=False,
            ),
        ),
        key=("discount", "from"),
    ),
    Table(
        "periods",
        "Time buckets. If there are any, capacity holds in each, and each demand is due in one.",
        (
            key_column("Key of the period.", "period"),
            Column("first", "date", "Its first day.", required=True),
            Column("last", "date", "Its last day.", required=True),
        ),
        key=("period",),
    ),
    Table(
        "capacities",
        "Capacity of a resource in a period where it differs from the resource's own.",
        (
            reference("resource", "The resource."),
            reference("period", "The period."),
            Column(
                "capacity",
                "number",
                "How much of it there is in the period.",
                unit="the resource's unit",
                required=True,
                minimum=0,
            ),
        ),
        key=("resource", "period"),
    ),
    Table(
        "ramps",
        "Ramp-up of a bid: what it may deliver in a period until it is in full production.",
        (
            reference("bid", "The bid."),
            reference("period", "The period."),
            Column(
                "share",
                "number",
                "Largest share of each of its resources that the bid may take in the period; 0: "
                "not approved yet (PPAP).",
                unit="share of the capacity",
                required=True,
                minimum=0,
                maximum=1,
            ),
        ),
        key=("bid", "period"),
    ),
    Table(
        "rules",
        "Rules of the sourcing team, beyond the columns of demands and bids.",
        (
            key_column("Name of the rule, as reports show it.", "rule"),
            Column(
                "kind",
                "choice",
                "supplier_count, economy_count: how many get an award; share: of what is awarded; "
                "limit: how much; dependence: of a supplier's turnover, for each lead firm; "
                "working_capital: of its credit line; consistent: the same split everywhere; "
                "viable: who gets any gets at least so much.",
                required=True,
                choices=RULE_KINDS,
            ),
            Column(
                "scope", "choice", "Which demands the rule is about.", required=True, choices=SCOPES
            ),
            Column(
                "of",
                "text",
                "Which lead firms, component groups, components or demands, taken together, "
                "separated by ;. Empty: each of them on its own.",
            ),
            Column(
                "group",
                "choice",
                "Which suppliers the rule is about; empty: all.",
                choices=GROUPS,
            ),
            Column(
                "who",
                "text",
                "Which suppliers, economies, parks, size classes or owners, taken together, "
                "separated by ;. Empty: each of them on its own.",
            ),
            Column(
                "measure",
                "choice",
                "What is counted: units or the price paid; for a limit with a max also landed cost "
                "with the fixed cost of the awards, or emissions in kg CO₂e.",
                choices=MEASURES,
            ),
            Column(
                "min",
                "number",
                "At least.",
                unit="suppliers, economies, share, units, network currency or kg CO₂e",
                minimum=0,
            ),
            Column(
                "max",
                "number",
                "At most.",
                unit="suppliers, economies, share, units, network currency or kg CO₂e",
                minimum=0,
            ),
            Column(
                "split",
                "text",
                "For consistent: the shares by rank, such as 60/30/10; empty: any split.",
            ),
            Column(
                "priority",
                "integer",
                "Makes the rule a target that may be missed; 1 is met first. Empty: mandatory.",
                minimum=1,
            ),
            Column(
                "price",
                "number",
                "Cost of missing a target, weighed against landed cost; empty: the target goes "
                "before cost, in order of priority.",
                unit="network currency per supplier, economy, unit or network currency missed",
                minimum=0,
            ),
        ),
        key=("rule",),
    ),
    Table(
        "objectives",
        "Objectives, in order of priority; without rows: coverage, then cost.",
        (
            Column(
                "objective",
                "choice",
                "coverage: least unmet demand; cost: lowest total cost; local_value: most bought "
                "locally; linkages: most SMEs with a viable award; concentration: least value with "
                "the largest supplier; delivery_slack: most days in hand; supplier_count: fewest "
                "suppliers; emissions: least of making and carrying the goods.",
                required=True,
                choices=OBJECTIVES,
            ),
            Column(
                "order",
                "integer",
                "1 comes first; objectives of the same order are added up by weight.",
                required=True,
                minimum=1,
            ),
            Column(
                "weight",
                "number",
                "Weight among objectives of the same order.",
                default=1.0,
                positive=True,
            ),
            Column(
                "tolerance",
                "number",
                "How much of this objective later ones may give up again.",
                unit="share of what was reached",
                default=0.0,
                minimum=0,
                maximum=10,
            ),
            Column(
                "economies",
                "text",
                "For local_value: economies that are local, separated by ;. Empty: that of each "
                "demand's place.",
            ),
            Column(
                "viable_value",
                "number",
                "For linkages: the smallest value awarded that makes it worth an SME's while.",
                unit="network currency",
                default=0.0,
                minimum=0,
            ),
        ),
        key=("objective",),
    ),
)
