"""The conductor: network in, plan out. Every station of the road meets here."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import version

import numpy as np

from matcher.engines import engine as engine_named
from matcher.engines import kept_engine
from matcher.engines.base import Engine, Limits, Outcome, Progress
from matcher.errors import EngineUnavailable, Issue
from matcher.formulation import Formulation, formulate
from matcher.network import Network
from matcher.network.arrays import Arrays, Floats, to_arrays
from matcher.options import SolveOptions
from matcher.plan import Coverage, Plan, Reached, Result, Run
from matcher.schema.objectives import COST
from matcher.screening.candidates import Screening, screen
from matcher.solve.frames import awards_frame, evaluate_candidates, suppliers_frame, unmet_frame
from matcher.solve.infeasibility import correction_sets
from matcher.solve.search import Clock, Step, pursue, solution
from matcher.status import gap
from matcher.tolerances import STATED

# A second opinion on contradictory rules gets so many seconds, even when none are left.
LEAST_SECOND_OPINION_S = 5.0


def solve(  # noqa: PLR0913 - keywords, the options of a solve
    network: Network,
    *,
    time_limit_s: float = 60.0,
    gap_limit: float = 1e-4,
    engine: str = "auto",
    threads: int = 2,
    seed: int = 0,
    memory_limit_bytes: int | None = None,
    on_progress: Callable[[str, Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Plan:
    """Find the award plan that covers most demand and, among those, costs least landed.

    A network with a table ``objectives`` is planned for those, in their order.

    Parameters
    ----------
    time_limit_s
        Seconds after which the best plan so far is returned, with its bound.
    gap_limit
        Relative gap at which the search stops; 0 asks for proof to the last cent.
    engine
        ``auto``, ``decomposition``, ``highs``, ``cpsat``, ``scip`` or ``pulp:SOLVER``.
        Decomposition is for networks of more than some thousand candidates; ``auto`` picks and
        says why.
    threads, seed
        Given to the solver. The same network, seed and engine give the same plan whenever the
        optimum is proven.
    memory_limit_bytes
        Resident memory of the solver process at which the solve, not the program, ends.
    on_progress
        Called with the name of the objective being worked on and where it stands.
    cancelled
        Asked a few times a second; once it answers ``True`` the best plan so far is returned.

    Raises
    ------
    InputError
        A limit makes no sense, or a lane cannot be costed.
    EngineUnavailable, EngineCrashed
        The engine is unknown or not installed, or died before it gave any answer.

    Examples
    --------
    >>> import matcher
    >>> plan = matcher.solve(matcher.read("examples/first-steps"), gap_limit=0.0)
    >>> plan.result.solution_status
    'optimal'
    """
    began = time.monotonic()
    with kept_engine(engine) as solver:
        limits = limits_of(
            SolveOptions(
                time_limit_s=time_limit_s,
                gap_limit=gap_limit,
                threads=threads,
                seed=seed,
                memory_limit_bytes=memory_limit_bytes,
            )
        )
        arrays, clock = to_arrays(network), Clock(began, limits.time_s)
        return solve_screened(arrays, screen(arrays), solver, limits, clock, on_progress, cancelled)


def solve_screened(
    arrays: Arrays,
    screening: Screening,
    solver: Engine,
    limits: Limits,
    clock: Clock,
    on_progress: Callable[[str, Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Plan:
    """The best plan of a network that is screened already; for the rest see `solve`.

    Rules and objectives are those of ``arrays.network``. They play no part in screening, so that
    several variants of them can share one.
    """
    formulation = formulate(arrays, screening.candidates)
    steps = pursue(solver, formulation, limits, clock, on_progress, cancelled)
    result = result_of(formulation, steps)
    if result.solution_status == "infeasible":
        first = steps[-1].outcome
        steps = (*steps, _second_opinion(first, formulation, limits, clock, cancelled))
        result = result_of(formulation, steps[-1:])
    if result.solution_status == "infeasible":
        found = correction_sets(arrays, screening, solver, limits, clock)
        result = result.model_copy(update={"correction_sets": found})
    plan = plan_of(arrays, screening, formulation, solution(steps), result)
    return replace(plan, run=run_of(limits, screening, steps[-1].outcome, clock.began))


def limits_of(options: SolveOptions, others: Sequence[Issue] = ()) -> Limits:
    """The limits of a solve, if they make sense and there are no ``others`` wrong with the call.

    Raises
    ------
    InputError
        With every issue, the others first.
    """
    fine = options.checked(others)
    return Limits(
        time_s=fine.time_limit_s,
        gap=fine.gap_limit,
        threads=fine.threads,
        seed=fine.seed,
        memory_bytes=fine.memory_limit_bytes,
    )


def _second_opinion(
    first: Outcome,
    formulation: Formulation,
    limits: Limits,
    clock: Clock,
    cancelled: Callable[[], bool] | None,
) -> Step:
    """What another engine says of rules that one calls contradictory: it may find a plan.

    What it cannot confirm is not called infeasible; where no other is installed, that is said.
    """
    objective, one = formulation.objectives[0], first.engine
    try:
        other = engine_named("highs" if one == "cpsat" else "cpsat")
    except EngineUnavailable:
        alone = (
            f"{one} says so, and no second engine is installed to confirm it: "
            "'pip install supplier-matcher[engines]' brings one"
        )
        return Step(objective, replace(first, detail=alone))
    outcome = other.solve(
        formulation.minimising(0, ()),
        replace(limits, time_s=max(clock.left, LEAST_SECOND_OPINION_S)),
        cancelled=cancelled,
    )
    said = {
        "infeasible": f"{one} and {outcome.engine} agree",
        "none": f"{one} says that the rules contradict each other, which "
        f"{outcome.engine} could not confirm in time",
    }.get(outcome.solution_status, f"{one} saw no plan, {outcome.engine} found this one")
    return Step(objective, replace(outcome, detail=said))


def result_of(formulation: Formulation, steps: tuple[Step, ...]) -> Result:
    """What the steps together found and proved."""
    coverage = steps[0].outcome
    if coverage.x is None or coverage.best is None:
        return Result(
            solution_status=coverage.solution_status,
            termination_reason=coverage.termination_reason,
            detail=coverage.detail,
        )
    lost, lost_bound = max(coverage.best, 0.0), max(coverage.bound or 0.0, 0.0)
    proven = lost - lost_bound <= STATED * max(1.0, lost)
    last = steps[-1].outcome
    is_whole = len(steps) == len(formulation.objectives) and last.x is not None
    # If more coverage may be possible, what ended that search is what ended the whole.
    ended = proven or last.termination_reason not in ("proved", "gap_limit")
    optimal = (
        is_whole and proven and all(step.outcome.solution_status == "optimal" for step in steps[1:])
    )
    x = solution(steps)
    assert x is not None
    # Later objectives may have been allowed to give up coverage again, or cover more by chance.
    left = max(float(steps[0].objective.cost @ x), 0.0)
    slack = STATED * max(1.0, lost)
    unmet = lost if abs(left - lost) <= slack else left
    return Result(
        solution_status="optimal" if optimal else "feasible",
        termination_reason=last.termination_reason if ended else coverage.termination_reason,
        coverage=Coverage(
            unmet=unmet, bound=min(lost_bound, unmet), proven=proven and unmet <= lost
        ),
        objectives=tuple(_reached(step, x) for step in steps),
        bound=next(
            (s.outcome.bound for s in reversed(steps) if s.objective.name == COST.name), None
        ),
        best=formulation.program.objective(x),
        detail=last.detail,
    )


def _reached(step: Step, x: Floats) -> Reached:
    """What the plan has of an objective, as people count it."""
    objective, outcome = step.objective, step.outcome
    sign = -1.0 if objective.is_gain else 1.0
    return Reached(
        objective=objective.name,
        value=sign * (float(objective.cost @ x) + objective.offset),
        bound=None if outcome.bound is None else sign * outcome.bound,
        tolerance=objective.tolerance,
        proven=outcome.solution_status == "optimal",
    )


def plan_of(
    arrays: Arrays, screening: Screening, formulation: Formulation, x: Floats | None, result: Result
) -> Plan:
    """The plan that solution ``x`` is, with what is said of it; without one nothing is awarded."""
    network = arrays.network
    rows, quantity = (
        (np.empty(0, dtype=np.int64), np.empty(0)) if x is None else (formulation.awards(x))
    )
    made = formulation.candidates.take(rows)
    evaluation = evaluate_candidates(arrays, screening.links, made, quantity)
    awards = awards_frame(arrays, made, quantity, evaluation.fixed)
    suppliers = suppliers_frame(network.suppliers, awards)
    coverage = result.coverage
    unmet = unmet_frame(
        arrays,
        screening.candidates,
        screening.rejections,
        awards,
        is_proven=result.solution_status == "infeasible"
        or (coverage is not None and coverage.proven),
    )
    if x is not None:
        costs, bound = evaluation.costs, result.bound
        # A solver's rounding may put its bound a hair above the exact cost of its own optimum; a
        # bound that is further above would be a lie, and is left for the judge to find.
        if bound is not None and costs.total < bound <= costs.total + STATED * abs(costs.total):
            bound = costs.total
        result = result.model_copy(
            update={
                "objectives": tuple(
                    each.model_copy(
                        update={"value": evaluation.reached.get(each.objective, each.value)}
                    )
                    for each in result.objectives
                ),
                "costs": costs,
                "best": costs.total,
                "bound": bound,
                "gap": gap(costs.total, bound),
            }
        )
    return Plan(
        awards=awards,
        suppliers=suppliers,
        unmet=unmet,
        rules=None if x is None else evaluation.rules,
        network=network.name,
        input_hash=network.input_hash,
        currency=network.currency,
        result=result,
    )


def run_of(limits: Limits, screening: Screening, outcome: Outcome, began: float) -> Run:
    """How a plan was made whose last step had this outcome; ``began`` by the monotonic clock."""
    return Run(
        engine=outcome.engine,
        engine_version=outcome.version,
        versions=_versions(),
        seed=limits.seed,
        threads=limits.threads,
        time_limit_s=limits.time_s,
        gap_limit=limits.gap,
        candidates=screening.candidates.size,
        seconds=time.monotonic() - began,
    )


def _versions() -> dict[str, str]:
    """Versions of everything that may change a plan."""
    packages = ("supplier-matcher", "numpy", "scipy", "polars", "searoute")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}
