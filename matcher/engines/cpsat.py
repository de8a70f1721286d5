"""CP-SAT in the child process, on the program's integer grid (see :mod:`matcher.engines.grid`).

A grid point fixes the integer columns; GLOP, of the same library, finds the exact rest.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from ortools.linear_solver.python import model_builder_helper as linear_solver
from ortools.sat.python import cp_model
from scipy.sparse import csr_matrix

from matcher.engines.grid import Grid, Integers, grid
from matcher.engines.native import Channel, repeat_until_done
from matcher.engines.wire import Request, Status, Verdict
from matcher.errors import EngineError
from matcher.program import Floats, Program


def solve(request: Request, channel: Channel, option: str) -> Verdict:
    """Solve with CP-SAT; equal seeds and threads give equal searches."""
    del option
    program, limits = request.program, request.limits
    points = grid(program)
    channel.is_rough = True
    model = _model(program, points, request.start)
    solver = cp_model.CpSolver()
    parameters = solver.parameters
    parameters.max_time_in_seconds = request.remaining_s
    parameters.relative_gap_limit = limits.gap
    parameters.num_workers = max(1, limits.threads)
    # Interleaving makes parallel search repeatable; a batch a thread keeps both threads busy, where
    # the library's larger batches go on long after the proof.
    parameters.interleave_search = limits.threads > 1
    parameters.interleave_batch_size = max(1, limits.threads)
    parameters.random_seed = limits.seed % 2**31
    invalid = model.validate()
    if invalid:
        raise EngineError(f"CP-SAT does not take the program: {invalid}")

    class Watcher(cp_model.CpSolverSolutionCallback):
        def on_solution_callback(self) -> None:
            response: Any = self.Response()  # type: ignore[no-untyped-call]
            channel.plan(points.plan(_values(response.solution)))
            channel.bound(response.best_objective_bound)
            if channel.stop.is_set():
                solver.stop_search()

    def on_log(line: str) -> None:
        if line.startswith("#Done"):  # an interleaved search of 9.15 may go on to its time limit
            solver.stop_search()

    parameters.log_search_progress, parameters.log_to_stdout = True, False
    solver.log_callback = on_log
    solver.best_bound_callback = channel.bound
    done = repeat_until_done(solver.stop_search, channel)
    status = solver.solve(model, Watcher())
    done()
    unfinished: Status = "interrupted" if channel.stop.is_set() else "time_limit"
    bound = float(solver.best_objective_bound)
    if status in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        ending = "finished" if status == cp_model.OPTIMAL else unfinished
        return Verdict(ending, points.plan(_values(solver.response_proto.solution)), bound)
    if status == cp_model.INFEASIBLE:
        return Verdict("infeasible", None, None)
    if status == cp_model.UNKNOWN:
        return Verdict(unfinished, None, bound)
    raise EngineError(f"CP-SAT ended with {status.name}: {solver.solution_info()}")


def linear(program: Program) -> Floats | None:
    """An optimum of a program without integers, by GLOP; ``None`` if it has none."""
    helper: Any = linear_solver.ModelBuilderHelper()
    helper.fill_model_from_sparse_data(
        program.lower,
        program.upper,
        program.cost,
        program.row_lower,
        program.row_upper,
        csr_matrix(program.matrix),
    )
    solver = linear_solver.ModelSolverHelper("glop")
    solver.enable_output(False)
    solver.solve(helper)
    if not solver.has_solution() or solver.status() != linear_solver.SolveStatus.OPTIMAL:
        return None
    return np.array(solver.variable_values())


def _model(program: Program, points: Grid, start: Floats | None) -> cp_model.CpModel:
    model = cp_model.CpModel()
    proto = model.proto
    for top in points.top.tolist():
        proto.variables.add().domain.extend((0, top))
    indptr, indices = program.matrix.indptr.tolist(), program.matrix.indices.tolist()
    data = points.data.tolist()
    limits = zip(points.row_lower.tolist(), points.row_upper.tolist(), strict=True)
    for row, (lower, upper) in enumerate(limits):
        linear = proto.constraints.add().linear
        first, last = indptr[row], indptr[row + 1]
        linear.vars.extend(indices[first:last])
        linear.coeffs.extend(data[first:last])
        linear.domain.extend((lower, upper))
    used = np.flatnonzero(points.cost)
    proto.objective.vars.extend(used.tolist())
    proto.objective.coeffs.extend(points.cost[used].tolist())
    proto.objective.scaling_factor = 1.0 / points.cost_scale
    proto.objective.offset = points.cost_constant * points.cost_scale
    if start is not None:
        proto.solution_hint.vars.extend(range(program.num_columns))
        proto.solution_hint.values.extend(points.point(start).tolist())
    return model


def _values(solution: Any) -> Integers:
    return np.fromiter(solution, dtype=np.int64, count=len(solution))
