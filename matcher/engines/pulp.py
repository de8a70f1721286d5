"""Any solver that PuLP can reach, in the child process; and models written as LP or MPS.

PuLP loads every solver library it finds, so even writing a file happens in a child.
"""

from __future__ import annotations

import inspect
import os
import pickle
import re
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterable
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from matcher.engines.launch import command, environment
from matcher.engines.native import Channel, die_with_parent, end_with_children, repeat_until_done
from matcher.engines.wire import Request, Status, Verdict
from matcher.errors import EngineError, EngineUnavailable
from matcher.program import Floats, Program

SUFFIXES = (".lp", ".mps")
"""The kinds of file a model can be written to."""

_LONGEST_NAME = 200
_OPTIMAL, _INFEASIBLE, _UNBOUNDED, _GAP_LIMIT = 1, -1, -2, -7
_MOST_OF_THE_TIME = 0.9


def solve(request: Request, channel: Channel, option: str) -> Verdict:
    """Solve with PuLP's solver called ``option``, such as ``PULP_CBC_CMD``.

    PuLP hands back no bound. A solver that says optimal was told to stop at a relative gap, so
    the optimum is at least ``best − gap·|best|``; where the gap cannot be passed on, or the
    answer is another one, nothing counts as proved.
    """
    pulp = _pulp()
    program, limits = request.program, request.limits
    solver, is_told_the_gap = _solver(pulp, option, request)
    names = [f"x{j}" for j in range(program.num_columns)]
    rows = [f"r{i}" for i in range(program.num_rows)]
    columns, problem = _problem(pulp, program, names, rows, request.start)
    started = time.perf_counter()
    if not isinstance(solver, pulp.LpSolver_CMD):
        die_with_parent(request.parent)
    done = repeat_until_done(end_with_children, channel)  # there is no asking
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.chdir(folder)  # solvers leave files where they run
        try:
            answer = problem.solve(solver)
        except pulp.PulpSolverError as error:
            return Verdict("failed", None, None, f"{option} failed: {error}")
        finally:
            os.chdir(Path(folder).anchor)
    done()
    in_time = time.perf_counter() - started < _MOST_OF_THE_TIME * request.remaining_s
    unfinished: Status = "failed" if in_time else "time_limit"
    if hasattr(answer, "has_solution"):  # PuLP 4
        status, has_plan = int(answer.status), bool(answer.has_solution)
    else:
        status, solution = int(answer), int(problem.sol_status)
        has_plan = solution in (pulp.LpSolutionOptimal, pulp.LpSolutionIntegerFeasible)
        if status == _OPTIMAL and solution != pulp.LpSolutionOptimal:
            status = pulp.LpStatusNotSolved
    if status == _INFEASIBLE:
        return Verdict("infeasible", None, None)
    if status == _UNBOUNDED:
        raise EngineError(f"{option} says the program is unbounded: bound what it rewards")
    values = [columns[name].varValue for name in names]
    if not has_plan or any(value is None for value in values):
        return Verdict(unfinished, None, None, f"{option}: PuLP status {status}")
    x = np.array(values, dtype=np.float64)
    if status not in (_OPTIMAL, _GAP_LIMIT):
        return Verdict(unfinished, x, None, f"{option}: PuLP status {status}")
    best = program.objective(x)
    bound = best - limits.gap * abs(best) if is_told_the_gap else None
    return Verdict("finished", x, bound, "" if is_told_the_gap else f"{option} takes no gap")


def linear(program: Program) -> Floats | None:
    """An optimum of a program without integers, by HiGHS; ``None`` if it has none."""
    from matcher.engines import highs  # PuLP has loaded the library anyway

    return highs.linear(program)


def write_model(program: Program, path: str | Path) -> None:
    """Write ``program`` as an LP or MPS file, which any solver reads.

    Labels become names: every character that LP files do not allow becomes ``_``, and equal
    names are numbered. A row with two finite bounds becomes two rows, and a constant of the
    objective a column fixed at 1.

    Parameters
    ----------
    path
        Ends in ``.lp`` or ``.mps``.

    Raises
    ------
    EngineUnavailable
        PuLP is not installed.
    EngineError
        The suffix is another one or the file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise EngineError(f"cannot write '{path}': the name has to end in {' or '.join(SUFFIXES)}")
    if find_spec("pulp") is None:
        raise EngineUnavailable(
            "writing a model needs the package PuLP: install it with "
            "'pip install supplier-matcher[engines]'"
        )
    run = subprocess.run(
        command("matcher.engines.pulp", str(path.absolute())),
        input=pickle.dumps(program, protocol=5),
        capture_output=True,
        env=environment(),
        check=False,
    )
    if run.returncode:
        words = run.stderr.decode(errors="replace").strip().splitlines()
        raise EngineError(f"cannot write '{path}': {words[-1] if words else 'no reason given'}")


def _pulp() -> ModuleType:
    warnings.simplefilter("ignore", DeprecationWarning)  # 3.3 announces 4.0; both are served
    try:
        import pulp
    except ImportError as error:
        raise EngineUnavailable(f"PuLP cannot be loaded: {error}") from error
    module: ModuleType = pulp
    return module


def _solver(pulp: ModuleType, option: str, request: Request) -> tuple[Any, bool]:
    """PuLP's solver, and whether it is told the gap."""
    known = pulp.listSolvers()
    if option not in known:
        nearest = get_close_matches(option, known, 1)
        hint = f"; did you mean '{nearest[0]}'?" if nearest else ""
        raise EngineUnavailable(f"PuLP knows no solver '{option}'{hint} {_reachable(pulp)}")
    wanted = {
        "timeLimit": request.remaining_s,
        "gapRel": request.limits.gap,
        "threads": request.limits.threads,
        "timeMode": "elapsed",
        "warmStart": request.start is not None,
    }
    taken = inspect.signature(type(pulp.getSolver(option, msg=False)).__init__).parameters
    options = {name: value for name, value in wanted.items() if name in taken}
    if "timeLimit" in options and option in ("PULP_CBC_CMD", "COIN_CMD"):
        options["timeLimit"] = max(1.0, request.remaining_s)  # CBC takes less for no limit
    solver = pulp.getSolver(option, msg=False, **options)
    if not solver.available():
        raise EngineUnavailable(
            f"solver '{option}' is not installed or has no licence here {_reachable(pulp)}"
        )
    return solver, "gapRel" in options


def _reachable(pulp: ModuleType) -> str:
    found = pulp.listSolvers(onlyAvailable=True)
    return f"(PuLP reaches {', '.join(found) if found else 'no solver'} on this machine)"


def _problem(
    pulp: ModuleType, program: Program, columns: list[str], rows: list[str], start: Floats | None
) -> tuple[dict[str, Any], Any]:
    """PuLP's problem and its columns by name, through the plain form that 3 and 4 share."""
    kinds = np.where(program.integer, "Integer", "Continuous").tolist()
    initial = [None] * program.num_columns if start is None else start.tolist()
    variables = [
        _variable(name, kind, lower, upper, value)
        for name, kind, lower, upper, value in zip(
            columns, kinds, program.lower.tolist(), program.upper.tolist(), initial, strict=True
        )
    ]
    costs = zip(columns, program.cost.tolist(), strict=True)
    objective = [{"name": name, "value": cost} for name, cost in costs if cost]
    if program.offset:  # a constant would be lost in a file
        constant = unique_names(["constant"], taken=columns)[0]
        variables.append(_variable(constant, "Continuous", 1.0, 1.0, 1.0))
        objective.append({"name": constant, "value": program.offset})
    data = {
        "parameters": {"name": "matcher", "sense": pulp.LpMinimize, "status": 0, "sol_status": 0},
        "objective": {"name": "cost", "coefficients": objective},
        "variables": variables,
        "constraints": list(_constraints(pulp, program, columns, rows)),
        "sos1": [],
        "sos2": [],
    }
    by_name, problem = pulp.LpProblem.fromDict(data)
    return by_name, problem


def _variable(
    name: str, kind: str, lower: float, upper: float, value: float | None
) -> dict[str, object]:
    return {
        "name": name,
        "cat": kind,
        "lowBound": None if lower == -np.inf else lower,
        "upBound": None if upper == np.inf else upper,
        "varValue": value,
        "dj": None,
    }


def _constraints(
    pulp: ModuleType, program: Program, columns: list[str], rows: list[str]
) -> Iterable[dict[str, object]]:
    matrix = program.matrix
    indptr, indices, data = matrix.indptr.tolist(), matrix.indices.tolist(), matrix.data.tolist()
    low, high = program.row_lower.tolist(), program.row_upper.tolist()
    taken = list(rows)
    for i, name in enumerate(rows):
        entries = range(indptr[i], indptr[i + 1])
        terms = [{"name": columns[indices[k]], "value": data[k]} for k in entries]
        if low[i] == high[i]:
            sides = [(name, pulp.LpConstraintEQ, low[i])]
        else:
            sides = [
                (name, sense, bound)
                for sense, bound in ((pulp.LpConstraintLE, high[i]), (pulp.LpConstraintGE, low[i]))
                if np.isfinite(bound)
            ]
            if len(sides) == 2:
                other = unique_names([f"{name}_low"], taken=taken)[0]
                taken.append(other)
                sides[1] = (other, *sides[1][1:])
        for label, sense, bound in sides:
            yield {
                "name": label,
                "sense": sense,
                "coefficients": terms,
                "pi": None,
                "constant": -bound,
            }


def unique_names(labels: Iterable[str], taken: Iterable[str] = ()) -> list[str]:
    """Names that LP files allow, one for each label and no two alike.

    >>> unique_names(["x(bolt M8,acme,sea)", "x(bolt-M8,acme,sea)", "2nd"])
    ['x_bolt_M8_acme_sea', 'x_bolt_M8_acme_sea_2', 'v_2nd']
    """
    used = set(taken)
    counts: Counter[str] = Counter()
    names = []
    for label in labels:
        name = re.sub(r"\W+", "_", label, flags=re.ASCII).strip("_")[:_LONGEST_NAME]
        if not re.match(r"[A-DF-Za-df-z]", name):  # LP reads e12 and 2nd as numbers
            name = f"v_{name}"
        unique = name
        while unique in used:
            counts[name] += 1
            unique = f"{name}_{counts[name] + 1}"
        used.add(unique)
        names.append(unique)
    return names


def _write(program: Program, path: Path) -> None:
    pulp = _pulp()
    columns = unique_names(program.column_labels())
    rows = unique_names(program.row_labels(), taken=["cost", "OBJ"])
    _, problem = _problem(pulp, program, columns, rows, None)
    if path.suffix.lower() == ".lp":
        problem.writeLP(str(path))
    else:
        problem.writeMPS(str(path))


if __name__ == "__main__":
    try:
        _write(pickle.load(sys.stdin.buffer), Path(sys.argv[1]))
    except OSError as problem_of_file:
        sys.exit(str(problem_of_file))
