"""Fill in what a plan made by hand leaves out: costs, dates, suppliers, rules, what is unmet."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from matcher.errors import InputError, Issue
from matcher.evaluation import evaluate
from matcher.evaluation.awards import understand
from matcher.network import Network
from matcher.network.arrays import to_arrays
from matcher.plan import Plan
from matcher.plan.findings import Finding
from matcher.screening.candidates import price, screen
from matcher.screening.landed_cost import duty_rates
from matcher.solve.frames import awards_frame, suppliers_frame, unmet_frame


def complete(network: Network, plan: Plan) -> Plan:
    """The plan with every figure its author left out; figures that are stated stay.

    Raises
    ------
    InputError
        An award names something the network does not have.
    """
    arrays = to_arrays(network)
    findings: list[Finding] = []
    understood = understand(arrays, plan.awards, findings)
    if findings:
        raise InputError(
            [
                Issue(
                    code=finding.code,
                    table="plan",
                    column=finding.about,
                    value=None if finding.claimed is None else str(finding.claimed),
                    problem=finding.message,
                    fix="'matcher check' lists all that is wrong with the plan",
                )
                for finding in findings
            ]
        )
    has_rules = plan.rules is not None or network.rules.is_empty()
    if (
        has_rules
        and plan.suppliers is not None
        and plan.unmet is not None
        and not any(plan.awards.null_count().row(0))
    ):
        return plan
    links, options, quantity = understood.links, understood.options, understood.quantity
    evaluation = evaluate(arrays, links, options, quantity)
    priced = price(arrays, links, duty_rates(arrays), options)
    computed = awards_frame(arrays, priced, quantity, evaluation.fixed)
    awards = pl.DataFrame(
        [plan.awards[name].fill_null(computed[name]) for name in plan.awards.columns]
    )
    screening = screen(arrays)
    return replace(
        plan,
        awards=awards,
        currency=plan.currency or network.currency,
        suppliers=(
            suppliers_frame(network.suppliers, awards) if plan.suppliers is None else plan.suppliers
        ),
        unmet=(
            unmet_frame(arrays, screening.candidates, screening.rejections, awards, is_proven=False)
            if plan.unmet is None
            else plan.unmet
        ),
        rules=plan.rules if has_rules else evaluation.rules,
    )
