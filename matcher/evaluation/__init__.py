"""What awards come to: costs, dates and the figures of every rule, from the network alone.

Plans are made with these figures and judged by them. Nothing here knows how the awards were found.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from matcher.evaluation.objective_values import AwardFigures, objective_value
from matcher.evaluation.rules import Amounts, rule_figures
from matcher.network.arrays import Arrays, Bools, Floats, Ints
from matcher.plan import Costs
from matcher.schema.objectives import stages_of
from matcher.screening.award_options import AwardOptions
from matcher.screening.delivery import delivery
from matcher.screening.landed_cost import (
    co2e_kg,
    duty_rates,
    fixed_cost,
    further_vehicles,
    landed_cost,
    tier_once,
)
from matcher.screening.metrics import MetricName, metric
from matcher.screening.transport_links import TransportLinks
from matcher.tolerances import STATED

COUNTED: tuple[MetricName, ...] = ("quantity", "value", "cost", "emissions", "capital")


@dataclass(frozen=True, slots=True)
class PricedAwards:
    """Awards as columns, costed and dated; what `matcher.screening.metrics.metric` asks for.

    ``terms`` has shape (terms, awards), the other columns (awards,). ``landed_once`` is the part
    of ``fixed_cost`` that incremental tiers add. Each award counts as if it paid its tooling and
    started one vehicle. One whose mode does not connect the places costs nothing and takes no time.
    """

    demand: Ints
    bid: Ints
    tier: Ints
    terms: Floats
    landed_once: Floats
    price_once: Floats
    co2e_kg: Floats
    fixed_cost: Floats
    ship: Floats
    arrive: Floats
    slack: Floats

    @property
    def unit_cost(self) -> Floats:
        """Landed cost per unit, network currency."""
        cost: Floats = self.terms.sum(axis=0)
        return cost


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What awards come to, one by one and together.

    ``landed`` is unit cost × quantity of each award; ``fixed`` its fixed cost, with the tooling
    only where it pays it. ``rules`` are the figures of every instance of a rule, with the columns
    of `matcher.plan.RULE_SCHEMA`. ``reached`` is what each stage of the network's objectives comes
    to, by its name.
    """

    priced: PricedAwards
    landed: Floats
    fixed: Floats
    costs: Costs
    rules: pl.DataFrame
    reached: dict[str, float]


def evaluate(
    arrays: Arrays, links: TransportLinks, options: AwardOptions, quantity: Floats
) -> Evaluation:
    """What ``quantity`` units (> 0) of each option come to; no option stands there twice.

    Notes
    -----
    Costs, in network currency:

    - landed: Σ landed cost per unit × quantity
    - fixed: Σ over awards of the lane's own (for each started vehicle, where it states how many
      units one takes), what incremental tiers add once, and the tooling, which a bid pays once a
      line: with the first of its awards there by due date, then key
    - onboarding: Σ over suppliers with an award
    - coordination: Σ over consortia with an award
    - switching: Σ over incumbents that get no award of the component (from the lead firm, if one
      is named)
    - discounts: − Σ of what schedules pay back (see `_schedule`)
    - penalties: Σ price × amount by which targets are missed (see `matcher.evaluation.rules`)
    """
    runs = links.connected[options.link, options.mode]
    priced = _priced(arrays, links, options, runs)
    landed = priced.unit_cost * quantity
    waived = _tooling_paid_before(arrays, options) & runs
    fixed = priced.fixed_cost - np.where(waived, arrays.bids.tooling_cost[options.bid], 0.0)
    further = np.where(runs, further_vehicles(links, options, quantity), 0.0)
    fixed += further
    amounts = {name: _amounts(arrays, priced, name, quantity) for name in COUNTED}
    amounts["cost"] = replace(amounts["cost"], made=amounts["cost"].made + further)
    value = amounts["value"].made
    costs = {
        "landed": float(landed.sum()),
        "fixed": float(fixed.sum()),
        "onboarding": _onboarding(arrays, options.bid),
        "coordination": _coordination(arrays, options.bid),
        "switching": _switching(arrays, options),
        "discounts": -_paid_back(arrays, options, quantity, value),
    }
    plan_cost = sum(costs.values())
    rules = rule_figures(arrays, options.demand, options.bid, amounts, plan_cost)
    penalties = float(rules["penalty"].sum())
    total = plan_cost + penalties
    of_awards = AwardFigures(
        demand=options.demand,
        supplier=arrays.bids.supplier[options.bid],
        share=quantity / arrays.demands.quantity[options.demand],
        value=value,
        slack=priced.slack,
        emissions=amounts["emissions"].made,
        total_cost=total,
    )
    reached = {
        stage.name: objective_value(arrays, of_awards, stage)
        for stage in stages_of(arrays.network.objectives)
    }
    made = Costs(**costs, penalties=penalties, total=total)
    return Evaluation(priced, landed, fixed, made, rules, reached)


def _amounts(arrays: Arrays, priced: PricedAwards, name: MetricName, quantity: Floats) -> Amounts:
    per_unit, once = metric(arrays, priced, name)
    whole = arrays.demands.quantity[priced.demand]
    return Amounts(per_unit * quantity + once, np.abs(per_unit) * whole + np.abs(once))


def _priced(
    arrays: Arrays, links: TransportLinks, options: AwardOptions, runs: Bools
) -> PricedAwards:
    duties = duty_rates(arrays)
    days = delivery(arrays, links, options)
    landed_once, price_once = tier_once(arrays, links, duties, options)

    def if_it_runs(figures: Floats) -> Floats:
        return np.where(runs, figures, 0.0)

    return PricedAwards(
        demand=options.demand,
        bid=options.bid,
        tier=options.tier,
        terms=if_it_runs(landed_cost(arrays, links, duties, options, days.pipeline)),
        landed_once=if_it_runs(landed_once),
        price_once=if_it_runs(price_once),
        co2e_kg=if_it_runs(co2e_kg(arrays, links, options)),
        fixed_cost=if_it_runs(fixed_cost(arrays, links, options) + landed_once),
        ship=if_it_runs(days.ship),
        arrive=if_it_runs(days.arrive),
        slack=if_it_runs(days.slack),
    )


def _tooling_paid_before(arrays: Arrays, options: AwardOptions) -> Bools:
    """Whether an earlier award of the same bid and line pays the tooling of an award."""
    demands, demand, bid = arrays.demands, options.demand, options.bid
    line = demands.line[demand]
    # Demands are sorted by key, so that their position stands for it.
    order = np.lexsort((options.tier, options.mode, demand, demands.due_days[demand], bid, line))
    line, bid = line[order], bid[order]
    paid = np.zeros(order.size, dtype=np.bool_)
    paid[order[1:]] = (line[1:] >= 0) & (line[1:] == line[:-1]) & (bid[1:] == bid[:-1])
    return paid


def _onboarding(arrays: Arrays, bid: Ints) -> float:
    used = np.unique(arrays.bids.supplier[bid])
    return float(arrays.suppliers.onboarding_cost[used].sum())


def _coordination(arrays: Arrays, bid: Ints) -> float:
    consortium = np.unique(arrays.bids.consortium[bid])
    return float(arrays.consortia.coordination_cost[consortium[consortium >= 0]].sum())


def _switching(arrays: Arrays, options: AwardOptions) -> float:
    network = arrays.network
    pair = ["component", "supplier"]
    made = pl.DataFrame(
        [
            network.demands["component"].gather(options.demand),
            network.bids["supplier"].gather(options.bid),
            network.demands["lead_firm"].gather(options.demand),
        ]
    )
    named = pl.col("lead_firm").is_not_null()
    left = pl.concat(
        [
            network.incumbents.filter(~named).join(made, on=pair, how="anti"),
            network.incumbents.filter(named).join(made, on=[*pair, "lead_firm"], how="anti"),
        ]
    )
    return float(left["switching_cost"].sum())


def _paid_back(arrays: Arrays, options: AwardOptions, quantity: Floats, value: Floats) -> float:
    """Discounts on all awards: what every schedule pays back, in network currency."""
    network = arrays.network
    supplier = network.bids["supplier"].gather(options.bid)
    component = arrays.demands.component[options.demand]
    group = network.components["group"].gather(component)
    paid_back = 0.0
    for steps in network.discounts.partition_by("discount", maintain_order=True):
        inside = supplier == steps["supplier"][0]
        if steps["component_group"][0] is not None:
            inside &= (group == steps["component_group"][0]).fill_null(False)
        rows = inside.to_numpy()
        paid_back += _schedule(steps, float(quantity[rows].sum()), float(value[rows].sum()))
    return paid_back


def _schedule(steps: pl.DataFrame, quantity: float, value: float) -> float:
    """What the steps of one discount, ascending, pay back on awards of a quantity and value.

    With M the quantity or value and k the last step with from_k ≤ M: rate_k × value + amount_k;
    incremental: Σ_{j≤k} rate_j × (min(M, from_{j+1}) − from_j) + amount_k. Nothing below the
    first step.
    """
    measured = quantity if steps["measure"][0] == "quantity" else value
    start, rate, amount = (steps[name].to_numpy() for name in ("from", "rate", "amount"))
    reached = int((start <= measured * (1 + STATED)).sum())
    if reached == 0:
        return 0.0
    last = reached - 1
    if not steps["incremental"][0]:
        return float(rate[last] * value + amount[last])
    # Within the tolerance the last step may begin a hair above what is measured.
    end = np.append(start[1:reached], max(measured, start[last]))
    return float(rate[:reached] @ (end - start[:reached]) + amount[last])
