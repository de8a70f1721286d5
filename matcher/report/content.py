"""What a report says, apart from how: sections of sentences, tables and charts, in order."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from matcher import formatting
from matcher.explain import REASON_LABELS
from matcher.formatting import count, day, emissions, is_or_are, money, share
from matcher.plan import Costs
from matcher.report import rules as stated
from matcher.report.summary import SME, TERM_LABELS, TIGHT_DAYS, Summary
from matcher.report.table import ReportColumn, ReportTable, Section
from matcher.screening.landed_cost import TERMS
from matcher.status import FOUND_TEXT, ending

# Rows of these tables that a page shows; the workbook holds them all.
SHOWN_SAVINGS = 12
SHOWN_UNMET = SHOWN_FAULTS = 50
# Losing bids shown for each demand; the workbook holds them all.
SHOWN_LOSERS = 3
# Below this share of the plan's cost, all that could be negotiated is called little.
LITTLE = 0.001

_FOR = {
    "landed cost": "in landed cost of the awards",
    "fixed costs": "in fixed costs of the awards (tooling, transport lanes)",
    "onboarding": "for onboarding suppliers",
    "coordination": "for coordinating consortia",
    "switching": "for leaving incumbents",
    "discounts": "from discounts",
    "penalties": "in penalties for missed targets",
}


def sections(summary: Summary) -> tuple[Section, ...]:
    """The body of a report; sections with nothing to say are left out."""
    parts = (
        stated.correction_sets(summary),
        _faults(summary),
        _negotiable(summary),
        _unmet(summary),
        stated.rules(summary),
        stated.objectives(summary),
        _cost(summary),
        _shares(summary),
        _travel(summary),
        _delivery(summary),
        _awards(summary),
        _suppliers(summary),
        _why_not(summary),
        _basis(summary),
    )
    return tuple(part for part in parts if part is not None)


def key_figures(summary: Summary) -> tuple[tuple[str, str, str], ...]:
    """Label, figure and remark of what a reader wants first."""
    costs, result, currency = summary.costs, summary.plan.result, summary.currency
    demands = summary.network.demands.height
    unmet = summary.unmet.height
    found: list[tuple[str, str, str]] = []
    if summary.has_plan:
        found.append(
            (
                f"Total cost, {currency}",
                money(costs.total),
                ", ".join(f"{label} {money(each)}" for label, each in cost_items(costs)),
            )
        )
    if result is not None and result.bound is not None:
        found.append(
            (
                f"Proven lower bound, {currency}",
                money(result.bound),
                "no plan that does as well on the objectives before cost costs less"
                if stated.come_before_cost(summary)
                else "no plan that covers as much costs less",
            )
        )
        left = f"{money(summary.left_to_save)} {currency}"
        found.append(("Gap", formatting.gap(result.gap), f"at most {left} could still be saved"))
    found.append(
        (
            "Covered in full",
            f"{demands - unmet:,} of {demands:,}",
            "demands" if unmet == 0 else f"demands; {is_or_are(unmet, 'demand')} not",
        )
    )
    found.append(
        (
            "Suppliers used",
            f"{summary.suppliers.height:,}",
            f"of {summary.network.suppliers.height:,}, with "
            f"{count(summary.awards.height, 'award')}",
        )
    )
    indicative = summary.plan.on_profile_bids(summary.network)
    if not indicative.is_empty():
        found.append(
            (
                "On profile bids",
                count(indicative.height, "award"),
                f"{money(float(indicative['landed_cost'].sum()))} {currency} of landed cost: "
                "prices are indicative until they are quoted",
            )
        )
    if summary.sme_share is not None:
        small = summary.suppliers.filter(pl.col("size_class").is_in(SME)).height
        found.append(
            (
                "SME share",
                share(summary.sme_share),
                f"of the landed cost, to {count(small, 'supplier')}",
            )
        )
    return tuple(found)


def cost_items(costs: Costs) -> tuple[tuple[str, float], ...]:
    """What makes up the total, by label; what few plans have only where it is not 0."""
    rare = {
        "coordination": costs.coordination,
        "switching": costs.switching,
        "discounts": costs.discounts,
        "penalties": costs.penalties,
    }
    return (
        ("landed cost", costs.landed),
        ("fixed costs", costs.fixed),
        ("onboarding", costs.onboarding),
        *((label, amount) for label, amount in rare.items() if amount),
    )


def headline(summary: Summary) -> str:
    """The plan in a sentence; what to change so that one exists has a section of its own."""
    result = summary.plan.result
    if result is None or not result.correction_sets:
        return summary.plan.verdict
    told = result.model_copy(update={"correction_sets": ()})
    return replace(summary.plan, result=told).verdict


def judged(summary: Summary) -> str:
    """What the independent check says, in a sentence."""
    return summary.judgement.verdict if summary.has_plan else "There is no plan to check."


def proof(summary: Summary) -> str:
    """What was proven and why the search stopped, in a sentence."""
    result = summary.plan.result
    if result is None:
        return "This plan was made by hand; it states no proof."
    ended = ending(result.solution_status, result.termination_reason)
    text = f"{FOUND_TEXT[result.solution_status]}. {ended[0].upper()}{ended[1:]}."
    if result.coverage is not None and not result.coverage.proven:
        text += (
            " More demand might be covered: unmet demand, weighted by priority, is "
            f"{result.coverage.unmet:.4g}, its proven lower bound {result.coverage.bound:.4g}."
        )
    return text


def _money(key: str, label: str, summary: Summary) -> ReportColumn:
    return ReportColumn(key, f"{label}, {summary.currency}", "money")


def _per_unit(summary: Summary) -> ReportColumn:
    label = f"Landed cost per unit, {summary.currency}"
    return ReportColumn("landed_cost_per_unit", label, "unit_cost")


def _negotiable(summary: Summary) -> Section | None:
    if summary.awards.is_empty():
        return None
    sentences = []
    left, savings = summary.left_to_save, summary.savings
    if left is not None and left > 0:
        sentences.append(
            "With the present bids and rules, any other plan that covers as much would save at "
            f"most {money(left)} {summary.currency}. To save more, a bid, a capacity or a rule has "
            "to change."
        )
    if savings.is_empty():
        sentences.append(
            "There is nothing to negotiate: no bid that passed every gate without an award has a "
            "lower landed cost per unit than what was awarded."
        )
        return Section("negotiate", "What to negotiate", tuple(sentences))
    total = float(savings["amount"].sum())
    part = total / summary.costs.total if summary.costs.total else 0.0
    size = "Little to negotiate" if part < LITTLE else "Worth negotiating"
    sentences.append(
        f"{size}: {count(savings.height, 'demand')} had a bid without an award whose landed cost "
        f"per unit is lower than that of what was awarded; together they could save at most "
        f"{money(total)} {summary.currency} ({share(part, 2)} of the total cost). These are upper "
        "estimates: the difference in landed cost × the largest quantity that the bid could take, "
        "before tooling, onboarding and other uses of the capacity."
    )
    frame = savings.with_row_index("rank", offset=1).with_columns(
        awarded_cost=pl.col("landed_cost_per_unit") - pl.col("cost_difference"),
        held_back=pl.col("reason").replace_strict(REASON_LABELS, default=pl.col("reason")),
    )
    return Section(
        "negotiate",
        "What to negotiate",
        tuple(sentences),
        (
            ReportTable(
                "savings",
                "Bids with a lower landed cost that got no award, by potential saving",
                (
                    ReportColumn("rank", "No.", "count"),
                    _money("amount", "Saving, at most", summary),
                    ReportColumn("component_name", "Component"),
                    ReportColumn("demand", "Demand"),
                    ReportColumn("supplier_name", "Supplier"),
                    ReportColumn("held_back", "Held back by"),
                    ReportColumn("landed_cost_per_unit", "Its landed cost per unit", "unit_cost"),
                    ReportColumn("awarded_cost", "Awarded landed cost per unit", "unit_cost"),
                    ReportColumn("quantity", "Units it could supply", "quantity"),
                ),
                frame,
                SHOWN_SAVINGS,
            ),
        ),
    )


def _unmet(summary: Summary) -> Section | None:
    if summary.unmet.is_empty():
        return None
    none = summary.unmet.filter(pl.col("share") > 1 - 1e-9).height
    return Section(
        "unmet",
        "Unmet demand",
        (
            f"{summary.unmet.height:,} of {count(summary.network.demands.height, 'demand')} "
            f"{'is' if summary.unmet.height == 1 else 'are'} not covered in full; {none:,} "
            f"of them {'gets' if none == 1 else 'get'} nothing at all.",
        ),
        (
            ReportTable(
                "unmet",
                "Unmet demand and the reason",
                (
                    ReportColumn("demand", "Demand"),
                    ReportColumn("component_name", "Component"),
                    ReportColumn("lead_firm_name", "Lead firm"),
                    ReportColumn("quantity", "Unmet", "quantity"),
                    ReportColumn("unit", "Unit"),
                    ReportColumn("share", "Share", "share"),
                    ReportColumn("due", "Due", "date"),
                    ReportColumn("reason", "Reason"),
                ),
                summary.unmet,
                SHOWN_UNMET,
            ),
        ),
    )


def _cost(summary: Summary) -> Section | None:
    if summary.awards.is_empty():
        return None
    costs = summary.costs
    added = summary.by_term.filter(pl.col("term") != "price")
    price = float(summary.by_term["landed_cost"][0])
    beyond = float(added["landed_cost"].sum())
    top = added.sort("landed_cost", descending=True).row(0, named=True)
    sentences = [
        f"The total cost is {money(costs.total)} {summary.currency}: "
        + ", ".join(f"{money(each)} {_FOR[label]}" for label, each in cost_items(costs))
        + "."
    ]
    if price > 0:
        sentences.append(
            f"Landed cost is {money(beyond)} {summary.currency} ({share(beyond / price)}) above "
            f"the price; the largest item is {str(top['label']).lower()} "
            f"({money(top['landed_cost'])}). What a price already includes under its Incoterm is "
            "not counted again."
        )
    emitted = summary.plan.emissions_kg
    if emitted:
        priced = summary.network.carbon_price
        sentences.append(
            f"Freight, and making the goods as far as bids state it, emits {emissions(emitted)}"
            + (f", priced at {money(priced)} {summary.currency} a tonne." if priced else ".")
        )
    return Section(
        "cost",
        "What it costs",
        tuple(sentences),
        (
            ReportTable(
                "by_term",
                "Landed cost by cost item",
                (
                    ReportColumn("label", "Cost item"),
                    _money("landed_cost", "Landed cost", summary),
                    ReportColumn("share", "Share", "share"),
                ),
                summary.by_term,
            ),
        ),
        ("cost_beyond_price",),
    )


def _shares(summary: Summary) -> Section | None:
    if summary.awards.is_empty():
        return None

    def table(key: str, label: str, frame: pl.DataFrame) -> ReportTable:
        return ReportTable(
            key,
            f"Landed cost by {label.lower()}",
            (
                ReportColumn("label", label),
                _money("landed_cost", "Landed cost", summary),
                ReportColumn("share", "Share", "share"),
                ReportColumn("awards", "Awards", "count"),
                ReportColumn("suppliers", "Suppliers", "count"),
            ),
            frame,
        )

    return Section(
        "shares",
        "Spend breakdown",
        (),
        (
            table("by_lead_firm", "Lead firm", summary.by_lead_firm),
            table("by_economy", "Economy", summary.by_economy),
            table("by_size_class", "Size class", summary.by_size_class),
            table("by_mode", "Mode", summary.by_mode),
        ),
        ("award_shares",),
    )


def _travel(summary: Summary) -> Section | None:
    if summary.awards.drop_nulls(["place", "destination", "mode"]).is_empty():
        return None
    return Section("travel", "Transport routes", (), (), ("flow_map",))


def _delivery(summary: Summary) -> Section | None:
    if summary.awards["slack_days"].null_count() == summary.awards.height:
        return None
    tight = summary.tight
    if tight.is_empty():
        return Section(
            "delivery",
            "Delivery",
            (f"Every award arrives with at least {TIGHT_DAYS:g} days in hand.",),
            (),
            ("days_in_hand",),
        )
    value = float(tight["landed_cost"].sum())
    return Section(
        "delivery",
        "Delivery",
        (
            f"{count(tight.height, 'award')} with a landed cost of {money(value)} "
            f"{summary.currency} {'has' if tight.height == 1 else 'have'} fewer than "
            f"{TIGHT_DAYS:g} days in hand: a delay of a week would make "
            f"{'it' if tight.height == 1 else 'them'} late.",
        ),
        (
            ReportTable(
                "tight",
                f"Awards with fewer than {TIGHT_DAYS:g} days in hand",
                (
                    ReportColumn("component_name", "Component"),
                    ReportColumn("demand", "Demand"),
                    ReportColumn("supplier_name", "Supplier"),
                    ReportColumn("mode", "Mode"),
                    ReportColumn("arrival_date", "Arrives", "date"),
                    ReportColumn("due", "Due", "date"),
                    ReportColumn("slack_days", "Days in hand", "days"),
                    _money("landed_cost", "Landed cost", summary),
                ),
                tight,
            ),
        ),
        ("days_in_hand",),
    )


def _awards(summary: Summary) -> Section | None:
    if summary.awards.is_empty():
        return None
    return Section(
        "awards",
        "Awards",
        (),
        (
            ReportTable(
                "awards",
                "Awards by demand",
                (
                    ReportColumn("demand", "Demand"),
                    ReportColumn("component_name", "Component"),
                    ReportColumn("supplier_name", "Supplier"),
                    ReportColumn("economy_name", "Economy"),
                    ReportColumn("quantity", "Quantity", "quantity"),
                    ReportColumn("unit", "Unit"),
                    ReportColumn("mode", "Mode"),
                    _per_unit(summary),
                    _money("landed_cost", "Landed cost", summary),
                    ReportColumn("arrival_date", "Arrives", "date"),
                    ReportColumn("slack_days", "Days in hand", "days"),
                ),
                summary.awards,
            ),
        ),
    )


def _suppliers(summary: Summary) -> Section | None:
    if summary.suppliers.is_empty():
        return None
    return Section(
        "suppliers",
        "Suppliers",
        (),
        (
            ReportTable(
                "suppliers",
                "Suppliers used, by landed cost",
                (
                    ReportColumn("supplier_name", "Supplier"),
                    ReportColumn("economy_name", "Economy"),
                    ReportColumn("place_name", "Place"),
                    ReportColumn("size_class", "Size class"),
                    ReportColumn("awards", "Awards", "count"),
                    ReportColumn("components", "Components", "count"),
                    _money("landed_cost", "Landed cost", summary),
                    ReportColumn("share", "Share", "share"),
                    _money("onboarding_cost", "Onboarding", summary),
                    ReportColumn("slack_days", "Fewest days in hand", "days"),
                ),
                summary.suppliers,
            ),
        ),
    )


def _why_not(summary: Summary) -> Section | None:
    if summary.lost.is_empty():
        return None
    beaten = summary.lost.filter(pl.col("outcome") == "beaten").height
    rejected = summary.lost.height - beaten
    nearest = summary.lost.group_by("demand", maintain_order=True).head(SHOWN_LOSERS)
    return Section(
        "why_not",
        "Why other bids were not awarded",
        (
            f"Of the pairs of a demand and a bid without an award, {beaten:,} passed every gate "
            f"but {'was' if beaten == 1 else 'were'} not selected, and {rejected:,} failed a gate.",
        ),
        (
            ReportTable(
                "reasons",
                "Reasons, and the bid that came closest",
                (
                    ReportColumn("label", "Reason"),
                    ReportColumn("pairs", "Pairs", "count"),
                    ReportColumn("alone", "Only this reason", "count"),
                    ReportColumn("closest", "Closest with only this reason"),
                ),
                summary.reasons,
            ),
            ReportTable(
                "nearest",
                f"Bids that came closest to an award, at most {SHOWN_LOSERS} for each demand",
                lost_columns(summary),
                nearest,
            ),
        ),
        ("rejection_reasons",),
    )


def lost_columns(summary: Summary) -> tuple[ReportColumn, ...]:
    """The columns of a table of bids without an award."""
    return (
        ReportColumn("demand", "Demand"),
        ReportColumn("supplier_name", "Supplier"),
        ReportColumn("bid", "Bid"),
        ReportColumn("outcome_label", "Outcome"),
        ReportColumn("text", "Why"),
        _per_unit(summary),
        ReportColumn("cost_difference", "Above the award, per unit", "unit_cost"),
    )


def _faults(summary: Summary) -> Section | None:
    findings = summary.judgement.findings
    if not findings or not summary.has_plan:
        return None
    frame = pl.DataFrame(
        [(f.code, f.about, f.message, _plain(f.claimed), _plain(f.actual)) for f in findings],
        schema=dict.fromkeys(("code", "about", "message", "claimed", "actual"), pl.String()),
        orient="row",
    )
    return Section(
        "faults",
        "Errors found by the independent check",
        (summary.judgement.verdict,),
        (
            ReportTable(
                "faults",
                "Errors in the plan",
                (
                    ReportColumn("code", "Code"),
                    ReportColumn("about", "About"),
                    ReportColumn("message", "Error"),
                    ReportColumn("claimed", "Stated"),
                    ReportColumn("actual", "Recomputed"),
                ),
                frame,
                SHOWN_FAULTS,
            ),
        ),
    )


def _plain(value: float | str | None) -> str | None:
    return f"{value:,.6g}" if isinstance(value, float | int) else value


# long: a table of what the figures rest on, row by row
def _basis(summary: Summary) -> Section:
    network, plan = summary.network, summary.plan
    facts: list[tuple[str, str]] = [
        ("Network", network.name),
        ("Input hash", plan.input_hash or "not stated"),
        (
            "Size",
            f"{count(network.demands.height, 'demand')}, "
            f"{count(network.suppliers.height, 'supplier')}, "
            f"{count(network.bids.height, 'bid')}",
        ),
        ("Orders are placed on", day(network.start)),
        ("Cost of capital", f"{share(network.carrying_rate)} of the value per year"),
        ("Cargo insurance", f"{share(network.insurance_rate, 2)} of the insured value"),
    ]
    run = plan.run
    if run is not None:
        facts += [
            ("Engine", f"{run.engine} {run.engine_version}"),
            (
                "Limits",
                f"time {run.time_limit_s:g} s, gap {formatting.gap(run.gap_limit)}, "
                f"{count(run.threads, 'thread')}, seed {run.seed}",
            ),
            ("Solve", f"{run.seconds:.1f} s for {count(run.candidates, 'candidate')}"),
            ("Versions", ", ".join(f"{name} {number}" for name, number in run.versions.items())),
        ]
    if summary.is_filled:
        facts.append(
            (
                "Filled in",
                "suppliers, modes, costs and dates that the plan leaves out were computed from "
                "the network",
            )
        )
    tables = [
        ReportTable(
            "basis",
            "Data and settings",
            (ReportColumn("fact", ""), ReportColumn("value", "")),
            pl.DataFrame(facts, schema=["fact", "value"], orient="row"),
        )
    ]
    if network.warnings:
        tables.append(
            ReportTable(
                "warnings",
                "Warnings about the network",
                (
                    ReportColumn("place", "Where"),
                    ReportColumn("value", "Value"),
                    ReportColumn("problem", "Problem"),
                    ReportColumn("fix", "What to do"),
                ),
                pl.DataFrame(
                    [(w.place, w.value, w.problem, w.fix) for w in network.warnings],
                    schema=dict.fromkeys(("place", "value", "problem", "fix"), pl.String()),
                    orient="row",
                ),
            )
        )
    warned = (
        f"The network was read with {count(len(network.warnings), 'warning')}."
        if network.warnings
        else "The network was read without warnings."
    )
    return Section("basis", "Basis of this report", (warned,), tuple(tables))


def unit_terms(summary: Summary) -> ReportTable:
    """The landed cost per unit of every award, term by term; too wide for a page."""
    return ReportTable(
        "unit_terms",
        "Landed cost per unit by cost item",
        (
            ReportColumn("demand", "Demand"),
            ReportColumn("supplier", "Supplier ID"),
            ReportColumn("bid", "Bid"),
            ReportColumn("mode", "Mode"),
            ReportColumn("tier", "Tier", "count"),
            *(ReportColumn(f"{term}_per_unit", TERM_LABELS[term], "unit_cost") for term in TERMS),
            _per_unit(summary),
        ),
        summary.awards,
    )
