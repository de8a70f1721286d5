"""The summary: what a plan comes to, in tables that every report and chart draws on."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from matcher.explain import REASON_LABELS, why
from matcher.formatting import OUTCOME_LABELS
from matcher.judge import Judgement, check
from matcher.network import Network
from matcher.plan import Costs, Plan
from matcher.reference.economies import ECONOMIES
from matcher.screening.landed_cost import TERMS
from matcher.solve.complete import complete

TERM_LABELS = dict(
    zip(
        TERMS,
        (
            "Price",
            "Origin charges",
            "Export clearance",
            "Freight",
            "Insurance",
            "Duty",
            "Import clearance",
            "Carrying cost",
            "Cost of defects",
            "Payment terms",
            "Carbon price",
        ),
        strict=True,
    )
)
SME = ("micro", "small", "medium")
# An award with fewer days in hand than this is shown as a risk: ships sail once a week.
TIGHT_DAYS = 7.0


@dataclass(frozen=True, slots=True)
class Summary:
    """What a plan comes to. Money is in ``currency``; shares are between 0 and 1.

    Parameters
    ----------
    plan
        The plan, with the figures filled in that a person left out.
    is_filled
        Whether anything was filled in.
    judgement
        What `matcher.judge.check` says of the plan as it was given.
    costs
        Totals: as the plan states them, or as the judge recomputed them.
    awards
        Awards with names, economies, size class, due date and share of the demand.
    suppliers
        Suppliers used, with names, economy, size class, value and share.
    unmet
        Demands not covered in full, with names and reasons.
    by_term, by_lead_firm, by_economy, by_size_class, by_mode
        ``label``, ``landed_cost``, ``share``; all but the first also ``awards`` and ``suppliers``.
    lost
        One row for each demand–bid pair without an award, the nearest to one first within its
        demand: what decided, in how many ways it fails (``faults``), and in words (``text``).
    reasons
        Per reason: pairs, pairs that fail by nothing else, and the one that came closest.
    savings
        One row for each demand with a bid that costs less per unit than what was awarded and yet
        got nothing: the difference × the most that the bid could take, largest first. An estimate
        from above: it leaves out tooling, onboarding and what else the capacity is used for.
    """

    network: Network
    plan: Plan
    is_filled: bool
    judgement: Judgement
    costs: Costs
    currency: str
    awards: pl.DataFrame
    suppliers: pl.DataFrame
    unmet: pl.DataFrame
    by_term: pl.DataFrame
    by_lead_firm: pl.DataFrame
    by_economy: pl.DataFrame
    by_size_class: pl.DataFrame
    by_mode: pl.DataFrame
    lost: pl.DataFrame
    reasons: pl.DataFrame
    savings: pl.DataFrame

    @property
    def has_plan(self) -> bool:
        """Whether there is a plan at all: a search may find that none exists, or find none."""
        return self.plan.result is None or self.plan.result.costs is not None

    @property
    def sme_share(self) -> float | None:
        """Share of the landed cost that goes to micro, small and medium suppliers."""
        total = float(self.by_size_class["landed_cost"].sum())
        if total <= 0:
            return None
        small = self.by_size_class.filter(pl.col("label").is_in(SME))
        return float(small["landed_cost"].sum()) / total

    @property
    def tight(self) -> pl.DataFrame:
        """Awards with fewer than `TIGHT_DAYS` days in hand, the tightest first."""
        return self.awards.filter(pl.col("slack_days") < TIGHT_DAYS).sort(
            "slack_days", "demand", "supplier"
        )

    @property
    def left_to_save(self) -> float | None:
        """What any other plan under the same rules could save at most: best − bound."""
        result = self.plan.result
        if result is None or result.best is None or result.bound is None:
            return None
        return max(result.best - result.bound, 0.0)


def summarize(network: Network, plan: Plan) -> Summary:
    """Sum up a plan, made by `matcher.solve` or by hand.

    Raises
    ------
    InputError
        An award names something the network does not have.
    """
    judgement = check(network, plan)
    full = complete(network, plan)
    awards = _awards(network, full)
    pairs = why(network, full)
    lost = _lost(network, pairs)
    stated = None if plan.result is None else plan.result.costs
    return Summary(
        network=network,
        plan=full,
        is_filled=full is not plan,
        judgement=judgement,
        costs=stated or judgement.costs,
        currency=plan.currency or network.currency,
        awards=awards,
        suppliers=_suppliers(full, awards),
        unmet=_unmet(network, full),
        by_term=_by_term(awards),
        by_lead_firm=_grouped(awards, "lead_firm_name"),
        by_economy=_grouped(awards, "economy_name"),
        by_size_class=_grouped(awards, "size_class"),
        by_mode=_grouped(awards, "mode"),
        lost=lost,
        reasons=_reasons(pairs, lost),
        savings=_savings(network, awards, lost),
    )


def _awards(network: Network, plan: Plan) -> pl.DataFrame:
    """Awards with everything a reader wants beside the keys; unknown keys stand for themselves."""
    demands = network.demands.select(
        "demand", "lead_firm", "due", demanded="quantity", destination="place"
    )
    firms = network.lead_firms.select("lead_firm", lead_firm_name="name")
    components = network.components.select("component", "unit", component_name="name")
    places = network.places.select("place", "economy", place_name="name")
    suppliers = network.suppliers.select("supplier", "size_class", "place", supplier_name="name")
    return (
        plan.awards.join(demands, on="demand", how="left", maintain_order="left")
        .join(firms, on="lead_firm", how="left", maintain_order="left")
        .join(components, on="component", how="left", maintain_order="left")
        .join(suppliers, on="supplier", how="left", maintain_order="left")
        .join(places, on="place", how="left", maintain_order="left")
        .with_columns(
            lead_firm_name=pl.coalesce("lead_firm_name", "lead_firm"),
            component_name=pl.coalesce("component_name", "component"),
            supplier_name=pl.coalesce("supplier_name", "supplier"),
            place_name=pl.coalesce("place_name", "place"),
            economy_name=_economy("economy"),
            demand_share=pl.col("quantity") / pl.col("demanded"),
        )
    )


def _economy(column: str) -> pl.Expr:
    return pl.col(column).replace_strict(
        dict(ECONOMIES), default=pl.col(column), return_dtype=pl.String
    )


def _suppliers(plan: Plan, awards: pl.DataFrame) -> pl.DataFrame:
    total = float(awards["landed_cost"].sum()) or 1.0
    onboarding = (
        pl.DataFrame(schema={"supplier": pl.String(), "onboarding_cost": pl.Float64()})
        if plan.suppliers is None
        else plan.suppliers.select("supplier", "onboarding_cost")
    )
    return (
        awards.drop_nulls("supplier")
        .group_by("supplier")
        .agg(
            pl.col("supplier_name", "economy_name", "size_class", "place_name").first(),
            awards=pl.len(),
            components=pl.col("component").n_unique(),
            landed_cost=pl.col("landed_cost").sum(),
            fixed_cost=pl.col("fixed_cost").sum(),
            slack_days=pl.col("slack_days").min(),
        )
        .join(onboarding, on="supplier", how="left")
        .with_columns(share=pl.col("landed_cost") / total)
        .sort("landed_cost", "supplier", descending=[True, False])
    )


def _unmet(network: Network, plan: Plan) -> pl.DataFrame:
    unmet = plan.unmet if plan.unmet is not None else pl.DataFrame()
    if unmet.is_empty():
        unmet = pl.DataFrame(
            schema={
                "demand": pl.String(),
                "quantity": pl.Float64(),
                "share": pl.Float64(),
                "reason": pl.String(),
            }
        )
    names = (
        network.demands.select("demand", "component", "lead_firm", "due")
        .join(
            network.components.select("component", "unit", component_name="name"),
            on="component",
            how="left",
        )
        .join(
            network.lead_firms.select("lead_firm", lead_firm_name="name"),
            on="lead_firm",
            how="left",
        )
    )
    return (
        unmet.join(names, on="demand", how="left", maintain_order="left")
        .with_columns(
            component_name=pl.coalesce("component_name", "component", "demand"),
            lead_firm_name=pl.coalesce("lead_firm_name", "lead_firm"),
        )
        .sort("share", "demand", descending=[True, False])
    )


def _by_term(awards: pl.DataFrame) -> pl.DataFrame:
    sums = [float((awards[f"{term}_per_unit"] * awards["quantity"]).sum()) for term in TERMS]
    total = sum(sums)
    return pl.DataFrame(
        {
            "term": TERMS,
            "label": [TERM_LABELS[term] for term in TERMS],
            "landed_cost": sums,
            "share": [value / total if total else 0.0 for value in sums],
        },
        schema={
            "term": pl.String(),
            "label": pl.String(),
            "landed_cost": pl.Float64(),
            "share": pl.Float64(),
        },
    )


def _grouped(awards: pl.DataFrame, column: str) -> pl.DataFrame:
    total = float(awards["landed_cost"].sum()) or 1.0
    return (
        awards.group_by(label=pl.col(column).fill_null("not stated"))
        .agg(
            landed_cost=pl.col("landed_cost").sum(),
            awards=pl.len(),
            suppliers=pl.col("supplier").n_unique(),
        )
        .with_columns(share=pl.col("landed_cost") / total)
        .sort("landed_cost", "label", descending=[True, False])
    )


def _lost(network: Network, pairs: pl.DataFrame) -> pl.DataFrame:
    """One row a losing pair; a rejected one carries all the gates it fails in one text."""
    names = network.suppliers.select("supplier", "place", supplier_name="name")
    one = (
        pairs.filter(pl.col("outcome") != "awarded")
        .group_by("demand", "bid", maintain_order=True)
        .agg(
            pl.col(
                "supplier",
                "outcome",
                "mode",
                "landed_cost_per_unit",
                "cost_difference",
                "reason",
                "distance",
                "unit",
                "standard",
            ).first(),
            faults=pl.len(),
            text=pl.col("text").str.join("; "),
        )
    )
    beaten = pl.col("outcome") == "beaten"
    return (
        one.join(names, on="supplier", how="left")
        .with_columns(
            supplier_name=pl.coalesce("supplier_name", "supplier"),
            outcome_label=pl.col("outcome").replace_strict(OUTCOME_LABELS),
        )
        .sort(
            "demand",
            "outcome",
            pl.when(beaten).then("cost_difference").otherwise("faults"),
            pl.when(~beaten).then("distance"),
            "bid",
            nulls_last=True,
        )
    )


def _reasons(pairs: pl.DataFrame, lost: pl.DataFrame) -> pl.DataFrame:
    """Per reason the pairs it struck, those it alone struck, and the closest of them."""
    counts = (
        pairs.filter(pl.col("outcome") != "awarded")
        .group_by("outcome", "reason")
        .agg(pairs=pl.struct("demand", "bid").n_unique())
    )
    # Only a gate or a cost has a distance; of the others none came closer than another.
    near = pl.format("{} for {}: {}", "supplier_name", "demand", "text")
    alone = (
        lost.filter(pl.col("faults") == 1)
        .sort("distance", "demand", "bid", nulls_last=True)
        .group_by("reason", maintain_order=True)
        .agg(alone=pl.len(), closest=pl.when(pl.col("distance").is_not_null()).then(near).first())
    )
    return (
        counts.join(alone, on="reason", how="left")
        .with_columns(
            alone=pl.col("alone").fill_null(0).cast(pl.Int64),
            label=pl.col("reason").replace_strict(
                REASON_LABELS, default=pl.col("reason"), return_dtype=pl.String
            ),
        )
        .sort("pairs", "reason", descending=[True, False])
    )


def _savings(network: Network, awards: pl.DataFrame, lost: pl.DataFrame) -> pl.DataFrame:
    """The dearest gap between what was awarded and a cheaper bid that got nothing, by demand."""
    awarded = awards.group_by("demand").agg(awarded=pl.col("quantity").sum())
    room = network.demands.select("demand", "component", "share_cap", demanded="quantity").join(
        network.components.select("component", "unit", component_name="name"),
        on="component",
        how="left",
    )
    capacity = (
        network.usages.join(network.resources.select("resource", "capacity"), on="resource")
        .group_by("bid")
        .agg(capacity=(pl.col("capacity") / pl.col("use_per_unit")).min())
    )
    limits = network.bids.select("bid", "max_quantity").join(capacity, on="bid", how="left")
    return (
        lost.filter(pl.col("outcome") == "beaten", pl.col("cost_difference") < 0)
        .select(
            "demand",
            "bid",
            "supplier",
            "supplier_name",
            "reason",
            "text",
            "cost_difference",
            "landed_cost_per_unit",
        )
        .join(awarded, on="demand")
        .join(room, on="demand")
        .join(limits, on="bid")
        .with_columns(
            quantity=pl.min_horizontal(
                "awarded", "max_quantity", "capacity", pl.col("share_cap") * pl.col("demanded")
            ),
            component_name=pl.coalesce("component_name", "component"),
        )
        .with_columns(amount=-pl.col("cost_difference") * pl.col("quantity"))
        .sort("amount", "demand", "bid", descending=[True, False, False])
        .unique("demand", keep="first", maintain_order=True)
        .drop("share_cap", "max_quantity", "capacity")
    )
