"""SCIP in the child process, through PySCIPOpt."""

from __future__ import annotations

from typing import Any

import numpy as np
from pyscipopt.scip import PY_SCIP_EVENTTYPE, Eventhdlr, Expr, ExprCons, Model, Term

from matcher.engines.highs import linear
from matcher.engines.native import Channel, repeat_until_done
from matcher.engines.wire import Request, Status, Verdict
from matcher.errors import EngineError
from matcher.program import Floats, Program
from matcher.tolerances import NOISE

__all__ = ["linear", "solve"]

_ENDINGS: dict[str, Status] = {
    "optimal": "finished",
    "gaplimit": "finished",
    "infeasible": "infeasible",
    "timelimit": "time_limit",
    "userinterrupt": "interrupted",
}


def solve(request: Request, channel: Channel, option: str) -> Verdict:
    """Solve with SCIP, which uses one thread."""
    del option
    program, limits = request.program, request.limits
    model, columns = _model(program)
    model.setParam("limits/time", request.remaining_s)
    model.setParam("limits/gap", limits.gap)
    model.setParam("randomization/randomseedshift", limits.seed % 2**31)
    model.setParam("numerics/feastol", NOISE)
    if request.start is not None:
        solution = model.createSol()
        for column, value in zip(columns, request.start.tolist(), strict=True):
            solution[column] = value
        model.addSol(solution)
    model.includeEventhdlr(_PlanWatcher(channel, columns), "watcher", "reports plans and bounds")
    done = repeat_until_done(lambda: _interrupt(model), channel)
    model.optimizeNogil()
    done()
    status = model.getStatus()
    if status in ("unbounded", "inforunbd"):
        raise EngineError("SCIP says the program is unbounded: bound every column it rewards")
    ending: Status = _ENDINGS.get(status, "failed")
    if ending in ("infeasible", "failed"):
        return Verdict(ending, None, None, f"SCIP: {status}" if ending == "failed" else "")
    x = _values(model.getBestSol(), columns) if model.getNSols() else None
    bound = float(model.getDualbound())
    return Verdict(ending, x, bound if abs(bound) < model.infinity() else None)


class _PlanWatcher(Eventhdlr):
    """Reports every better plan, and the bound after every node."""

    def __init__(self, channel: Channel, columns: list[Any]) -> None:
        self._channel = channel
        self._columns = columns
        self._events = (
            PY_SCIP_EVENTTYPE.BESTSOLFOUND,
            PY_SCIP_EVENTTYPE.NODESOLVED,
            PY_SCIP_EVENTTYPE.LPSOLVED,
        )

    def eventinit(self) -> None:
        for event in self._events:
            self.model.catchEvent(event, self)

    def eventexit(self) -> None:
        for event in self._events:
            self.model.dropEvent(event, self)

    def eventexec(self, event: Any) -> None:
        if event.getType() == PY_SCIP_EVENTTYPE.BESTSOLFOUND:
            self._channel.plan(_values(self.model.getBestSol(), self._columns))
        self._channel.bound(self.model.getDualbound())


def _model(program: Program) -> tuple[Any, list[Any]]:
    model = Model(program.name)
    model.hideOutput()
    kinds = np.where(program.integer, "I", "C").tolist()
    columns = [
        model.addVar(
            f"x{j}",
            kind,
            None if lower == -np.inf else lower,
            None if upper == np.inf else upper,
            cost,
        )
        for j, (kind, lower, upper, cost) in enumerate(
            zip(
                kinds,
                program.lower.tolist(),
                program.upper.tolist(),
                program.cost.tolist(),
                strict=True,
            )
        )
    ]
    model.addObjoffset(program.offset)
    terms = [Term(column) for column in columns]
    indptr, indices = program.matrix.indptr.tolist(), program.matrix.indices.tolist()
    data = program.matrix.data.tolist()
    lower, upper = _whole(program)
    limits = zip(lower.tolist(), upper.tolist(), strict=True)
    for row, (least, most) in enumerate(limits):
        entries = range(indptr[row], indptr[row + 1])
        expression = Expr({terms[indices[k]]: data[k] for k in entries})
        low, high = (None if least == -np.inf else least), (None if most == np.inf else most)
        if low is not None or high is not None:
            model.addCons(ExprCons(expression, low, high))
    return model, columns


def _whole(program: Program) -> Floats:
    """Sides of rows, as whole multiples of 1 or of a row's smallest coefficient if they are near.

    Near is what SCIP's tolerance cannot tell apart. Its presolve takes 1 + 1e-8 for more than 1
    here and for 1 there, and such a row may then be broken by 1. Shape (2, rows): lower, upper.
    """
    row = np.repeat(np.arange(program.num_rows), np.diff(program.matrix.indptr))
    smallest = np.full(program.num_rows, np.inf)
    np.minimum.at(smallest, row, np.abs(program.matrix.data))
    sides = np.array([program.row_lower, program.row_upper])
    for unit in (np.ones(program.num_rows), smallest):
        known = np.isfinite(sides) & np.isfinite(unit) & (unit > 0)
        units = np.broadcast_to(unit, sides.shape)[known]
        side = sides[known]
        whole = np.round(side / units) * units
        near = (whole != 0) & (np.abs(side - whole) <= 2 * NOISE * np.abs(whole))
        sides[known] = np.where(near, whole, side)
    return sides


def _values(solution: Any, columns: list[Any]) -> Floats:
    return np.array([solution[column] for column in columns])


def _interrupt(model: Any) -> None:
    """Ask SCIP to stop, which it refuses as long as it has not begun."""
    try:
        model.interruptSolve()
    except Exception:  # PySCIPOpt has no narrower class for a call in the wrong stage
        return
