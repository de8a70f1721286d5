"""The conductor: network in, plan out. Every station of the road meets here."""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version

import numpy as np

from matcher.arrays import Arrays, Floats, to_arrays
from matcher.assemble import awards_frame, costs_of, suppliers_frame, unmet_frame
from matcher.candidates import Screening, screen
from matcher.engines import engine as engine_named
from matcher.engines.base import Engine, Limits, Outcome, Progress
from matcher.errors import InputError, Issue
from matcher.formulation import Formulation, conflict, formulate
from matcher.network import Network
from matcher.outcome import Found, Stopped, gap
from matcher.plan import Coverage, Plan, Result, Run
from matcher.rules import Rule

# Coverage comes first, but may not eat the time in which the cost is brought down.
COVERAGE_SHARE_OF_TIME = 0.5
# A coverage loss this close to its bound is proven: it is a sum of shares, solved to 1e-6.
COVERAGE_TOLERANCE = 1e-6


def solve(
    network: Network,
    *,
    time_limit_s: float = 60.0,
    gap_limit: float = 1e-4,
    engine: str = "highs",
    threads: int = 2,
    seed: int = 0,
    memory_limit_bytes: int | None = None,
    on_progress: Callable[[str, Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Plan:
    """Find the award plan that covers most demand and, among those, costs least landed.

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
    >>> plan.result.found
    'optimal'
    """
    began = time.monotonic()
    solver = engine_named(engine)
    limits = _limits(time_limit_s, gap_limit, threads, seed, memory_limit_bytes)
    arrays = to_arrays(network)
    screening = screen(arrays)
    formulation = formulate(arrays, screening.candidates)
    coverage, cost = _lexicographic(solver, formulation, limits, began, on_progress, cancelled)
    final = cost or coverage
    result, x = _result(formulation, coverage, cost)
    if result.found == "infeasible":

        def holds(rules: tuple[Rule, ...]) -> bool | None:
            program = formulate(arrays, screening.candidates, rules).coverage_program()
            left = limits.time_s - (time.monotonic() - began)
            if left <= 0:
                return None
            answer = solver.solve(program, replace(limits, time_s=left, gap=1.0))
            return None if answer.found == "none" else answer.found != "infeasible"

        named = conflict(arrays, screening.candidates, holds)
        result = result.model_copy(update={"detail": named})
    plan = _plan(arrays, screening, formulation, x, result)
    run = Run(
        engine=final.engine,
        engine_version=final.version,
        versions=_versions(),
        seed=seed,
        threads=threads,
        time_limit_s=time_limit_s,
        gap_limit=gap_limit,
        candidates=screening.candidates.size,
        seconds=time.monotonic() - began,
    )
    return replace(plan, run=run)


def _limits(
    time_s: float, gap_limit: float, threads: int, seed: int, memory_bytes: int | None
) -> Limits:
    """The limits, if they make sense."""
    issues = [
        Issue("bad_option", "solve", None, name, str(value), "is out of range", fix)
        for name, value, is_fine, fix in (
            ("time_limit_s", time_s, 0 < time_s < math.inf, "give seconds above 0"),
            ("gap_limit", gap_limit, 0 <= gap_limit <= 1, "give a share from 0 to 1"),
            ("threads", threads, threads >= 1, "give 1 or more"),
            ("seed", seed, seed >= 0, "give 0 or more"),
            (
                "memory_limit_bytes",
                memory_bytes,
                memory_bytes is None or memory_bytes > 0,
                "give bytes above 0, or None",
            ),
        )
        if not is_fine
    ]
    if issues:
        raise InputError(issues)
    return Limits(time_s, gap_limit, threads, seed, memory_bytes)


def _lexicographic(
    solver: Engine,
    formulation: Formulation,
    limits: Limits,
    began: float,
    on_progress: Callable[[str, Progress], None] | None,
    cancelled: Callable[[], bool] | None,
) -> tuple[Outcome, Outcome | None]:
    """Minimise unmet demand, then landed cost without giving any of it up."""

    def left() -> float:
        return max(limits.time_s - (time.monotonic() - began), 0.0)

    def told(objective: str) -> Callable[[Progress], None] | None:
        if on_progress is None:
            return None
        return lambda progress: on_progress(objective, progress)

    coverage = solver.solve(
        formulation.coverage_program(),
        replace(limits, time_s=left() * COVERAGE_SHARE_OF_TIME, gap=0.0),
        start=formulation.empty(),
        on_progress=told("coverage"),
        cancelled=cancelled,
    )
    if (
        coverage.x is None
        or coverage.best is None
        or coverage.stopped in ("cancelled", "memory_limit")
    ):
        return coverage, None
    cost = solver.solve(
        formulation.cost_program(coverage.best),
        replace(limits, time_s=left()),
        start=coverage.x,
        on_progress=told("cost"),
        cancelled=cancelled,
    )
    return coverage, cost


def _result(
    formulation: Formulation, coverage: Outcome, cost: Outcome | None
) -> tuple[Result, Floats | None]:
    """What both searches together found and proved."""
    if coverage.x is None or coverage.best is None:
        return Result(found=coverage.found, stopped=coverage.stopped, detail=coverage.detail), None
    lost, lost_bound = max(coverage.best, 0.0), max(coverage.bound or 0.0, 0.0)
    proven = lost - lost_bound <= COVERAGE_TOLERANCE * max(1.0, lost)
    summary = Coverage(unmet=lost, bound=min(lost_bound, lost), proven=proven)
    if cost is None or cost.x is None:
        x = coverage.x
        stopped: Stopped = coverage.stopped if cost is None else cost.stopped
        bound = None if cost is None else cost.bound
        return Result(
            found="feasible",
            stopped=stopped,
            coverage=summary,
            bound=bound,
            best=formulation.program.objective(x),
            detail=coverage.detail if cost is None else cost.detail,
        ), x
    found: Found = "optimal" if proven and cost.found == "optimal" else "feasible"
    # If more coverage may be possible, what ended that search is what ended the whole.
    ended = proven or cost.stopped not in ("proved", "gap_limit")
    stopped = cost.stopped if ended else coverage.stopped
    return Result(
        found=found,
        stopped=stopped,
        coverage=summary,
        best=cost.best,
        bound=cost.bound,
        detail=cost.detail,
    ), cost.x


def _plan(
    arrays: Arrays, screening: Screening, formulation: Formulation, x: Floats | None, result: Result
) -> Plan:
    network, candidates = arrays.network, formulation.candidates
    rows, quantity = (
        (np.empty(0, dtype=np.int64), np.empty(0)) if x is None else (formulation.awards(x))
    )
    awards = awards_frame(arrays, candidates, rows, quantity)
    suppliers = suppliers_frame(network.suppliers, awards)
    coverage = result.coverage
    unmet = unmet_frame(
        arrays,
        screening.candidates,
        screening.rejections,
        awards,
        is_proven=result.found == "infeasible" or (coverage is not None and coverage.proven),
    )
    if x is not None:
        costs = costs_of(awards, suppliers)
        bound = result.bound
        # A solver's rounding may put its bound a hair above the exact cost of its own optimum; a
        # bound that is further above would be a lie, and is left for the judge to find.
        if bound is not None and costs.total < bound <= costs.total + 1e-6 * abs(costs.total):
            bound = costs.total
        result = result.model_copy(
            update={
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
        network=network.name,
        input_hash=network.input_hash,
        currency=network.currency,
        result=result,
    )


def _versions() -> dict[str, str]:
    """Versions of everything that may change a plan."""
    packages = ("supplier-matcher", "numpy", "scipy", "polars", "searoute")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}
