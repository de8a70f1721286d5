"""Faults that a plan can have: one code for each way of being wrong."""

from __future__ import annotations

from dataclasses import dataclass

from matcher.screening.gates import GATES

# Every way in which a plan can be wrong, and what the code means.
CODES: dict[str, str] = {
    "wrong_network": "the plan was made for another input, or for the same one before it changed",
    "wrong_currency": "the plan's currency is not the network's",
    "unknown_demand": "the demand is not in the network",
    "unknown_bid": "the bid is not in the network",
    "wrong_supplier": "the award names another supplier than the bid's",
    "wrong_component": "the bid is for another component, or the award names another",
    "other_demand": "the bid was made for another demand only",
    "unknown_mode": "there is no such mode",
    "unknown_tier": "the bid has no such tier",
    "bad_quantity": "the quantity is not a finite number above 0",
    "duplicate_award": "the same demand, bid, mode and tier is awarded twice",
    **{gate.code: gate.fault for gate in GATES if gate.fault},
    "below_moq": "the award is below the minimum order quantity",
    "above_max_quantity": "more is awarded than the bid offers for one demand",
    "wrong_tier": "the quantity is outside the tier",
    "order_multiple": "the quantity is not a whole number of order multiples",
    "below_counted_share": "an award that counts (supplier minimum, incumbent) is too small",
    "over_demand": "more is awarded than is needed",
    "share_cap": "one supplier gets more than the share cap",
    "single_source": "a demand for one supplier is split, or is not covered in full",
    "one_tier_and_mode": "a bid that may not be split is awarded in several tiers or modes",
    "most_suppliers": "the demand has more suppliers than allowed",
    "fewest_suppliers": "the demand has fewer suppliers than it asks for",
    "bundle": "a bundle is awarded in part: all its bids must win their demands in full, or none",
    "consortium_moq": "what a consortium makes of a demand is below its minimum order quantity",
    "capacity": "a resource is used beyond its capacity",
    "rule": "a mandatory rule is broken",
    "wrong_term": "a part of the landed cost, such as freight or duty, differs from the input's",
    "wrong_unit_cost": "the landed cost per unit is not the sum of its terms",
    "wrong_award_cost": "the landed cost of the award is not unit cost × quantity",
    "wrong_fixed_cost": "the fixed cost is not tooling + the lane's fixed cost + lower tiers' part",
    "wrong_date": "the ready date or arrival is not what lead time, customs and transit days give",
    "wrong_slack": "the slack is not what is left until the due date",
    "wrong_emissions": "the emissions are not those of making and carrying the awarded quantity",
    "missing_supplier": "a supplier with an award is not listed",
    "unused_supplier": "a supplier without an award is listed",
    "listed_twice": "the same supplier, or the same unmet demand, is listed twice",
    "wrong_supplier_figure": "a figure of a listed supplier is wrong",
    "missing_unmet": "a demand that is not covered in full is missing from the list of unmet ones",
    "false_unmet": "a demand that is covered in full is listed as unmet",
    "wrong_unmet": "the unmet quantity or share is wrong",
    "wrong_coverage": "the coverage loss is not what the awards leave open, or no bound proves it",
    "wrong_rule_figure": "a figure of a rule is wrong, or the rule is not listed",
    "wrong_objective": "the value the plan states for an objective is not the one its awards give",
    "wrong_total": "a total does not add up",
    "bound_above_best": "the bound is above the cost of the plan, which no lower bound can be",
    "wrong_gap": "the gap is not |best − bound| / |best|",
    "false_optimal": "a plan is called optimal without a bound that shows it",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault of a plan: a code of `CODES`, what it is about, and the figures."""

    code: str
    about: str
    message: str
    claimed: float | str | None = None
    actual: float | str | None = None
