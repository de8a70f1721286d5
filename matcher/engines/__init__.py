"""Engines: everything that minimises a neutral program, found here by name.

The solver libraries are imported by the child process that solves, never by this one: two of them
cannot live in one process.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from difflib import get_close_matches
from importlib.util import find_spec

from matcher.engines.auto import AutoEngine
from matcher.engines.base import Engine
from matcher.engines.child import ChildEngine, Solver
from matcher.engines.process import Kept
from matcher.errors import EngineUnavailable

_SOLVERS = {
    # HiGHS 1.15.1 may take its start for the optimum and call that proven, with presolve on; see
    # tests/engines/test_engine_answers.py. So where its proof counts it is not told one.
    "highs": Solver("matcher.engines.highs", "highspy", "highspy", hears_start=False),
    "cpsat": Solver("matcher.engines.cpsat", package="ortools", distribution="ortools"),
    "scip": Solver("matcher.engines.scip", package="pyscipopt", distribution="PySCIPOpt"),
    "pulp": Solver("matcher.engines.pulp", package="pulp", distribution="PuLP"),
}

NAMES: tuple[str, ...] = (
    "auto",
    "decomposition",
    *(name for name in _SOLVERS if name != "pulp"),
    "pulp:SOLVER",
)
"""The engines by name; ``pulp:SOLVER`` stands for any solver PuLP knows, as ``pulp:GUROBI_CMD``."""


_keeping: ContextVar[Kept | None] = ContextVar("keeping", default=None)


@contextmanager
def keeping() -> Iterator[None]:
    """Keep solver processes for all solves of this thread within, such as of many small networks.

    What a process costs to start is then paid once and not by each solve. Of HiGHS only, which is
    known to solve one program after the other.

    Examples
    --------
    >>> import matcher
    >>> from matcher.engines import keeping
    >>> network = matcher.read("examples/first-steps")
    >>> with keeping():
    ...     plans = [matcher.solve(network, gap_limit=gap) for gap in (0.1, 0.0)]
    >>> len(plans)
    2
    """
    with Kept() as kept:
        token = _keeping.set(kept)
        try:
            yield
        finally:
            _keeping.reset(token)


@contextmanager
def kept_engine(name: str) -> Iterator[Engine]:
    """The engine called ``name`` for several solves, its processes kept; see `engine`."""
    if _keeping.get() is None:
        with Kept() as kept:
            yield engine(name, kept)
    else:
        yield engine(name)


def engine(name: str, kept: Kept | None = None) -> Engine:
    """The engine called ``name``, such as ``highs`` or ``pulp:PULP_CBC_CMD``.

    Parameters
    ----------
    kept
        Where processes are kept from one solve to the next; without it they end with each, unless
        `keeping` says otherwise.

    Raises
    ------
    EngineUnavailable
        If the name is unknown or its package is not installed. Whether PuLP can reach the solver
        named after the colon is found out by the solve.
    """
    kept = _keeping.get() if kept is None else kept
    if name == "auto":
        exact, decomposition = engine("highs", kept), engine("decomposition", kept)
        return AutoEngine(name, exact=exact, decomposition=decomposition)
    if name == "decomposition":
        from matcher.engines.decomposition import DecompositionEngine  # loads its compiler

        improver = _highs(kept, hears_start=True)
        return DecompositionEngine(name, exact=_highs(kept), improver=improver)
    family, colon, option = name.partition(":")
    if family not in _SOLVERS or (family == "pulp") != bool(option) or (colon and not option):
        nearest = get_close_matches(name, [*NAMES, "pulp:PULP_CBC_CMD", "pulp:GUROBI_CMD"], 1)
        hint = f"; did you mean '{nearest[0]}'?" if nearest and nearest[0] != name else ""
        raise EngineUnavailable(f"unknown engine '{name}': known are {', '.join(NAMES)}{hint}")
    solver = _SOLVERS[family]
    if find_spec(solver.package) is None:
        raise EngineUnavailable(
            f"engine '{name}' needs the package {solver.distribution}: install it with "
            f"'pip install supplier-matcher[engines]' or choose another of {', '.join(NAMES)}"
        )
    return _highs(kept) if name == "highs" else ChildEngine(name, solver)


def _highs(kept: Kept | None, *, hears_start: bool = False) -> ChildEngine:
    """HiGHS; where it begins from a start it improves plans and proves nothing."""
    return ChildEngine("highs", replace(_SOLVERS["highs"], hears_start=hears_start), kept)
