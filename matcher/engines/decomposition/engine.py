"""The decomposition engine: blocks apart, prices for bounds, and a search for plans beside them."""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import psutil

from matcher.engines.base import Engine, Limits, Outcome, Progress, Stopped, settled_bound
from matcher.engines.child import ChildEngine
from matcher.engines.decomposition.structure import structure_of
from matcher.engines.decomposition.structure.blocks import DiagonalBlock, blocks_of
from matcher.engines.decomposition.subproblem import CLOSED, Subproblem, Work
from matcher.engines.process import Kept
from matcher.errors import EngineUnavailable
from matcher.program import Floats, Program, never_met
from matcher.status import gap

_log = logging.getLogger(__name__)

# A plan that breaks the program by more than this is not taken.
TOLERANCE = 1e-5

_PROVED = 1e-6
_TELL_EVERY_S = 0.25
_POLL_S = 0.02
# A round takes this part of what a block may still have: later there may be a better use for it.
# The first on the bounds of many blocks takes less: plans wait for it.
_ROUND, _FIRST = 0.4, 0.15
_SHORTEST_S = 0.5


def sizes_of_blocks(program: Program) -> list[int] | str:
    """Number of assignments in each block, or why the search does not know the program."""
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
        """Minimise ``program`` within ``limits``; see :class:`matcher.engines.base.Engine`."""
        with Kept() as own:
            exact, improver = (
                replace(each, kept=each.kept or own) for each in (self.exact, self.improver)
            )
            run = _Run(exact, improver, program, limits, start)
            run.work(on_progress, cancelled)
        return run.outcome(self.name)


class _Run:
    """One solve from start to end: workers take rounds on blocks while the caller's thread watches.

    A round begins a block, raises its bound or improves its plan. The next round goes to where the
    gap is largest for the time already spent.
    """

    def __init__(
        self,
        exact: Engine,
        improver: Engine,
        program: Program,
        limits: Limits,
        start: Floats | None,
    ) -> None:
        self._began = time.perf_counter()
        self._program = program
        self._limits = limits
        self._start = start
        self._exact = exact
        self._improver = improver
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._reason: Stopped | None = None
        self._failure: BaseException | None = None
        structure = structure_of(program)
        upper = program.upper if structure is None else structure.column_upper
        self._handed_over = "" if structure is None else structure.handed_over
        # A row without a column that may be above 0 is in no block.
        self._is_broken = bool(never_met(program, upper, TOLERANCE).any())
        blocks, self._rest = ([], program.lower) if self._is_broken else blocks_of(program, upper)
        self._blocks = sorted(blocks, key=lambda block: -block.columns.size)
        self._fixed = program.objective(self._rest)
        self._subproblems: list[Subproblem] = []
        # How many threads are at which work.
        self._busy: Counter[tuple[Subproblem, Work]] = Counter()

    @property
    def best(self) -> float:
        """Value of the best plan, infinite if some block has none."""
        if len(self._subproblems) < len(self._blocks):
            return np.inf
        return self._fixed + sum(subproblem.best for subproblem in self._subproblems)

    @property
    def bound(self) -> float:
        """Proven lower bound; minus infinity while some block has none."""
        if len(self._subproblems) < len(self._blocks):
            return -np.inf
        return self._fixed + sum(subproblem.bound for subproblem in self._subproblems)

    def work(
        self,
        on_progress: Callable[[Progress], None] | None,
        cancelled: Callable[[], bool] | None,
    ) -> None:
        """Work until the gap is reached or a limit is, or something fails.

        What failed is raised if there is no plan, or if it is for the user to mend; else the best
        plan is kept and says so.
        """
        threads = max(self._limits.threads, 1)
        with ThreadPoolExecutor(threads) as pool:
            workers = [
                threading.Thread(target=self._worker, args=(pool, threads), name=f"rounds {i}")
                for i in range(threads)
            ]
            for worker in workers:
                worker.start()
            try:
                self._watch(workers, on_progress, cancelled)
            except KeyboardInterrupt:
                self._reason = "cancelled"  # whoever interrupts wants what there is
            finally:
                self._stop.set()
                for worker in workers:
                    worker.join()
        if self._failure is not None:
            if isinstance(self._failure, EngineUnavailable) or self._solution() is None:
                raise self._failure
            _log.error("decomposition failed, and kept its best plan", exc_info=self._failure)
            self._reason = "crashed"
        self._tell(on_progress)

    def _seconds(self) -> float:
        return time.perf_counter() - self._began

    def _tell(self, on_progress: Callable[[Progress], None] | None) -> None:
        if on_progress is not None:
            best, bound = self.best, self.bound
            on_progress(
                Progress(
                    self._seconds(),
                    best if np.isfinite(best) else None,
                    bound if np.isfinite(bound) else None,
                )
            )

    def _watch(
        self,
        workers: list[threading.Thread],
        on_progress: Callable[[Progress], None] | None,
        cancelled: Callable[[], bool] | None,
    ) -> None:
        process, told_at = psutil.Process(), -np.inf
        limit = self._limits.memory_bytes
        while any(worker.is_alive() for worker in workers):
            time.sleep(_POLL_S)
            if self._seconds() >= self._limits.time_s:
                self._reason = "time_limit"
                return
            if self._seconds() - told_at < _TELL_EVERY_S:
                continue
            told_at = self._seconds()
            if cancelled is not None and cancelled():
                self._reason = "cancelled"
                return
            if limit is not None and process.memory_info().rss > limit:
                self._reason = "memory_limit"
                return
            self._tell(on_progress)
            if self._is_close():
                return

    def _is_close(self) -> bool:
        best, bound = self.best, self.bound
        return np.isfinite(best) and best - bound <= max(self._limits.gap, CLOSED) * abs(best)

    def _worker(self, pool: ThreadPoolExecutor, threads: int) -> None:
        try:
            while not self._stop.is_set():
                with self._lock:
                    round_ = self._next_round()
                if round_ is None:
                    if not self._busy.total() and len(self._subproblems) == len(self._blocks):
                        return
                    time.sleep(_POLL_S)
                    continue
                subproblem, kind = round_
                gap_value = subproblem.gap_value
                try:
                    self._do(subproblem, kind, pool, threads)
                finally:
                    with self._lock:
                        self._busy[round_] -= 1
                subproblem.note(kind, gap_value)
        except BaseException as error:
            self._failure = error
            self._stop.set()

    def _do(self, subproblem: Subproblem, kind: Work, pool: Executor, threads: int) -> None:
        """Do a round of one kind on a block."""
        alone = len(self._blocks) == 1
        if kind == "begin":
            subproblem.begin()
        elif kind == "prices":
            subproblem.find_prices(pool if alone else None, threads if alone else 1)
        elif kind == "contention":
            subproblem.settle_contention(self._round_s(subproblem))
        elif kind == "bound":
            first = not alone and subproblem.seconds[kind] == 0
            subproblem.raise_bound(
                self._round_s(subproblem, _FIRST, least=0.0) if first else self._round_s(subproblem)
            )
        elif kind == "search":
            subproblem.search(self._round_s(subproblem))
        elif kind == "exact":
            subproblem.prove(self._round_s(subproblem, 1.0))
        else:
            subproblem.merge(self._round_s(subproblem, least=subproblem.merge_s))

    def _next_round(self) -> tuple[Subproblem, Work] | None:
        """What to do next; ``None`` if all that can be done is being done."""
        if len(self._subproblems) < len(self._blocks):
            subproblem = self._subproblem(self._blocks[len(self._subproblems)])
            self._subproblems.append(subproblem)
            return self._take(subproblem, "begin")
        score, chosen, threads = -1.0, None, max(self._limits.threads, 1)
        seconds_each, even_seconds = self._seconds_each(), self._even_seconds()
        for subproblem in self._subproblems:
            if subproblem.is_done:
                continue
            for kind in subproblem.possible(seconds_each * subproblem.gap_value, even_seconds):
                if self._busy[subproblem, kind] >= subproblem.at_once(kind, threads):
                    continue
                if (promise := subproblem.score(kind)) > score:
                    score, chosen = promise, (subproblem, kind)
        return None if chosen is None else self._take(*chosen)

    def _take(self, subproblem: Subproblem, kind: Work) -> tuple[Subproblem, Work]:
        self._busy[subproblem, kind] += 1
        return subproblem, kind

    def _subproblem(self, block: DiagonalBlock) -> Subproblem:
        return Subproblem(
            block.program,
            columns=block.columns,
            start=None if self._start is None else self._start[block.columns],
            gap=self._limits.gap,
            seed=self._limits.seed,
            exact=self._exact,
            improver=self._improver,
            stop=self._stop.is_set,
        )

    def _round_s(
        self, subproblem: Subproblem, part: float = _ROUND, *, least: float = _SHORTEST_S
    ) -> float:
        """Seconds for a round on a block: a part of its share of what is left."""
        left = self._limits.time_s - self._seconds()
        round_s = part * self._seconds_each() * subproblem.gap_value
        return float(np.clip(round_s, min(least, left), max(left, 0.05)))

    def _seconds_each(self) -> float:
        """Seconds of all threads that are left for each unit of all gaps."""
        total = sum(each.gap_value for each in self._subproblems if not each.is_done)
        return self._seconds_left() / total if total > 0 else 0.0

    def _even_seconds(self) -> float:
        """Seconds of all threads that are left for each block, if all get the same."""
        return self._seconds_left() / max(sum(not each.is_done for each in self._subproblems), 1)

    def _seconds_left(self) -> float:
        """Seconds of all threads that are left."""
        return max(self._limits.threads, 1) * (self._limits.time_s - self._seconds())

    def outcome(self, name: str) -> Outcome:
        """What came of it."""
        bound: float | None = self.bound
        x = self._solution()
        best = None if x is None else self._program.objective(x)
        if best is None and (self._is_broken or bound == np.inf):
            return Outcome(
                "infeasible", "proved", None, None, None, self._seconds(), name, _version()
            )
        reason: Stopped = self._reason or "gap_limit"
        found = "none" if best is None else "feasible"
        bound, detail = settled_bound(best, bound)
        away = gap(best, bound)
        if away is not None:
            if away <= _PROVED:
                found, reason = "optimal", "proved"
            elif away <= self._limits.gap:
                found, reason = "optimal", "gap_limit"
        return Outcome(
            found=found,  # type: ignore[arg-type]
            stopped=reason,
            x=x,
            best=best,
            bound=float(bound) if bound is not None and np.isfinite(bound) else None,
            seconds=self._seconds(),
            engine=name,
            version=_version(),
            detail="; ".join(filter(None, (self._told(), self._told_of_failure(), detail))),
        )

    def _told(self) -> str:
        """What was handed over to the exact engine."""
        if not self._handed_over:
            return ""
        return f"priced, and handed to {self._exact.name} for plans: {self._handed_over}"

    def _told_of_failure(self) -> str:
        """What ended the search before its time, and where."""
        if self._failure is None:
            return ""
        at = traceback.extract_tb(self._failure.__traceback__)[-1]
        where = f"{Path(at.filename).name}, line {at.lineno}"
        return f"ended by an error ({type(self._failure).__name__} in {where}): {self._failure}"

    def _solution(self) -> Floats | None:
        x = self._rest.copy()
        for subproblem in self._subproblems:
            if subproblem.x is None:
                x = np.empty(0)
                break
            x[subproblem.columns] = subproblem.x
        whole = len(self._subproblems) == len(self._blocks) and x.size > 0
        if whole and self._program.violation(x) <= TOLERANCE:
            return x
        start = self._start
        if start is not None and self._program.violation(start) <= TOLERANCE:
            return start
        return None


def _version() -> str:
    return version("supplier-matcher")
