"""Fill in what a plan made by hand leaves out: costs, dates, suppliers and what is unmet."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from matcher.arrays import to_arrays
from matcher.assemble import awards_frame, suppliers_frame, unmet_frame
from matcher.awarded import understand
from matcher.candidates import price, screen
from matcher.errors import InputError, Issue
from matcher.finding import Finding
from matcher.landed_cost import duty_rates
from matcher.network import Network
from matcher.plan import Plan


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
                    finding.code,
                    "plan",
                    None,
                    finding.about,
                    None if finding.claimed is None else str(finding.claimed),
                    finding.message,
                    "'matcher check' lists all that is wrong with the plan",
                )
                for finding in findings
            ]
        )
    if (
        plan.suppliers is not None
        and plan.unmet is not None
        and not any(plan.awards.null_count().row(0))
    ):
        return plan
    priced = price(arrays, understood.links, duty_rates(arrays), understood.options)
    computed = awards_frame(arrays, priced, np.arange(priced.size), understood.quantity)
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
    )
