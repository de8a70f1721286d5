"""What rules cost by linear prices: fast, and an estimate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from matcher.engines.base import Engine, Limits
from matcher.formulation import Formulation, formulate
from matcher.network.arrays import Arrays
from matcher.program import Program
from matcher.schema.objectives import COST
from matcher.schema.rules import Rule, rules_of
from matcher.screening.candidates import screen
from matcher.solve.search import Clock, Step, Tell, pursue


def estimates(
    arrays: Arrays,
    solver: Engine,
    limits: Limits,
    clock: Clock,
    on_progress: Tell | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> dict[str, tuple[float, float]]:
    """By rule, how much less the linear relaxation costs without it, and how much less is unmet.

    In the relaxation awards may be had in parts, so the figures price the rule at the margin, as
    dual prices do, and over its whole reach; neither figure is a bound. In network currency, and as
    coverage loss. Rules for which no time is left are not in it.
    """
    candidates, rules = screen(arrays).candidates, rules_of(arrays.network.rules)

    def relaxed(under: Sequence[Rule]) -> tuple[float, float] | None:
        formulation = formulate(arrays, candidates, tuple(under))
        steps = pursue(solver, formulation, limits, clock, on_progress, cancelled, _in_parts)
        return _come_to(formulation, steps)

    kept = relaxed(rules)
    found = {}
    for rule in rules:
        without = relaxed([other for other in rules if other is not rule])
        if kept is not None and without is not None:
            found[rule.name] = (kept[0] - without[0], kept[1] - without[1])
    return found


def _come_to(formulation: Formulation, steps: tuple[Step, ...]) -> tuple[float, float] | None:
    """Cost and coverage loss of what was found; ``None`` if that is not the optimum."""
    costs = [step.outcome for step in steps if step.objective.name == COST.name]
    if (
        len(steps) < len(formulation.objectives)
        or not costs
        or costs[-1].solution_status != "optimal"
    ):
        return None
    x = steps[-1].outcome.x
    assert x is not None
    cost = next(objective for objective in formulation.objectives if objective.name == COST.name)
    return float(cost.cost @ x) + cost.offset, float(formulation.objectives[0].cost @ x)


def _in_parts(program: Program) -> Program:
    """The program without the demand that anything is whole."""
    return replace(program, integer=np.zeros_like(program.integer))
