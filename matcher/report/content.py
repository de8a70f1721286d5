"""What a report says, apart from how: sections of sentences, tables and charts, in order."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from matcher.formatting import count, day, money, share
from matcher.plan import Costs
from matcher.report import rules as stated
from matcher.report.summary import REASON_LABELS, SME, TERM_LABELS, TIGHT_DAYS, Summary
from matcher.report.table import Column, Section, Table
from matcher.screening.landed_cost import TERMS

# Rows of these tables that a page shows; the workbook holds them all.
SHOWN_SAVINGS = 12
SHOWN_UNMET = SHOWN_FAULTS = 50
# Losing bids shown for each demand; the workbook holds them all.
SHOWN_LOSERS = 3
# Below this share of the plan's cost, all that could be negotiated is called little.
LITTLE = 0.001

_STOPPED = {
    "proved": "the search is finished",
    "gap_limit": "the search ended at the gap that was asked for",
    "time_limit": "the search ended at the time limit",
    "cancelled": "the search was cancelled",
    "memory_limit": "the search ended at the memory limit",
    "crashed": "the search ended because the solver failed",
}
_FOR = {
    "landed": "landed",
    "tooling and lanes": "once for tooling and lanes",
    "onboarding": "for onboarding",
    "coordination": "for the coordination of consortia",
    "switching": "for leaving incumbents",
    "discounts": "by discounts",
    "penalties": "as penalties for missed targets",
}
_FOUND = {
    "optimal": "This plan is proven optimal",
    "feasible": "A plan was found; it is not proven optimal",
    "infeasible": "It is proven that no plan exists",
    "none": "No plan was found, and none is proven impossible",
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
                f"Proven bound, {currency}",
                money(result.bound),
                "no plan that does as well before cost costs less"
                if stated.come_before_cost(summary)
                else "no plan that covers as much costs less",
            )
        )
        left = f"{money(summary.left_to_save)} {currency}"
        found.append(("Gap", share(result.gap, 2), f"at most {left} above the optimum"))
    found.append(
        (
            "Covered in full",
            f"{demands - unmet:,} of {demands:,}",
            "demands" if unmet == 0 else f"demands; {unmet:,} are not",
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
        ("landed", costs.landed),
        ("tooling and lanes", costs.fixed),
        ("onboarding", costs.onboarding),
        *((label, amount) for label, amount in rare.items() if amount),
    )


def headline(summary: Summary) -> str:
    """The plan in a sentence; correction sets have a section of their own."""
    result = summary.plan.result
    if result is None or not result.correction_sets:
        return summary.plan.verdict
    told = result.model_copy(update={"correction_sets": ()})
    return replace(summary.plan, result=told).verdict


def judged(summary: Summary) -> str:
    """What the judge says, in a sentence."""
    return summary.judgement.verdict if summary.has_plan else "There is no plan to judge."


def proof(summary: Summary) -> str:
    """What was proven and why the search stopped, in a sentence."""
    result = summary.plan.result
    if result is None:
        return "Made by hand: nothing is claimed of this plan, so nothing is proven."
    text = f"{_FOUND[result.found]}; {_STOPPED[result.stopped]}."
    if result.coverage is not None and not result.coverage.proven:
        text += (
            " It is not proven that no more demand can be covered: the loss is "
            f"{result.coverage.unmet:.4g}, its bound {result.coverage.bound:.4g}."
        )
    return text


def _money(key: str, label: str, summary: Summary) -> Column:
    return Column(key, f"{label}, {summary.currency}", "money")


def _negotiable(summary: Summary) -> Section | None:
    if summary.awards.is_empty():
        return None
    sentences = []
    left, savings = summary.left_to_save, summary.savings
    if left is not None and left > 0:
        sentences.append(
            "Under the present bids and rules, any other plan that covers as much saves at most "
            f"{money(left)} {summary.currency}; more takes a change of a bid, a capacity "
            "or a rule."
        )
    if savings.is_empty():
        sentences.append(
            "Nothing is worth negotiating: no bid that passed the gates and got "
            "nothing costs less per unit than what was awarded."
        )
        return Section("negotiate", "What to negotiate", tuple(sentences))
    total = float(savings["amount"].sum())
    part = total / summary.costs.total if summary.costs.total else 0.0
    size = "Little is worth negotiating" if part < LITTLE else "Worth negotiating"
    sentences.append(
        f"{size}: {count(savings.height, 'demand')} had a bid that costs less per unit on "
        f"arrival than what was awarded and yet got nothing; together at most "
        f"{money(total)} {summary.currency} ({share(part, 2)} of the plan). The "
        "amounts are estimates from above: the difference × the most that the bid could take, "
        "before tooling, onboarding and what else the capacity is used for."
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
            Table(
                "savings",
                "Cheaper bids that got nothing, by the most they could save",
                (
                    Column("rank", "No.", "count"),
                    _money("amount", "At most", summary),
                    Column("component_name", "Component"),
                    Column("demand", "Demand"),
                    Column("supplier_name", "Supplier"),
                    Column("held_back", "Held back by"),
                    Column("landed_cost_per_unit", "Its cost per unit", "unit_cost"),
                    Column("awarded_cost", "Awarded at, per unit", "unit_cost"),
                    Column("quantity", "Units it could take", "quantity"),
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
        "What is not covered",
        (
            f"{count(summary.unmet.height, 'demand')} of "
            f"{summary.network.demands.height:,} "
            f"{'is' if summary.unmet.height == 1 else 'are'} not covered in full; {none:,} "
            f"{'gets' if none == 1 else 'get'} nothing at all.",
        ),
        (
            Table(
                "unmet",
                "Unmet demand, with the reason",
                (
                    Column("demand", "Demand"),
                    Column("component_name", "Component"),
                    Column("lead_firm_name", "Lead firm"),
                    Column("quantity", "Unmet", "quantity"),
                    Column("unit", "Unit"),
                    Column("share", "Share", "share"),
                    Column("due", "Due", "date"),
                    Column("reason", "Reason"),
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
        f"{money(costs.total)} {summary.currency} in all: "
        + ", ".join(f"{money(each)} {_FOR[label]}" for label, each in cost_items(costs))
        + "."
    ]
    if price > 0:
        sentences.append(
            f"Arrival adds {money(beyond)} {summary.currency} "
            f"({share(beyond / price)}) to the price, most of it "
            f"for {str(top['label']).lower()} ({money(top['landed_cost'])}); what a price "
            "already holds by its incoterm is not counted again."
        )
    return Section(
        "cost",
        "What it costs",
        tuple(sentences),
        (
            Table(
                "by_term",
                "Landed cost by term",
                (
                    Column("label", "Term"),
                    _money("landed_cost", "Landed cost", summary),
                    Column("share", "Share", "share"),
                ),
                summary.by_term,
            ),
        ),
        ("cost_beyond_price",),
    )


def _shares(summary: Summary) -> Section | None:
    if summary.awards.is_empty():
        return None

    def table(key: str, label: str, frame: pl.DataFrame) -> Table:
        return Table(
            key,
            f"Landed cost by {label.lower()}",
            (
                Column("label", label),
                _money("landed_cost", "Landed cost", summary),
                Column("share", "Share", "share"),
                Column("awards", "Awards", "count"),
                Column("suppliers", "Suppliers", "count"),
            ),
            frame,
        )

    return Section(
        "shares",
        "Who gets the money",
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
    return Section("travel", "Where it travels", (), (), ("flow_map",))


def _delivery(summary: Summary) -> Section | None:
    if summary.awards["slack_days"].null_count() == summary.awards.height:
        return None
    tight = summary.tight
    if tight.is_empty():
        return Section(
            "delivery",
            "Delivery",
            (f"No award has less than {TIGHT_DAYS:g} days in hand.",),
            (),
            ("days_in_hand",),
        )
    value = float(tight["landed_cost"].sum())
    return Section(
        "delivery",
        "Delivery",
        (
            f"{count(tight.height, 'award')} worth {money(value)} "
            f"{summary.currency} {'has' if tight.height == 1 else 'have'} less than "
            f"{TIGHT_DAYS:g} days in hand: a "
            "delay of a week makes them late.",
        ),
        (
            Table(
                "tight",
                f"Awards with less than {TIGHT_DAYS:g} days in hand",
                (
                    Column("component_name", "Component"),
                    Column("demand", "Demand"),
                    Column("supplier_name", "Supplier"),
                    Column("mode", "Mode"),
                    Column("arrival_date", "Arrives", "date"),
                    Column("due", "Due", "date"),
                    Column("slack_days", "Days in hand", "days"),
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
            Table(
                "awards",
                "Who makes how much of what",
                (
                    Column("demand", "Demand"),
                    Column("component_name", "Component"),
                    Column("supplier_name", "Supplier"),
                    Column("economy_name", "Economy"),
                    Column("quantity", "Quantity", "quantity"),
                    Column("unit", "Unit"),
                    Column("mode", "Mode"),
                    Column("landed_cost_per_unit", f"{summary.currency} per unit", "unit_cost"),
                    _money("landed_cost", "Landed cost", summary),
                    Column("arrival_date", "Arrives", "date"),
                    Column("slack_days", "Days in hand", "days"),
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
            Table(
                "suppliers",
                "Suppliers used, by landed cost",
                (
                    Column("supplier_name", "Supplier"),
                    Column("economy_name", "Economy"),
                    Column("place_name", "Place"),
                    Column("size_class", "Size class"),
                    Column("awards", "Awards", "count"),
                    Column("components", "Components", "count"),
                    _money("landed_cost", "Landed cost", summary),
                    Column("share", "Share", "share"),
                    _money("onboarding_cost", "Onboarding", summary),
                    Column("slack_days", "Fewest days in hand", "days"),
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
        "Why the others lost",
        (
            f"Of the pairs of a demand and a bid that got nothing, {beaten:,} passed every gate "
            f"and were beaten, and {rejected:,} failed a gate.",
        ),
        (
            Table(
                "reasons",
                "What decided, and who came closest",
                (
                    Column("label", "Reason"),
                    Column("pairs", "Pairs", "count"),
                    Column("alone", "By this alone", "count"),
                    Column("closest", "Closest by this alone"),
                ),
                summary.reasons,
            ),
            Table(
                "nearest",
                f"The nearest losing bids of each demand, at most {SHOWN_LOSERS}",
                lost_columns(summary),
                nearest,
            ),
        ),
        ("rejection_reasons",),
    )


def lost_columns(summary: Summary) -> tuple[Column, ...]:
    """The columns of a table of losing bids."""
    return (
        Column("demand", "Demand"),
        Column("supplier_name", "Supplier"),
        Column("bid", "Bid"),
        Column("outcome", "Outcome"),
        Column("text", "What separated it"),
        Column("landed_cost_per_unit", f"{summary.currency} per unit", "unit_cost"),
        Column("cost_difference", "Above the award, per unit", "unit_cost"),
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
        "What the judge found wrong",
        (summary.judgement.verdict,),
        (
            Table(
                "faults",
                "Faults of the plan",
                (
                    Column("code", "Code"),
                    Column("about", "About"),
                    Column("message", "Fault"),
                    Column("claimed", "Stated"),
                    Column("actual", "Recomputed"),
                ),
                frame,
                SHOWN_FAULTS,
            ),
        ),
    )


def _plain(value: float | str | None) -> str | None:
    return f"{value:,.6g}" if isinstance(value, float | int) else value


def _basis(summary: Summary) -> Section:
    network, plan = summary.network, summary.plan
    facts: list[tuple[str, str]] = [
        ("Network", network.name),
        ("Input hash", plan.input_hash or "not stated"),
        (
            "Size",
            f"{network.demands.height:,} demands, {network.suppliers.height:,} suppliers, "
            f"{network.bids.height:,} bids",
        ),
        ("Orders are placed on", day(network.start)),
        ("Cost of capital", f"{share(network.carrying_rate)} of the value a year"),
        ("Cargo insurance", f"{share(network.insurance_rate, 2)} of the insured value"),
    ]
    run = plan.run
    if run is not None:
        facts += [
            ("Engine", f"{run.engine} {run.engine_version}"),
            (
                "Limits",
                f"{run.time_limit_s:g} s, gap {run.gap_limit:.4%}, "
                f"{count(run.threads, 'thread')}, seed {run.seed}",
            ),
            ("Took", f"{run.seconds:.1f} s over {run.candidates:,} candidates"),
            ("Versions", ", ".join(f"{name} {number}" for name, number in run.versions.items())),
        ]
    if summary.is_filled:
        facts.append(
            (
                "Filled in",
                "supplier, mode, costs and dates that the plan leaves out were "
                "computed from the network",
            )
        )
    tables = [
        Table(
            "basis",
            "What the figures rest on",
            (Column("fact", ""), Column("value", "")),
            pl.DataFrame(facts, schema=["fact", "value"], orient="row"),
        )
    ]
    if network.warnings:
        tables.append(
            Table(
                "warnings",
                "Warnings on reading the network",
                (
                    Column("place", "Where"),
                    Column("value", "Value"),
                    Column("problem", "What"),
                    Column("fix", "What would be right"),
                ),
                pl.DataFrame(
                    [(w.place, w.value, w.problem, w.fix) for w in network.warnings],
                    schema=dict.fromkeys(("place", "value", "problem", "fix"), pl.String()),
                    orient="row",
                ),
            )
        )
    warned = (
        f"Reading the network gave {count(len(network.warnings), 'warning')}."
        if network.warnings
        else "Reading the network gave no warnings."
    )
    return Section("basis", "What this rests on", (warned,), tuple(tables))


def unit_terms(summary: Summary) -> Table:
    """The landed cost per unit of every award, term by term; too wide for a page."""
    return Table(
        "unit_terms",
        "Landed cost per unit by term",
        (
            Column("demand", "Demand"),
            Column("supplier", "Supplier key"),
            Column("bid", "Bid"),
            Column("mode", "Mode"),
            Column("tier", "Tier", "count"),
            *(Column(f"{term}_per_unit", TERM_LABELS[term], "unit_cost") for term in TERMS),
            Column("landed_cost_per_unit", f"{summary.currency} per unit", "unit_cost"),
        ),
        summary.awards,
    )
