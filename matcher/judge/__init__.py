"""The independent judge: recomputes every gate, cost and rule from network and plan alone.

It shares the definitions of gates and costs with the rest, but neither the formulation nor the
engines: what those got wrong shows here. It judges plans made by hand in the same way; what such
a plan does not claim is not judged.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from matcher.evaluation import evaluate
from matcher.evaluation.awards import understand
from matcher.formatting import count
from matcher.judge import awards, claims, demands, resources, rules
from matcher.network import Network
from matcher.network.arrays import to_arrays
from matcher.plan import Costs, Plan
from matcher.plan.findings import Finding
from matcher.tolerances import STATED


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the judge says: every fault, and what the plan costs and covers in truth.

    ``costs``, ``unmet`` (Σ priority × unmet share), ``num_open`` (demands not covered in full) and
    ``num_missed`` (instances of targets that are missed) are recomputed from the awards that can
    be understood at all.

    Examples
    --------
    >>> import matcher
    >>> network = matcher.read("examples/first-steps")
    >>> matcher.check(network, matcher.solve(network)).findings
    ()
    """

    findings: tuple[Finding, ...]
    costs: Costs
    unmet: float
    num_open: int
    num_missed: int
    currency: str

    @property
    def ok(self) -> bool:
        """Whether the plan keeps every rule and every figure in it is right."""
        return not self.findings

    @property
    def verdict(self) -> str:
        """The judgement in one sentence."""
        cost = f"{self.costs.total:,.2f} {self.currency}"
        if self.ok:
            left = f", misses {count(self.num_missed, 'target')}" if self.num_missed else ""
            if self.num_open:
                left += f" and leaves {count(self.num_open, 'demand')} wholly or partly unmet"
            return f"The plan meets every mandatory rule; it costs {cost} in total{left}."
        codes = len({finding.code for finding in self.findings})
        return (
            f"Do not use this plan: {count(len(self.findings), 'error')} of "
            f"{count(codes, 'kind')}; recomputed, its total cost is {cost}."
        )

    def to_dict(self) -> dict[str, Any]:
        """The judgement as plain JSON values."""
        return {
            "ok": self.ok,
            "verdict": self.verdict,
            "unmet": self.unmet,
            "num_open": self.num_open,
            "costs": self.costs.model_dump(),
            "findings": [asdict(finding) for finding in self.findings],
        }


def check(network: Network, plan: Plan) -> Judgement:
    """Judge a plan against its network.

    Examples
    --------
    >>> import matcher
    >>> network = matcher.read("examples/first-steps")
    >>> plan = matcher.solve(network)
    >>> matcher.check(network, plan).ok
    True
    """
    arrays = to_arrays(network)
    findings: list[Finding] = list(claims.identity(network, plan))
    made = understand(arrays, plan.awards, findings)
    evaluation = evaluate(arrays, made.links, made.options, made.quantity)

    findings += awards.gates(arrays, made, evaluation.priced)
    findings += awards.sizes(arrays, made)
    findings += demands.demands(arrays, made)
    findings += demands.bundles(arrays, made)
    findings += resources.resources(arrays, made)
    findings += rules.broken_rules(network, evaluation.rules)
    findings += awards.figures(arrays, made, evaluation)

    needed = arrays.demands.quantity
    awarded = np.bincount(made.options.demand, weights=made.quantity, minlength=needed.size)
    share = np.maximum(1.0 - awarded / needed, 0.0)
    unmet = float(arrays.demands.priority @ share)
    findings += claims.suppliers(arrays, plan, made, evaluation.landed)
    findings += claims.unmet(arrays, plan, share)
    findings += rules.stated_figures(plan, evaluation.rules)
    findings += claims.result(network, plan, evaluation.costs, unmet, evaluation.reached)
    targets = network.rules.filter(network.rules["priority"].is_not_null())["rule"]
    missed = evaluation.rules.filter(evaluation.rules["missed"] > 0)["rule"]
    return Judgement(
        findings=tuple(findings),
        costs=evaluation.costs,
        unmet=unmet,
        num_open=int((share > 2 * STATED).sum()),
        num_missed=int(missed.is_in(targets.implode()).sum()),
        currency=network.currency,
    )
