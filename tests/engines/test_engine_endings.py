"""However a solve ends, it ends soon, leaves no process behind, and keeps its best plan."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import suppress
from contextvars import ContextVar
from pathlib import Path

import numpy as np
import psutil
import pytest
from programs import NATIVE, all_in_one_half, large_sourcing, market_split, program

import matcher
from matcher import engines
from matcher.engines import engine
from matcher.engines.base import Limits, Progress
from matcher.engines.child import ChildEngine, Solver
from matcher.engines.launch import environment
from matcher.engines.process import Kept, NativeProcess
from matcher.errors import EngineCrashed, EngineUnavailable

LONG = Limits(time_s=60, gap=0)
PATIENCE_S = 5.0


@pytest.fixture(autouse=True)
def _nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    # Processes are the subject here: each solve has one of its own.
    nothing: ContextVar[Kept | None] = ContextVar("nothing", default=None)
    monkeypatch.setattr(engines, "_keeping", nothing)


@pytest.fixture(autouse=True)
def _no_process_left() -> Iterator[None]:
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    yield
    left = [p for p in psutil.Process().children(recursive=True) if p.pid not in before]
    assert not left


@pytest.mark.parametrize("name", NATIVE)
def test_time_limit_keeps_best_and_bound(name: str) -> None:
    problem, told = market_split(), list[Progress]()
    outcome = engine(name).solve(problem, Limits(1.5, gap=0), on_progress=told.append)
    assert (outcome.solution_status, outcome.termination_reason) == ("feasible", "time_limit"), (
        outcome
    )
    assert outcome.x is not None
    assert outcome.best is not None
    assert outcome.bound is not None
    assert outcome.bound <= outcome.best == problem.objective(outcome.x)
    assert problem.violation(outcome.x) <= 1e-6
    assert outcome.seconds < 1.5 + PATIENCE_S

    bests = [progress.best for progress in told if progress.best is not None]
    bounds = [progress.bound for progress in told if progress.bound is not None]
    assert bests == sorted(bests, reverse=True)
    assert bounds == sorted(bounds)
    assert bests[-1] == outcome.best
    assert [p.seconds for p in told] == sorted(p.seconds for p in told)
    assert 2 <= len(told) <= 5 * outcome.seconds + 2


def test_a_kept_process_solves_again_unless_it_was_stopped() -> None:
    def children() -> set[int]:
        return {process.pid for process in psutil.Process().children(recursive=True)}

    small = program([1.0, 2.0], [[1.0, 1.0]], [1.0], [1.0], [0.0, 0.0], [1.0, 1.0], [True, True])
    before, hard = children(), market_split()
    once = Limits(time_s=5, gap=0.5, threads=1)
    with Kept() as kept:
        solver = ChildEngine("highs", Solver("matcher.engines.highs", "highspy", "highspy"), kept)
        first = solver.solve(small, once)
        process = children() - before
        assert len(process) == 1
        again = solver.solve(small, once)
        assert (again.solution_status, again.best, again.bound) == (
            first.solution_status,
            first.best,
            first.bound,
        )
        assert children() - before == process
        # Another number of threads needs another process.
        solver.solve(small, Limits(time_s=5, gap=0.5, threads=2))
        assert len(children() - before) == 2
        stopped = solver.solve(hard, Limits(time_s=60, gap=0, threads=1), cancelled=lambda: True)
        assert stopped.termination_reason == "cancelled"
        assert process.isdisjoint(children())
        assert solver.solve(small, once).best == first.best
    assert children() == before


@pytest.mark.parametrize("engine", ["highs", "decomposition"])
def test_all_objectives_of_a_solve_share_a_process(
    monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    begun = list[NativeProcess]()

    class Counted(NativeProcess):
        def __init__(self, name: str) -> None:
            super().__init__(name)
            begun.append(self)

    monkeypatch.setattr("matcher.engines.process.NativeProcess", Counted)
    network = matcher.read("examples/first-steps")
    plan = matcher.solve(network, engine=engine, gap_limit=0.0, threads=2)
    assert plan.result is not None
    assert plan.result.solution_status == "optimal"
    # Decomposition has two threads that may each be at a solve.
    assert 1 <= len(begun) <= {"highs": 1, "decomposition": 2}[engine]
    assert not any(process.is_alive for process in begun)


def test_quantities_are_found_anew_after_a_solve_with_several_threads() -> None:
    # In a process of its own, as all that imports a solver.
    code = """
        import io, threading
        import numpy as np
        from programs import program
        from matcher.engines import highs
        from matcher.engines.base import Limits
        from matcher.engines.native import Channel
        from matcher.engines.wire import Request

        data = [3, 2, 4], [[1, 1, 1]], [1.5], [3], [0, 0, 0], [1, 1, 1]
        whole, parts = program(*data, [True] * 3), program(*data, [False] * 3)
        for _ in range(2):
            channel = Channel(io.BytesIO(), whole, highs, threading.Event())
            request = Request(whole, Limits(time_s=5, threads=2), None, 0, 5.0)
            verdict = highs.solve(request, channel, "")
            assert whole.objective(np.round(verdict.x)) == 5.0, verdict
            assert abs(parts.objective(highs.linear(parts)) - 3.5) < 1e-6
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    subprocess.run(command, check=True, timeout=60, env=environment())


@pytest.mark.parametrize("name", NATIVE)
def test_cancel_keeps_the_best(name: str) -> None:
    problem = market_split()
    start = all_in_one_half(problem)
    improved_at = [np.inf]

    def look(progress: Progress) -> None:
        if progress.best is not None and progress.best < problem.objective(start):
            improved_at[0] = min(improved_at[0], progress.seconds)

    outcome = engine(name).solve(
        problem, LONG, start=start, on_progress=look, cancelled=lambda: improved_at[0] < np.inf
    )
    assert (outcome.solution_status, outcome.termination_reason) == ("feasible", "cancelled"), (
        outcome
    )
    assert outcome.best is not None
    assert outcome.bound is not None
    assert outcome.bound <= outcome.best < problem.objective(start)
    assert outcome.seconds < improved_at[0] + PATIENCE_S


def test_cancel_of_a_solver_that_does_not_listen() -> None:
    problem = market_split()
    start, begin = all_in_one_half(problem), time.perf_counter()
    outcome = engine("pulp:SCIP_PY").solve(
        problem, LONG, start=start, cancelled=lambda: time.perf_counter() - begin > 0.5
    )
    assert (outcome.solution_status, outcome.termination_reason) == ("feasible", "cancelled"), (
        outcome
    )
    assert outcome.best == problem.objective(start)
    assert outcome.seconds < 0.5 + PATIENCE_S


@pytest.mark.parametrize("name", NATIVE)
@pytest.mark.parametrize("after_s", [0.0, 0.7])
def test_cancel_before_the_search_begins(name: str, after_s: float) -> None:
    begin = time.perf_counter()
    outcome = engine(name).solve(
        large_sourcing(), LONG, cancelled=lambda: time.perf_counter() - begin > after_s
    )
    assert outcome.termination_reason == "cancelled", outcome
    assert outcome.seconds < after_s + PATIENCE_S


def test_an_infeasible_start_is_not_taken() -> None:
    problem = market_split()
    outcome = engine("highs").solve(
        problem, Limits(0.05), start=np.zeros(problem.num_columns), cancelled=lambda: True
    )
    assert outcome.best is None or outcome.best > 0


@pytest.mark.parametrize("name", [*NATIVE, "pulp:HiGHS"])
def test_memory_limit_ends_the_solve_only(name: str) -> None:
    problem = market_split()
    start = all_in_one_half(problem)
    limits = Limits(60, gap=0, memory_bytes=20_000_000)
    outcome = engine(name).solve(problem, limits, start=start)
    assert (outcome.solution_status, outcome.termination_reason) == ("feasible", "memory_limit"), (
        outcome
    )
    assert outcome.best == problem.objective(start)
    assert outcome.seconds < PATIENCE_S


@pytest.mark.parametrize("name", NATIVE)
def test_a_killed_child_is_a_crash_with_its_best(name: str) -> None:
    before = {process.pid for process in psutil.Process().children()}

    def kill_once_it_has_a_plan(progress: Progress) -> None:
        if progress.best is not None:
            for process in psutil.Process().children():
                if process.pid not in before:
                    os.kill(process.pid, signal.SIGKILL)

    outcome = engine(name).solve(market_split(), LONG, on_progress=kill_once_it_has_a_plan)
    assert (outcome.solution_status, outcome.termination_reason) == ("feasible", "crashed"), outcome
    assert "SIGKILL" in outcome.detail
    assert outcome.best is not None


def test_a_child_that_cannot_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    problem = program([1], [[1]], [1], [2], [0], [2], [1])
    with pytest.raises(EngineUnavailable, match="nosuch"):
        ChildEngine("nosuch", Solver("matcher.engines.nosuch", "numpy", "numpy")).solve(
            problem, LONG
        )
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho 'cannot open shared object file' >&2\nexit 7\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))
    with pytest.raises(EngineCrashed, match=r"exit code 7.*cannot open shared object"):
        engine("highs").solve(problem, LONG)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "missing"))
    with pytest.raises(EngineCrashed, match="could not start a process"):
        engine("highs").solve(problem, LONG)


def test_an_error_of_the_caller_leaves_no_child() -> None:
    def fail(progress: Progress) -> None:
        raise RuntimeError(f"no display at {progress.seconds}")

    with pytest.raises(RuntimeError, match="no display"):
        engine("highs").solve(market_split(), LONG, on_progress=fail)


_SOLVE = """
import sys
sys.path[:0] = {path!r}
from programs import market_split
from matcher.engines import engine
from matcher.engines.base import Limits
def tell(progress):
    print("running", progress.best, flush=True)
outcome = engine({name!r}).solve(market_split(), Limits(60, gap=0), on_progress=tell)
print("outcome", outcome.solution_status, outcome.termination_reason, flush=True)
"""


def _start_solving(name: str) -> subprocess.Popen[str]:
    script = textwrap.dedent(_SOLVE).format(path=[p for p in sys.path if p], name=name)
    return subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)


def _wait_for(process: subprocess.Popen[str], *, plan: bool) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("running") and (not plan or "None" not in line):
            return
    raise AssertionError("the script ended early")


def test_control_c_returns_the_best() -> None:
    with _start_solving("highs") as process:
        _wait_for(process, plan=True)
        process.send_signal(signal.SIGINT)
        answer, _ = process.communicate(timeout=2 * PATIENCE_S)
    assert answer.splitlines()[-1] == "outcome feasible cancelled"


@pytest.mark.parametrize("name", [*NATIVE, "pulp:SCIP_PY", "pulp:PULP_CBC_CMD"])
def test_a_killed_parent_leaves_no_child(name: str) -> None:
    if name == "pulp:PULP_CBC_CMD" and sys.version_info >= (3, 12):
        pytest.skip("PuLP 4 ships no CBC")
    with _start_solving(name) as process:
        _wait_for(process, plan=name in NATIVE)
        parent, family = psutil.Process(process.pid), list[psutil.Process]()
        expected = 2 if name.endswith("_CMD") else 1
        give_up = time.perf_counter() + 6 * PATIENCE_S
        while len(family) < expected and time.perf_counter() < give_up:
            family = parent.children(recursive=True)
            time.sleep(0.05)
        assert len(family) >= expected
        time.sleep(0.5)
        parent.kill()
        _, alive = psutil.wait_procs(family, timeout=PATIENCE_S)
        for survivor in alive:
            with suppress(psutil.Error):
                survivor.kill()
        assert not alive
