"""The decomposition engine: blocks apart, prices for bounds, and a search for plans beside them."""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import psutil

from matcher.engines.base import Engine, Limits, Outcome, Progress, TerminationReason, settled_bound
from matcher.engines.child import ChildEngine
from matcher.engines.decomposition.assembly import Assembly
from matcher.engines.decomposition.compilation import (
    compile_kernels,
    forget_stale_kernels,
    kernels_are_compiled,
)
from matcher.engines.decomposition.schedule import Schedule
from matcher.engines.decomposition.state import CLOSED
from matcher.engines.decomposition.structure import structure_of
from matcher.engines.decomposition.structure.blocks import DiagonalBlock, blocks_of
from matcher.engines.decomposition.subproblem import Subproblem
from matcher.engines.process import Kept
from matcher.errors import EngineUnavailable
from matcher.program import Floats, Program
from matcher.status import gap

_log = logging.getLogger(__name__)

_PROVED = 1e-6
_TELL_EVERY_S = 0.25
_POLL_S = 0.02


def sizes_of_blocks(program: Program) -> list[int] | str:
    """Number of assignments in each block, or why the search does not know the program."""
    forget_stale_kernels()
    structure = structure_of(program)
    if structure is None:
        return "has no selections"
    if not structure.is_searchable:
        return f"has rows that only an exact engine searches under ({structure.handed_over})"
    is_assignment = np.zeros(program.num_columns, dtype=np.bool_)
    is_assignment[structure.x] = True
    blocks, _ = blocks_of(program, structure.column_upper)
    return [int(is_assignment[block.columns].sum()) for block in blocks]


@dataclass(slots=True)
class DecompositionEngine:
    """Solves programs made of selections; what is none it leaves to an exact engine.

    Parameters
    ----------
    exact
        Proves small blocks, and those with rows that only it knows.
    improver
        Solves parts of larger blocks anew; what it proves does not count.
    """

    name: str
    exact: ChildEngine
    improver: ChildEngine

    def solve(
        self,
        program: Program,
        limits: Limits,
        *,
        start: Floats | None = None,
        on_progress: Callable[[Progress], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Outcome:
        """Minimise ``program`` within ``limits``; see :class:`matcher.engines.base.Engine`.

        Where kernels have to be compiled first, which happens once on a machine, the outcome says
        so, and its seconds and the time limit count from then on.
        """
        with Kept() as own:
            exact, improver = (
                replace(each, kept=each.kept or own) for each in (self.exact, self.improver)
            )
            run = _Run(exact, improver, program, limits, start)
            run.work(on_progress or (lambda _: None), cancelled or (lambda: False))
        return run.outcome(self.name)


class _Run:
    """One solve from start to end: workers take rounds on blocks while the caller's thread watches.

    A round begins a subproblem, raises its bound or improves its plan; see `Schedule`.
    """

    def __init__(
        self,
        exact: Engine,
        improver: Engine,
        program: Program,
        limits: Limits,
        start: Floats | None,
    ) -> None:
        self._exact = exact
        self._improver = improver
        self._program = program
        self._limits = limits
        self._start = start
        self._threads = max(limits.threads, 1)
        self._began = time.perf_counter()
        self._compiled_s = 0.0
        self._stop = threading.Event()
        self._reason: TerminationReason | None = None
        self._failure: BaseException | None = None
        self._assembly: Assembly | None = None

    def work(self, on_progress: Callable[[Progress], None], cancelled: Callable[[], bool]) -> None:
        """Work until the gap is reached or a limit is, or something fails.

        What failed is raised if there is no plan, or if it is for the user to mend; else the best
        plan is kept and says so.
        """
        try:
            self._compile(on_progress)
            self._assembly = Assembly(self._program, self._start)
            with ThreadPoolExecutor(self._threads) as pool:
                self._work(pool, on_progress, cancelled)
        except KeyboardInterrupt:
            self._reason = "cancelled"  # whoever interrupts wants what there is
        if self._failure is not None:
            if isinstance(self._failure, EngineUnavailable) or self._solution() is None:
                raise self._failure
            _log.error("decomposition failed, and kept its best plan", exc_info=self._failure)
            self._reason = "crashed"
        on_progress(self._progress())

    def _compile(self, on_progress: Callable[[Progress], None]) -> None:
        """Compile what is not compiled yet; time counts from then on."""
        if not kernels_are_compiled():
            _log.info("compiling the kernels of the decomposition, once for this version")
            on_progress(self._progress())
            compile_kernels()
            self._compiled_s = self._seconds()
        self._began = time.perf_counter()

    def _work(
        self,
        pool: Executor,
        on_progress: Callable[[Progress], None],
        cancelled: Callable[[], bool],
    ) -> None:
        """Have all threads take rounds, and watch them."""
        assert self._assembly is not None
        alone = len(self._assembly.blocks) == 1

        def make(block: DiagonalBlock) -> Subproblem:
            return self._subproblem(block, pool if alone else None)

        schedule = Schedule(self._assembly, make, self._threads, self._left_s)
        workers = [
            threading.Thread(target=self._worker, args=(schedule,), name=f"rounds {i}")
            for i in range(self._threads)
        ]
        for worker in workers:
            worker.start()
        try:
            self._watch(workers, on_progress, cancelled)
        finally:
            self._stop.set()
            for worker in workers:
                worker.join()

    def _subproblem(self, block: DiagonalBlock, pool: Executor | None) -> Subproblem:
        return Subproblem(
            block.program,
            columns=block.columns,
            start=None if self._start is None else self._start[block.columns],
            gap=self._limits.gap,
            seed=self._limits.seed,
            exact=self._exact,
            improver=self._improver,
            stop=self._stop.is_set,
            pool=pool,
            threads=1 if pool is None else self._threads,
        )

    def _worker(self, schedule: Schedule) -> None:
        try:
            while not self._stop.is_set():
                round_ = schedule.take()
                if round_ is None:
                    if schedule.is_finished:
                        return
                    time.sleep(_POLL_S)
                    continue
                subproblem, work = round_
                gap_value = subproblem.gap_value
                try:
                    subproblem.work(work, schedule.seconds(subproblem, work))
                finally:
                    schedule.give_back(round_)
                subproblem.note(work, gap_value)
        except BaseException as error:
            self._failure = error
            self._stop.set()

    def _watch(
        self,
        workers: list[threading.Thread],
        on_progress: Callable[[Progress], None],
        cancelled: Callable[[], bool],
    ) -> None:
        process, told_at = psutil.Process(), -np.inf
        limit = self._limits.memory_bytes
        while any(worker.is_alive() for worker in workers):
            time.sleep(_POLL_S)
            if self._left_s() <= 0:
                self._reason = "time_limit"
                return
            if self._seconds() - told_at < _TELL_EVERY_S:
                continue
            told_at = self._seconds()
            if cancelled():
                self._reason = "cancelled"
                return
            if limit is not None and process.memory_info().rss > limit:
                self._reason = "memory_limit"
                return
            on_progress(self._progress())
            if self._is_close():
                return

    def _seconds(self) -> float:
        return time.perf_counter() - self._began

    def _left_s(self) -> float:
        return self._limits.time_s - self._seconds()

    def _progress(self) -> Progress:
        best, bound = self._best_and_bound()
        return Progress(
            self._seconds(),
            best if np.isfinite(best) else None,
            bound if np.isfinite(bound) else None,
        )

    def _is_close(self) -> bool:
        best, bound = self._best_and_bound()
        return np.isfinite(best) and best - bound <= max(self._limits.gap, CLOSED) * abs(best)

    def _best_and_bound(self) -> tuple[float, float]:
        if self._assembly is None:
            return np.inf, -np.inf
        return self._assembly.best, self._assembly.bound

    def _solution(self) -> Floats | None:
        return None if self._assembly is None else self._assembly.solution()

    def outcome(self, name: str) -> Outcome:
        """What came of it."""
        bound: float | None = self._best_and_bound()[1]
        x = self._solution()
        best = None if x is None else self._program.objective(x)
        is_broken = self._assembly is not None and self._assembly.is_broken
        if best is None and (is_broken or bound == np.inf):
            return Outcome(
                "infeasible", "proved", None, None, None, self._seconds(), name, _version()
            )
        reason: TerminationReason = self._reason or "gap_limit"
        found = "none" if best is None else "feasible"
        bound, detail = settled_bound(best, bound)
        away = gap(best, bound)
        if away is not None:
            if away <= _PROVED:
                found, reason = "optimal", "proved"
            elif away <= self._limits.gap:
                found, reason = "optimal", "gap_limit"
        told = (self._told_of_compiling(), self._told(), self._told_of_failure(), detail)
        return Outcome(
            solution_status=found,  # type: ignore[arg-type]
            termination_reason=reason,
            x=x,
            best=best,
            bound=float(bound) if bound is not None and np.isfinite(bound) else None,
            seconds=self._seconds(),
            engine=name,
            version=_version(),
            detail="; ".join(filter(None, told)),
        )

    def _told_of_compiling(self) -> str:
        """That kernels were compiled first, which is not in the seconds."""
        if not self._compiled_s:
            return ""
        return f"compiled its kernels before, once for this version, in {self._compiled_s:.0f} s"

    def _told(self) -> str:
        """What was handed over to the exact engine."""
        if self._assembly is None or not self._assembly.handed_over:
            return ""
        names = self._assembly.handed_over
        return f"priced, and handed to {self._exact.name} for plans: {names}"

    def _told_of_failure(self) -> str:
        """What ended the search before its time, and where."""
        if self._failure is None:
            return ""
        at = traceback.extract_tb(self._failure.__traceback__)[-1]
        where = f"{Path(at.filename).name}, line {at.lineno}"
        return f"ended by an error ({type(self._failure).__name__} in {where}): {self._failure}"


def _version() -> str:
    return version("supplier-matcher")
