"""Any solver that PuLP can reach, in the child process; and models written as LP or MPS.

PuLP loads every solver library it finds, so even writing a file happens in a child.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from matcher.engines.wire import Request, Verdict, module_path, read, write
from matcher.errors import EngineError, EngineUnavailable
from matcher.program import Floats, Program

if TYPE_CHECKING:
    from matcher.engines.native import Channel

SUFFIXES = (".lp", ".mps")
"""The kinds of file a model can be written to."""

_GAP_ONLY_PROVES = 1e-9
_NAME_LENGTH = 200


def solve(request: Request, channel: Channel, option: str) -> Verdict:
    """Solve with PuLP's solver ``option``.

    PuLP hands back no bound. When the solver says optimal, it was told to stop at the relative
    gap asked for, so the optimum is at least ``best − gap·|best|``; otherwise nothing is proved.
    """
    import pulp

    program, limits = request.program, request.limits
    solver = _solver(pulp, option, request)
    names = [f"x{j}" for j in range(program.num_columns)]
    columns, problem = _problem(
        pulp, program, names, [f"r{i}" for i in range(program.num_rows)], request.start
    )
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # solvers leave files where they run
        try:
            problem.solve(solver)
        except pulp.PulpSolverError as error:
            raise EngineError(f"{option} failed: {error}") from error
        finally:
            os.chdir("/")
    status, has_plan = _status(pulp, problem)
    if status == "infeasible":
        return Verdict("infeasible", None, None)
    values = [columns[name].varValue for name in names]
    if not has_plan or any(value is None for value in values):
        return Verdict("interrupted" if channel.stop.is_set() else "time_limit", None, None)
    x = np.array(values, dtype=np.float64)
    if status != "optimal":
        return Verdict("interrupted" if channel.stop.is_set() else "time_limit", x, None)
    best = program.objective(x)
    return Verdict("finished", x, best - max(limits.gap, _GAP_ONLY_PROVES) * abs(best))
