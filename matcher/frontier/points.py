"""From the search of a frontier to its points: plans that claim what holds, none dominated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from matcher.engines.base import settled_bound
from matcher.frontier.search import FrontierSearch, Trace
from matcher.network import Network
from matcher.network.arrays import Arrays, Bools, Floats
from matcher.plan import Plan
from matcher.schema.objectives import COST
from matcher.screening.candidates import Screening
from matcher.solve import plan_of, result_of, run_of
from matcher.solve.search import Step
from matcher.status import gap
from matcher.tolerances import STATED


def plans_of(
    network: Network,
    arrays: Arrays,
    screening: Screening,
    search: FrontierSearch,
    traces: Sequence[Trace],
    began: float,
) -> list[Plan]:
    """The plan of each trace, which claims no more than holds whatever the other objective is."""
    bound = _least_cost(search, traces) if traces else None
    plans = []
    for trace in traces:
        result = result_of(search.formulation, _told(search, traces, trace))
        # The network itself asks for the cheapest plan, unless it states objectives of its own.
        is_asked_for = (
            trace is traces[0] and search.first.name == COST.name and network.objectives.is_empty()
        )
        found = result.solution_status if is_asked_for else "feasible"
        result = result.model_copy(update={"solution_status": found, "bound": bound})
        plan = plan_of(arrays, screening, search.formulation, trace.x, result)
        run = run_of(search.limits, screening, trace.steps[-1].outcome, began)
        plans.append(replace(plan, input_hash=network.input_hash, run=run))
    return plans


def _least_cost(search: FrontierSearch, traces: Sequence[Trace]) -> float | None:
    """The proven bound on the cost of any plan that covers as much; ``None`` if there is none."""
    outcome = None
    if search.first.name == COST.name:
        outcome = traces[0].outcome(search.first)
    elif search.second.name == COST.name and len(traces) > 1:
        outcome = traces[-1].outcome(search.second)
    return None if outcome is None else outcome.bound


def _told(search: FrontierSearch, traces: Sequence[Trace], trace: Trace) -> tuple[Step, ...]:
    """The steps of a trace in an order in which each proves what it says.

    Between the ends the second objective is told first, with the bound that its end has: what was
    proven of the first holds of plans that have as much of the second.
    """
    is_end = trace is traces[0] or trace is traces[-1]
    if is_end and trace.outcome(search.second) is not None:
        return trace.steps
    first = trace.outcome(search.first)
    best = traces[-1].outcome(search.second) if len(traces) > 1 else None
    assert first is not None
    second = replace(first, solution_status="feasible", bound=None if best is None else best.bound)
    return (
        *trace.steps[: search.at],
        Step(search.second, second),
        Step(search.first, replace(first, x=trace.x)),
        *trace.steps[search.at + 2 :],
    )


def points_of(
    search: FrontierSearch, traces: Sequence[Trace], made: Sequence[tuple[Trace, Plan]]
) -> tuple[pl.DataFrame, list[int]]:
    """The points, and the positions of their plans: none is dominated, the best in the first first.

    A bound at one level of the second objective holds at every level that asks for more.
    """
    values = np.array(
        [
            [_value(plan, objective.name) for objective in (search.first, search.second)]
            for _, plan in made
        ]
    ).reshape(-1, 2)
    sign = np.array(
        [-1.0 if objective.is_gain else 1.0 for objective in (search.first, search.second)]
    )
    low = values * sign
    slack = STATED * np.maximum(1.0, np.abs(low).max(axis=0, initial=0.0))
    proven = np.array([_is_proven(search, *each) for each in made], dtype=np.bool_)
    order = np.argsort(~proven, kind="stable")  # of equal points a proven one stays
    kept = order[~_dominated(low[order], slack)]
    kept = kept[np.lexsort((low[kept, 1], low[kept, 0]))]
    rows = []
    for number, i in enumerate(kept.tolist(), start=1):
        bounds = [
            outcome.bound
            for other in traces
            if other.level >= low[i, 1] - slack[1]
            and (outcome := other.outcome(search.first)) is not None
            and outcome.bound is not None
        ]
        bound, _ = settled_bound(low[i, 0], max(bounds, default=None))
        plan = made[i][1]
        result = plan.result
        assert result is not None
        assert result.coverage is not None
        rows.append(
            {
                "point": number,
                "cost": result.best,
                search.first.name: values[i, 0],
                search.second.name: values[i, 1],
                "coverage_loss": result.coverage.unmet,
                "bound": None if bound is None else float(sign[0] * bound),
                "gap": gap(low[i, 0], bound),
                "suppliers": plan.awards["supplier"].n_unique(),
                "proven": bool(proven[i]),
            }
        )
    return pl.DataFrame(rows, schema=_schema(search)), kept.tolist()


def _schema(search: FrontierSearch) -> dict[str, pl.DataType]:
    values = dict.fromkeys(("cost", search.first.name, search.second.name), pl.Float64())
    return {
        "point": pl.Int64(),
        **values,
        **dict.fromkeys(("coverage_loss", "bound", "gap"), pl.Float64()),
        "suppliers": pl.Int64(),
        "proven": pl.Boolean(),
    }


def _value(plan: Plan, name: str) -> float:
    """What a plan has of an objective, as people count it."""
    assert plan.result is not None
    return next(each.value for each in plan.result.objectives if each.objective == name)


def _is_proven(search: FrontierSearch, trace: Trace, plan: Plan) -> bool:
    """Whether the steps prove that no plan is better in one and as good in the other."""
    steps, result = trace.steps[1 : search.at + 2], plan.result
    is_covered = result is not None and result.coverage is not None and result.coverage.proven
    whole = len(steps) == search.at + 1
    return is_covered and whole and all(step.outcome.solution_status == "optimal" for step in steps)


def _dominated(low: Floats, slack: Floats) -> Bools:
    """Whether another row is as good in both columns, and better in one or before it.

    Less is better; ``low`` has shape (points, 2), ``slack`` is what counts as the same.
    """
    as_good = (low[:, None] <= low[None] + slack).all(axis=2)
    better = (low[:, None] < low[None] - slack).any(axis=2)
    before = np.tri(low.shape[0], k=-1, dtype=np.bool_).T
    return np.asarray((as_good & (better | before)).any(axis=0))
