"""What rules cost by linear prices: fast, and an estimate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from matcher.arrays import Arrays
from matcher.candidates import Candidates, screen
from matcher.engines.base import Engine, Limits
from matcher.formulation import formulate
from matcher.objectives import COST
from matcher.program import Program
from matcher.rules import Rule, rules_of
from matcher.search import Clock, pursue


def estimates(
    arrays: Arrays, solver: Engine, limits: Limits, clock: Clock
) -> dict[str, tuple[float, float]]:
    """By rule, how much less the linear relaxation costs without it, and how much less is unmet.

    In the relaxation awards may be had in parts, so the figures price the rule at the margin, as
    dual prices do, and over its whole reach; neither figure is a bound. In network currency, and as
    coverage loss. Rules for which no time is left are not in it.
    """
    candidates, rules = screen(arrays).candidates, rules_of(arrays.network.rules)
    kept = _relaxed(arrays, candidates, rules, solver, limits, clock)
    found = {}
    for rule in rules:
        others = [other for other in rules if other is not rule]
        without = _relaxed(arrays, candidates, others, solver, limits, clock)
        if kept is not None and without is not None:
            found[rule.name] = (kept[0] - without[0], kept[1] - without[1])
    return found


def _relaxed(
    arrays: Arrays,
    candidates: Candidates,
    rules: Sequence[Rule],
    solver: Engine,
    limits: Limits,
    clock: Clock,
) -> tuple[float, float] | None:
    """Cost and coverage loss of the linear relaxation under some rules, if there was time."""
    formulation = formulate(arrays, candidates, tuple(rules))
    steps = pursue(solver, formulation, limits, clock, narrow=_in_parts)
    costs = [step.outcome for step in steps if step.aim.name == COST.name]
    if len(steps) < len(formulation.aims) or not costs or costs[-1].found != "optimal":
        return None
    x = steps[-1].outcome.x
    assert x is not None
    cost = next(aim for aim in formulation.aims if aim.name == COST.name)
    return float(cost.cost @ x) + cost.offset, float(formulation.aims[0].cost @ x)


def _in_parts(program: Program) -> Program:
    """The program without the demand that anything is whole."""
    return replace(program, integer=np.zeros_like(program.integer))
