"""HiGHS in the child process, through its own Python interface.

Every call returns a status, and an ignored error leaves an objective of 0 behind: each is checked.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import highspy
import numpy as np
from highspy import HighsModelStatus

from matcher.engines.native import Channel
from matcher.engines.wire import Request, Status, Verdict
from matcher.errors import EngineError
from matcher.program import Floats, Program
from matcher.tolerances import NOISE

# A coefficient near the tolerance is noise to the solver, which may then prove a wrong optimum.
_SMALL, _FINEST = 1e-5, 1e-9
"""Ten times tighter than HiGHS's own for integers: less of a big bound leaks through a zero."""

_KINDS = highspy.cb.HighsCallbackType
_IMPROVING, _LOGGING = int(_KINDS.kCallbackMipImprovingSolution), int(_KINDS.kCallbackMipLogging)
_INTERRUPTS = tuple(
    int(kind)
    for kind in (
        _KINDS.kCallbackMipInterrupt,
        _KINDS.kCallbackSimplexInterrupt,
        _KINDS.kCallbackIpmInterrupt,
    )
)
_ENDINGS: dict[HighsModelStatus, Status] = {
    HighsModelStatus.kOptimal: "finished",
    HighsModelStatus.kModelEmpty: "finished",
    HighsModelStatus.kInfeasible: "infeasible",
    HighsModelStatus.kTimeLimit: "time_limit",
    HighsModelStatus.kInterrupt: "interrupted",
}


def solve(request: Request, channel: Channel, option: str) -> Verdict:
    """Solve with HiGHS; it is told better plans and bounds by callbacks."""
    del option
    program, limits = request.program, request.limits
    highs = _model(program)
    _check(highs.setOptionValue("time_limit", float(request.remaining_s)), "time_limit")
    _check(highs.setOptionValue("mip_rel_gap", float(limits.gap)), f"gap {limits.gap}")
    _check(highs.setOptionValue("threads", int(limits.threads)), f"threads {limits.threads}")
    _check(highs.setOptionValue("random_seed", int(limits.seed)), f"seed {limits.seed}")
    if request.start is not None:
        start = highspy.HighsSolution()
        start.col_value = request.start.tolist()
        _check(highs.setSolution(start), "start")

    def on_event(kind: int, message: str, out: Any, into: Any, data: Any) -> None:
        del message, data
        if kind == _IMPROVING:
            channel.plan(np.array(out.mip_solution, dtype=np.float64))
        if kind in (_IMPROVING, _LOGGING):
            channel.bound(out.mip_dual_bound)
        if into is not None and channel.stop.is_set():
            into.user_interrupt = True

    _check(highs.setCallback(on_event, None), "callback")
    for kind in (_IMPROVING, _LOGGING, *_INTERRUPTS):
        _check(highs.startCallbackInt(kind), f"callback {kind}")
    _check(highs.run(), "run")
    return _verdict(highs, program)


def linear(program: Program) -> Floats | None:
    """An optimum of a program without integers; ``None`` if it has none.

    Found on a thread of its own: one that HiGHS has solved on before takes no other number of
    threads than then.
    """
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(_linear, program).result()


def _linear(program: Program) -> Floats | None:
    highs = _model(program)
    _check(highs.setOptionValue("threads", 1), "threads")
    if highs.run() != highspy.HighsStatus.kOk:
        return None
    if highs.getModelStatus() != HighsModelStatus.kOptimal:
        return None
    return np.array(highs.getSolution().col_value)


def _model(program: Program) -> Any:
    """A HiGHS instance that holds ``program`` and says nothing."""
    highs: Any = highspy.Highs()  # type: ignore[no-untyped-call]
    smallest = np.abs(program.matrix.data).min(initial=1.0, where=program.matrix.data != 0)
    feasibility = NOISE if smallest >= _SMALL else _FINEST
    for name, value in (
        ("output_flag", False),
        ("mip_feasibility_tolerance", feasibility),
        ("primal_feasibility_tolerance", feasibility),
        ("mip_abs_gap", 1e-9),
    ):
        _check(highs.setOptionValue(name, value), name)
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = program.num_columns, program.num_rows
    lp.col_cost_, lp.offset_ = program.cost, program.offset
    lp.col_lower_, lp.col_upper_ = program.lower, program.upper
    lp.row_lower_, lp.row_upper_ = program.row_lower, program.row_upper
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.num_col_, lp.a_matrix_.num_row_ = program.num_columns, program.num_rows
    lp.a_matrix_.start_ = program.matrix.indptr
    lp.a_matrix_.index_ = program.matrix.indices
    lp.a_matrix_.value_ = program.matrix.data
    if program.integer.any():
        kinds = np.array([highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger])
        lp.integrality_ = kinds[program.integer.astype(np.int8)].tolist()
    _check(highs.passModel(lp), "passModel", warning_is_fine=True)
    return highs


def _verdict(highs: Any, program: Program) -> Verdict:
    status = highs.getModelStatus()
    if status in (HighsModelStatus.kUnbounded, HighsModelStatus.kUnboundedOrInfeasible):
        raise EngineError("HiGHS says the program is unbounded: bound every column it rewards")
    ending: Status = _ENDINGS.get(status, "failed")
    detail = f"HiGHS: {highs.modelStatusToString(status)}" if ending == "failed" else ""
    info, solution = highs.getInfo(), highs.getSolution()
    feasible = info.primal_solution_status == int(highspy.SolutionStatus.kSolutionStatusFeasible)
    x = np.array(solution.col_value) if feasible and solution.value_valid else None
    if status == HighsModelStatus.kModelEmpty:
        x = np.zeros(program.num_columns)
    if ending == "failed":
        bound = -np.inf
    elif program.integer.any():
        bound = info.mip_dual_bound
    else:  # an LP proves its bound only by being solved
        bound = info.objective_function_value if ending == "finished" else -np.inf
    if status == HighsModelStatus.kModelEmpty:
        bound = program.offset
    return Verdict(ending, x, float(bound) if np.isfinite(bound) else None, detail)


def _check(status: Any, what: str, *, warning_is_fine: bool = False) -> None:
    if status == highspy.HighsStatus.kError:
        raise EngineError(f"HiGHS refused {what}")
    if status == highspy.HighsStatus.kWarning and not (warning_is_fine or what == "run"):
        raise EngineError(f"HiGHS warned about {what}")
