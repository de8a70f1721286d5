"""Help for those who state rules in the template: an example of every kind, and of its cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Example:
    """A rule in words, and the cells that state it."""

    kind: str
    words: str
    cells: dict[str, Any]

    @property
    def stated(self) -> str:
        """The cells as a person would fill them in, such as ``scope component, min 2``."""
        return ", ".join(
            f"{column} {cell:g}" if isinstance(cell, float | int) else f"{column} {cell or 'empty'}"
            for column, cell in self.cells.items()
        )


EXAMPLES: tuple[Example, ...] = (
    Example(
        "supplier_count",
        "at most three suppliers in all",
        {"scope": "network", "max": 3},
    ),
    Example(
        "economy_count",
        "at least two economies for every component",
        {"scope": "component", "of": None, "min": 2},
    ),
    Example(
        "share",
        "no supplier gets more than 60% of what is paid for any component",
        {
            "scope": "component",
            "of": None,
            "group": "supplier",
            "who": None,
            "measure": "value",
            "max": 0.6,
        },
    ),
    Example(
        "share",
        "a target: at least 30% of what is paid goes to suppliers in Viet Nam; each unit of "
        "money that lacks counts as a cost of 0.05",
        {
            "scope": "network",
            "group": "economy",
            "who": "VN",
            "measure": "value",
            "min": 0.3,
            "priority": 1,
            "price": 0.05,
        },
    ),
    Example(
        "limit",
        "at least 5,000 units of housings from small and medium suppliers together",
        {
            "scope": "component",
            "of": "housing",
            "group": "size_class",
            "who": "small;medium",
            "measure": "quantity",
            "min": 5000,
        },
    ),
    Example(
        "limit",
        "a budget: the whole plan costs at most 60,000",
        {"scope": "network", "measure": "cost", "max": 60000},
    ),
    Example(
        "dependence",
        "no lead firm buys more than 40% of any supplier's turnover",
        {"scope": "lead_firm", "of": None, "group": "supplier", "who": None, "max": 0.4},
    ),
    Example(
        "working_capital",
        "what is under way or not yet paid stays within every supplier's credit line",
        {"scope": "network", "group": "supplier", "who": None, "max": 1},
    ),
    Example(
        "consistent",
        "two suppliers get 70% and 30% of every demand of housings, the same of each",
        {"scope": "component", "of": "housing", "split": "70/30"},
    ),
    Example(
        "viable",
        "a small supplier that gets anything is paid at least 2,000",
        {"scope": "network", "group": "size_class", "who": "small", "measure": "value"}
        | {"min": 2000},
    ),
)
"""Every kind of rule at least once; all of them can be stated of the template's own network."""

CELLS: dict[tuple[str, str], str] = {
    ("rules", "of"): "For example housing;cable with the scope component: the two together.",
    ("rules", "who"): "For example VN;MY with the group economy: the two together. "
    "Leave it empty with the group incumbents.",
    ("rules", "measure"): "For example value: a share of what is paid.",
    ("rules", "min"): "For example 2 suppliers, or 0.3 for a share of 30%.",
    ("rules", "max"): "For example 3 suppliers, or 0.6 for a share of 60%.",
    ("rules", "split"): "For example 70/30: two suppliers, 70% and 30% of each demand.",
    ("rules", "priority"): "For example 1; a target of priority 2 is met only as far as those of "
    "priority 1 allow.",
    ("rules", "price"): "For example 0.05 for a share of value: 5% of each unit of money that "
    "lacks. A price per unit or supplier is far higher.",
    ("objectives", "order"): "For example 1 for coverage, 2 for cost, 3 for local_value.",
    ("objectives", "tolerance"): "For example 0.02 for cost: later objectives may cost 2% more.",
    ("objectives", "economies"): "For example VN;TH.",
    ("periods", "first"): "A demand belongs to the period in which it is due.",
}
"""What the note of a column says beyond its meaning, by table and column."""
