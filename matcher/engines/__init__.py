"""Engines: everything that minimises a neutral program, found here by name.

The solver libraries are imported by the child process that solves, never by this one: two of them
cannot live in one process.
"""

from __future__ import annotations

from difflib import get_close_matches
from importlib.util import find_spec

from matcher.engines.base import Engine
from matcher.engines.child import ChildEngine, Solver
from matcher.errors import EngineUnavailable

_SOLVERS = {
    "highs": Solver("matcher.engines.highs", package="highspy", distribution="highspy"),
    "cpsat": Solver("matcher.engines.cpsat", package="ortools", distribution="ortools"),
    "scip": Solver("matcher.engines.scip", package="pyscipopt", distribution="PySCIPOpt"),
    "pulp": Solver("matcher.engines.pulp", package="pulp", distribution="PuLP"),
}

NAMES: tuple[str, ...] = (*(name for name in _SOLVERS if name != "pulp"), "pulp:SOLVER")
"""The engines by name; ``pulp:SOLVER`` stands for any solver PuLP knows, as ``pulp:GUROBI_CMD``."""


def engine(name: str) -> Engine:
    """The engine called ``name``, such as ``highs`` or ``pulp:PULP_CBC_CMD``.

    Raises
    ------
    EngineUnavailable
        If the name is unknown or its package is not installed. Whether PuLP can reach the solver
        named after the colon is found out by the solve.
    """
    family, colon, option = name.partition(":")
    if family not in _SOLVERS or (family == "pulp") != bool(option) or (colon and not option):
        nearest = get_close_matches(name, [*_SOLVERS, "pulp:PULP_CBC_CMD", "pulp:GUROBI_CMD"], 1)
        hint = f"; did you mean '{nearest[0]}'?" if nearest and nearest[0] != name else ""
        raise EngineUnavailable(f"unknown engine '{name}': known are {', '.join(NAMES)}{hint}")
    solver = _SOLVERS[family]
    if find_spec(solver.package) is None:
        raise EngineUnavailable(
            f"engine '{name}' needs the package {solver.distribution}: install it with "
            f"'pip install {solver.distribution}' or choose another of {', '.join(NAMES)}"
        )
    return ChildEngine(name, solver)
